// RunOptions: where a training leaves its run, and whether it goes on with one.
#pragma once

#include <string>
#include <vector>

#include "apps/training/run_directory.h"

namespace saddle {

struct Setting;  // apps/common/settings.h

struct RunOptions {
  std::string output;
  bool resume = false, overwrite = false;
};

// Their rows of --help; they point into `options`.
std::vector<Setting> settings_of(RunOptions& options);

// The rows of the weights that a training begins with.
std::vector<Setting> settings_of_weights(std::string& init_from, bool& new_head);

// Throws UsageError where there is no output, and where both are asked for.
void check(const RunOptions& options);

RunDirectory::Open mode_of(const RunOptions& options);
// Whether the run has an epoch to go on from.
bool goes_on(const RunOptions& options);

}  // namespace saddle
