// From bytes to network input: augmentation, scaling to [0, 1], normalisation.
//
// Pixels stay bytes, NHWC, until the moment they are used. What an image looks like in an epoch
// depends on (seed, epoch, index of the image) alone.
#pragma once

#include "kernels/array.h"
#include "kernels/math.h"
#include "kernels/philox.h"

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
  Stream stream;  // step = epoch
  int32_t padding;
  int32_t flip;

  SADDLE_DEVICE void operator()(int64_t row, int64_t pixel) const {
    int64_t y = pixel / width, x = pixel % width;
    const int64_t to = ((row * height + y) * width + x) * channels;
    if (padding > 0 || flip != 0) {
      const Random4 bits = stream.bits(static_cast<uint32_t>(example[row]), 0);
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

// label[row] <- labels[example[row]]
struct GatherLabels {
  Array<const int32_t> labels, example;
  Array<int32_t> label;
  SADDLE_DEVICE void operator()(int64_t row) const { label[row] = labels[example[row]]; }
};

// y <- (x - mean[channel]) * inverse_std[channel]
struct Normalise {
  Array<const float> x;
  Array<const float> mean, inverse_std;  // [channels]
  Array<float> y;
  int64_t channels;
  SADDLE_DEVICE void operator()(int64_t pixel, int64_t channel) const {
    const int64_t i = pixel * channels + channel;
    y[i] = (x[i] - mean[channel]) * inverse_std[channel];
  }
};

// dx <- dy * inverse_std[channel]
struct NormaliseBackward {
  Array<const float> dy, inverse_std;
  Array<float> dx;
  int64_t channels;
  SADDLE_DEVICE void operator()(int64_t pixel, int64_t channel) const {
    const int64_t i = pixel * channels + channel;
    dx[i] = dy[i] * inverse_std[channel];
  }
};

}  // namespace saddle
