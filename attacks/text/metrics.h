// Metrics: the table that TextAttack prints of an attack, from what became of the examples.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "attacks/text/text_outcome.h"

namespace saddle {

// Not a number where there is nothing to take the mean of.
struct TextMetrics {
  std::int64_t succeeded = 0, failed = 0, skipped = 0;
  double original_accuracy = 0;      // percent of all that were not skipped
  double accuracy_under_attack = 0;  // percent of all that failed
  double success_rate = 0;           // percent of those that were not skipped; 0 where none was
  double perturbed_words = 0;        // percent of a text's words that differ, mean over successes
  double words = 0;                  // of a text, mean over all
  double queries = 0;                // mean over those that were not skipped
  std::map<std::size_t, std::int64_t> changed_words;  // successes by the number of changed words
};

TextMetrics text_metrics(std::span<const TextOutcome> outcomes);

// The rows of the table, name and value, rounded to two decimals, halves to even: "37.5%".
std::vector<std::pair<std::string, std::string>> text_metric_rows(const TextMetrics& metrics);

}  // namespace saddle
