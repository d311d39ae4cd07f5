// Mixup (Zhang et al. 2018) and CutMix (Yun et al. 2019): a batch mixed with itself in reverse
// order, all examples alike. How is read on the device, for it changes under captured work.
#pragma once

#include "kernels/array.h"

namespace saddle {

// mixed <- images, with those of the reversed batch in the box, and outside it
// blend images + (1 - blend) reversed. One call a (row, pixel).
struct MixImages {
  Array<const float> images;  // [rows, height, width, channels]
  Array<float> mixed;
  Array<const float> blend;  // [1]; 1 outside CutMix's box
  Array<const int32_t> box;  // [4]: top, left, bottom, right, the last two beyond; empty in Mixup
  int64_t rows, height, width, channels;

  SADDLE_DEVICE void operator()(int64_t row, int64_t pixel) const {
    const int64_t y = pixel / width, x = pixel % width;
    const bool inside = y >= box[0] && y < box[2] && x >= box[1] && x < box[3];
    const float own = inside ? 0.f : blend[0];
    const int64_t to = (row * height * width + pixel) * channels;
    const int64_t other = ((rows - 1 - row) * height * width + pixel) * channels;
    for (int64_t channel = 0; channel < channels; ++channel) {
      mixed[to + channel] = own * images[to + channel] + (1.f - own) * images[other + channel];
    }
  }
};

// other[row] <- the label of the reversed batch, shares[row] <- share[0]
struct MixLabels {
  Array<const int32_t> label;  // [rows]
  Array<int32_t> other;        // [rows]
  Array<const float> share;    // [1]
  Array<float> shares;         // [rows]
  SADDLE_DEVICE void operator()(int64_t row) const {
    other[row] = label[label.size - 1 - row];
    shares[row] = share[0];
  }
};

}  // namespace saddle
