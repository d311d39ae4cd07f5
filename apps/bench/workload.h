// Workload: a model, an optimiser and a batch of random bytes, ready to step.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "apps/train/classification.h"

namespace saddle::bench {

struct BenchModel {
  std::string name;
  std::int64_t width;  // 0: the model's own
  std::int64_t channels, height, input_width, classes;
  std::vector<std::int64_t> batches;  // that are measured where none are asked for

  bool of_pixels() const { return labels_pixels(name); }
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
  void make_task(const BenchModel& model, const std::string& mode);
  Batch with_labels(Batch batch) const;

  Model model_;
  Minimiser minimiser_;
  DeviceDataset data_;
  Tensor pixel_labels_;  // u8 [batch, H, W], of networks that label pixels
  Task task_;
  std::int64_t batch_;
  std::optional<TrainingStep> training_;
  std::function<Tensor(const Batch& batch, std::uint32_t number)> attack_;
  LogitsFunction logits_;
  std::uint32_t number_ = 0;
};

}  // namespace saddle::bench
