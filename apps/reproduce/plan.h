// Plan: a table of the paper as runs of Saddle's own programs.
//
// A table is a file, tables/tableN.json: its task, columns (an attack each), rows (flags of the
// training) and the paper's numbers. A preset says how large everything is. The task says whose
// programs do the work: saddle-train and saddle-attack, or those of saddle-segment or saddle-text.
// Each (row, seed) is a run: a training and attacks upon its network, one command and one result
// file each. The run's directory is named after what is trained, so that tables share runs: Table
// 5's SAM is Table 2's. The command lines are kept in it, and every number of a report can be
// traced to the one that made it.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "apps/reproduce/results.h"

namespace saddle::reproduce {

struct TableColumn {
  std::string key, title;
  std::string attack;  // a spec of the task's; empty in the first column, "natural", alone
};

struct TableRow {
  std::string name;
  std::vector<std::string> flags;
  std::string model;                    // one of the preset's
  std::map<std::string, double> paper;  // by column key, and "average"
};

struct PaperTable {
  int number = 0;
  Task task = Task::classification;
  std::string title, dataset;
  std::vector<std::string> notes;
  std::vector<TableColumn> columns;
  std::vector<std::string> average;  // keys of the columns of the average; empty: there is none
  std::vector<TableRow> rows;
};

// Reads DIRECTORY/tableN.json. Throws UsageError naming the tables there are, Error with what of
// the file does not fit.
PaperTable load_table(const std::filesystem::path& directory, std::int64_t number);

struct PlanOptions {
  std::string preset = "short";
  std::string dataset;         // empty: the preset's, or else the table's
  std::string data_directory;  // empty: where the data set is looked for by itself
  std::string only;            // rows whose name begins with it are worked at; empty: all
  std::optional<std::int64_t> seeds;
  std::int64_t threads = 1;  // of each program
  std::string device = "auto", precision = "fp32", cpu_isa = "auto";
  std::string plan;  // of convolutions, as --plan says; empty: not given
  bool deterministic = false;
  std::filesystem::path tables, programs, output;
};

// One command of a run.
struct Stage {
  std::string name;                     // "train", "curve", or the attack's spec as a file name
  std::vector<std::string> command;     // the program's path first
  std::filesystem::path result;         // the file with its numbers
  std::filesystem::path outcomes = {};  // of each example; empty: the stage has none
  std::filesystem::path pictures = {};  // likewise: an image, or of texts a page
};

struct PlannedRun {
  Task task;
  std::string row, model;
  std::int64_t seed;
  std::filesystem::path directory;  // OUTPUT/PRESET-DATASET/MODEL-AND-FLAGS-seed-N
  std::vector<Stage> stages;        // the training first, the curve last, if there is one
  bool chosen;                      // by PlanOptions::only
};

struct Plan {
  PaperTable table;
  std::string preset, about, dataset;
  std::int64_t seeds;
  std::filesystem::path directory;  // of the runs and reports: OUTPUT/PRESET-DATASET
  std::vector<PlannedRun> runs;     // row by row, seed by seed
};

// Throws UsageError for an unknown table, preset or `only` and for an output whose name holds
// control characters; Error for an unknown model, and for two rows of equal flags.
Plan make_plan(const PlanOptions& options, std::int64_t number);

// Whether a task's attacks have a radius, and its runs a curve over it.
bool has_curve(Task task);

// "pgd:norm=linf,eps=1/255" -> "pgd-norm-linf-eps-1-255": the name of an attack's stage.
std::string slug(const std::string& words);

// The stage's command line as if called within the run's directory, the program without its place.
std::vector<std::string> recorded_command(const PlannedRun& run, const Stage& stage);

// The value behind a flag of a command; empty where the flag is not there.
std::string value_of(const std::vector<std::string>& command, const std::string& flag);

// How long the run's training is to be: --iterations, or else --epochs, or else the 100 epochs of
// saddle-train. The other one is 0.
struct TrainingLength {
  std::int64_t epochs = 0, iterations = 0;
};
TrainingLength length_of(const PlannedRun& run);
// How much of it is done, from 0 (also where its directory vouches for nothing) to 1.
double trained_part(const PlannedRun& run);

// Whether everything that the stage leaves is there, the whole of a training, and was made by this
// very command. Throws Error where it was made by another.
bool is_done(const PlannedRun& run, const Stage& stage);
bool is_finished(const PlannedRun& run);  // every stage is done

// Removes what lies where the stage leaves its results, whoever made it, and only then notes in
// DIRECTORY/commands.json how they are made: a result of unknown origin must never stand behind a
// noted command. A training, and an attack that this very command began, can still be resumed.
void begin_stage(const PlannedRun& run, const Stage& stage);
// Removes the results, states and commands of every noted attack, those of other tables too.
void forget_attacks(const PlannedRun& run);

}  // namespace saddle::reproduce
