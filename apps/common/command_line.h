// Command line: what all programs share: flags, exit codes, and one way for an error to look.
//
// A program's main is one call of run_program. Its configure function declares flags (with CLI11;
// include <CLI/CLI.hpp> there), its execute function does the work and throws where it cannot.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "apps/data/dataset.h"
#include "core/precision.h"

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace saddle {

class Device;
struct CheckpointOverrides;

using Configure = std::function<void(CLI::App& app)>;

// Parses the command line into what `configure` declares, then calls `execute`, and returns the
// exit code: 0 done (also --help and --version), 2 the command line is wrong (UsageError, and what
// CLI11 rejects), 1 it could not be done (any other exception). An error is one line on stderr,
// "NAME: error: WHAT", printable. A reader that closes stdout early is no error; a stdout that
// cannot be written (a full disk) is.
int run_program(const std::string& name, const std::string& description, int argc,
                const char* const* argv, const Configure& configure,
                const std::function<void()>& execute);

// "NAME 0.1.0, backends: cpu (oneDNN 3.2.0), cuda-emulated"
std::string version_line(const std::string& name);

// "NAME: warning: WHAT" on stderr, printable: one line.
void print_warning(const std::string& name, const std::string& what);

// ---- numbers ----

// "0.031", "1e-3", "8/255", "0.5/255". Throws UsageError for anything else, a zero denominator, and
// what is not finite.
double parse_number(const std::string& text);
// Decimal digits with an optional sign. Throws UsageError for anything else and beyond 64 bits.
std::int64_t parse_integer(const std::string& text);

// A flag that takes a fraction. --help shows `shown_default` where given, else the value; `help`
// ends in the unit. Errors name the flag.
CLI::Option* add_number(CLI::App& app, const std::string& flag, double& value,
                        const std::string& help, const std::string& shown_default = "");
CLI::Option* add_number(CLI::App& app, const std::string& flag, std::optional<double>& value,
                        const std::string& help, const std::string& shown_default = "");
// A flag that takes an integer of at least `least`.
CLI::Option* add_integer(CLI::App& app, const std::string& flag, std::int64_t& value,
                         std::int64_t least, const std::string& help,
                         const std::string& shown_default = "");
CLI::Option* add_integer(CLI::App& app, const std::string& flag, std::optional<std::int64_t>& value,
                         std::int64_t least, const std::string& help,
                         const std::string& shown_default = "");
// A flag that takes one of `choices`.
CLI::Option* add_choice(CLI::App& app, const std::string& flag, std::string& value,
                        const std::vector<std::string>& choices, const std::string& help);

// ---- flags of every program ----

struct CommonOptions {
  std::string device = "auto";
  std::string precision = "fp32";
  std::int64_t seed = 0;
  std::int64_t threads = 0;  // 0: OMP_NUM_THREADS, or all cores
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
// stderr. Throws as chosen_device, UsageError for more threads than there can be, Error for more
// than the system starts.
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
