// The ascent step of sharpness-aware minimisation, in one pass over memory.
//
//   w_hat = w + rho g / (||g|| + 1e-12)      (Foret et al. 2021, eq. 2; the paper's inner
//   maximisation)
// w is not touched, so nothing has to be restored afterwards. The norm is read on the device.
#pragma once

#include "kernels/array.h"
#include "kernels/bfloat16.h"
#include "kernels/math.h"
#include "kernels/span.h"

namespace saddle {

struct SamPerturb {
  static constexpr int kSpan = 4;
  Array<const float> w, g;
  Array<const float> square_norm;  // [1]: ||g||^2
  Array<float> w_hat;
  Array<Bfloat16> copy;  // w_hat rounded, for convolutions in bf16; empty: none is kept
  float rho;

  template <int N>
  SADDLE_DEVICE void span(int64_t i) const {
    // 1e-12 as in the reference code: g = 0 leaves w_hat = w.
    const float scale = rho / (square_root(square_norm[0]) + 1e-12f);
    Floats<N> moved = load<N>(w, i);
    const Floats<N> gradient = load<N>(g, i);
    for (int k = 0; k < N; ++k) moved[k] += scale * gradient[k];
    store<N>(w_hat, i, moved);
    if (copy) store<N>(copy, i, moved);
  }
  SADDLE_DEVICE void operator()(int64_t i) const { span<1>(i); }
  bool aligned() const { return all_aligned(w, g, w_hat, copy); }
};

}  // namespace saddle
