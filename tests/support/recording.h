// A model that remembers the images it was asked about, and batches of chosen images.
#pragma once

#include <numeric>
#include <vector>

#include "attacks/attack.h"

namespace saddle::testing_support {

// `model`, noting the pixels of every call in `seen`. Not for devices that capture: a replayed call
// asks no function.
inline LogitsFunction recording(const LogitsFunction& model,
                                std::vector<std::vector<float>>& seen) {
  return [model, &seen](Tape& tape, const Var& pixels) {
    seen.push_back(pixels.value().to_host<float>());
    return model(tape, pixels);
  };
}

// Images [N, side, side, channels] -> logits (w x + bias, 0): a convolution as large as the image.
inline LogitsFunction template_model(Device& device, std::int64_t side, std::int64_t channels,
                                     const std::vector<float>& w, float bias) {
  std::vector<float> both = w;
  both.resize(2 * w.size(), 0.f);
  const Var first(Tensor::from_host(device, {2, side, side, channels}, both), Gradient::none);
  const Var second(Tensor::from_host(device, {2, 2}, std::vector<float>{1, 0, 0, 1}),
                   Gradient::none);
  const Var offset(Tensor::from_host(device, {2}, std::vector<float>{bias, 0}), Gradient::none);
  return [=](Tape& tape, const Var& pixels) {
    const Var products = convolution(tape, pixels, first, {1, 0});
    return linear(tape, global_average_pool(tape, products), second, offset);
  };
}

// One image `x` of label 0, `attempts` times: the attempts of example 0.
inline Batch repeated_image(Device& device, const Shape& image, const std::vector<float>& x,
                            std::int64_t attempts) {
  std::vector<float> all;
  for (std::int64_t i = 0; i < attempts; ++i) all.insert(all.end(), x.begin(), x.end());
  std::vector<std::int32_t> numbers(static_cast<std::size_t>(attempts));
  std::iota(numbers.begin(), numbers.end(), 0);
  const std::vector<std::int32_t> zeros(numbers.size(), 0);
  return {Tensor::from_host(device, {attempts, image[0], image[1], image[2]}, all),
          Tensor::from_host(device, {attempts}, zeros),
          Tensor::from_host(device, {attempts}, zeros),
          Tensor::from_host(device, {attempts}, numbers)};
}

}  // namespace saddle::testing_support
