// Comparison: networks that differ only in how they were trained, side by side.
#pragma once

#include <cstddef>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace saddle {

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

// {"trained_with", "clean", "training_seconds"}
nlohmann::json to_json(const Compared& row);

// Seconds of training over all epochs, from the run's own records: a finished run is not trained
// again.
double training_seconds(const std::string& run);

}  // namespace saddle
