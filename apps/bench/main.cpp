// saddle-bench: images per second of whole training steps and attacks, beside PyTorch where it is
// installed.
//
// Each row is one (mode, model, batch). With --peer the same row is measured by torch_peer.py
// directly afterwards, in its own process with as many threads, and the ratio is printed: a number
// from another day or another machine says little.
#include <sys/wait.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "apps/common/command_line.h"
#include "apps/common/device_dataset.h"
#include "apps/train/training_step.h"
#include "core/file.h"

namespace saddle {
namespace {

constexpr double kSamRho = 0.1;
const PgdOptions kAttack{Norm::linf, 8.f / 255, 2.f / 255, 10, Start::random};
constexpr int kWarmUpSteps = 1;
constexpr std::size_t kFewestSteps = 2;  // the slowest rows take a minute a step

struct BenchModel {
  std::string name;
  std::int64_t width;
  std::int64_t channels, height, input_width;
};

// Fashion-MNIST's shape for the narrow network, CIFAR's for the paper's.
const std::vector<BenchModel> kModels = {{"preact_resnet10", 16, 1, 28, 28},
                                         {"preact_resnet18", 64, 3, 32, 32}};
const std::vector<std::string> kModes = {"sgd", "sam", "at", "pgd"};

struct Options {
  CommonOptions common;
  std::vector<std::string> modes = kModes;
  std::vector<std::string> models;
  std::vector<std::int64_t> batches = {32, 128};
  double seconds = 5;
  std::string peer;  // a Python with torch
  std::string peer_script = SADDLE_SOURCE_DIR "/apps/bench/torch_peer.py";
  std::string json;
};

// A model, an optimiser and a batch of random bytes, ready to step.
class Workload {
 public:
  Workload(Device& device, const BenchModel& bench, const std::string& mode, std::int64_t batch)
      : mode_(mode),
        model_(device, describe(bench), 0),
        minimiser_(Sgd(device, model_.network.layout.weights.size(), {}), device,
                   model_.network.layout.weights.size(),
                   mode == "sam" ? std::optional(kSamRho) : std::nullopt),
        data_(device, random_bytes(bench, batch)),
        batch_(batch) {
    if (mode == "at") options_.adversarial = kAttack;
  }

  void step() {
    const AttackBatch batch = data_.batch(0, batch_);
    if (mode_ == "pgd") {
      const Tensor adversarial = pgd(model_.evaluation(), batch, kAttack, 0, number_++);
      Tape tape;
      predict(model_.evaluation()(tape, tape.input(adversarial, Gradient::none)).value());
    } else {
      training_step(model_, minimiser_, batch, options_, 0.1, 0, number_++);
    }
    model_.device().synchronise();
  }

 private:
  static ModelDescription describe(const BenchModel& bench) {
    const auto channels = static_cast<std::size_t>(bench.channels);
    ModelDescription description;
    description.network = {bench.name,   bench.width,       bench.channels,
                           bench.height, bench.input_width, 10};
    description.mean.assign(channels, 0.5f);
    description.std.assign(channels, 0.25f);
    return description;
  }

  static Dataset random_bytes(const BenchModel& bench, std::int64_t batch) {
    Dataset dataset{.name = "random",
                    .height = bench.height,
                    .width = bench.input_width,
                    .channels = bench.channels,
                    .classes = 10,
                    .pixels = {},
                    .labels = {},
                    .mean = {},
                    .std = {},
                    .class_names = {}};
    const Stream stream{1, Purpose::initial_weights, 0};
    const std::int64_t values = bench.height * bench.input_width * bench.channels;
    for (std::int64_t image = 0; image < batch; ++image) {
      for (std::int64_t value = 0; value < values; ++value) {
        const Random4 bits =
            stream.bits(static_cast<std::uint32_t>(image), static_cast<std::uint32_t>(value));
        dataset.pixels.push_back(static_cast<std::uint8_t>(bits.v[0] >> 24));
      }
      dataset.labels.push_back(static_cast<std::int32_t>(image % 10));
    }
    return dataset;
  }

  std::string mode_;
  Classifier model_;
  Minimiser minimiser_;
  DeviceDataset data_;
  std::int64_t batch_;
  StepOptions options_;
  std::uint32_t number_ = 0;
};

double median_step_seconds(Workload& workload, double seconds) {
  using Clock = std::chrono::steady_clock;
  const auto since = [](Clock::time_point start) {
    return std::chrono::duration<double>(Clock::now() - start).count();
  };
  for (int step = 0; step < kWarmUpSteps; ++step) workload.step();
  std::vector<double> times;
  const auto begin = Clock::now();
  while (times.size() < kFewestSteps || since(begin) < seconds) {
    const auto start = Clock::now();
    workload.step();
    times.push_back(since(start));
  }
  std::nth_element(times.begin(), times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2),
                   times.end());
  return times[times.size() / 2];
}

// Runs the PyTorch script for one row and returns its line of JSON.
nlohmann::json run_peer(const Options& options, const BenchModel& bench, const std::string& mode,
                        std::int64_t batch) {
  const std::string command =
      text("'", options.peer, "' '", options.peer_script, "' --model ", bench.name, " --width ",
           bench.width, " --input ", bench.channels, ' ', bench.height, ' ', bench.input_width,
           " --batch ", batch, " --mode ", mode, " --threads ", threads(), " --seconds ",
           options.seconds);
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen(command.c_str(), "r"),
                                                   [](FILE*) { return 0; });
  require(pipe != nullptr, "peer: could not start ", options.peer);
  std::string output;
  char buffer[4096];
  while (std::fgets(buffer, sizeof buffer, pipe.get()) != nullptr) output += buffer;
  const int status = pclose(pipe.get());
  require(status == 0, "peer: '", command,
          "' failed. Does that Python have torch, numpy and safetensors?");
  return nlohmann::json::parse(output);
}

std::string fixed(double value, int digits) {
  char buffer[64];
  std::snprintf(buffer, sizeof buffer, "%.*f", digits, value);
  return buffer;
}

void bench(const Options& options) {
  Device& device = open_device(options.common);
  nlohmann::json report = {{"device", device.name()},
                           {"backends", backends()},
                           {"threads", threads()},
                           {"rows", nlohmann::json::array()}};
  std::cout << "| mode | model | batch | Saddle images/s | "
            << (options.peer.empty() ? "" : "PyTorch images/s | ratio | ") << "\n|---|---|---|---|"
            << (options.peer.empty() ? "" : "---|---|") << std::endl;
  for (const BenchModel& model : kModels) {
    if (!options.models.empty() &&
        std::ranges::find(options.models, model.name) == options.models.end()) {
      continue;
    }
    for (const std::int64_t batch : options.batches) {
      for (const std::string& mode : options.modes) {
        double seconds = 0;
        {
          Workload workload(device, model, mode, batch);
          seconds = median_step_seconds(workload, options.seconds);
        }
        device.pool().trim();
        const double rate = static_cast<double>(batch) / seconds;
        nlohmann::json row = {
            {"mode", mode},   {"model", model.name},       {"width", model.width},
            {"batch", batch}, {"images_per_second", rate}, {"step_seconds", seconds}};
        std::cout << "| " << mode << " | " << model.name << " --width " << model.width << " | "
                  << batch << " | " << fixed(rate, 1) << " | ";
        if (!options.peer.empty()) {
          const nlohmann::json peer = run_peer(options, model, mode, batch);
          const double peer_rate = peer.at("images_per_second");
          row["torch"] = peer;
          row["ratio"] = rate / peer_rate;
          std::cout << fixed(peer_rate, 1) << " | " << fixed(rate / peer_rate, 2) << " | ";
        }
        std::cout << std::endl;
        report["rows"].push_back(row);
      }
    }
  }
  if (!options.json.empty()) write_file_atomically(options.json, report.dump(2) + "\n");
}

}  // namespace
}  // namespace saddle

int main(int argc, char** argv) {
  saddle::Options options;
  return saddle::run_program(
      "saddle-bench", "Measures images per second of training steps and attacks.", argc, argv,
      [&](CLI::App& app) {
        saddle::add_common_options(app, options.common);
        app.add_option("--mode", options.modes,
                       "what to measure: sgd, sam, at (PGD-10 training), pgd (PGD-10)")
            ->delimiter(',')
            ->check(CLI::IsMember(saddle::kModes))
            ->capture_default_str();
        app.add_option("--model", options.models,
                       "preact_resnet10 (width 16, 28x28x1), preact_resnet18 "
                       "(32x32x3); default both")
            ->delimiter(',')
            ->check(CLI::IsMember({"preact_resnet10", "preact_resnet18"}));
        app.add_option("--batch", options.batches, "batch sizes")
            ->delimiter(',')
            ->check(CLI::Range(std::int64_t{2}, std::int64_t{65536}))
            ->capture_default_str();
        saddle::add_number(app, "--seconds", options.seconds,
                           "least time to measure a row, seconds");
        app.add_option("--peer", options.peer,
                       "a Python with torch; measures PyTorch beside every row");
        app.add_option("--peer-script", options.peer_script, "torch_peer.py");
        app.add_option("--json", options.json, "write the rows to this file");
      },
      [&] { saddle::bench(options); });
}
