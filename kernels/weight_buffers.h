// What training does to a whole buffer of weights or gradients besides the optimiser's step.
#pragma once

#include "kernels/math.h"
#include "kernels/span.h"

namespace saddle {

// g <- g min(1, limit / (||g|| + 1e-6)), the norm over the whole buffer: as PyTorch's
// clip_grad_norm_ (Pascanu et al. 2013). The squared norm is read on the device.
struct ClipToNorm {
  static constexpr int kSpan = 4;
  Array<float> g;                  // [n]
  Array<const float> square_norm;  // [1]
  float limit;

  template <int N>
  SADDLE_DEVICE void span(int64_t i) const {
    const float factor = limit / (square_root(square_norm[0]) + 1e-6f);
    if (factor >= 1.f) return;
    Floats<N> gradient = load<N>(g, i);
    for (int k = 0; k < N; ++k) gradient[k] *= factor;
    store<N>(g, i, gradient);
  }
  SADDLE_DEVICE void operator()(int64_t i) const { span<1>(i); }
  bool aligned() const { return all_aligned(g); }
};

// y <- y + factor x, or factor x where `keep` is 0, whatever y holds
struct AddScaled {
  static constexpr int kSpan = 4;
  Array<const float> x;  // [n]
  Array<float> y;        // [n]
  float factor, keep;

  template <int N>
  SADDLE_DEVICE void span(int64_t i) const {
    Floats<N> sum = load<N>(x, i);
    const Floats<N> before = load<N>(y, i);
    for (int k = 0; k < N; ++k) sum[k] = (keep != 0.f ? before[k] : 0.f) + factor * sum[k];
    store<N>(y, i, sum);
  }
  SADDLE_DEVICE void operator()(int64_t i) const { span<1>(i); }
  bool aligned() const { return all_aligned(x, y); }
};

// average <- average + (1 - decay) (value - average)
struct MovingAverage {
  static constexpr int kSpan = 4;
  Array<const float> value;  // [n]
  Array<float> average;      // [n]
  float decay;

  template <int N>
  SADDLE_DEVICE void span(int64_t i) const {
    const Floats<N> now = load<N>(value, i);
    Floats<N> mean = load<N>(average, i);
    for (int k = 0; k < N; ++k) mean[k] += (1.f - decay) * (now[k] - mean[k]);
    store<N>(average, i, mean);
  }
  SADDLE_DEVICE void operator()(int64_t i) const { span<1>(i); }
  bool aligned() const { return all_aligned(value, average); }
};

}  // namespace saddle
