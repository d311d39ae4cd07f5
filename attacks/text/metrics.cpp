#include "attacks/text/metrics.h"

#include <cmath>
#include <limits>

#include "core/format.h"

namespace saddle {
namespace {

class Mean {
 public:
  void add(double value) {
    sum_ += value;
    ++count_;
  }
  double value() const {
    return count_ > 0 ? sum_ / static_cast<double>(count_)
                      : std::numeric_limits<double>::quiet_NaN();
  }

 private:
  double sum_ = 0;
  std::int64_t count_ = 0;
};

double percent(std::int64_t part, std::int64_t all) {
  return 100. * static_cast<double>(part) / static_cast<double>(all);
}

// Two decimals without zeros at their end, but for the first: 37.5, 80.0.
std::string rounded(double value) {
  if (std::isnan(value)) return "nan";
  std::string text = formatted("%.2f", value);
  if (text.ends_with('0')) text.pop_back();
  return text;
}

}  // namespace

TextMetrics text_metrics(std::span<const TextOutcome> outcomes) {
  TextMetrics metrics;
  Mean perturbed, words, queries;
  for (const TextOutcome& outcome : outcomes) {
    words.add(static_cast<double>(outcome.words));
    metrics.skipped += outcome.status == TextStatus::skipped;
    metrics.failed += outcome.status == TextStatus::failed;
    if (outcome.status != TextStatus::skipped) queries.add(static_cast<double>(outcome.queries));
    if (outcome.status != TextStatus::succeeded) continue;
    ++metrics.succeeded;
    const auto changed = static_cast<std::int64_t>(outcome.changed.size());
    ++metrics.changed_words[outcome.changed.size()];
    if (changed > 0) perturbed.add(percent(changed, static_cast<std::int64_t>(outcome.words)));
  }
  const auto all = static_cast<std::int64_t>(outcomes.size());
  const std::int64_t attacked = all - metrics.skipped;
  metrics.original_accuracy = percent(attacked, all);
  metrics.accuracy_under_attack = percent(metrics.failed, all);
  metrics.success_rate = attacked > 0 ? percent(metrics.succeeded, attacked) : 0;
  metrics.perturbed_words = perturbed.value();
  metrics.words = words.value();
  metrics.queries = queries.value();
  return metrics;
}

std::vector<std::pair<std::string, std::string>> text_metric_rows(const TextMetrics& metrics) {
  return {{"Number of successful attacks:", std::to_string(metrics.succeeded)},
          {"Number of failed attacks:", std::to_string(metrics.failed)},
          {"Number of skipped attacks:", std::to_string(metrics.skipped)},
          {"Original accuracy:", rounded(metrics.original_accuracy) + "%"},
          {"Accuracy under attack:", rounded(metrics.accuracy_under_attack) + "%"},
          {"Attack success rate:", rounded(metrics.success_rate) + "%"},
          {"Average perturbed word %:", rounded(metrics.perturbed_words) + "%"},
          {"Average num. words per input:", rounded(metrics.words)},
          {"Avg num queries:", rounded(metrics.queries)}};
}

}  // namespace saddle
