#include "attacks/text/metrics.h"

#include <gtest/gtest.h>

#include <cmath>

namespace saddle {
namespace {

TextOutcome outcome(TextStatus status, std::size_t words, std::size_t changed = 0,
                    std::int64_t queries = 1) {
  return {.status = status,
          .queries = queries,
          .words = words,
          .changed = std::vector<std::size_t>(changed)};
}

TextOutcome success(std::size_t changed, std::size_t words, std::int64_t queries = 1) {
  return outcome(TextStatus::succeeded, words, changed, queries);
}

std::string row(const std::vector<TextOutcome>& outcomes, const std::string& name) {
  for (const auto& [row, value] : text_metric_rows(text_metrics(outcomes))) {
    if (row == name) return value;
  }
  return "no such row";
}

TEST(text_metrics, counts_accuracy_of_all_and_success_of_those_attacked) {
  std::vector<TextOutcome> outcomes(3, success(1, 4));
  outcomes.insert(outcomes.end(), 5, outcome(TextStatus::failed, 4));
  outcomes.insert(outcomes.end(), 2, outcome(TextStatus::skipped, 4));

  EXPECT_EQ(row(outcomes, "Number of successful attacks:"), "3");
  EXPECT_EQ(row(outcomes, "Number of failed attacks:"), "5");
  EXPECT_EQ(row(outcomes, "Number of skipped attacks:"), "2");
  EXPECT_EQ(row(outcomes, "Original accuracy:"), "80.0%");
  EXPECT_EQ(row(outcomes, "Accuracy under attack:"), "50.0%");
  EXPECT_EQ(row(outcomes, "Attack success rate:"), "37.5%");
}

TEST(text_metrics, takes_changed_words_of_successes_and_words_of_all) {
  const std::vector<TextOutcome> outcomes{success(1, 4), success(3, 10),
                                          outcome(TextStatus::failed, 6, 2),
                                          outcome(TextStatus::skipped, 20)};

  EXPECT_EQ(row(outcomes, "Average perturbed word %:"), "27.5%");
  EXPECT_EQ(row(outcomes, "Average num. words per input:"), "10.0");
}

TEST(text_metrics, knows_no_changed_words_where_nothing_succeeded) {
  const std::vector<TextOutcome> outcomes{outcome(TextStatus::failed, 6)};

  EXPECT_EQ(row(outcomes, "Average perturbed word %:"), "nan%");
  EXPECT_EQ(row(outcomes, "Attack success rate:"), "0.0%");
}

TEST(text_metrics, takes_queries_of_those_attacked) {
  const std::vector<TextOutcome> outcomes{success(1, 4, 3), outcome(TextStatus::failed, 4, 0, 1201),
                                          outcome(TextStatus::skipped, 4)};

  EXPECT_EQ(row(outcomes, "Avg num queries:"), "602.0");
}

TEST(text_metrics, rounds_to_two_decimals_and_halves_to_even) {
  std::vector<TextOutcome> thirds{success(1, 3), success(1, 3), outcome(TextStatus::failed, 3)};
  const std::vector<TextOutcome> eighths(8, success(1, 800));  // 0.125

  EXPECT_EQ(row(thirds, "Attack success rate:"), "66.67%");
  EXPECT_EQ(row(thirds, "Accuracy under attack:"), "33.33%");
  EXPECT_EQ(row(eighths, "Average perturbed word %:"), "0.12%");
}

TEST(text_metrics, is_no_number_where_there_is_nothing) {
  EXPECT_EQ(row({}, "Original accuracy:"), "nan%");
  EXPECT_EQ(row({}, "Attack success rate:"), "0.0%");
  EXPECT_EQ(row({}, "Avg num queries:"), "nan");
  EXPECT_EQ(row({outcome(TextStatus::skipped, 4)}, "Attack success rate:"), "0.0%");
}

TEST(text_metrics, counts_successes_by_their_changed_words) {
  const TextMetrics metrics = text_metrics(std::vector<TextOutcome>{
      success(1, 4), success(3, 4), success(1, 9), outcome(TextStatus::failed, 4, 2)});

  EXPECT_EQ(metrics.changed_words, (std::map<std::size_t, std::int64_t>{{1, 2}, {3, 1}}));
}

}  // namespace
}  // namespace saddle
