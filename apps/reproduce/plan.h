// Plan: a table of the paper as runs of Saddle's own programs.
//
// A table is a file, tables/tableN.json: columns (an attack each), rows (flags of saddle-train) and
// the paper's numbers. A preset says how large everything is. Each (row, seed) is a run with a
// directory of its own, made by command lines that are kept in it: every number of a report can be
// traced to the command that made it.
#pragma once

#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

namespace saddle {

struct TableColumn {
  std::string key, title;
  std::string attack;  // a spec of saddle-attack; empty: accuracy without attack
};

struct TableRow {
  std::string name;
  std::vector<std::string> flags;
  std::string model;                    // one of the preset's
  std::map<std::string, double> paper;  // by column key, and "average"
};

struct PaperTable {
  int number = 0;
  std::string title, dataset;
  std::vector<std::string> notes;
  std::vector<TableColumn> columns;
  std::vector<std::string> average;  // keys of the columns of the average; empty: there is none
  std::vector<TableRow> rows;
};

// Reads DIRECTORY/tableN.json. Throws Error naming the tables there are, or what of the file does
// not fit.
PaperTable load_table(const std::filesystem::path& directory, int number);

struct PlanOptions {
  std::string preset = "short";
  std::string dataset;         // empty: the table's, fashion-mnist with the presets short and tiny
  std::string data_directory;  // empty: where the data set is looked for by itself
  std::string only;            // rows whose name begins with it; empty: all
  std::optional<std::int64_t> seeds;
  std::int64_t threads = 1;  // of each program
  std::string device = "auto", precision = "fp32";
  std::filesystem::path tables, programs, output;
};

struct PlannedRun {
  std::string row;
  std::int64_t seed;
  std::filesystem::path directory;
  std::vector<std::string> train, attack, curve;  // command lines
};

struct Plan {
  PaperTable table;
  std::string preset, about, dataset;
  std::int64_t seeds;
  std::vector<PlannedRun> runs;  // row by row, seed by seed
};

// Throws Error for an unknown preset, model or `only`.
Plan make_plan(const PlanOptions& options, int number);

// What identifies a run's settings: its command lines without the programs' place.
nlohmann::json commands_of(const PlannedRun& run);

// Whether the run's files are all there; of older runs in the same place only those of equal
// commands. Throws Error where the directory holds a run of other settings.
bool is_finished(const PlannedRun& run);

}  // namespace saddle
