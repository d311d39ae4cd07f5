// Runner: does what is left of a plan, several runs at a time, each in processes of its own.
#pragma once

#include <functional>

#include "apps/reproduce/plan.h"

namespace saddle {

struct RunnerEvents {
  // A run's stage ("train", "attack", "curve", "done") begins; from one thread at a time.
  std::function<void(const PlannedRun& run, const std::string& stage)> on_stage;
};

// Runs `jobs` unfinished runs at once. A run goes on where it was stopped. The first failure lets
// the runs beside it finish their stage and is then thrown, as an Error with the command's last
// words, which are in DIRECTORY/STAGE.log.
void do_runs(const Plan& plan, std::int64_t jobs, const RunnerEvents& events);

// The seconds that one image takes to train in a run, measured on a short training of it in a
// temporary place.
double measure_training_seconds_an_image(const PlannedRun& run);

// The images that the whole training of a run goes through, from its flags and the data set's size.
std::int64_t images_of_training(const PlannedRun& run, std::int64_t dataset_size);

}  // namespace saddle
