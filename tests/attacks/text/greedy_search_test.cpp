#include "attacks/text/greedy_search.h"

#include <gtest/gtest.h>

#include "attacks/text/greedy.h"
#include "attacks/text/pwws.h"
#include "attacks/text/textfooler.h"
#include "core/error.h"
#include "tests/attacks/text/word_victim.h"

namespace saddle {
namespace {

using Texts = std::vector<std::string>;

// What a search did: what came of it, and every text that it asked about, in order.
struct Log {
  TextOutcome outcome;
  Texts asked;
};

Log log_of(const std::string& text, const TextSearch& search, const WordVictim& model,
           const QueryOptions& queries = {}) {
  Log log;
  const auto victim = [&](std::span<const std::string> texts) {
    log.asked.insert(log.asked.end(), texts.begin(), texts.end());
    return model(texts);
  };
  TextAttackOptions options;
  options.queries = queries;
  options.length = [](std::string_view) { return 0; };  // batches in the order of the questions
  log.outcome = attacked(text, search, victim, options);
  return log;
}

std::string_view no_tag(std::span<const std::string_view>, std::size_t) { return "X"; }
std::optional<float> like(std::string_view, std::string_view) { return 1.f; }

TextSearch textfooler_of(const WordBank& bank) {
  return textfooler(of_word(bank), like, no_tag, nullptr);
}

// b matters most, then a; c speaks against the label.
const WordVictim kThree{
    .theta = {{"a", 1}, {"b", 2}, {"c", -1}, {"x", -0.5f}, {"y", 0.5f}, {"z", -9}}, .bias = 0.1f};

TEST(textfooler, begins_with_the_word_without_which_the_score_is_highest) {
  const Log log = log_of("a b c", textfooler_of({{"a", {"x"}}, {"b", {"x", "y"}}}), kThree);

  EXPECT_EQ(log.asked, (Texts{"a b c", "b c", "a c", "a b ", "a x c", "a y c"}));
  EXPECT_EQ(log.outcome.status, TextStatus::succeeded);
  EXPECT_EQ(log.outcome.adversarial, "a x c");
  EXPECT_EQ(log.outcome.queries, 6);
}

TEST(textfooler, keeps_a_swap_that_raises_the_score_and_goes_on) {
  const Log log = log_of("a b c", textfooler_of({{"a", {"z"}}, {"b", {"y"}}}), kThree);

  EXPECT_EQ(log.asked, (Texts{"a b c", "b c", "a c", "a b ", "a y c", "z y c"}));
  EXPECT_EQ(log.outcome.adversarial, "z y c");
  EXPECT_EQ(log.outcome.changed, (std::vector<std::size_t>{0, 1}));
}

TEST(textfooler, leaves_a_word_whose_swaps_are_losses) {
  WordVictim victim = kThree;
  victim.theta["y"] = 3;

  const Log log = log_of("a b c", textfooler_of({{"b", {"y"}}, {"a", {"y"}}}), victim);

  EXPECT_EQ(log.outcome.status, TextStatus::failed);
  EXPECT_EQ(log.outcome.adversarial, "a b c");
  EXPECT_EQ(log.outcome.queries, 1 + 3 + 2);
}

TEST(textfooler, leaves_a_word_whose_swaps_gain_nothing) {
  WordVictim victim = kThree;
  victim.theta["y"] = 2;  // as b

  const Log log = log_of("a b c", textfooler_of({{"b", {"y"}}}), victim);

  EXPECT_EQ(log.outcome.adversarial, "a b c");
}

TEST(textfooler, ranks_no_stop_words) {
  const TextSearch search = textfooler(of_word({{"b", {"z"}}}), like, no_tag, stop_words({"b"}));
  const Log log = log_of("a b c", search, kThree);

  EXPECT_EQ(log.asked, (Texts{"a b c", "b c", "a b "}));
}

TEST(textfooler, takes_no_candidate_of_low_cosine_or_other_part_of_speech) {
  const auto cosine = [](std::string_view, std::string_view b) { return b == "x" ? 0.49f : 0.51f; };
  const auto tag = [](std::span<const std::string_view> words, std::size_t i) {
    return words[i] == "y" ? "ADJ" : "NOUN";
  };
  const Log log =
      log_of("b", textfooler(of_word({{"b", {"x", "y", "z"}}}), cosine, tag, nullptr), kThree);

  EXPECT_EQ(log.asked, (Texts{"b", "", "z"}));
  const Log untagged =
      log_of("b", textfooler(of_word({{"b", {"x", "y", "z"}}}), cosine, nullptr, nullptr), kThree);
  EXPECT_EQ(untagged.asked, (Texts{"b", "", "y", "z"}));
}

// Saliencies are close to one another; what candidates gain decides.
TEST(pwws, begins_with_the_word_whose_best_candidate_gains_most_by_its_saliency) {
  const Log log =
      log_of("a b c", pwws(of_word({{"a", {"z"}}, {"b", {"y", "x"}}}), nullptr), kThree);

  EXPECT_EQ(log.asked,
            (Texts{"a b c", "[UNK] b c", "a [UNK] c", "a b [UNK]", "z b c", "a x c", "a y c"}));
  EXPECT_EQ(log.outcome.adversarial, "z b c");
  EXPECT_EQ(log.outcome.queries, 1 + 3 + 3 + 1);  // the last has a known answer
}

// Both words' best candidates score the same; then the saliency decides, which is higher for b.
TEST(pwws, breaks_ties_of_candidates_by_saliency) {
  WordVictim victim = kThree;
  victim.theta["y"] = -8;  // instead of b's 2, as z's -9 instead of a's 1

  const Log log = log_of("a b c", pwws(of_word({{"a", {"z"}}, {"b", {"y"}}}), nullptr), victim);

  EXPECT_EQ(log.outcome.adversarial, "a y c");
}

TEST(greedy, takes_the_best_of_all_words_again_and_again) {
  const WordVictim victim{.theta = {{"a", 2}, {"b", 2}, {"x", 1}, {"y", 0.5f}, {"z", -1}},
                          .bias = 0.2f};
  const Log log =
      log_of("a b", greedy(in_text({{"a", {"x", "y"}}, {"b", {"x", "z"}}}), nullptr), victim);

  EXPECT_EQ(log.asked, (Texts{"a b", "a x", "a z", "x b", "y b", "x z", "y z"}));
  EXPECT_EQ(log.outcome.status, TextStatus::succeeded);
  EXPECT_EQ(log.outcome.adversarial, "y z");
}

TEST(greedy, takes_losses_until_words_run_out) {
  const WordVictim victim{.theta = {{"x", 1}}, .bias = 1};
  const Log log = log_of("a b", greedy(in_text({{"a", {"x"}}, {"b", {"x"}}}), nullptr), victim);

  EXPECT_EQ(log.outcome.status, TextStatus::failed);
  EXPECT_EQ(log.outcome.adversarial, "x x");
  EXPECT_EQ(log.outcome.queries, 1 + 2 + 1);
}

TEST(greedy_search, ends_with_its_budget) {
  const WordBank bank{{"a", {"x", "y"}}, {"b", {"x", "y"}}};
  const auto queries = [&](const TextSearch& search, std::int64_t budget) {
    WordVictim victim = kThree;
    victim.bias = 9;
    return log_of("a b c", search, victim, {.budget = budget}).outcome.queries;
  };

  EXPECT_EQ(queries(textfooler_of(bank), 2), 2);
  EXPECT_EQ(queries(textfooler_of(bank), 5), 5);
  EXPECT_EQ(queries(pwws(of_word(bank), nullptr), 3), 3);
  EXPECT_EQ(queries(pwws(of_word(bank), nullptr), 6), 6);
  EXPECT_EQ(queries(greedy(in_text(bank), nullptr), 1), 1);
  EXPECT_EQ(queries(greedy(in_text(bank), nullptr), 3), 3);
}

TEST(greedy_search, refuses_rules_by_which_it_might_never_end) {
  EXPECT_THROW(greedy_search(WordOrder::best_of_all, {.of_word = of_word({})}), Error);
}

}  // namespace
}  // namespace saddle
