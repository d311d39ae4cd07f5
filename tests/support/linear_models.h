// Models whose best attack is known, and batches for them.
//
// LIN2: pixels x of 4 elements, z_0 = w x - 1.8 with w = (3, -1, 2, 0), z_1 = 0, label 0. At the
// grey image the margin is 0.2; norms of w: 6 (l1), sqrt(14) (l2), 3 (linf); the least distances to
// the boundary are 1/30 (linf), 0.2 / sqrt(14) (l2), 0.2 / 3 (l1). LIN4 has z_2 = -5 and z_3 = -6
// besides. CONST has w = 0. Constants are made once, so that a model may be captured.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "attacks/rows.h"
#include "core/ops.h"
#include "tests/support/random_values.h"

namespace saddle::testing_support {

inline const std::vector<float>& lin_weights() {
  static const std::vector<float> w = {3, -1, 2, 0};
  return w;
}
inline const std::vector<float>& grey() {
  static const std::vector<float> x = {.5f, .5f, .5f, .5f};
  return x;
}

// z_0 - z_1 of LIN2 and LIN4 in double.
inline double lin_margin(const std::vector<float>& x) {
  double z = -1.8;
  for (std::size_t i = 0; i < 4; ++i) z += double{lin_weights()[i]} * x[i];
  return z;
}

// Images [N, 1, 1, 4] -> logits (w x + bias[0], bias[1], bias[2], ...): a 1x1 convolution, a pool
// over one pixel, and a linear layer for the bias. w [4], or with rows for further classes [., 4].
inline LogitsFunction linear_model(Device& device, const std::vector<float>& w,
                                   const std::vector<float>& bias) {
  const std::size_t classes = bias.size();
  const auto k = static_cast<std::int64_t>(classes);
  std::vector<float> rows(classes * 4, 0.f), identity(classes * classes, 0.f);
  std::copy(w.begin(), w.end(), rows.begin());
  for (std::size_t i = 0; i < classes; ++i) identity[i * classes + i] = 1;
  const Var first(Tensor::from_host(device, {k, 1, 1, 4}, rows), Gradient::none);
  const Var second(Tensor::from_host(device, {k, k}, identity), Gradient::none);
  const Var offset(Tensor::from_host(device, {k}, bias), Gradient::none);
  return [=](Tape& tape, const Var& pixels) {
    const Var products = convolution(tape, pixels, first, {1, 0});
    return linear(tape, global_average_pool(tape, products), second, offset);
  };
}

inline LogitsFunction lin2(Device& device) {
  return linear_model(device, lin_weights(), {-1.8f, 0});
}
inline LogitsFunction lin4(Device& device) {
  return linear_model(device, lin_weights(), {-1.8f, 0, -5, -6});
}
// Logits (0.5, 0, -5, -6) whatever the image: class 0, zero gradient everywhere.
inline LogitsFunction constant_model(Device& device) {
  return linear_model(device, {0, 0, 0, 0}, {.5f, 0, -5, -6});
}

// One image [1, 1, 1, 4] of the label, example 0.
inline Batch single_image(Device& device, const std::vector<float>& x, std::int32_t label = 0) {
  return {Tensor::from_host(device, {1, 1, 1, 4}, x),
          Tensor::from_host(device, {1}, std::vector{label}),
          Tensor::from_host(device, {1}, std::vector<std::int32_t>{0})};
}

// Every example `count` times, as attempts first, first + 1, ...: row k N + i is attempt first + k
// of example i.
inline Batch with_attempts(const Batch& batch, std::int32_t first, std::int32_t count) {
  std::vector<std::int32_t> rows, attempts;
  for (std::int32_t attempt = first; attempt < first + count; ++attempt) {
    for (std::int32_t i = 0; i < batch.targets.count(); ++i) {
      rows.push_back(i);
      attempts.push_back(attempt);
    }
  }
  Batch repeated = select(batch, rows);
  repeated.attempts = row_numbers(batch.inputs.device(), attempts);
  return repeated;
}

// Two ramps of each channel, squashed by ReLUs: images [N, H, W, C] -> [N, H, W, C], from our own
// kernels alone, whose bits do not depend on the batch.
inline LogitsFunction two_ramps(Device& device, std::int64_t channels) {
  const auto values = [&](float first, float step) {
    std::vector<float> host;
    for (std::int64_t c = 0; c < channels; ++c) {
      host.push_back(first + step * static_cast<float>(c));
    }
    return Tensor::from_host(device, {channels}, host);
  };
  const Tensor low_mean = values(.3f, .1f), low_scale = values(4.f, 1.5f);
  const Tensor high_mean = values(.5f, -.07f), high_scale = values(3.f, -.4f);
  return [=](Tape& tape, const Var& pixels) {
    const Var low = relu(tape, normalise(tape, pixels, low_mean, low_scale));
    const Var high = relu(tape, normalise(tape, pixels, high_mean, high_scale));
    return add(tape, low, high);
  };
}

// A model of several classes, not linear, whose bits do not depend on the batch: the ramps' means,
// images [N, H, W, C] -> [N, C].
inline LogitsFunction bit_stable_model(Device& device, std::int64_t channels) {
  return [ramps = two_ramps(device, channels)](Tape& tape, const Var& pixels) {
    return global_average_pool(tape, ramps(tape, pixels));
  };
}

// Random images [N, height, width, channels] of random labels below `channels`: those of a data set
// of `size` examples that `which` names.
inline Batch random_examples(Device& device, const std::vector<std::int32_t>& which,
                             std::int64_t size, std::int64_t height, std::int64_t width,
                             std::int64_t channels) {
  const std::int64_t columns = height * width * channels;
  const std::vector<float> images = random_values(size * columns, 7, 0.f, 1.f);
  const std::vector<std::int32_t> labels =
      random_labels(size, 8, static_cast<std::int32_t>(channels));
  std::vector<float> chosen;
  std::vector<std::int32_t> chosen_labels;
  for (std::int32_t i : which) {
    chosen.insert(chosen.end(), images.begin() + i * columns, images.begin() + (i + 1) * columns);
    chosen_labels.push_back(labels[static_cast<std::size_t>(i)]);
  }
  const auto n = static_cast<std::int64_t>(which.size());
  return {Tensor::from_host(device, {n, height, width, channels}, chosen),
          Tensor::from_host(device, {n}, chosen_labels), Tensor::from_host(device, {n}, which)};
}

}  // namespace saddle::testing_support
