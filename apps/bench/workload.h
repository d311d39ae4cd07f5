// Workload: a model, an optimiser and a batch of random bytes, ready to step.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "apps/train/classification.h"

namespace saddle::bench {

struct BenchModel {
  std::string name;
  std::int64_t width;
  std::int64_t channels, height, input_width;
};

// sgd, sam, at (PGD-10 training), pgd (PGD-10 and the pass that scores it)
const std::vector<std::string>& bench_modes();

class Workload {
 public:
  Workload(Device& device, const BenchModel& model, const std::string& mode, std::int64_t batch,
           Precision precision);
  // Asks for one step; does not wait for it.
  void step();

 private:
  Model model_;
  Minimiser minimiser_;
  DeviceDataset data_;
  Task task_;
  std::int64_t batch_;
  std::optional<TrainingStep> training_;
  std::optional<Pgd> attack_;
  LogitsFunction logits_;
  std::uint32_t number_ = 0;
};

}  // namespace saddle::bench
