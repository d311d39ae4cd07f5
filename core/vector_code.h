// The hand-written convolutions and products of the CPU device, as they are compiled for one width
// of vectors.
//
// One program holds them for 8 lanes and for the 16 of AVX-512 and takes, when it starts, what the
// processor has. Every sum is made in the same order whatever the width, so that both give the same
// bits.
#pragma once

#include <cstdint>

namespace saddle {

// What a convolution does with each sum y before it is stored: clip(y + residual + bias).
struct Finish {
  const float* residual;  // of y's shape, or null
  const float* bias;      // [channels], or null
  float low, high;
};
inline constexpr Finish kUnfinished = {nullptr, nullptr, -__builtin_inff(), __builtin_inff()};

// A 3x3 convolution of stride 1 and as much padding as dilation: images NHWC, w [out, 3, 3, in].
struct Convolution3x3 {
  std::int64_t images, height, width, in, out, dilation = 1;
};

// c [m, n] = a b, n a multiple of the number of lanes: element (i, p) of a is a[i a_row + p], or
// a[p a_row + i] where a is transposed.
struct SmallProduct {
  std::int64_t m, n, k, a_row;
  bool transposed;
  std::int64_t b_row, c_row;
};

struct VectorCode {
  // By Winograd's algorithm (core/winograd_lanes.h). Both channel counts are multiples of the
  // number of lanes.
  void (*winograd_forward)(const Convolution3x3&, const float* x, const float* w, const Finish&,
                           float* y);
  void (*winograd_backward_data)(const Convolution3x3&, const float* dy, const float* w, float* dx);
  void (*winograd_backward_weights)(const Convolution3x3&, const float* x, const float* dy,
                                    float* dw);
  // For images of 1 to 4 channels, not dilated (core/thin_lanes.h).
  void (*thin_backward_data)(const Convolution3x3&, const float* dy, const float* w, float* dx);
  // Of attention (core/small_product_lanes.h).
  void (*multiply)(const SmallProduct&, const float* a, const float* b, float* c);
  // to [columns, rows] <- from [rows, columns], with zeros up to a multiple of the number of lanes.
  void (*transpose)(std::int64_t rows, std::int64_t columns, const float* from,
                    std::int64_t row_of_from, float* to, std::int64_t row_of_to);
};

// For 8 and for 16 lanes. The latter needs a processor with AVX-512 (F, BW, DQ, VL).
template <int kLanes>
const VectorCode& vector_code();
template <>
const VectorCode& vector_code<8>();
template <>
const VectorCode& vector_code<16>();

// 16 where the processor has AVX-512 and is not held to less (core/cpu_isa.h), else 8.
int vector_lanes();

// The widest code that the processor runs and whose lanes fill `channels`, a multiple of 8.
const VectorCode& vector_code_for(std::int64_t channels);

}  // namespace saddle
