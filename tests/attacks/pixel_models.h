// Segmentation models whose best attack is known, or whose bits do not depend on the batch, and
// images for them.
#pragma once

#include <cstdint>
#include <vector>

#include "attacks/pixel_losses.h"
#include "core/attack_ops.h"
#include "core/ops.h"
#include "tests/support/linear_models.h"
#include "tests/support/random_values.h"

namespace saddle::testing_support {

using Labels = std::vector<std::uint8_t>;
inline constexpr std::uint8_t kVoid = 255;

// Of every pixel by itself, logits (3 r - g + 0.5, 1) of red, green and blue: 1.5 and 1 where it is
// grey. Blue does not matter.
inline LogitsFunction pixel_lin(Device& device) {
  const Var w(Tensor::from_host(device, {2, 3}, std::vector<float>{3, -1, 0, 0, 0, 0}),
              Gradient::none);
  const Var bias(Tensor::from_host(device, {2}, std::vector<float>{.5f, 1}), Gradient::none);
  return [=](Tape& tape, const Var& pixels) { return linear(tape, pixels, w, bias); };
}

// Images [N, 8, 6, C] -> logits [N, 8, 6, C], whose bits do not depend on the batch: two ramps of
// each channel, halved and doubled in resolution.
inline LogitsFunction bit_stable_pixels(Device& device, std::int64_t channels) {
  return [ramps = two_ramps(device, channels)](Tape& tape, const Var& pixels) {
    return resize_bilinear(tape, resize_bilinear(tape, ramps(tape, pixels), 4, 3), 8, 6);
  };
}

// Random images [N, 8, 6, 3], those of a data set of `size` that `which` names, each pixel of the
// class that bit_stable_pixels finds in it, but for a tenth of random ones and a tenth of void.
inline Batch random_scenes(Device& device, const std::vector<std::int32_t>& which,
                           std::int64_t size = 8) {
  constexpr std::int64_t kPixels = 48;
  const std::vector<float> images = random_values(size * kPixels * 3, 7, 0.f, 1.f);
  const std::vector<std::int32_t> noise = random_labels(size * kPixels, 8, 30);
  const Tensor all = Tensor::from_host(cpu_device(), {size, 8, 6, 3}, images);
  Tape tape;
  const Var logits = bit_stable_pixels(cpu_device(), 3)(tape, tape.input(all, Gradient::none));
  const Labels found = predict_pixels(logits.value()).to_host<std::uint8_t>();
  std::vector<float> chosen;
  Labels labels;
  for (std::int32_t i : which) {
    chosen.insert(chosen.end(), images.begin() + i * kPixels * 3,
                  images.begin() + (i + 1) * kPixels * 3);
    for (std::int64_t pixel = i * kPixels; pixel < (i + 1) * kPixels; ++pixel) {
      const std::int32_t drawn = noise[static_cast<std::size_t>(pixel)];
      const std::uint8_t own = found[static_cast<std::size_t>(pixel)];
      labels.push_back(drawn < 3 ? static_cast<std::uint8_t>(drawn) : drawn < 6 ? kVoid : own);
    }
  }
  const auto n = static_cast<std::int64_t>(which.size());
  return {Tensor::from_host(device, {n, 8, 6, 3}, chosen),
          Tensor::from_host(device, {n, 8, 6}, labels), Tensor::from_host(device, {n}, which)};
}

// Examples of random_scenes: as many as the device computes in no time.
inline std::vector<std::int32_t> some_scenes(const Device& device) {
  if (device.name() == "emulated") return {0, 1, 2};
  return {0, 1, 2, 3, 4, 5, 6, 7};
}

// Right pixels of each image.
inline std::vector<float> right_pixels(const LogitsFunction& model, const Tensor& images,
                                       const Batch& batch) {
  Tape tape;
  const Var logits = model(tape, tape.input(images, Gradient::none));
  return pixel_cross_entropy(tape, logits, batch.targets, LossReduction::sum)
      .right.to_host<float>();
}

// w of mce-bal for three classes.
inline Tensor balance(Device& device) {
  return Tensor::from_host(device, {3}, std::vector<float>{.2f, .3f, .5f});
}

}  // namespace saddle::testing_support
