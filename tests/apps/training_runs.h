// Small trainings for the tests: data made here, a network that trains in milliseconds, and their
// files.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "apps/common/checkpoint.h"
#include "apps/train/classification.h"
#include "tests/apps/data_files.h"

namespace saddle {

// `size` images of 12 x 12 grey noise; the quadrant that is the label is brighter. Four classes.
Dataset quadrants(std::int64_t size, std::uint64_t seed);

// 60 and 33 of them: neither is a multiple of the batch size.
Dataset training_data();
Dataset test_data();

// Unresolved options of a small run, "sgd", "sgd-one-epoch", "sam-adam", "pgd", "awp", "trades",
// "free" (with averaged weights, so that all is kept that can be), "averaged"
// (with a clipped gradient, smoothed labels and warm-up besides), "mixed" (in pieces besides),
// "pieces" (of an adversarial batch), "deit" (with stochastic depth), "ssam-dynamic" or one of the
// SAM family; augmented as CIFAR-10 is.
TrainOptions small_run(const std::string& name, const std::filesystem::path& output);

// The classification task of a run on `data`.
Task task_of(const TrainOptions& options, const DeviceDataset& data);

TrainResult train_small(const TrainOptions& options);

// A file's bytes.
std::string contents(const std::filesystem::path& path);

// Every tensor's bytes by name.
std::map<std::string, std::string> tensors_of(const std::filesystem::path& path);

// The epochs of metrics.jsonl without what a clock wrote.
std::vector<nlohmann::json> timeless_metrics(const std::filesystem::path& run);

// Names in a directory, sorted.
std::vector<std::string> names_in(const std::filesystem::path& directory);

// Two runs that must not be told apart, but for the time they took.
void expect_equal_runs(const std::filesystem::path& got, const std::filesystem::path& want);

}  // namespace saddle
