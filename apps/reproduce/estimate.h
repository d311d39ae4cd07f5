// Estimate: how long what is left of a plan will take, before it begins.
#pragma once

#include "apps/reproduce/plan.h"

namespace saddle::reproduce {

// Expects of a training the time of a short one of its own (one epoch of a few examples), and of an
// attack the mean time of the runs that have finished it, or, where none has, of a trial on a few
// examples of the short training's network. A network that is hardly trained gives way sooner than
// a finished one, and a few examples use a device worse than many do: before the first run has
// ended, the time of the attacks is a guess of the right size at best.
class Estimate {
 public:
  // Sizes of the data set's halves. The short training is made in DIRECTORY/measurement and
  // removed.
  Estimate(const Plan& plan, std::int64_t training_examples, std::int64_t test_examples);
  ~Estimate();
  Estimate(const Estimate&) = delete;
  Estimate& operator=(const Estimate&) = delete;

  struct Left {
    double training = 0, attacks = 0;  // seconds
  };
  // Throws Error where a short training or a trial fails, with its last words.
  Left left_of(const PlannedRun& run);

 private:
  double training_seconds(const PlannedRun& run);
  double attack_seconds(const PlannedRun& run, const Stage& stage);
  void train_shortly(const PlannedRun& run);

  std::int64_t training_examples_, test_examples_;
  std::filesystem::path place_;
  // Of an example of a row's training, and of an attack upon a model's network.
  std::map<std::string, double> seconds_;
  std::map<std::string, std::filesystem::path> trained_;  // a short training of each model
};

// The examples that the whole training of a run goes through, and those that an attack is made
// upon, from the command's flags and the data set's size.
std::int64_t examples_of_training(const PlannedRun& run, std::int64_t training_examples);
std::int64_t examples_of_attack(const Stage& stage, std::int64_t test_examples);

}  // namespace saddle::reproduce
