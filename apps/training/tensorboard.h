// TensorBoard: the metrics of a run as the event file that `tensorboard --logdir DIR` draws.
//
// A file is TFRecords (u64 length, masked CRC-32C of it, data, masked CRC-32C of the data), each an
// Event of tensorboard.proto. Step is the epoch. Its time is the seconds of training up to it, not
// the clock's: the file then follows from the metrics alone, and a resumed run writes the same.
#pragma once

#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace saddle {

// The bytes of the file: every number of every epoch but "epoch" and "seconds".
std::string tensorboard_events(const std::vector<nlohmann::json>& metrics);

// Brings the file to these metrics. Where it holds a beginning of them the rest is appended, for a
// TensorBoard that watches keeps the file open; otherwise it is replaced whole.
void update_event_file(const std::filesystem::path& path,
                       const std::vector<nlohmann::json>& metrics);

}  // namespace saddle
