// The weight gradient of a depthwise 3x3 convolution (depthwise.h):
//
//   dw[ky, kx, c] = sum over n, oy, ox of dy[n, oy, ox, c] x[n, oy s + ky d - p, ox s + kx d - p,
//   c]
//
// in two launches: sums over chunks of rows here, then the chunks' sum (ColumnSum).
#pragma once

#include "kernels/collectives.h"
#include "kernels/depthwise.h"

namespace saddle {

// The sums of dw over the rows of y, n * out_height + oy, of a chunk: partial[chunk, tap, c]. A
// block takes kGroupChannels channels of a chunk, a thread as many neighbouring channels as 16
// bytes hold of a lane: rows that follow each other, so that its sums stay in registers.
template <class T>
struct DepthwiseBackwardWeights {
  static constexpr int kThreads = 64;
  static constexpr int kVector = kAccessElements<T>;       // channels of a thread
  static constexpr int kWidth = kGroupChannels / kVector;  // threads side by side
  static constexpr int kLanes = kThreads / kWidth;
  Array<const T> x;      // [batch, height, width, channels]
  Array<const T> dy;     // [batch, out_height, out_width, channels]
  Array<float> partial;  // [chunks, 3, 3, channels]
  DepthwiseShape shape;

  struct Lanes;

  static SADDLE_DEVICE int64_t lane_rows(int64_t rows) {
    constexpr int64_t kFewest = 4;
    const int64_t each = ceil_divide(rows, kLanes * kMostChunks);
    return each < kFewest ? kFewest : each;
  }
  static int64_t chunks(const DepthwiseShape& shape) {
    const int64_t rows = shape.batch * shape.out_height();
    return ceil_divide(rows, kLanes * lane_rows(rows));
  }
  static int64_t blocks(const DepthwiseShape& shape) {
    return chunks(shape) * channel_groups(shape.channels);
  }

  template <class Block>
  SADDLE_DEVICE void operator()(Block& b) const {
    const int64_t channels = shape.channels, groups = channel_groups(channels);
    const int64_t chunk = b.block() / groups, group = b.block() % groups * kGroupChannels;
    const int64_t own = group + b.thread() % kWidth * kVector;
    const bool whole = channels % kVector == 0 && all_aligned(x, dy);
    Floats<kVector> sums[kAllTaps] = {};
    if (own < channels) {
      const Rows rows = rows_of(chunk, b.thread() / kWidth);
      for (int64_t row = rows.first; row < rows.end; ++row) add_row(row, own, whole, sums);
    }
    const int64_t channel = group + b.thread();
    for (int64_t tap = 0; tap < kAllTaps; ++tap) {
      const float sum = column_sums<Lanes, kGroupChannels, kThreads>(b, sums[tap]);
      if (b.thread() < kGroupChannels && channel < channels) {
        partial[(chunk * kAllTaps + tap) * channels + channel] = sum;
      }
    }
  }

  void reference(int64_t block) const {
    const int64_t channels = shape.channels, groups = channel_groups(channels);
    const int64_t chunk = block / groups, group = block % groups * kGroupChannels;
    with_constant_count(smaller(kGroupChannels, channels - group), [&](auto count) {
      for (int64_t ky = 0; ky < kTaps; ++ky) {
        float sums[kTaps][kLanes][kGroupChannels] = {};
        for (int64_t lane = 0; lane < kLanes; ++lane) {
          const Rows rows = rows_of(chunk, lane);
          for (int64_t row = rows.first; row < rows.end; ++row) {
            add_taps(row, ky, group, count, sums[0][lane], sums[1][lane], sums[2][lane]);
          }
        }
        for (int64_t kx = 0; kx < kTaps; ++kx) {
          float total[kGroupChannels];
          column_sums_in_block_order<kThreads>(sums[kx], total);
          float* to = partial.data + (chunk * kAllTaps + ky * kTaps + kx) * channels + group;
          for (int64_t c = 0; c < count; ++c) to[c] = total[c];
        }
      }
    });
  }

 private:
  struct Rows {
    int64_t first, end;
  };
  SADDLE_DEVICE Rows rows_of(int64_t chunk, int64_t lane) const {
    const int64_t rows = shape.batch * shape.out_height(), each = lane_rows(rows);
    const int64_t first = (chunk * kLanes + lane) * each;
    return {smaller(rows, first), smaller(rows, first + each)};
  }

  // What a thread adds for a row: the channels from `own` on.
  SADDLE_DEVICE void add_row(int64_t row, int64_t own, bool whole,
                             Floats<kVector> (&sums)[kAllTaps]) const {
    const int64_t channels = shape.channels;
    const int64_t image = row / shape.out_height(), oy = row % shape.out_height();
    const auto fetch = [&](const Array<const T>& from, int64_t i) {
      return whole ? load<kVector>(from, i) : load_first<kVector>(from, i, channels - own);
    };
    for (int64_t ox = 0; ox < shape.out_width(); ++ox) {
      const Floats<kVector> gradient = fetch(dy, (row * shape.out_width() + ox) * channels + own);
      for (int64_t tap = 0; tap < kAllTaps; ++tap) {
        const int64_t iy = shape.read_by(oy, tap / kTaps), ix = shape.read_by(ox, tap % kTaps);
        if (iy < 0 || iy >= shape.height || ix < 0 || ix >= shape.width) continue;
        const int64_t pixel = (image * shape.height + iy) * shape.width + ix;
        const Floats<kVector> value = fetch(x, pixel * channels + own);
        for (int k = 0; k < kVector; ++k) {
          sums[tap][k] = fmaf(value[k], gradient[k], sums[tap][k]);
        }
      }
    }
  }

  // The three taps of one row of the kernel, for a row of y: [count] sums each.
  template <class Channels>
  void add_taps(int64_t row, int64_t ky, int64_t group, Channels count, float* left, float* middle,
                float* right) const {
    const int64_t channels = shape.channels, stride = shape.stride;
    const int64_t image = row / shape.out_height(), oy = row % shape.out_height();
    const int64_t iy = shape.read_by(oy, ky);
    if (iy < 0 || iy >= shape.height) return;
    const T* gradients = dy.data + row * shape.out_width() * channels + group;
    const T* values = x.data + (image * shape.height + iy) * shape.width * channels + group;
    float a[kGroupChannels], b[kGroupChannels], d[kGroupChannels];
    for (int64_t c = 0; c < count; ++c) a[c] = left[c], b[c] = middle[c], d[c] = right[c];
    const auto add_where_inside = [&](int64_t ox, int64_t kx, float* sums) {
      const int64_t ix = shape.read_by(ox, kx);
      if (ix < 0 || ix >= shape.width) return;
      const T* value = values + ix * channels;
      const T* gradient = gradients + ox * channels;
      for (int64_t c = 0; c < count; ++c) sums[c] = fmaf(value[c], gradient[c], sums[c]);
    };
    const auto at_the_edge = [&](int64_t from, int64_t to) {
      for (int64_t ox = from; ox < to; ++ox) {
        add_where_inside(ox, 0, a);
        add_where_inside(ox, 1, b);
        add_where_inside(ox, 2, d);
      }
    };
    // The outputs [begin, end) whose three taps all lie inside.
    const int64_t room = shape.width - shape.read_by(0, kTaps - 1);
    const int64_t end = room <= 0 ? 0 : smaller(shape.out_width(), ceil_divide(room, stride));
    const int64_t begin = smaller(ceil_divide(shape.padding, stride), end);
    at_the_edge(0, begin);
    for (int64_t ox = begin; ox < end; ++ox) {
      const T* value = values + shape.read_by(ox, 0) * channels;
      const T* next = value + shape.dilation * channels;
      const T* last = next + shape.dilation * channels;
      const T* gradient = gradients + ox * channels;
      for (int64_t c = 0; c < count; ++c) {
        a[c] = fmaf(value[c], gradient[c], a[c]);
        b[c] = fmaf(next[c], gradient[c], b[c]);
        d[c] = fmaf(last[c], gradient[c], d[c]);
      }
    }
    at_the_edge(end, shape.out_width());
    for (int64_t c = 0; c < count; ++c) left[c] = a[c], middle[c] = b[c], right[c] = d[c];
  }
};

}  // namespace saddle
