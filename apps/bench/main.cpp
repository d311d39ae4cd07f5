// saddle-bench: images per second of whole training steps and attacks, beside PyTorch where it is
// installed; and the bandwidth of single kernels.
//
// Each row is one (precision, mode, model, batch). With --peer the same row is measured by
// torch_peer.py, in a process with as many threads, eager and, where asked, compiled. Eager PyTorch
// and Saddle take turns for some rounds, and medians, their ratio and its spread are printed: a
// number from another day or another machine says little.
#include <cstdlib>
#include <functional>
#include <iostream>
#include <nlohmann/json.hpp>

#include "apps/bench/disturbance.h"
#include "apps/bench/kernels.h"
#include "apps/bench/peak_memory.h"
#include "apps/bench/peer.h"
#include "apps/bench/step_tables.h"
#include "apps/bench/timing.h"
#include "apps/bench/workload.h"
#include "apps/common/program_options.h"
#include "apps/common/table.h"
#include "core/cpu_isa.h"
#include "core/file.h"
#include "core/format.h"
#include "core/json_text.h"

namespace saddle::bench {
namespace {

using Json = nlohmann::json;

// Fashion-MNIST's shape for the narrow network, CIFAR's for the paper's; small and larger crops for
// those that label pixels.
const std::vector<BenchModel> kModels = {{"preact_resnet10", 16, 1, 28, 28, 10, {32, 128}},
                                         {"preact_resnet18", 64, 3, 32, 32, 10, {32, 128}},
                                         {"wrn_28_10", 32, 3, 32, 32, 10, {32}},
                                         {"deit_tiny", 192, 3, 32, 32, 10, {32}},
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

struct Options {
  CommonOptions common;
  std::vector<std::string> modes = bench_modes();
  std::vector<std::string> models = {"preact_resnet10", "preact_resnet18", "wrn_28_10",
                                     "deit_tiny"};
  std::vector<std::int64_t> batches;    // empty: the model's own
  std::vector<std::string> precisions;  // empty: --precision alone
  double seconds = 2;
  std::int64_t rounds = 5;
  bool kernels = false, breakdown = false, convolutions = false, count = false;
  PeerOptions peer;
  std::string json;
};

void print_heading(const Options& options) {
  std::vector<std::string> titles = {"precision",       "mode",    "model", "batch",
                                     "Saddle images/s", "peak MiB"};
  if (!options.peer.python.empty()) {
    for (const std::string& execution : options.peer.executions) {
      titles.insert(titles.end(), {"PyTorch " + execution + " images/s", "peak MiB", "ratio",
                                   "least", "greatest"});
    }
  }
  std::cout << markdown_heading(titles) << std::flush;
}

double mebibytes(std::size_t bytes) { return static_cast<double>(bytes) / (1 << 20); }

// Says so where the machine did more than what was measured.
void warn_if_disturbed(const Disturbance& since, Json& row) {
  constexpr double kMostOthers = 0.1;
  const double others = since.other_processors();
  const std::int64_t swapped = since.pages_swapped();
  row["other_processors"] = others;
  row["pages_swapped"] = swapped;
  if (others <= kMostOthers && swapped == 0) return;
  print_warning("saddle-bench", text("the row above was disturbed: ", formatted("%.2f", others),
                                     " processors worked for others, ", swapped,
                                     " pages were swapped. Measure it again on an idle machine"));
}

// Appends an opponent's cells to a row's line, and what it is made of to its JSON.
void report(const Opponent& opponent, const std::vector<double>& rates, Json& json,
            std::vector<std::string>& line) {
  const std::string of = "_" + opponent.execution();
  if (opponent.failed()) {
    line.insert(line.end(), {"failed", "", "", "", ""});
    json["torch" + of] = nullptr;
    return;
  }
  std::vector<double> ratios;
  for (std::size_t i = 0; i < rates.size(); ++i) ratios.push_back(rates[i] / opponent.rate(i));
  const double ratio = median(rates) / opponent.median_rate();
  const auto [least, greatest] = std::ranges::minmax(ratios);
  json["torch" + of] = opponent.lines();
  json["ratio" + of] = ratio;
  json["ratios" + of] = ratios;
  line.insert(line.end(),
              {formatted("%.1f", opponent.median_rate()),
               formatted("%.0f", mebibytes(opponent.peak_bytes())), formatted("%.2f", ratio),
               formatted("%.2f", least), formatted("%.2f", greatest)});
}

Json measure(const Options& options, Device& device, Peers& peers, const Row& row) {
  std::vector<Opponent> opponents = peers.of(row);
  const Disturbance disturbance;
  const std::int64_t rounds = opponents.empty() ? 1 : options.rounds;
  std::vector<double> rates;
  std::size_t peak = 0;
  {
    device.pool().trim();
    const PeakMemory grown;
    Workload workload(device, row.model, row.mode, row.batch, precision_named(row.precision));
    for (std::int64_t round = 0; round < rounds; ++round) {
      const double seconds = median_seconds(device, options.seconds, [&] { workload.step(); });
      rates.push_back(static_cast<double>(row.batch) / seconds);
      // Of a CPU all that the process took, as of the peer; of a GPU what the pools took.
      if (round == 0) peak = device.name() == "cpu" ? grown.bytes() : device.memory_held();
      for (Opponent& opponent : opponents) opponent.take_turn();
    }
  }
  device.pool().trim();
  const double rate = median(rates);
  Json json = {{"precision", row.precision},
               {"mode", row.mode},
               {"model", row.model.name},
               {"width", row.model.width},
               {"batch", row.batch},
               {"images_per_second", rate},
               {"rounds", rates},
               {"input", {row.model.channels, row.model.height, row.model.input_width}},
               {"step_seconds", static_cast<double>(row.batch) / rate},
               {"peak_bytes", peak}};
  std::vector<std::string> line = {row.precision,           row.mode,
                                   shown_model(row.model),  text(row.batch),
                                   formatted("%.1f", rate), formatted("%.0f", mebibytes(peak))};
  for (const Opponent& opponent : opponents) report(opponent, rates, json, line);
  std::cout << markdown_line(line) << std::flush;
  warn_if_disturbed(disturbance, json);
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

// What each row gives.
Json for_rows(const Options& options, const std::vector<std::string>& precisions,
              const std::function<Json(const Row&)>& result) {
  Json rows = Json::array();
  for (const BenchModel& model : kModels) {
    if (std::ranges::find(options.models, model.name) == options.models.end()) continue;
    for (const std::string& precision : precisions) {
      for (const std::int64_t batch : options.batches.empty() ? model.batches : options.batches) {
        for (const std::string& mode : options.modes)
          rows.push_back(result({model, mode, precision, batch}));
      }
    }
  }
  return rows;
}

Json bench_steps(const Options& options, Device& device,
                 const std::vector<std::string>& precisions) {
  Peers peers(options.peer, device.name(), options.seconds, options.modes);
  print_heading(options);
  Json rows = for_rows(options, precisions,
                       [&](const Row& row) { return measure(options, device, peers, row); });
  print_sam_over_sgd(rows);
  return rows;
}

Json bench_kernels(const Options& options, Device& device,
                   const std::vector<std::string>& precisions) {
  const double copy = copy_bandwidth(device, options.seconds);
  const double node = node_seconds(device, options.seconds);
  std::cout << formatted("\ncopy within the device: %.1f GB/s (read and written)\n", copy / 1e9)
            << formatted("a node that does next to nothing: %.2f microseconds\n\n", 1e6 * node)
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
  return {{"copy_bytes_per_second", copy}, {"node_seconds", node}, {"rows", rows}};
}

// oneDNN, PyTorch's own kernels and MKL, each by its variable.
void hold_peers_to_avx2() {
  ::setenv("ONEDNN_MAX_CPU_ISA", "AVX2", 1);
  ::setenv("ATEN_CPU_CAPABILITY", "avx2", 1);
  ::setenv("MKL_ENABLE_INSTRUCTIONS", "AVX2", 1);
}

void run(Options options) {
  if (options.kernels + options.breakdown + options.convolutions + options.count > 1) {
    throw UsageError(
        "--kernels, --breakdown, --convolutions and --count measure one thing each. Give one");
  }
  if (options.precisions.empty()) options.precisions = {options.common.precision};
  if (options.common.cpu_isa == "avx2") hold_peers_to_avx2();
  Device& device = open_device(options.common);
  for (const std::string& precision : options.precisions) {
    if (!options.count && !device.supports(precision_named(precision))) {
      throw UsageError(
          text("--precisions: the device ", device.name(), " does not compute in ", precision));
    }
  }
  Json report = {{"device", device.name()},
                 {"backends", backends()},
                 {"threads", threads()},
                 {"cpu_isa", cpu_isa()}};
  if (options.kernels) {
    report["kernels"] = bench_kernels(options, device, options.precisions);
  } else if (options.breakdown) {
    report["breakdown"] = for_rows(options, options.precisions, [&](const Row& row) {
      return table_of_parts(device, row, options.seconds);
    });
  } else if (options.convolutions) {
    report["convolutions"] = for_rows(options, options.precisions, [&](const Row& row) {
      return table_of_convolutions(device, row, options.seconds);
    });
  } else if (options.count) {
    report["counts"] = for_rows(options, options.precisions, table_of_nodes);
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
              "the networks, preact_resnets of width 16 on 28x28x1 and of 64 on 32x32x3, wrn_28_10 "
              "of width 32 and deit_tiny on 32x32x3, deeplabv3 on 96x96x3 and 240x240x3");
  add_integers(
      app, "--batch", options.batches, 2,
      "batch sizes; 32 and 128 (preact_resnet), 32 (wrn, deit), 8 and 4 (deeplabv3) unless given");
  add_choices(app, "--precisions", options.precisions, {"fp32", "tf32", "bf16"},
              "several precisions in one table, instead of --precision");
  add_switch(app, "--kernels", options.kernels,
             "the bandwidth of single kernels over that of a copy, instead of steps");
  add_switch(app, "--breakdown", options.breakdown,
             "where the time of each step goes, every call waited for, instead of its speed");
  add_switch(app, "--convolutions", options.convolutions,
             "how fast each of a step's convolutions is, by shape and direction");
  add_switch(app, "--count", options.count,
             "what a step would ask of a GPU, in nodes and bytes: counted, on any machine");
  add_number(app, "--seconds", options.seconds, "least time to measure a row in a round, seconds");
  add_integer(app, "--rounds", options.rounds, 1,
              "turns of Saddle and the eager peer, of which medians are printed, and the least and "
              "greatest of their ratios");
  add_text(app, "--peer", options.peer.python, "FILE",
           "a Python with torch; measures PyTorch beside every row");
  add_choices(app, "--peer-execution", options.peer.executions, {"eager", "compile"},
              "how PyTorch runs; compile: torch.compile, max-autotune, measured once a row");
  add_text(app, "--peer-script", options.peer.script, "FILE", "torch_peer.py");
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
