// The base optimisers, SGD and Adam(W): one launch over the whole weight buffer a step.
//
// Conventions are PyTorch's (torch.optim), so five steps here and there agree; see kernels/sgd.h
// and kernels/adam.h for the formulas. Weight decay acts on every parameter.
//
// A step comes in two halves, so that its device work can be captured and replayed: `count_step`
// and `rates` say what of it depends on the learning rate and the count, a few numbers that the
// caller puts on the device; `step` launches the kernel, which reads them there. Weights may step
// by parts, each with rates of its own.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "core/weights.h"

namespace saddle {

// A buffer of optimiser state by name, for checkpoints.
struct NamedState {
  std::string name;
  Tensor tensor;
};

// What changes from step to step; its meaning is the optimiser's.
using StepRates = std::array<float, 4>;

struct SgdOptions {
  double momentum = 0.9, weight_decay = 5e-4;
  bool nesterov = false;
};

class Sgd {
 public:
  // `size`: elements of the weight buffer.
  Sgd(Device& device, std::int64_t size, const SgdOptions& options);
  void count_step() { ++steps_; }
  StepRates rates(double lr) const;  // of the step last counted
  // One step on `w` and its rounded copy, the weights from element `first` on; `rates` is a
  // StepRates on the device.
  void step(const Parameters& w, const Tensor& g, const Tensor& rates, std::int64_t first = 0);
  std::vector<NamedState> state() const { return {{"momentum", momentum_buffer_}}; }
  std::int64_t& steps() { return steps_; }
  std::int64_t steps() const { return steps_; }

 private:
  SgdOptions options_;
  Tensor momentum_buffer_;
  std::int64_t steps_ = 0;
};

enum class WeightDecay {
  coupled,    // Adam: lambda w joins the gradient
  decoupled,  // AdamW: w shrinks by lr lambda
};

struct AdamOptions {
  double beta1 = 0.9, beta2 = 0.999, eps = 1e-8, weight_decay = 5e-4;
  WeightDecay decay = WeightDecay::coupled;
};

class Adam {
 public:
  Adam(Device& device, std::int64_t size, const AdamOptions& options);
  void count_step() { ++steps_; }
  StepRates rates(double lr) const;
  void step(const Parameters& w, const Tensor& g, const Tensor& rates, std::int64_t first = 0);
  std::vector<NamedState> state() const { return {{"m", m_}, {"v", v_}}; }
  std::int64_t& steps() { return steps_; }
  std::int64_t steps() const { return steps_; }

 private:
  AdamOptions options_;
  Tensor m_, v_;
  std::int64_t steps_ = 0;
};

using BaseOptimizer = std::variant<Sgd, Adam>;

}  // namespace saddle
