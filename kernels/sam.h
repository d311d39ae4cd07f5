// The ascent step of sharpness-aware minimisation, in one pass over memory.
//
//   w_hat = w + rho g / (||g|| + 1e-12)      (Foret et al. 2021, eq. 2; the paper's inner
//   maximisation)
// w is not touched, so nothing has to be restored afterwards. The norm is read on the device.
#pragma once

#include "kernels/array.h"
#include "kernels/math.h"

namespace saddle {

struct SamPerturb {
  Array<const float> w, g;
  Array<const float> square_norm;  // [1]: ||g||^2
  Array<float> w_hat;
  float rho;

  SADDLE_DEVICE void operator()(int64_t i) const {
    // 1e-12 as in the reference code: g = 0 leaves w_hat = w.
    const float scale = rho / (square_root(square_norm[0]) + 1e-12f);
    w_hat[i] = w[i] + scale * g[i];
  }
};

}  // namespace saddle
