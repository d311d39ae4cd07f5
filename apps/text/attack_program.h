// What `saddle-text attack` is told, and does.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "apps/common/program_options.h"
#include "apps/text/data_options.h"
#include "apps/text/word_attacks.h"

namespace saddle {

struct TextAttackProgramOptions {
  TextAttackProgramOptions() { common.seed = 765; }  // TextAttack's

  CommonOptions common;
  TextDataOptions data;
  WordResourceOptions resources;
  std::string checkpoint, vocabulary;
  std::vector<std::string> attacks;
  std::string suite;
  std::string compat = "2024", ga_selection = "reference";
  bool strict = false, ga_check_crossover = false, list_attacks = false, restart = false;
  std::optional<std::int64_t> query_budget, batch_size;
  std::optional<double> time_budget;  // seconds
  std::int64_t concurrent = 32, shown = 3;
  std::string json, outcomes, html;  // files to write; empty: not wanted
};

// Flags, defaults and bounds; they point into `options`.
void add_flags(CLI::App& app, TextAttackProgramOptions& options);

// Attacks, prints the table and some attacked texts, and writes the files.
void attack(const TextAttackProgramOptions& options);

}  // namespace saddle
