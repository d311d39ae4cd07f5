// Pooling of NHWC images: the mean over all pixels, and the maximum in a window. T is the images'
// type, float or Bfloat16; the means are f32.
#pragma once

#include <cmath>

#include "kernels/array.h"
#include "kernels/chunks.h"
#include "kernels/collectives.h"
#include "kernels/math.h"
#include "kernels/span.h"

namespace saddle {

// y[n, c] <- mean over pixels of x[n, pixel, c]. A block takes kGroupChannels channels of an image
// and shares its pixels out as a chunk's rows are (chunks.h), so that a batch of few images still
// makes use of a whole GPU; the pixels' sums meet in column_sums.
template <class T>
struct GlobalAveragePool {
  static constexpr int kThreads = kChunkThreads, kResidentBlocks = 4;
  Array<const T> x;  // [images, pixels, channels]
  Array<float> y;    // [images, channels]
  int64_t pixels, channels;

  using Threads = ChunkThreads<T>;
  static constexpr int kVector = Threads::kVector;
  struct Lanes;

  static int64_t blocks(int64_t images, int64_t channels) {
    return images * channel_groups(channels);
  }

  template <class Block>
  SADDLE_DEVICE void operator()(Block& b) const {
    const Place place = place_of(b.block());
    const int64_t own = place.first_channel + b.thread() % Threads::kWidth * kVector;
    const int64_t first = place.image * pixels * channels + own;
    Floats<kVector> sums = {};
    const auto add = [&](const Floats<kVector>& in) {
      for (int k = 0; k < kVector; ++k) sums[k] += in[k];
    };
    const int64_t pixel = b.thread() / Threads::kWidth;
    if (channels % kVector != 0 || !all_aligned(x)) {
      const auto fetch = [&](int64_t at) {
        return load_first<kVector>(x, first + at * channels, channels - own);
      };
      for_strided<1>(pixel, pixels, Threads::kRowLanes, fetch, add);
    } else if (own < channels) {
      const auto fetch = [&](int64_t at) { return load<kVector>(x, first + at * channels); };
      for_strided<8>(pixel, pixels, Threads::kRowLanes, fetch, add);
    }
    const float sum = column_sums<Lanes, kGroupChannels, kThreads>(b, sums);
    const int64_t channel = place.first_channel + b.thread();
    if (b.thread() < kGroupChannels && channel < channels) store_mean(place.image, channel, sum);
  }

  void reference(int64_t block) const {
    const Place place = place_of(block);
    with_constant_count(smaller(kGroupChannels, channels - place.first_channel), [&](auto count) {
      float sums[Threads::kRowLanes][kGroupChannels] = {}, total[kGroupChannels];
      const T* in = x.data + place.image * pixels * channels + place.first_channel;
      for (int64_t pixel = 0; pixel < pixels; ++pixel) {
        float* sum = sums[pixel % Threads::kRowLanes];
        for (int64_t c = 0; c < count; ++c) sum[c] += in[pixel * channels + c];
      }
      column_sums_in_block_order<kThreads>(sums, total);
      for (int64_t c = 0; c < count; ++c) {
        store_mean(place.image, place.first_channel + c, total[c]);
      }
    });
  }

 private:
  struct Place {
    int64_t image, first_channel;
  };
  SADDLE_DEVICE Place place_of(int64_t block) const {
    const int64_t groups = channel_groups(channels);
    return {block / groups, block % groups * kGroupChannels};
  }
  SADDLE_DEVICE void store_mean(int64_t image, int64_t channel, float sum) const {
    y[image * channels + channel] = sum / static_cast<float>(pixels);
  }
};

// dx[n, pixel, c] <- dy[n, c] / pixels; rows are image * pixels + pixel
template <class T>
struct GlobalAveragePoolBackward {
  static constexpr int kSpan = kAccessElements<T>;
  Array<const float> dy;  // [images, channels]
  Array<T> dx;            // [images, pixels, channels]
  int64_t pixels, channels;

  template <int N>
  SADDLE_DEVICE void span(int64_t row, int64_t channel) const {
    Floats<N> values = load<N>(dy, row / pixels * channels + channel);
    for (int k = 0; k < N; ++k) values[k] *= 1.f / static_cast<float>(pixels);
    store<N>(dx, row * channels + channel, values);
  }
  SADDLE_DEVICE void operator()(int64_t row, int64_t channel) const { span<1>(row, channel); }
  bool aligned(int64_t columns) const { return columns % kSpan == 0 && all_aligned(dy, dx); }
};

// Windows of kernel x kernel pixels, `stride` apart, over an image with a border of `padding`
// pixels that no maximum is ever taken from.
struct PoolWindows {
  int64_t height, width, channels, out_height, out_width, kernel, stride, padding;
};

// y <- the maximum of the window, tap <- its place in it (ky * kernel + kx): the first in this
// order among equals, but a NaN is larger than all numbers. Rows are pixels of y. As PyTorch's
// max_pool2d.
template <class T>
struct MaxPool {
  static constexpr int kSpan = kAccessElements<T>, kHostSpan = 32;
  Array<const T> x;    // [batch, height, width, channels]
  Array<T> y;          // [batch, out_height, out_width, channels]
  Array<uint8_t> tap;  // as y
  PoolWindows windows;

  template <int N>
  SADDLE_DEVICE void span(int64_t row, int64_t channel) const {
    const PoolWindows& s = windows;
    const int64_t ox = row % s.out_width, oy = row / s.out_width % s.out_height;
    const int64_t image = row / s.out_width / s.out_height;
    Floats<N> best;
    int32_t found[N];
    for (int k = 0; k < N; ++k) best[k] = -INFINITY, found[k] = -1;
    for (int64_t ky = 0; ky < s.kernel; ++ky) {
      const int64_t iy = oy * s.stride + ky - s.padding;
      if (iy < 0 || iy >= s.height) continue;
      for (int64_t kx = 0; kx < s.kernel; ++kx) {
        const int64_t ix = ox * s.stride + kx - s.padding;
        if (ix < 0 || ix >= s.width) continue;
        const auto place = static_cast<int32_t>(ky * s.kernel + kx);
        const Floats<N> value =
            load<N>(x, ((image * s.height + iy) * s.width + ix) * s.channels + channel);
        for (int k = 0; k < N; ++k) {
          const bool wins =
              found[k] < 0 || value[k] > best[k] || (value[k] != value[k] && best[k] == best[k]);
          best[k] = wins ? value[k] : best[k];
          found[k] = wins ? place : found[k];
        }
      }
    }
    store<N>(y, row * s.channels + channel, best);
    for (int k = 0; k < N; ++k)
      tap[row * s.channels + channel + k] = static_cast<uint8_t>(found[k]);
  }
  SADDLE_DEVICE void operator()(int64_t row, int64_t channel) const { span<1>(row, channel); }
  bool aligned(int64_t columns) const { return columns % kSpan == 0 && all_aligned(x, y); }
};

// dx <- the sum of dy over the windows whose maximum this pixel was. Rows are pixels of x.
template <class T>
struct MaxPoolBackward {
  static constexpr int kSpan = kAccessElements<T>, kHostSpan = 32;
  Array<const T> dy;         // [batch, out_height, out_width, channels]
  Array<const uint8_t> tap;  // as dy
  Array<T> dx;               // [batch, height, width, channels]
  PoolWindows windows;

  template <int N>
  SADDLE_DEVICE void span(int64_t row, int64_t channel) const {
    const PoolWindows& s = windows;
    const int64_t ix = row % s.width, iy = row / s.width % s.height;
    const int64_t image = row / s.width / s.height;
    Floats<N> sum;
    for (int k = 0; k < N; ++k) sum[k] = 0.f;
    for (int64_t oy = first_window(iy); oy < s.out_height && oy * s.stride <= iy + s.padding;
         ++oy) {
      for (int64_t ox = first_window(ix); ox < s.out_width && ox * s.stride <= ix + s.padding;
           ++ox) {
        const int64_t ky = iy + s.padding - oy * s.stride, kx = ix + s.padding - ox * s.stride;
        const auto place = static_cast<int32_t>(ky * s.kernel + kx);
        const int64_t i = ((image * s.out_height + oy) * s.out_width + ox) * s.channels + channel;
        const Floats<N> value = load<N>(dy, i);
        for (int k = 0; k < N; ++k) sum[k] += tap[i + k] == place ? value[k] : 0.f;
      }
    }
    store<N>(dx, row * s.channels + channel, sum);
  }
  SADDLE_DEVICE void operator()(int64_t row, int64_t channel) const { span<1>(row, channel); }
  bool aligned(int64_t columns) const { return columns % kSpan == 0 && all_aligned(dy, dx); }

 private:
  // The first window that covers the pixel.
  SADDLE_DEVICE int64_t first_window(int64_t pixel) const {
    const int64_t beyond = pixel + windows.padding - windows.kernel + 1;
    return beyond <= 0 ? 0 : ceil_divide(beyond, windows.stride);
  }
};

}  // namespace saddle
