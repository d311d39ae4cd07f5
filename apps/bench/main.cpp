// saddle-bench: images per second of whole training steps and attacks, beside PyTorch where it is
// installed; and the bandwidth of single kernels.
//
// Each row is one (precision, mode, model, batch). With --peer the same row is measured by
// torch_peer.py directly afterwards, in its own process with as many threads, eager and, where
// asked, compiled, and the ratios are printed: a number from another day or another machine says
// little.
#include <iostream>
#include <nlohmann/json.hpp>

#include "apps/bench/kernels.h"
#include "apps/bench/peak_memory.h"
#include "apps/bench/timing.h"
#include "apps/bench/workload.h"
#include "apps/common/program_options.h"
#include "apps/common/table.h"
#include "core/file.h"
#include "core/format.h"
#include "core/json_text.h"
#include "core/process.h"

namespace saddle::bench {
namespace {

using Json = nlohmann::json;

// Fashion-MNIST's shape for the narrow network, CIFAR's for the paper's; small and larger crops for
// those that label pixels.
const std::vector<BenchModel> kModels = {{"preact_resnet10", 16, 1, 28, 28, 10, {32, 128}},
                                         {"preact_resnet18", 64, 3, 32, 32, 10, {32, 128}},
                                         {"deeplabv3_mobilenetv2", 0, 3, 96, 96, 21, {8}},
                                         {"deeplabv3_mobilenetv2", 0, 3, 240, 240, 21, {4}},
                                         {"deeplabv3_resnet50", 0, 3, 96, 96, 9, {8}},
                                         {"deeplabv3_resnet50", 0, 3, 240, 240, 9, {4}}};

std::vector<std::string> model_names() {
  std::vector<std::string> names;
  for (const BenchModel& model : kModels) {
    if (std::ranges::count(names, model.name) == 0) names.push_back(model.name);
  }
  return names;
}

// "preact_resnet10 --width 16", "deeplabv3_resnet50 96x96"
std::string shown_model(const BenchModel& model) {
  return model.of_pixels() ? text(model.name, ' ', model.height, 'x', model.input_width)
                           : text(model.name, " --width ", model.width);
}

struct Options {
  CommonOptions common;
  std::vector<std::string> modes = bench_modes();
  std::vector<std::string> models = {"preact_resnet10", "preact_resnet18"};
  std::vector<std::int64_t> batches;    // empty: the model's own
  std::vector<std::string> precisions;  // empty: --precision alone
  double seconds = 5;
  bool kernels = false;
  std::string peer;  // a Python with torch
  std::vector<std::string> executions = {"eager"};
  std::string peer_script = SADDLE_SOURCE_DIR "/apps/bench/torch_peer.py";
  std::string json;
};

struct Row {
  BenchModel model;
  std::string mode, precision;
  std::int64_t batch;
};

// Runs the PyTorch script for one row and returns its line of JSON; null where it failed.
Json run_peer(const Options& options, const Device& device, const Row& row,
              const std::string& execution) {
  const std::string where = device.name().starts_with("cuda") ? device.name() : "cpu";
  const BenchModel& model = row.model;
  const std::vector<std::string> line = {options.peer,       options.peer_script,
                                         "--model",          model.name,
                                         "--width",          text(model.width),
                                         "--input",          text(model.channels),
                                         text(model.height), text(model.input_width),
                                         "--classes",        text(model.classes),
                                         "--batch",          text(row.batch),
                                         "--mode",           row.mode,
                                         "--threads",        text(threads()),
                                         "--seconds",        text(options.seconds),
                                         "--device",         where,
                                         "--dtype",          row.precision,
                                         "--execution",      execution};
  std::string output;
  if (run_process(line, output).well()) return parse_json(output);
  print_warning("saddle-bench",
                text(options.peer, " ", options.peer_script,
                     " failed. Does that Python have torch, numpy and safetensors?"));
  return nullptr;
}

void print_heading(const Options& options) {
  std::vector<std::string> titles = {"precision",       "mode",    "model", "batch",
                                     "Saddle images/s", "peak MiB"};
  if (!options.peer.empty()) {
    for (const std::string& execution : options.executions) {
      titles.insert(titles.end(), {"PyTorch " + execution + " images/s", "peak MiB", "ratio"});
    }
  }
  std::cout << markdown_heading(titles) << std::flush;
}

double mebibytes(std::size_t bytes) { return static_cast<double>(bytes) / (1 << 20); }

Json measure(const Options& options, Device& device, const Row& row) {
  double seconds = 0;
  std::size_t peak = 0;
  {
    device.pool().trim();
    const PeakMemory grown;
    Workload workload(device, row.model, row.mode, row.batch, precision_named(row.precision));
    seconds = median_seconds(device, options.seconds, [&] { workload.step(); });
    // Of a CPU all that the process took, as of the peer; of a GPU what the pools took.
    peak = device.name() == "cpu" ? grown.bytes() : device.memory_held();
  }
  device.pool().trim();
  const double rate = static_cast<double>(row.batch) / seconds;
  Json json = {{"precision", row.precision},
               {"mode", row.mode},
               {"model", row.model.name},
               {"width", row.model.width},
               {"batch", row.batch},
               {"images_per_second", rate},
               {"input", {row.model.channels, row.model.height, row.model.input_width}},
               {"step_seconds", seconds},
               {"peak_bytes", peak}};
  std::vector<std::string> line = {row.precision,           row.mode,
                                   shown_model(row.model),  text(row.batch),
                                   formatted("%.1f", rate), formatted("%.0f", mebibytes(peak))};
  if (!options.peer.empty()) {
    for (const std::string& execution : options.executions) {
      const Json peer = run_peer(options, device, row, execution);
      json["torch_" + execution] = peer;
      if (peer.is_null()) {
        line.insert(line.end(), {"failed", "", ""});
        continue;
      }
      const double peer_rate = peer.at("images_per_second");
      json["ratio_" + execution] = rate / peer_rate;
      line.insert(line.end(),
                  {formatted("%.1f", peer_rate),
                   formatted("%.0f", mebibytes(peer.at("peak_bytes").get<std::size_t>())),
                   formatted("%.2f", rate / peer_rate)});
    }
  }
  std::cout << markdown_line(line) << std::flush;
  return json;
}

// A SAM step's time over an SGD step's, wherever both were measured.
void print_sam_over_sgd(const Json& rows) {
  for (const Json& sam : rows) {
    if (sam.at("mode") != "sam") continue;
    for (const Json& sgd : rows) {
      if (sgd.at("mode") != "sgd" || sgd.at("precision") != sam.at("precision") ||
          sgd.at("model") != sam.at("model") || sgd.at("batch") != sam.at("batch") ||
          sgd.at("input") != sam.at("input")) {
        continue;
      }
      const double ratio =
          sam.at("step_seconds").get<double>() / sgd.at("step_seconds").get<double>();
      std::cout << "SAM step over SGD step, " << sam.at("precision").get<std::string>() << ", "
                << sam.at("model").get<std::string>() << ", batch " << sam.at("batch") << ": "
                << formatted("%.3f", ratio) << std::endl;
    }
  }
}

Json bench_steps(const Options& options, Device& device,
                 const std::vector<std::string>& precisions) {
  print_heading(options);
  Json rows = Json::array();
  for (const BenchModel& model : kModels) {
    if (std::ranges::find(options.models, model.name) == options.models.end()) continue;
    for (const std::string& precision : precisions) {
      for (const std::int64_t batch : options.batches.empty() ? model.batches : options.batches) {
        for (const std::string& mode : options.modes) {
          rows.push_back(measure(options, device, {model, mode, precision, batch}));
        }
      }
    }
  }
  print_sam_over_sgd(rows);
  return rows;
}

Json bench_kernels(const Options& options, Device& device,
                   const std::vector<std::string>& precisions) {
  const double copy = copy_bandwidth(device, options.seconds);
  std::cout << formatted("\ncopy within the device: %.1f GB/s (read and written)\n\n", copy / 1e9)
            << markdown_heading(
                   {"kernel", "activations", "batch", "microseconds", "GB/s", "share of copy"})
            << std::flush;
  Json rows = Json::array();
  for (const std::string& precision : precisions) {
    if (precision == "tf32") continue;  // stores what fp32 stores
    for (const std::int64_t batch :
         options.batches.empty() ? kModels.front().batches : options.batches) {
      for (const KernelSpeed& speed :
           kernel_speeds(device, precision_named(precision), batch, options.seconds, copy)) {
        std::cout << markdown_line({speed.name, precision, text(batch),
                                    formatted("%.1f", speed.seconds * 1e6),
                                    formatted("%.1f", speed.bytes_per_second / 1e9),
                                    formatted("%.2f", speed.share_of_copy)})
                  << std::flush;
        rows.push_back({{"kernel", speed.name},
                        {"precision", precision},
                        {"batch", batch},
                        {"seconds", speed.seconds},
                        {"bytes_per_second", speed.bytes_per_second},
                        {"share_of_copy", speed.share_of_copy}});
      }
    }
  }
  return {{"copy_bytes_per_second", copy}, {"rows", rows}};
}

void run(Options options) {
  if (options.precisions.empty()) options.precisions = {options.common.precision};
  Device& device = open_device(options.common);
  for (const std::string& precision : options.precisions) {
    if (!device.supports(precision_named(precision))) {
      throw UsageError(
          text("--precisions: the device ", device.name(), " does not compute in ", precision));
    }
  }
  Json report = {{"device", device.name()}, {"backends", backends()}, {"threads", threads()}};
  if (options.kernels) {
    report["kernels"] = bench_kernels(options, device, options.precisions);
  } else {
    report["rows"] = bench_steps(options, device, options.precisions);
  }
  if (!options.json.empty()) write_file_atomically(options.json, json_text(report, 2) + "\n");
}

void add_flags(CLI::App& app, Options& options) {
  add_common_options(app, options.common);
  add_choices(app, "--mode", options.modes, bench_modes(),
              "what to measure; at: PGD-10 training, pgd: PGD-10");
  add_choices(app, "--model", options.models, model_names(),
              "the networks, preact_resnets of width 16 on 28x28x1 and of 64 on 32x32x3, deeplabv3 "
              "on 96x96x3 and 240x240x3");
  add_integers(app, "--batch", options.batches, 2,
               "batch sizes; 32 and 128 (preact_resnet), 8 and 4 (deeplabv3) unless given");
  add_choices(app, "--precisions", options.precisions, {"fp32", "tf32", "bf16"},
              "several precisions in one table, instead of --precision");
  add_switch(app, "--kernels", options.kernels,
             "the bandwidth of single kernels over that of a copy, instead of steps");
  add_number(app, "--seconds", options.seconds, "least time to measure a row, seconds");
  add_text(app, "--peer", options.peer, "FILE",
           "a Python with torch; measures PyTorch beside every row");
  add_choices(app, "--peer-execution", options.executions, {"eager", "compile"},
              "how PyTorch runs; compile: torch.compile, max-autotune");
  add_text(app, "--peer-script", options.peer_script, "FILE", "torch_peer.py");
  add_text(app, "--json", options.json, "FILE", "write the rows to this file");
}

}  // namespace
}  // namespace saddle::bench

int main(int argc, char** argv) {
  using namespace saddle;
  bench::Options options;
  return run_program(
      "saddle-bench", "Measures images per second of training steps and attacks.", argc, argv,
      [&](CLI::App& app) { bench::add_flags(app, options); }, [&] { bench::run(options); });
}
