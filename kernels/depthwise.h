// Depthwise 3x3 convolution: every channel has a kernel of its own. Any stride, padding and
// dilation; images NHWC, weights [3, 3, channels]. Howard et al. 2017, "MobileNets".
//
//   y[n, oy, ox, c]  = sum over ky, kx of x[n, oy s + ky d - p, ox s + kx d - p, c] w[ky, kx, c]
//   dx[n, iy, ix, c] = sum over the (ky, kx, oy, ox) that read it of dy[n, oy, ox, c] w[ky, kx, c]
//
// and dw in depthwise_weights.h.
//
// It does 9 products for each value it reads, so what counts is that memory is read once and the
// channels fill vectors. A block is a row of results. Sums go over the taps in rising order, by
// fmaf, on every target: one thread's few channels on a GPU, on a CPU a strip of channels whose
// taps are found once a row, so that the loop over columns has no test in it. (oneDNN 3.2 has no
// dilated gradients of its own and falls to loops that are ten times slower.) T is float or
// Bfloat16, for images, weights and results; sums are f32.
#pragma once

#include "kernels/array.h"
#include "kernels/bfloat16.h"
#include "kernels/chunks.h"
#include "kernels/limits.h"
#include "kernels/span.h"

namespace saddle {

inline constexpr int64_t kTaps = 3;  // a side
inline constexpr int64_t kAllTaps = kTaps * kTaps;

struct DepthwiseShape {
  int64_t batch, height, width, channels, stride, padding, dilation;

  SADDLE_DEVICE int64_t out_height() const { return out_of(height); }
  SADDLE_DEVICE int64_t out_width() const { return out_of(width); }
  // The place that tap k of output `out` reads; it may lie outside the image.
  SADDLE_DEVICE int64_t read_by(int64_t out, int64_t k) const {
    return out * stride + k * dilation - padding;
  }
  // `stride` times the output whose tap k reads `in`; it may be no multiple, or outside.
  SADDLE_DEVICE int64_t reads(int64_t in, int64_t k) const { return in + padding - k * dilation; }

 private:
  SADDLE_DEVICE int64_t out_of(int64_t extent) const {
    return (extent + 2 * padding - dilation * (kTaps - 1) - 1) / stride + 1;
  }
};

namespace depthwise {

// One row of results as a gather: result `first + step * j` is the sum over the taps of
// from[row + (j * stride + shift) * channels] w[tap].
struct Taps {
  int count = 0;
  int64_t row[kAllTaps], shift[kAllTaps], tap[kAllTaps];

  void add(int64_t from_row, int64_t from_shift, int64_t which) {
    row[count] = from_row, shift[count] = from_shift, tap[count] = which;
    ++count;
  }
};

// A run of results in a row, and how wide the row they read is.
struct Run {
  int64_t first, step, count;  // results first, first + step, ...
  int64_t stride, width;       // of what they read
};

// Results [from, to) of the run, all of whose taps are inside; Count taps, or as many as there are.
template <int Count, class T, class Channels, class Store>
void gather_inside(const T* from, const Taps& taps, const float (&w)[kAllTaps][kGroupChannels],
                   const Run& run, int64_t channels, int64_t begin, int64_t end, Channels strip,
                   Store store) {
  const T* read[kAllTaps];
  const int count = Count > 0 ? Count : taps.count;
  for (int t = 0; t < count; ++t) {
    read[t] = from + taps.row[t] + (begin * run.stride + taps.shift[t]) * channels;
  }
  for (int64_t j = begin; j < end; ++j) {
    float sum[kGroupChannels] = {};
    for (int t = 0; t < count; ++t) {
      for (int64_t c = 0; c < strip; ++c) sum[c] = fmaf(read[t][c], w[t][c], sum[c]);
      read[t] += run.stride * channels;
    }
    store(j, sum);
  }
}

// All results of the run. Those in the middle read all taps; at the edges some lie outside.
template <class T, class Channels, class Store>
void gather(const T* from, const Taps& taps, const float (&w)[kAllTaps][kGroupChannels],
            const Run& run, int64_t channels, Channels strip, Store store) {
  const auto inside = [&](int64_t j, int t) {
    const int64_t column = j * run.stride + taps.shift[t];
    return column >= 0 && column < run.width;
  };
  const auto at_the_edge = [&](int64_t j) {
    float sum[kGroupChannels] = {};
    for (int t = 0; t < taps.count; ++t) {
      if (!inside(j, t)) continue;
      const T* read = from + taps.row[t] + (j * run.stride + taps.shift[t]) * channels;
      for (int64_t c = 0; c < strip; ++c) sum[c] = fmaf(read[c], w[t][c], sum[c]);
    }
    store(j, sum);
  };
  const auto all_inside = [&](int64_t j) {
    for (int t = 0; t < taps.count; ++t) {
      if (!inside(j, t)) return false;
    }
    return true;
  };
  int64_t begin = 0, end = run.count;
  while (begin < end && !all_inside(begin)) ++begin;
  while (end > begin && !all_inside(end - 1)) --end;
  for (int64_t j = 0; j < begin; ++j) at_the_edge(j);
  switch (taps.count) {
    case 9: gather_inside<9>(from, taps, w, run, channels, begin, end, strip, store); break;
    case 6: gather_inside<6>(from, taps, w, run, channels, begin, end, strip, store); break;
    case 4: gather_inside<4>(from, taps, w, run, channels, begin, end, strip, store); break;
    case 3: gather_inside<3>(from, taps, w, run, channels, begin, end, strip, store); break;
    case 2: gather_inside<2>(from, taps, w, run, channels, begin, end, strip, store); break;
    default: gather_inside<0>(from, taps, w, run, channels, begin, end, strip, store);
  }
  for (int64_t j = end; j < run.count; ++j) at_the_edge(j);
}

// The weights of the taps for a strip of channels.
template <class T>
void strip_of_weights(const T* w, const Taps& taps, int64_t channels, int64_t first, int64_t count,
                      float (&strip)[kAllTaps][kGroupChannels]) {
  for (int t = 0; t < taps.count; ++t) {
    for (int64_t c = 0; c < count; ++c) strip[t][c] = w[taps.tap[t] * channels + first + c];
  }
}

}  // namespace depthwise

// y <- clip(x * w + bias, low, high). A block is a row of y, n * out_height + oy.
template <class T>
struct DepthwiseForward {
  static constexpr int kThreads = 128;
  Array<const T> x;         // [batch, height, width, channels]
  Array<const T> w;         // [3, 3, channels]
  Array<const float> bias;  // [channels]; empty: none
  Array<T> y;               // [batch, out_height, out_width, channels]
  DepthwiseShape shape;
  Limits limits;

  template <class Block>
  SADDLE_DEVICE void operator()(Block& b) const {
    constexpr int kVector = kAccessElements<T>;
    if (shape.channels % kVector == 0 && all_aligned(x, w, bias, y)) {
      row_of<kVector>(b);
    } else {
      row_of<1>(b);
    }
  }

  template <int N, class Block>
  SADDLE_DEVICE void row_of(Block& b) const {
    const int64_t channels = shape.channels, spans = channels / N;
    const int64_t image = b.block() / shape.out_height(), oy = b.block() % shape.out_height();
    for (int64_t i = b.thread(); i < shape.out_width() * spans; i += kThreads) {
      const int64_t ox = i / spans, c = i % spans * N;
      Floats<N> sum = {};
      for (int64_t tap = 0; tap < kAllTaps; ++tap) {
        const int64_t iy = shape.read_by(oy, tap / kTaps), ix = shape.read_by(ox, tap % kTaps);
        if (iy < 0 || iy >= shape.height || ix < 0 || ix >= shape.width) continue;
        const Floats<N> value =
            load<N>(x, ((image * shape.height + iy) * shape.width + ix) * channels + c);
        const Floats<N> weight = load<N>(w, tap * channels + c);
        for (int k = 0; k < N; ++k) sum[k] = fmaf(value[k], weight[k], sum[k]);
      }
      if (bias) {
        const Floats<N> added = load<N>(bias, c);
        for (int k = 0; k < N; ++k) sum[k] += added[k];
      }
      for (int k = 0; k < N; ++k) sum[k] = limits(sum[k]);
      store<N>(y, (b.block() * shape.out_width() + ox) * channels + c, sum);
    }
  }

  void reference(int64_t row) const {
    const int64_t channels = shape.channels;
    const int64_t image = row / shape.out_height(), oy = row % shape.out_height();
    depthwise::Taps taps;
    for (int64_t ky = 0; ky < kTaps; ++ky) {
      const int64_t iy = shape.read_by(oy, ky);
      if (iy < 0 || iy >= shape.height) continue;
      for (int64_t kx = 0; kx < kTaps; ++kx) {
        taps.add((image * shape.height + iy) * shape.width * channels, shape.read_by(0, kx),
                 ky * kTaps + kx);
      }
    }
    const depthwise::Run run{0, 1, shape.out_width(), shape.stride, shape.width};
    for (int64_t first = 0; first < channels; first += kGroupChannels) {
      with_constant_count(smaller(kGroupChannels, channels - first), [&](auto count) {
        float weights[kAllTaps][kGroupChannels];
        depthwise::strip_of_weights(w.data, taps, channels, first, count, weights);
        const float* added = bias ? bias.data + first : nullptr;
        T* results = y.data + row * shape.out_width() * channels + first;
        depthwise::gather(x.data + first, taps, weights, run, channels, count,
                          [&](int64_t ox, const float* sum) {
                            T* to = results + ox * channels;
                            for (int64_t c = 0; c < count; ++c) {
                              to[c] = limits(added ? sum[c] + added[c] : sum[c]);
                            }
                          });
      });
    }
  }
};

// dx; a block is a row of dx, n * height + iy.
template <class T>
struct DepthwiseBackwardData {
  static constexpr int kThreads = 128;
  Array<const T> dy;  // [batch, out_height, out_width, channels]
  Array<const T> w;   // [3, 3, channels]
  Array<T> dx;        // [batch, height, width, channels]
  DepthwiseShape shape;

  template <class Block>
  SADDLE_DEVICE void operator()(Block& b) const {
    constexpr int kVector = kAccessElements<T>;
    if (shape.channels % kVector == 0 && all_aligned(dy, w, dx)) {
      row_of<kVector>(b);
    } else {
      row_of<1>(b);
    }
  }

  template <int N, class Block>
  SADDLE_DEVICE void row_of(Block& b) const {
    const int64_t channels = shape.channels, spans = channels / N;
    const int64_t image = b.block() / shape.height, iy = b.block() % shape.height;
    for (int64_t i = b.thread(); i < shape.width * spans; i += kThreads) {
      const int64_t ix = i / spans, c = i % spans * N;
      Floats<N> sum = {};
      for (int64_t tap = 0; tap < kAllTaps; ++tap) {
        const int64_t oy = shape.reads(iy, tap / kTaps), ox = shape.reads(ix, tap % kTaps);
        if (!is_output(oy, shape.out_height()) || !is_output(ox, shape.out_width())) continue;
        const int64_t row = image * shape.out_height() + oy / shape.stride;
        const Floats<N> gradient =
            load<N>(dy, (row * shape.out_width() + ox / shape.stride) * channels + c);
        const Floats<N> weight = load<N>(w, tap * channels + c);
        for (int k = 0; k < N; ++k) sum[k] = fmaf(gradient[k], weight[k], sum[k]);
      }
      store<N>(dx, (b.block() * shape.width + ix) * channels + c, sum);
    }
  }

  // Columns that lie `stride` apart are read by the same taps, so they are a run.
  void reference(int64_t row) const {
    const int64_t channels = shape.channels, stride = shape.stride;
    const int64_t image = row / shape.height, iy = row % shape.height;
    for (int64_t phase = 0; phase < smaller(stride, shape.width); ++phase) {
      depthwise::Taps taps;
      for (int64_t tap = 0; tap < kAllTaps; ++tap) {
        const int64_t oy = shape.reads(iy, tap / kTaps), ox = shape.reads(phase, tap % kTaps);
        if (!is_output(oy, shape.out_height()) || ox % stride != 0) continue;
        const int64_t from_row = image * shape.out_height() + oy / stride;
        taps.add(from_row * shape.out_width() * channels, ox / stride, tap);
      }
      const depthwise::Run run{phase, stride, ceil_divide(shape.width - phase, stride), 1,
                               shape.out_width()};
      for (int64_t first = 0; first < channels; first += kGroupChannels) {
        with_constant_count(smaller(kGroupChannels, channels - first), [&](auto count) {
          float weights[kAllTaps][kGroupChannels];
          depthwise::strip_of_weights(w.data, taps, channels, first, count, weights);
          T* results = dx.data + row * shape.width * channels + first;
          depthwise::gather(dy.data + first, taps, weights, run, channels, count,
                            [&](int64_t j, const float* sum) {
                              T* to = results + (run.first + j * run.step) * channels;
                              for (int64_t c = 0; c < count; ++c) to[c] = sum[c];
                            });
        });
      }
    }
  }

 private:
  SADDLE_DEVICE bool is_output(int64_t scaled, int64_t extent) const {
    return scaled >= 0 && scaled % shape.stride == 0 && scaled / shape.stride < extent;
  }
};

}  // namespace saddle
