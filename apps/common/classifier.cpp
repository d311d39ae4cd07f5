#include "apps/common/classifier.h"

#include <cmath>

namespace saddle {

Classifier::Classifier(Device& device, const ModelDescription& description, std::uint64_t seed)
    : network(make_network(description.network)), mean(description.mean), std(description.std) {
  const std::int64_t channels = network.options.in_channels;
  require(static_cast<std::int64_t>(mean.size()) == channels &&
              static_cast<std::int64_t>(std.size()) == channels,
          "model: the input has ", channels, " channels, mean and std have ", mean.size(), " and ",
          std.size());
  for (float value : mean) require(std::isfinite(value), "model: mean ", value, " must be finite");
  std::vector<float> inverse;
  for (float value : std) {
    require(std::isfinite(value) && value > 0, "model: std ", value, " must be positive");
    inverse.push_back(1.f / value);
  }
  weights = network.layout.weights.initial(device, seed);
  statistics = network.layout.statistics.initial(device, seed);
  device_mean_ = Tensor::from_host(device, {channels}, mean);
  device_inverse_std_ = Tensor::from_host(device, {channels}, inverse);
}

Var Classifier::logits(const Pass& pass, const Var& pixels) const {
  return network.forward(pass, normalise(pass.tape, pixels, device_mean_, device_inverse_std_));
}

LogitsFunction Classifier::evaluation() const {
  return [this](Tape& tape, const Var& pixels) {
    return logits({tape, weights, {}, statistics, BatchNormMode::frozen}, pixels);
  };
}

}  // namespace saddle
