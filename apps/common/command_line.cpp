#include "apps/common/command_line.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <iostream>
#include <memory>
#include <new>
#include <sys/stat.h>
#include <unistd.h>

#include "apps/common/checkpoint.h"
#include "apps/common/evaluate.h"
#include "apps/data/image_set.h"
#include "core/device.h"
#include "core/error.h"
#include "core/printable.h"
#include "core/threads.h"

namespace saddle {
namespace {

// "--rho R       Radius of the perturbation [default: 0.05]" instead of "--rho R=0.05": defaults
// may be sentences.
class HelpFormatter : public CLI::Formatter {
  std::string make_option_opts(const CLI::Option* option) const override {
    return option->get_type_name().empty() ? "" : " " + option->get_type_name();
  }
  std::string make_option_desc(const CLI::Option* option) const override {
    const std::string shown = option->get_default_str();
    return option->get_description() + (option->get_required() ? " [required]" : "") +
           (shown.empty() ? "" : " [default: " + shown + "]");
  }
};

int report(const std::string& name, const std::string& what, int exit_code) {
  std::cout.flush();
  std::fprintf(stderr, "%s: error: %s\n", name.c_str(), printable(what).c_str());
  return exit_code;
}

constexpr const char* kMemoryMend =
    "Use a smaller --batch-size or fewer --threads, or close other programs";

// Takes no memory.
int report_out_of_memory(const std::string& name) {
  std::cout.flush();
  std::fprintf(stderr, "%s: error: out of memory. %s\n", name.c_str(), kMemoryMend);
  return 1;
}

// A failed write is told as such, and is no death in mid-work: to a pipe that was closed, to a file
// beyond the limit of its size (ulimit -f).
void ignore_signals_of_failed_writes() {
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
}

// A stream closed by the caller would give its number to the next file we open, and our output
// would end up in that file.
void occupy_standard_streams() {
  for (int descriptor = 0; descriptor <= 2; ++descriptor) {
    if (::fcntl(descriptor, F_GETFD) == -1 && errno == EBADF) {
      if (::open("/dev/null", O_RDWR) < 0) return;  // takes the lowest free number: this one
    }
  }
}

// Brings the result out. A pipe whose reader has seen enough is no failure.
void finish_output() {
  std::cout.flush();
  const bool written = std::fflush(stdout) == 0 && std::ferror(stdout) == 0 && std::cout.good();
  if (written) return;
  struct stat status;
  if (::fstat(STDOUT_FILENO, &status) == 0 &&
      (S_ISFIFO(status.st_mode) || S_ISSOCK(status.st_mode))) {
    return;
  }
  fail("the standard output cannot be written. Is the disk full?");
}

std::string with_flag(const std::string& flag, const std::string& message) {
  return flag + ": " + message;
}

// Runs `parse` on the flag's text; its UsageError is told with the flag's name.
CLI::Option* add_parsed(CLI::App& app, const std::string& flag, const std::string& help,
                        const std::string& type, const std::string& shown_default,
                        const std::function<void(const std::string&)>& parse) {
  CLI::Option* option = app.add_option_function<std::string>(
      flag,
      [flag, parse](const std::string& value) {
        try {
          parse(value);
        } catch (const UsageError& error) {
          throw UsageError(with_flag(flag, error.what()));
        }
      },
      help);
  option->type_name(type);
  if (!shown_default.empty()) option->default_str(shown_default);
  return option;
}

std::int64_t parse_at_least(const std::string& value, std::int64_t least) {
  const std::int64_t number = parse_integer(value);
  if (number < least)
    throw UsageError(text("'", value, "' is below ", least, ", the least that works"));
  return number;
}

std::vector<std::string> split_at_commas(const std::string& list) {
  std::vector<std::string> parts{""};
  for (char c : list) {
    if (c == ',') {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  return parts;
}

std::vector<float> parse_floats(const std::string& list) {
  std::vector<float> values;
  for (const std::string& part : split_at_commas(list)) {
    values.push_back(static_cast<float>(parse_number(part)));
  }
  return values;
}

std::vector<std::int64_t> parse_input_shape(const std::string& list) {
  std::vector<std::int64_t> extents;
  for (const std::string& part : split_at_commas(list)) extents.push_back(parse_at_least(part, 1));
  if (extents.size() != 3) {
    throw UsageError(text("'", list, "' has ", extents.size(), " numbers, expected three: C,H,W"));
  }
  return extents;
}

std::string joined(const std::vector<std::string>& names) {
  std::string line;
  for (const std::string& name : names) line += (line.empty() ? "" : ", ") + name;
  return line;
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
  if (!options.cache_directory.empty()) return options.cache_directory;
  const char* cache = std::getenv("XDG_CACHE_HOME");
  if (cache && *cache) return text(cache, "/saddle");
  const char* home = std::getenv("HOME");
  return home && *home ? text(home, "/.cache/saddle") : "";
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

std::string version_line(const std::string& name) {
  return text(name, " ", SADDLE_VERSION, ", backends: ", backends());
}

void print_warning(const std::string& name, const std::string& what) {
  std::fprintf(stderr, "%s: warning: %s\n", name.c_str(), printable(what).c_str());
}

namespace {

// run_program without what must come first and last.
int parse_and_execute(const std::string& name, const std::string& description, int argc,
                      const char* const* argv, const Configure& configure,
                      const std::function<void()>& execute) {
  try {
    CLI::App app(description, name);
    app.set_version_flag(
        "--version", [&name] { return version_line(name); },
        "Print the version and the compiled backends");
    const auto formatter = std::make_shared<HelpFormatter>();
    formatter->column_width(28);
    app.formatter(formatter);
    try {
      configure(app);
      app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
      if (error.get_exit_code() == 0) {  // --help, --version
        app.exit(error, std::cout, std::cerr);
        finish_output();
        return 0;
      }
      return report(name, text(error.what(), ". ", name, " --help lists the flags"), 2);
    }
    execute();
    finish_output();
    return 0;
  } catch (const UsageError& error) {
    return report(name, error.what(), 2);
  } catch (const std::length_error&) {  // more than any memory
    throw std::bad_alloc();
  } catch (const std::exception& error) {
    if (dynamic_cast<const std::bad_alloc*>(&error) != nullptr) throw;
    const char* mend = is_out_of_memory(error) ? kMemoryMend : nullptr;
    return report(name, mend ? text(error.what(), ". ", mend) : error.what(), 1);
  }
}

}  // namespace

int run_program(const std::string& name, const std::string& description, int argc,
                const char* const* argv, const Configure& configure,
                const std::function<void()>& execute) {
  occupy_standard_streams();
  ignore_signals_of_failed_writes();
  try {
    return parse_and_execute(name, description, argc, argv, configure, execute);
  } catch (const std::bad_alloc&) {
    return report_out_of_memory(name);
  }
}

double parse_number(const std::string& text_of_number) {
  const auto parse = [&](std::string_view part) {
    double value = 0;
    if (part.starts_with('+')) part.remove_prefix(1);
    const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), value);
    if (error != std::errc() || end != part.data() + part.size() || !std::isfinite(value)) {
      throw UsageError(text("'", text_of_number, "' is not a number. Write 0.031, 1e-3 or 8/255"));
    }
    return value;
  };
  const std::size_t slash = text_of_number.find('/');
  if (slash == std::string::npos) return parse(text_of_number);
  const double numerator = parse(std::string_view(text_of_number).substr(0, slash));
  const double denominator = parse(std::string_view(text_of_number).substr(slash + 1));
  if (denominator == 0 || !std::isfinite(numerator / denominator)) {
    throw UsageError(text("'", text_of_number, "' divides by zero"));
  }
  return numerator / denominator;
}

std::int64_t parse_integer(const std::string& text_of_number) {
  std::string_view digits = text_of_number;
  if (digits.starts_with('+')) digits.remove_prefix(1);
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error == std::errc::result_out_of_range) {
    throw UsageError(text("'", text_of_number, "' does not fit into 64 bits"));
  }
  if (error != std::errc() || end != digits.data() + digits.size()) {
    throw UsageError(text("'", text_of_number, "' is not an integer"));
  }
  return value;
}

CLI::Option* add_number(CLI::App& app, const std::string& flag, double& value,
                        const std::string& help, const std::string& shown_default) {
  return add_parsed(app, flag, help, "R", shown_default.empty() ? text(value) : shown_default,
                    [&value](const std::string& given) { value = parse_number(given); });
}

CLI::Option* add_number(CLI::App& app, const std::string& flag, std::optional<double>& value,
                        const std::string& help, const std::string& shown_default) {
  return add_parsed(app, flag, help, "R", shown_default,
                    [&value](const std::string& given) { value = parse_number(given); });
}

CLI::Option* add_integer(CLI::App& app, const std::string& flag, std::int64_t& value,
                         std::int64_t least, const std::string& help,
                         const std::string& shown_default) {
  return add_parsed(
      app, flag, help, "N", shown_default.empty() ? text(value) : shown_default,
      [&value, least](const std::string& given) { value = parse_at_least(given, least); });
}

CLI::Option* add_integer(CLI::App& app, const std::string& flag, std::optional<std::int64_t>& value,
                         std::int64_t least, const std::string& help,
                         const std::string& shown_default) {
  return add_parsed(app, flag, help, "N", shown_default, [&value, least](const std::string& given) {
    value = parse_at_least(given, least);
  });
}

CLI::Option* add_choice(CLI::App& app, const std::string& flag, std::string& value,
                        const std::vector<std::string>& choices, const std::string& help) {
  return add_parsed(app, flag, text(help, " (", joined(choices), ")"), "NAME", value,
                    [&value, choices](const std::string& given) {
                      if (std::find(choices.begin(), choices.end(), given) == choices.end()) {
                        throw UsageError(text("'", given, "' is not one of ", joined(choices)));
                      }
                      value = given;
                    });
}

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
  app.add_flag("--deterministic", options.deterministic,
               "Two runs of one command give the same bits (the CPU always does)");
  app.add_flag("--quiet", options.quiet, "Warnings and the final result only");
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
  set_threads(static_cast<int>(options.threads));
  start_threads();
  Device& device = chosen_device(options);
  device.set_deterministic(options.deterministic);
  if (!options.quiet) {
    std::fprintf(stderr, "device: %s, %d threads\n", device.name().c_str(), threads());
  }
  return device;
}

void add_dataset_options(CLI::App& app, DatasetOptions& options, DatasetSplits splits) {
  app.add_option("--dataset", options.name, "Data set: " + joined(dataset_names()))
      ->type_name("NAME")
      ->capture_default_str();
  app.add_option("--data-dir", options.directory, "Folder of its files")
      ->type_name("DIR")
      ->default_str("$SADDLE_DATA/NAME, data/NAME, the system's");
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
  app.add_option("--cache-dir", options.cache_directory,
                 "Sets of image files: where decoded images are kept for the next run")
      ->type_name("DIR")
      ->default_str("$XDG_CACHE_HOME/saddle, ~/.cache/saddle");
  app.add_flag("--no-cache", options.no_cache, "Decode the images anew, and keep nothing");
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
