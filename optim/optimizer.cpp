#include "optim/optimizer.h"

#include <cmath>

namespace saddle {

Sgd::Sgd(Device& device, std::int64_t size, const SgdOptions& options)
    : options_(options), momentum_buffer_(Tensor::filled(device, {size}, 0.f)) {}

void Sgd::step(const Tensor& w, const Tensor& g, double lr) {
  ++steps_;
  launch(w.device(),
         SgdStep{w.array(), g.array(), momentum_buffer_.array(), static_cast<float>(lr),
                 static_cast<float>(options_.momentum), static_cast<float>(options_.weight_decay),
                 options_.nesterov ? 1.f : 0.f},
         w.count());
}

Adam::Adam(Device& device, std::int64_t size, const AdamOptions& options)
    : options_(options),
      m_(Tensor::filled(device, {size}, 0.f)),
      v_(Tensor::filled(device, {size}, 0.f)) {}

void Adam::step(const Tensor& w, const Tensor& g, double lr) {
  const double t = static_cast<double>(++steps_);
  const bool coupled = options_.decay == WeightDecay::coupled;
  launch(w.device(),
         AdamStep{w.array(), g.array(), m_.array(), v_.array(), static_cast<float>(options_.beta1),
                  static_cast<float>(options_.beta2), static_cast<float>(1 - options_.beta1),
                  static_cast<float>(1 - options_.beta2), static_cast<float>(options_.eps),
                  coupled ? static_cast<float>(options_.weight_decay) : 0.f,
                  coupled ? 1.f : static_cast<float>(1 - lr * options_.weight_decay),
                  static_cast<float>(lr / (1 - std::pow(options_.beta1, t))),
                  static_cast<float>(std::sqrt(1 - std::pow(options_.beta2, t)))},
         w.count());
}

}  // namespace saddle
