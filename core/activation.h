// Activation: which non-linearity stands behind a convolution, a normalisation or a sum.
#pragma once

#include "kernels/limits.h"

namespace saddle {

// relu6(z) = min(max(z, 0), 6): Howard et al. 2017, "MobileNets".
enum class Activation { none, relu, relu6 };

inline Limits limits_of(Activation activation) {
  switch (activation) {
    case Activation::none: break;
    case Activation::relu: return kRelu;
    case Activation::relu6: return kRelu6;
  }
  return kNoLimits;
}

// GELU: x Phi(x), or its approximation by a tanh.
enum class GeluForm { exact, tanh };

}  // namespace saddle
