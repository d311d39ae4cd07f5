// What GSAM and LookSAM do with the two gradients of a SAM step: g at w and g_hat at w_hat.
//
// Both take one gradient's part orthogonal to the other,
//   x - (<x, y> / ||y||^2) y
// whose scalar products are sums made before, read on the device.
#pragma once

#include "kernels/array.h"
#include "kernels/math.h"
#include "kernels/span.h"

namespace saddle {

// <x, y> / ||y||^2; 0 where y is 0.
SADDLE_DEVICE float projection(float dot, float square_norm) {
  const float norm = square_root(square_norm) + 1e-12f;
  return dot / norm / norm;
}

// g_hat <- g_hat - alpha g_orthogonal, the part of g orthogonal to g_hat. Zhuang et al. 2022
// (GSAM).
struct GsamDescent {
  static constexpr int kSpan = 4;
  Array<const float> g;
  Array<float> g_hat;
  Array<const float> dot, square_norm;  // [1] each: <g, g_hat>, ||g_hat||^2
  float alpha;

  template <int N>
  SADDLE_DEVICE void span(int64_t i) const {
    const float along = projection(dot[0], square_norm[0]);
    const Floats<N> old = load<N>(g, i);
    Floats<N> descent = load<N>(g_hat, i);
    for (int k = 0; k < N; ++k) descent[k] -= alpha * (old[k] - along * descent[k]);
    store<N>(g_hat, i, descent);
  }
  SADDLE_DEVICE void operator()(int64_t i) const { span<1>(i); }
  bool aligned() const { return all_aligned(g, g_hat); }
};

// g_v <- the part of g_hat orthogonal to g. Liu et al. 2022 (LookSAM).
struct LookSamKeep {
  static constexpr int kSpan = 4;
  Array<const float> g, g_hat;
  Array<float> g_v;
  Array<const float> dot, square_norm;  // [1] each: <g_hat, g>, ||g||^2

  template <int N>
  SADDLE_DEVICE void span(int64_t i) const {
    const float along = projection(dot[0], square_norm[0]);
    const Floats<N> old = load<N>(g, i);
    Floats<N> kept = load<N>(g_hat, i);
    for (int k = 0; k < N; ++k) kept[k] -= along * old[k];
    store<N>(g_v, i, kept);
  }
  SADDLE_DEVICE void operator()(int64_t i) const { span<1>(i); }
  bool aligned() const { return all_aligned(g, g_hat, g_v); }
};

// g <- g + alpha (||g|| / ||g_v||) g_v
struct LookSamReuse {
  static constexpr int kSpan = 4;
  Array<float> g;
  Array<const float> g_v;
  Array<const float> square_norm, kept_square_norm;  // [1] each: ||g||^2, ||g_v||^2
  float alpha;

  template <int N>
  SADDLE_DEVICE void span(int64_t i) const {
    const float scale =
        alpha * (square_root(square_norm[0]) / (square_root(kept_square_norm[0]) + 1e-12f));
    const Floats<N> kept = load<N>(g_v, i);
    Floats<N> descent = load<N>(g, i);
    for (int k = 0; k < N; ++k) descent[k] += scale * kept[k];
    store<N>(g, i, descent);
  }
  SADDLE_DEVICE void operator()(int64_t i) const { span<1>(i); }
  bool aligned() const { return all_aligned(g, g_v); }
};

}  // namespace saddle
