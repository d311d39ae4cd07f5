// Results: what a training and the attacks upon its network left in a run's directory.
//
// A score is what a table counts in percent: the accuracy of classifiers, the mIoU of networks that
// label pixels. Of texts it is the accuracy without attack, and under one the attack's success
// rate: of the texts that were named rightly, those that no longer are.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace saddle::reproduce {

// What a table's networks do. With it go the programs that train and attack them, and the score.
enum class Task { classification, segmentation, text };

// What a training ran with.
struct TrainingEnvironment {
  std::string version, device;
  std::int64_t threads = 0;
};

struct TrainingResult {
  std::int64_t epochs = 0, iterations = 0;              // so far
  std::vector<std::pair<std::int64_t, double>> scores;  // of all test examples, with the epoch
  double seconds = 0;                                   // of all epochs
  TrainingEnvironment environment;
  std::vector<std::string> warnings;  // that the training was told
};

struct AttackResult {
  std::int64_t examples = 0;          // of the test split
  std::int64_t attacked = 0;          // of these: what is named wrongly before is not attacked
  double clean_score = 0, score = 0;  // of all examples, without and under the attack
  double seconds = 0;                 // of all attacks in the file
  std::string device;
  std::string resources = {};               // kinds and SHA-256 of the files an attack rests on
  std::vector<std::string> warnings;        // of the attack
  std::vector<std::string> model_warnings;  // of the network, the data, or several attacks
};

// The score over the radius, without attack (radius 0) first.
struct CurveResult {
  std::vector<double> eps, robust;
  std::vector<std::string> warnings, model_warnings;  // as above, of all its attacks
};

// Each throws Error, naming the file, where it is missing or not what the program writes.
TrainingResult read_training(const std::filesystem::path& directory, Task task);
AttackResult read_attack(const std::filesystem::path& json, Task task);  // its first
CurveResult read_curve(const std::filesystem::path& json, Task task);    // not of text
// Each example's part in the score under attack, which is their mean in percent.
// - classification, from a CSV file: 1 where the attack did not break the example, else 0 (also
//   where it was wrong before).
// - segmentation, from the confusion counts of each image: the jackknife's pseudo-values of the
//   mIoU (Efron and Tibshirani 1993, chapter 11), N mIoU - (N - 1) mIoU without the image, moved so
//   that their mean is the mIoU itself. Their standard error is that of the mIoU over images.
// - text, from a JSON object a line: the same of the success rate. A text that was not attacked has
//   the rate as its value, and stays in its place: rows are compared text by text.
std::vector<double> read_outcomes(const std::filesystem::path& file, Task task);

}  // namespace saddle::reproduce
