#include "apps/common/program_options.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "apps/common/checkpoint.h"
#include "apps/common/parse.h"
#include "apps/common/plan_options.h"
#include "apps/data/image_set.h"
#include "core/cpu_isa.h"
#include "core/device.h"
#include "core/error.h"
#include "core/format.h"
#include "core/threads.h"

namespace saddle {
namespace {

std::vector<float> parse_floats(const std::string& list) {
  const std::vector<double> numbers = parse_numbers(list);
  return {numbers.begin(), numbers.end()};
}

std::vector<std::int64_t> parse_input_shape(const std::string& list) {
  std::vector<std::int64_t> extents;
  for (const std::string& part : split_at_commas(list)) {
    extents.push_back(parse_integer_from(part, 1));
  }
  if (extents.size() != 3) {
    throw UsageError(text("'", list, "' has ", extents.size(), " numbers, expected three: C,H,W"));
  }
  return extents;
}

// auto, cpu, emulated, cuda, cuda:N. Whether there is such a device is a later question, with
// another exit code.
bool is_device_name(const std::string& name) {
  if (name == "auto" || name == "cpu" || name == "emulated" || name == "cuda") return true;
  return name.starts_with("cuda:") && name.size() > 5 && name.size() <= 8 &&
         name.find_first_not_of("0123456789", 5) == std::string::npos;
}

// Empty where there is no place for a cache.
std::string cache_directory(const DatasetOptions& options) {
  return options.cache_directory.empty() ? user_cache_directory().string()
                                         : options.cache_directory;
}

// Flags that would do nothing.
void refuse_idle_flags(const DatasetOptions& options) {
  const std::vector<std::string> sets = image_set_names();
  if (std::ranges::find(sets, options.name) == sets.end()) {
    for (const auto& [given, flag] :
         {std::pair{options.broken_images != "error", "--broken-images"},
          std::pair{!options.cache_directory.empty(), "--cache-dir"}}) {
      if (given) {
        throw UsageError(
            text(flag, ": ", options.name, " has no image files. It belongs to ", joined(sets)));
      }
    }
  }
  if (options.no_cache && !options.cache_directory.empty()) {
    throw UsageError("--cache-dir and --no-cache contradict each other");
  }
}

}  // namespace

void add_common_options(CLI::App& app, CommonOptions& options) {
  add_parsed(
      app, "--device", "auto, cpu, cuda, cuda:N, or emulated (the CUDA kernels, on the CPU)",
      "NAME", options.device, [&options](const std::string& given) {
        if (!is_device_name(given)) {
          throw UsageError(text("'", given, "' is not one of auto, cpu, cuda, cuda:N, emulated"));
        }
        options.device = given;
      });
  add_choice(app, "--precision", options.precision, {"fp32", "tf32", "bf16"},
             "Arithmetic (CPU: fp32 only)");
  add_integer(app, "--seed", options.seed, 0, "Fixes every random number");
  add_integer(app, "--threads", options.threads, 0,
              "CPU threads; 0 is OMP_NUM_THREADS or all cores");
  add_choice(app, "--cpu-isa", options.cpu_isa, {"auto", "avx2"},
             "CPU instructions: the processor's widest, or as without AVX-512");
  add_text(app, "--plan", options.plan, "FILE|measure|default",
           "Convolutions: measured once, by rules alone, or as a run's plans.json says",
           "$SADDLE_PLAN, measure");
  add_switch(app, "--deterministic", options.deterministic,
             "Two runs of one command give the same bits (the CPU always does)");
  add_switch(app, "--quiet", options.quiet, "Warnings and the final result only");
}

Precision precision_named(const std::string& name) {
  if (name == "tf32") return Precision::tf32;
  return name == "bf16" ? Precision::bf16 : Precision::fp32;
}

Precision precision_of(const CommonOptions& options) { return precision_named(options.precision); }

Device& chosen_device(const CommonOptions& options) {
  Device& device = device_named(options.device);
  if (device.supports(precision_of(options))) return device;
  std::string supported;
  for (const char* name : {"fp32", "tf32", "bf16"}) {
    if (device.supports(precision_named(name)))
      supported += text(supported.empty() ? "" : ", ", name);
  }
  throw UsageError(text("--precision ", options.precision, ": the device ", device.name(),
                        " computes in ", supported, " only"));
}

Device& open_device(const CommonOptions& options) {
  if (options.threads > kMostThreads) {
    throw UsageError(
        text("--threads: ", options.threads, " is above ", kMostThreads, ", the most there are"));
  }
  if (options.cpu_isa == "avx2") hold_to_avx2();
  set_threads(static_cast<int>(options.threads));
  start_threads();
  Device& device = chosen_device(options);
  device.set_deterministic(options.deterministic);
  use_plans_of(options, device);
  if (!options.quiet) {
    std::fprintf(stderr, "device: %s, %d threads\n", device.name().c_str(), threads());
  }
  return device;
}

void add_dataset_options(CLI::App& app, DatasetOptions& options, DatasetSplits splits) {
  add_text(app, "--dataset", options.name, "NAME", "Data set: " + joined(dataset_names()),
           options.name);
  add_text(app, "--data-dir", options.directory, "DIR", "Folder of its files",
           "$SADDLE_DATA/NAME, data/NAME, the system's");
  if (splits == DatasetSplits::train_and_test) {
    add_integer(app, "--train-limit", options.train_limit, 1, "Only the first N training examples",
                "all");
  }
  add_integer(app, "--test-limit", options.test_limit, 1, "Only the first N test examples", "all");
  add_integer(app, "--pad-to", options.pad_to, 1,
              "Pad images with zeros to NxN pixels, at most 4096", "as they are");
  add_integer(app, "--image-size", options.image_size, 1,
              "Sets of image files: resize the shorter side to N, crop the centre NxN",
              "as they are");
  add_integer(app, "--channels", options.channels, 1,
              "image-folder: 1 makes images grey, for networks of one channel", "3");
  add_choice(app, "--broken-images", options.broken_images, {"error", "skip"},
             "Sets of image files: what becomes of an image that cannot be decoded");
  add_text(app, "--cache-dir", options.cache_directory, "DIR",
           "Sets of image files: where decoded images are kept for the next run",
           "$XDG_CACHE_HOME/saddle, ~/.cache/saddle");
  add_switch(app, "--no-cache", options.no_cache, "Decode the images anew, and keep nothing");
}

Dataset load_dataset(const DatasetOptions& options, Split split) {
  refuse_idle_flags(options);
  start_threads();  // image files are decoded side by side
  DatasetRequest request;
  request.name = options.name;
  request.directory = options.directory;
  request.split = split;
  request.limit = split == Split::train ? options.train_limit : options.test_limit;
  request.images.side = options.image_size;
  request.images.channels = options.channels;
  request.images.broken =
      options.broken_images == "skip" ? BrokenImages::skip : BrokenImages::error;
  if (!options.no_cache) request.images.cache = cache_directory(options);
  const Dataset data = load_dataset(request);
  for (const auto* lines : {&data.warnings, &data.notices}) {
    for (const std::string& line : *lines) print_warning(program_invocation_short_name, line);
  }
  return options.pad_to ? padded(data, *options.pad_to) : data;
}

void add_checkpoint_overrides(CLI::App& app, CheckpointOverrides& overrides) {
  const char* from_file = "the checkpoint's";
  const auto add = [&](const char* flag, const char* type, const char* help,
                       const std::function<void(const std::string&)>& parse) {
    add_parsed(app, flag, help, type, from_file, parse);
  };
  add("--model", "NAME", "Network, for a checkpoint that does not say",
      [&overrides](const std::string& given) { overrides.model = given; });
  add_integer(app, "--width", overrides.width, 1, "Channels of the network's first stage",
              from_file);
  add_integer(app, "--patch-size", overrides.patch, 1, "Pixels a side of a transformer's patches",
              from_file);
  add_integer(app, "--classes", overrides.classes, 1, "Number of classes", from_file);
  add("--mean", "R,...", "Mean of each channel, pixels in [0, 1]",
      [&overrides](const std::string& given) { overrides.mean = parse_floats(given); });
  add("--std", "R,...", "Deviation of each channel, pixels in [0, 1]",
      [&overrides](const std::string& given) { overrides.std = parse_floats(given); });
  add("--input-shape", "C,H,W", "Channels, height and width of an image, pixels",
      [&overrides](const std::string& given) { overrides.input_shape = parse_input_shape(given); });
}

}  // namespace saddle
