// Whether a convolution's result is right to the last bit: for a library's kernels, before a run
// trusts them.
//
// The inputs are small integers, so that every sum of products is exact in f32 in whatever order it
// is taken, and a right kernel has no rounding to be forgiven. The result is looked at through one
// random integer combination over its last channel index (Freivalds, "Probabilistic machines can
// use less running time", IFIP 1977), which costs a channel's share of the convolution itself:
//   sum_o r[o] y[n, oy, ox, o] = sum over ky, kx, i of x[n, iy, ix, i] (sum_o r[o] w[o, ky, kx, i])
// for each pixel, and likewise for both gradients. One wrong element of a pixel always shows;
// several cancel with a chance of about 2^-15.
#pragma once

#include <cstdint>
#include <span>

#include "core/device.h"

namespace saddle {

// Integers from -2 to 2 that look random; `seed` tells one array from another.
void fill_with_integers(std::span<float> values, std::uint32_t seed);

// With x, w and dy by fill_with_integers, in Device's layouts: whether y is the convolution of x
// and w plus the residual (null: none), dx the gradient with respect to x, dw that with respect to
// w. False also where a value is not finite.
bool is_convolution(const Convolution& shape, const float* x, const float* w, const float* residual,
                    const float* y);
bool is_data_gradient(const Convolution& shape, const float* dy, const float* w, const float* dx);
bool is_weight_gradient(const Convolution& shape, const float* x, const float* dy, const float* dw);

}  // namespace saddle
