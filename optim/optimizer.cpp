#include "optim/optimizer.h"

#include <cmath>

#include "kernels/adam.h"
#include "kernels/array.h"
#include "kernels/bfloat16.h"
#include "kernels/sgd.h"

namespace saddle {
namespace {

Array<Bfloat16> copy_of(const Parameters& w) {
  return w.rounded ? w.rounded.array<Bfloat16>() : Array<Bfloat16>{};
}

}  // namespace

Sgd::Sgd(Device& device, std::int64_t size, const SgdOptions& options)
    : options_(options), momentum_buffer_(Tensor::filled(device, {size}, 0.f)) {}

StepRates Sgd::rates(double lr) const { return {static_cast<float>(lr)}; }

void Sgd::step(const Parameters& w, const Tensor& g, const Tensor& rates, std::int64_t first) {
  const Tensor momentum = momentum_buffer_.slice(first, {g.count()});
  launch(g.device(),
         SgdStep{w.values.array(), g.array(), momentum.array(), copy_of(w), rates.array(),
                 static_cast<float>(options_.momentum), static_cast<float>(options_.weight_decay),
                 options_.nesterov ? 1.f : 0.f},
         g.count());
}

Adam::Adam(Device& device, std::int64_t size, const AdamOptions& options)
    : options_(options),
      m_(Tensor::filled(device, {size}, 0.f)),
      v_(Tensor::filled(device, {size}, 0.f)) {}

StepRates Adam::rates(double lr) const {
  const double t = static_cast<double>(steps_);
  const AdamRates rates = {options_.decay == WeightDecay::coupled
                               ? 1.f
                               : static_cast<float>(1 - lr * options_.weight_decay),
                           static_cast<float>(lr / (1 - std::pow(options_.beta1, t))),
                           static_cast<float>(std::sqrt(1 - std::pow(options_.beta2, t)))};
  return {rates.decoupled_factor, rates.corrected_lr, rates.root_correction};
}

void Adam::step(const Parameters& w, const Tensor& g, const Tensor& rates, std::int64_t first) {
  const bool coupled = options_.decay == WeightDecay::coupled;
  const Tensor m = m_.slice(first, {g.count()}), v = v_.slice(first, {g.count()});
  launch(g.device(),
         AdamStep{w.values.array(), g.array(), m.array(), v.array(), copy_of(w), rates.array(),
                  static_cast<float>(options_.beta1), static_cast<float>(options_.beta2),
                  static_cast<float>(1 - options_.beta1), static_cast<float>(1 - options_.beta2),
                  static_cast<float>(options_.eps),
                  coupled ? static_cast<float>(options_.weight_decay) : 0.f},
         g.count());
}

}  // namespace saddle
