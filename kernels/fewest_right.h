// Which iterate of an attack on segmentation is its answer: of each image the latest of those that
// leave the fewest pixels right, as long as any is. An image without a right pixel is done: the
// first such iterate stays.
#pragma once

#include "kernels/array.h"

namespace saddle {

// found <- 1 where the newest iterate is the answer so far, else 0.
struct FewestRight {
  Array<const float> losses, right;  // [rows]; a loss that is NaN comes of a failure of the model
  Array<float> fewest;               // [rows]; infinity at first
  Array<float> found;                // [rows]
  SADDLE_DEVICE void operator()(int64_t row) const {
    const bool lower = fewest[row] > 0.f && right[row] <= fewest[row] && losses[row] == losses[row];
    if (lower) fewest[row] = right[row];
    found[row] = lower ? 1.f : 0.f;
  }
};

// to <- from in the rows that are found.
struct KeepFound {
  Array<const float> found;  // [rows]
  Array<const float> from;   // [rows, columns]
  Array<float> to;
  int64_t columns;
  SADDLE_DEVICE void operator()(int64_t row, int64_t column) const {
    if (found[row] != 0.f) to[row * columns + column] = from[row * columns + column];
  }
};

}  // namespace saddle
