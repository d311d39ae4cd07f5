// Which examples of a batch a perturbation of the weights hurts most (ESAM's data selection).
#pragma once

#include <cmath>

#include "kernels/array.h"

namespace saddle {

// rows[r] <- the example whose loss rose r-th most, for r < rows.size; equal rises by rising
// number. One call an example, which counts those ahead of it: a batch is small. A rise that is
// NaN counts as the smallest, so that every rank is taken once.
struct LargestIncreases {
  Array<const float> before, after;  // [N]
  Array<int32_t> rows;               // [at most N]
  SADDLE_DEVICE void operator()(int64_t i) const {
    const float own = rise(i);
    int64_t rank = 0;
    for (int64_t j = 0; j < before.size; ++j) {
      const float other = rise(j);
      if (other > own || (other == own && j < i)) ++rank;
    }
    if (rank < rows.size) rows[rank] = static_cast<int32_t>(i);
  }

 private:
  SADDLE_DEVICE float rise(int64_t i) const {
    const float change = after[i] - before[i];
    return change == change ? change : -INFINITY;
  }
};

}  // namespace saddle
