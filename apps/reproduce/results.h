// Results: what saddle-train and saddle-attack left in a run's directory.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace saddle::reproduce {

// What a training ran with.
struct TrainingEnvironment {
  std::string version, device;
  std::int64_t threads = 0;
};

struct TrainingResult {
  std::vector<double> test_accuracy;  // after each epoch so far, percent of all test images
  double seconds = 0;                 // of all epochs
  TrainingEnvironment environment;
  std::vector<std::string> warnings;  // that the training was told
};

struct AttackResult {
  std::int64_t examples = 0, attacked = 0;         // test images, and those that were right before
  double clean_accuracy = 0, robust_accuracy = 0;  // percent of `examples`
  double seconds = 0;                              // of all attacks in the file
  std::string device;
  std::vector<std::string> warnings;        // of the attack
  std::vector<std::string> model_warnings;  // of the network, the data, or several attacks
};

// Robust accuracy in percent over the radius, without attack (radius 0) first.
struct CurveResult {
  std::vector<double> eps, robust_accuracy;
  std::vector<std::string> warnings, model_warnings;  // as above, of all its attacks
};

// Each throws Error, naming the file, where it is missing or not what the program writes.
TrainingResult read_training(const std::filesystem::path& directory);
AttackResult read_attack(const std::filesystem::path& json);  // its first
CurveResult read_curve(const std::filesystem::path& json);
// For each example 1 where the attack did not break it, else 0 (also where it was wrong before).
std::vector<double> read_outcomes(const std::filesystem::path& csv);

}  // namespace saddle::reproduce
