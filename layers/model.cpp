#include "layers/model.h"

#include <cmath>
#include <utility>

namespace saddle {

Model::Model(Device& device, Network network_, std::optional<std::uint64_t> seed,
             Precision precision_)
    : network(std::move(network_)), precision(precision_) {
  take_values(device, seed);
}

Model::Model(Device& device, const ModelDescription& description, std::optional<std::uint64_t> seed,
             Precision precision_)
    : network(make_network(description.network)),
      mean(description.mean),
      std(description.std),
      class_names(description.class_names),
      precision(precision_) {
  require(class_names.empty() || static_cast<std::int64_t>(class_names.size()) == classes(),
          "model: has ", classes(), " classes, ", class_names.size(), " are named");
  if (reads_text(network.options.model)) {
    take_values(device, seed);
    return;
  }
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
  take_values(device, seed);
  device_mean_ = Tensor::from_host(device, {channels}, mean);
  device_inverse_std_ = Tensor::from_host(device, {channels}, inverse);
}

void Model::take_values(Device& device, std::optional<std::uint64_t> seed) {
  const auto values_of = [&](const WeightLayout& layout) {
    return seed ? layout.initial(device, *seed) : layout.zeros(device);
  };
  weights = values_of(network.layout.weights);
  statistics = values_of(network.layout.statistics);
}

Var Model::logits(const Pass& pass, const Var& inputs) const {
  if (!device_mean_) return network.forward(pass, inputs);
  return network.forward(pass, normalise(pass.tape, inputs, device_mean_, device_inverse_std_,
                                         activation_type(pass.precision)));
}

LogitsFunction Model::evaluation(const Tensor& tokens, Batching batching) const {
  return evaluation_in(precision, tokens, batching);
}

LogitsFunction Model::judge(Batching batching) const {
  return evaluation_in(Precision::fp32, {}, batching);
}

LogitsFunction Model::evaluation_in(Precision in, const Tensor& tokens, Batching batching) const {
  const Parameters folded =
      with_precision(fold_batch_norm(network.layout, weights, statistics), in);
  return [this, folded, in, tokens, batching](Tape& tape, const Var& inputs) {
    Pass pass{tape, folded, {}, statistics, BatchNormMode::frozen, in};
    pass.folded = true;
    pass.tokens = tokens;
    pass.batching = batching;
    return logits(pass, inputs);
  };
}

}  // namespace saddle
