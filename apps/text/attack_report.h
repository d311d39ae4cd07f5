// AttackReport of texts: what `saddle-text attack` prints and writes.
#pragma once

#include <string>
#include <vector>

#include "apps/text/word_attacks.h"
#include "attacks/text/metrics.h"
#include "attacks/text/resource.h"
#include "attacks/text/text_outcome.h"

namespace saddle {

struct WordAttackResult {
  WordAttack attack = {};
  std::vector<TextOutcome> outcomes = {};  // of the examples that are done, by their numbers
  double seconds = 0;
  bool finished = false;
  std::vector<std::string> resources = {};  // kinds of the files it rests on
  std::vector<std::string> warnings = {};
};

struct TextAttackReport {
  std::string checkpoint, model, device, precision, dataset, split;
  std::vector<std::string> class_names;  // [classes], numbers where the model has no names
  std::int64_t examples = 0;
  Compat compat = Compat::of_2024;
  Quirks quirks = {};
  std::int64_t query_budget = kNoQueryBudget;
  double clean_accuracy = 0;  // percent
  std::vector<Resource> resources = {};
  std::vector<WordAttackResult> attacks = {};
  std::vector<std::string> warnings = {};
  std::vector<std::string> assumptions = {};  // what sets its numbers apart from others'
};

// Reasons to doubt the numbers of an attack: searches that had nothing to try or were cut short,
// more changed words than its rule allows.
std::vector<std::string> doubts_about(const WordAttackResult& result,
                                      const TextAttackReport& report);

// The success rate and its standard error, in percent; not a number where nothing was attacked.
double success_rate_of(const TextMetrics& metrics);
double success_rate_error(const TextMetrics& metrics);
// Queries of the examples that are done, those answered from the cache included, as others count.
double queries_per_second(const WordAttackResult& result);

// A row an attack: success rate and its error, accuracy under attack, counts, changed words,
// queries, time.
std::string report_table(const TextAttackReport& report);

// {"checkpoint", "model", "dataset", "split", "examples", ..., "attacks": [{"name", "spec",
// "success_rate", ...}]}; percent. The keys: README.md.
std::string report_json(const TextAttackReport& report);

// A JSON object a line: what became of an example under an attack.
std::string outcome_lines(const TextAttackReport& report);

}  // namespace saddle
