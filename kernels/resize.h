// Bilinear resizing, an axis at a time, as PyTorch's interpolate with align_corners = false:
//
//   place of output i:  f = max(in / out (i + 0.5) - 0.5, 0),  i0 = floor(f),  i1 = min(i0 + 1, in
//   - 1) y[i] = (1 - t) x[i0] + t x[i1]  with  t = f - i0
//
// in float, whose rounding is part of the definition. An axis is the middle one of [outer, extent,
// inner], so of images NHWC columns are resized as [N H, W, C] and rows as [N, H, W C]. The
// gradient gathers: an input adds, in rising order, what the outputs that read it have for it.
#pragma once

#include "kernels/array.h"
#include "kernels/math.h"
#include "kernels/span.h"

namespace saddle {

// Where an output reads.
struct ResizePlace {
  int64_t first, second;
  float toward_second;

  SADDLE_DEVICE ResizePlace(int64_t output, int64_t in, int64_t out) {
    const float ratio = static_cast<float>(in) / static_cast<float>(out);
    const float at = larger(ratio * (static_cast<float>(output) + 0.5f) - 0.5f, 0.f);
    first = smaller(static_cast<int64_t>(at), in - 1);
    second = smaller(first + 1, in - 1);
    toward_second = at - static_cast<float>(first);
  }
  // How much of input `i` the output holds.
  SADDLE_DEVICE float weight_of(int64_t i) const {
    return (i == first ? 1.f - toward_second : 0.f) + (i == second ? toward_second : 0.f);
  }
};

// Rows are outer * out + output.
struct ResizeAxis {
  static constexpr int kSpan = 4;
  Array<const float> x;  // [outer, in, inner]
  Array<float> y;        // [outer, out, inner]
  int64_t in, out, inner;

  template <int N>
  SADDLE_DEVICE void span(int64_t row, int64_t column) const {
    const ResizePlace place(row % out, in, out);
    const int64_t from = row / out * in * inner + column;
    const float t = place.toward_second, s = 1.f - t;
    Floats<N> values = load<N>(x, from + place.first * inner);
    const Floats<N> second = load<N>(x, from + place.second * inner);
    for (int k = 0; k < N; ++k) values[k] = s * values[k] + t * second[k];
    store<N>(y, row * inner + column, values);
  }
  SADDLE_DEVICE void operator()(int64_t row, int64_t column) const { span<1>(row, column); }
  bool aligned(int64_t columns) const { return columns % kSpan == 0 && all_aligned(x, y); }
};

// dx. A block is outer * in + input.
struct ResizeAxisBackward {
  static constexpr int kThreads = 128;
  Array<const float> dy;  // [outer, out, inner]
  Array<float> dx;        // [outer, in, inner]
  int64_t in, out, inner;

  template <class Block>
  SADDLE_DEVICE void operator()(Block& b) const {
    const int64_t input = b.block() % in, outer = b.block() / in;
    const int64_t first = first_reader(input), end = end_of_readers(input, first);
    for (int64_t column = b.thread(); column < inner; column += kThreads) {
      float sum = 0.f;
      for (int64_t output = first; output < end; ++output) {
        const float weight = ResizePlace(output, in, out).weight_of(input);
        sum = fmaf(weight, dy[(outer * out + output) * inner + column], sum);
      }
      dx[b.block() * inner + column] = sum;
    }
  }

  void reference(int64_t block) const {
    const int64_t input = block % in, outer = block / in;
    const int64_t first = first_reader(input), end = end_of_readers(input, first);
    float* to = dx.data + block * inner;
    for (int64_t column = 0; column < inner; ++column) to[column] = 0.f;
    for (int64_t output = first; output < end; ++output) {
      const float weight = ResizePlace(output, in, out).weight_of(input);
      const float* from = dy.data + (outer * out + output) * inner;
      for (int64_t column = 0; column < inner; ++column) {
        to[column] = fmaf(weight, from[column], to[column]);
      }
    }
  }

 private:
  // The outputs that read an input are neighbours, for `first` never falls: a search by halves.
  SADDLE_DEVICE int64_t first_reader(int64_t input) const {
    int64_t low = 0, high = out;
    while (low < high) {
      const int64_t middle = (low + high) / 2;
      if (ResizePlace(middle, in, out).second < input) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low;
  }
  SADDLE_DEVICE int64_t end_of_readers(int64_t input, int64_t output) const {
    while (output < out && ResizePlace(output, in, out).first <= input) ++output;
    return output;
  }
};

}  // namespace saddle
