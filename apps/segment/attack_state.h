// AttackState of segmentation: what an interrupted `saddle-segment attack` leaves beside its --json
// file, NAME.state, from which the same command goes on.
//
// It holds of every result which images are done and what they came to. It is replaced whole and
// disappears once all is done; a state of another command, checkpoint or data is refused.
#pragma once

#include <filesystem>
#include <vector>

#include "apps/attacking/state_file.h"
#include "apps/segment/pixel_results.h"

namespace saddle {

// Writes the state, all or nothing. `plans` are of the convolutions
// (apps/common/plan_options.h).
void save_pixel_state(const std::filesystem::path& path, const Command& command,
                      const std::vector<std::vector<PixelResult>>& jobs,
                      const std::string& plans = {});

// Fills in the results of all jobs, which are as new_results() made them; returns the plans. Throws
// Error where the file is no such state, is of another command (names what differs), or holds what
// no run writes.
std::string load_pixel_state(const std::filesystem::path& path, const Command& command,
                             const SegmentationSet& set, std::int64_t images_kept,
                             std::vector<std::vector<PixelResult>>& jobs);

}  // namespace saddle
