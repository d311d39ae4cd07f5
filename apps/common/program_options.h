// Program options: the flags that Saddle's programs share, and what they ask for: a device, a data
// set, and what the user says of a checkpoint.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "apps/common/command_line.h"
#include "apps/data/dataset.h"
#include "core/precision.h"

namespace saddle {

class Device;
struct CheckpointOverrides;

struct CommonOptions {
  std::string device = "auto";
  std::string precision = "fp32";
  std::int64_t seed = 0;
  std::int64_t threads = 0;      // 0: OMP_NUM_THREADS, or all cores
  std::string cpu_isa = "auto";  // or avx2
  std::string plan;              // measure, default or a file (plan_options.h); empty: not given
  bool deterministic = false;
  bool quiet = false;
};

void add_common_options(CLI::App& app, CommonOptions& options);

// Of "fp32", "tf32", "bf16".
Precision precision_named(const std::string& name);
Precision precision_of(const CommonOptions& options);

// The device asked for. Throws UsageError for a precision that it does not compute in, Error where
// there is no such device.
Device& chosen_device(const CommonOptions& options);

// The device asked for, ready for work: sets the threads and, unless quiet, prints the choice on
// stderr; first it holds the CPU to --cpu-isa; convolutions go by --plan. Throws as chosen_device,
// UsageError for more threads than there can be, Error for more than the system starts.
Device& open_device(const CommonOptions& options);

// ---- data ----

struct DatasetOptions {
  std::string name = "fashion-mnist";
  std::string directory;  // empty: the places load_dataset names
  std::int64_t train_limit = kAllExamples, test_limit = kAllExamples;
  std::optional<std::int64_t> pad_to;      // pixels a side
  std::optional<std::int64_t> image_size;  // pixels a side, for sets of image files
  std::optional<std::int64_t> channels;    // 1 or 3, for image-folder
  std::string broken_images = "error";     // error, skip
  std::string cache_directory;             // empty: $XDG_CACHE_HOME/saddle or ~/.cache/saddle
  bool no_cache = false;
};

enum class DatasetSplits { train_and_test, test_only };  // test_only: no --train-limit

void add_dataset_options(CLI::App& app, DatasetOptions& options, DatasetSplits splits);

// The split of the data set, its first train_limit or test_limit examples, padded where asked. Its
// warnings are printed. Throws as load_dataset and padded.
Dataset load_dataset(const DatasetOptions& options, Split split);

// ---- what the user says of a checkpoint ----

// --model --width --patch-size --classes --mean --std --input-shape
void add_checkpoint_overrides(CLI::App& app, CheckpointOverrides& overrides);

}  // namespace saddle
