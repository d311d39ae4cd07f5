// From bytes to network input: augmentation, scaling to [0, 1], normalisation.
//
// Pixels stay bytes, NHWC, until the moment they are used. What an image looks like in an epoch
// depends on (seed, epoch, index of the image) alone.
#pragma once

#include "kernels/array.h"
#include "kernels/math.h"
#include "kernels/philox.h"
#include "kernels/span.h"

namespace saddle {

// Reflection that does not repeat the edge: -1 -> 1, size -> size - 2. Valid for |overhang| < size.
SADDLE_DEVICE int64_t reflect(int64_t index, int64_t size) {
  if (index < 0) return -index;
  return index < size ? index : 2 * size - 2 - index;
}

// images[row] <- pixels[example[row]] / 255, cropped at an offset in [0, 2 padding] of the image
// padded by reflection, and mirrored with probability 1/2. padding = 0 and flip = 0 give the plain
// image. One call a (row, pixel).
struct BytesToImages {
  Array<const uint8_t> pixels;   // [dataset, height, width, channels]
  Array<const int32_t> example;  // [batch]
  Array<float> images;           // [batch, height, width, channels]
  int64_t height, width, channels;
  Stream stream;               // of the step that epoch[0] says
  Array<const int32_t> epoch;  // [1]; not read where the image stays as it is
  int32_t padding;
  int32_t flip;

  SADDLE_DEVICE void operator()(int64_t row, int64_t pixel) const {
    int64_t y = pixel / width, x = pixel % width;
    const int64_t to = ((row * height + y) * width + x) * channels;
    if (padding > 0 || flip != 0) {
      const Random4 bits = stream.at(epoch[0]).bits(static_cast<uint32_t>(example[row]), 0);
      if (flip != 0 && (bits.v[2] & 1u) != 0) x = width - 1 - x;
      const uint32_t offsets = 2u * static_cast<uint32_t>(padding) + 1u;
      y = reflect(y + uniform_below(bits.v[0], offsets) - padding, height);
      x = reflect(x + uniform_below(bits.v[1], offsets) - padding, width);
    }
    const int64_t from = ((int64_t{example[row]} * height + y) * width + x) * channels;
    for (int64_t channel = 0; channel < channels; ++channel) {
      images[to + channel] = static_cast<float>(pixels[from + channel]) / 255.f;
    }
  }
};

// images <- images scale + shift within [0, 1], by image and channel: other units of pixel values.
// One call a (row, element of the image).
struct RescaleImages {
  Array<float> images;              // [batch, pixels, channels]
  Array<const float> scale, shift;  // [batch, channels]
  int64_t columns, channels;        // columns: elements of an image

  SADDLE_DEVICE void operator()(int64_t row, int64_t column) const {
    const int64_t i = row * columns + column, at = row * channels + column % channels;
    images[i] = clip(images[i] * scale[at] + shift[at], 0.f, 1.f);
  }
};

// label[row] <- labels[example[row]]
struct GatherLabels {
  Array<const int32_t> labels, example;
  Array<int32_t> label;
  SADDLE_DEVICE void operator()(int64_t row) const { label[row] = labels[example[row]]; }
};

// y <- (x - mean[channel]) * inverse_std[channel]; T is float or Bfloat16, the type of activations
template <class T>
struct Normalise {
  static constexpr int kSpan = kAccessElements<T>;
  Array<const float> x;
  Array<const float> mean, inverse_std;  // [channels]
  Array<T> y;
  int64_t channels;

  template <int N>
  SADDLE_DEVICE void span(int64_t pixel, int64_t channel) const {
    const int64_t i = pixel * channels + channel;
    Floats<N> values = load<N>(x, i);
    const Floats<N> m = load<N>(mean, channel), s = load<N>(inverse_std, channel);
    for (int k = 0; k < N; ++k) values[k] = (values[k] - m[k]) * s[k];
    store<N>(y, i, values);
  }
  SADDLE_DEVICE void operator()(int64_t pixel, int64_t channel) const { span<1>(pixel, channel); }
  bool aligned(int64_t columns) const {
    return columns % kSpan == 0 && all_aligned(x, mean, inverse_std, y);
  }
};

// dx <- dy * inverse_std[channel]
template <class T>
struct NormaliseBackward {
  static constexpr int kSpan = kAccessElements<T>;
  Array<const T> dy;
  Array<const float> inverse_std;  // [channels]
  Array<float> dx;
  int64_t channels;

  template <int N>
  SADDLE_DEVICE void span(int64_t pixel, int64_t channel) const {
    const int64_t i = pixel * channels + channel;
    Floats<N> values = load<N>(dy, i);
    const Floats<N> s = load<N>(inverse_std, channel);
    for (int k = 0; k < N; ++k) values[k] *= s[k];
    store<N>(dx, i, values);
  }
  SADDLE_DEVICE void operator()(int64_t pixel, int64_t channel) const { span<1>(pixel, channel); }
  bool aligned(int64_t columns) const {
    return columns % kSpan == 0 && all_aligned(dy, inverse_std, dx);
  }
};

}  // namespace saddle
