#include "layers/models/deeplab.h"

namespace saddle {

constexpr DrawPlace kDropoutPlace{0, 8};  // of 8: their number is part of what is drawn
DeepLabHead::Unit::Unit(NetworkLayout& layout, const std::string& convolution_name,
                        const std::string& norm_name, std::int64_t in, std::int64_t out,
                        std::int64_t kernel, const Window& window)
    : convolution(layout, convolution_name, in, out, kernel, window, kaiming_normal_fan_in),
      norm(layout, norm_name, out, convolution.weight) {}

Var DeepLabHead::Unit::operator()(const Pass& pass, const Var& x) const {
  return convolution_norm(pass, convolution, norm, x);
}

DeepLabHead::DeepLabHead(NetworkLayout& layout, const std::string& name, std::int64_t in,
                         const DeepLabHeadShape& shape, std::int64_t classes)
    : dropout(shape.dropout) {
  // In the order of the reference's state_dict.
  const std::int64_t channels = shape.channels;
  const auto branch = [&](int number, std::int64_t kernel, const Window& window) {
    const std::string unit = text(name, ".0.convs.", number);
    return Unit(layout, unit + ".0", unit + ".1", in, channels, kernel, window);
  };
  point = branch(0, 1, {});
  for (std::size_t i = 0; i < atrous.size(); ++i) {
    const std::int64_t rate = shape.rates[i];
    atrous[i] = branch(static_cast<int>(i) + 1, 3, {1, rate, rate});
  }
  pooled = Unit(layout, name + ".0.convs.4.1", name + ".0.convs.4.2", in, channels, 1, {});
  project =
      Unit(layout, name + ".0.project.0", name + ".0.project.1", 5 * channels, channels, 1, {});
  last = Unit(layout, name + ".1", name + ".2", channels, channels, 3, {1, 1});
  weight = layout.weights.add(name + ".4.weight", {classes, 1, 1, channels},
                              kaiming_normal_fan_in(channels, classes, 1));
  bias = layout.weights.add(name + ".4.bias", {classes}, default_uniform(channels), SlotKind::bias);
}

// One value an image and channel, so in f32 always.
Var DeepLabHead::pool(const Pass& pass, const Var& x) const {
  Pass in_f32 = pass;
  in_f32.precision = Precision::fp32;
  in_f32.weights.rounded = {};
  const std::int64_t batch = x.shape()[0];
  const Var mean = global_average_pool(pass.tape, x);
  const Var y = pooled(in_f32, reshape(pass.tape, mean, {batch, 1, 1, x.shape()[3]}));
  return reshape(pass.tape, y, {batch, y.shape()[3]});
}

Var DeepLabHead::operator()(const Pass& pass, const Var& x) const {
  const std::vector<Var> branches = {point(pass, x), atrous[0](pass, x), atrous[1](pass, x),
                                     atrous[2](pass, x)};
  Var y = project(pass, concatenate(pass.tape, branches, pool(pass, x)));
  if (pass.random && dropout > 0.f)
    y = saddle::dropout(pass.tape, y, *pass.random, kDropoutPlace, dropout);
  y = last(pass, y);
  return linear(pass.tape, to_f32(pass.tape, y), pass.parameter(weight), pass.parameter(bias),
                pass.precision == Precision::tf32 ? Precision::tf32 : Precision::fp32,
                pass.batching);
}

}  // namespace saddle
