// Comparison: networks that differ only in how they were trained, side by side.
#pragma once

#include <cstddef>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "apps/common/program_options.h"

namespace saddle {

// What the flags of every demo say.
struct DemoSettings {
  CommonOptions common = {};
  std::int64_t epochs = 0;
  double rho = 0;
  std::string output = "";
  bool overwrite = false;
};

// `examples` is what an epoch passes over. --rho's and the other defaults are those of `settings`.
void add_flags(CLI::App& app, DemoSettings& settings, const std::string& examples);

// One of the trainings that are compared.
template <class Options>
struct Contestant {
  std::string name, title;  // "at", "adversarial training"
  Options options;
};

// `base` as it is and with SAM, and `adversarial`: resolved, each with a run of its own below the
// output directory.
template <class Options>
std::vector<Contestant<Options>> contestants(const DemoSettings& settings, const Options& base,
                                             const Options& adversarial) {
  std::vector<Contestant<Options>> list = {
      {"sgd", "SGD", base}, {"sam", "SAM", base}, {"at", "adversarial training", adversarial}};
  list[1].options.descent.optimizer = "sam";
  list[1].options.descent.sharpness.rho = settings.rho;
  for (Contestant<Options>& contestant : list) {
    contestant.options.common = settings.common;
    contestant.options.epochs = settings.epochs;
    contestant.options.run.output = settings.output + "/" + contestant.name;
    contestant.options.run.overwrite = settings.overwrite;
    contestant.options.run.resume = !settings.overwrite;
    contestant.options = resolved(contestant.options);
  }
  return list;
}

// What was measured of one network. Scores are percentages.
struct Compared {
  std::string name, title;  // "at", "adversarial training"
  double clean = 0;
  std::vector<double> attacked = {};  // of each attack
  double seconds = 0;                 // of training, over all epochs
};

// How the scores are spoken of.
struct Wording {
  std::string score;       // "clean accuracy"
  std::string shown;       // "where every pixel may move by 4/255"
  std::size_t attack = 0;  // the one that is spoken of: an index into `attacked`
};

// As Markdown. `attacks` are the headings of their columns.
std::string table_of(const std::vector<Compared>& rows, const std::string& clean,
                     const std::vector<std::string>& attacks);

// One sentence that says what the table shows, whatever it shows. The rows are SGD's, SAM's, and
// that of adversarial training.
std::string reading(const std::vector<Compared>& rows, const Wording& wording);

// Where table.json, the networks and the picture of that name lie, for the user.
std::string places_of(const std::string& output, const std::string& picture);

// {"trained_with", "clean", "training_seconds"}
nlohmann::json to_json(const Compared& row);

// Seconds of training over all epochs, from the run's own records: a finished run is not trained
// again.
double training_seconds(const std::string& run);

}  // namespace saddle
