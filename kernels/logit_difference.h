// Differences of two logits of a row, whose gradients are what minimal-norm attacks linearise, and
// the kernels that choose the two classes.
#pragma once

#include <cmath>

#include "kernels/array.h"

namespace saddle {

// difference = z_plus - z_minus;  term = weight * difference, the row's part of the loss
struct LogitDifference {
  Array<const float> logits;         // [rows, classes]
  Array<const int32_t> plus, minus;  // [rows]
  Array<const float> weight;         // [rows]; empty: 1
  Array<float> difference, term;     // [rows]
  int64_t classes;
  SADDLE_DEVICE void operator()(int64_t row) const {
    const float apart = logits[row * classes + plus[row]] - logits[row * classes + minus[row]];
    difference[row] = apart;
    term[row] = weight ? weight[row] * apart : apart;
  }
};

// dz_k = dloss weight ([k = plus] - [k = minus])
struct LogitDifferenceBackward {
  Array<const int32_t> plus, minus;
  Array<const float> weight;  // [rows]; empty: 1
  Array<const float> dloss;   // [1]
  Array<float> dlogits;       // [rows, classes]
  int64_t classes;
  SADDLE_DEVICE void operator()(int64_t row, int64_t k) const {
    const float scale = weight ? dloss[0] * weight[row] : dloss[0];
    const float onto_plus = k == plus[row] ? scale : 0.f,
                onto_minus = k == minus[row] ? scale : 0.f;
    dlogits[row * classes + k] = onto_plus - onto_minus;
  }
};

// other = the class `ahead` places behind the label, in a circle: 1 to classes - 1 are all the
// others
struct OtherClass {
  Array<const int32_t> label;  // [rows]
  Array<int32_t> other;        // [rows]
  int32_t ahead, classes;
  SADDLE_DEVICE void operator()(int64_t row) const {
    const int32_t k = label[row] + ahead;
    other[row] = k < classes ? k : k - classes;
  }
};

// The strongest class but the label, and the margin z_label - z_other. A NaN logit makes the margin
// NaN. Of a single class, the margin is infinite.
struct RunnerUp {
  Array<const float> logits;   // [rows, classes]
  Array<const int32_t> label;  // [rows]
  Array<int32_t> other;        // [rows]
  Array<float> margin;         // [rows]
  int64_t classes;
  SADDLE_DEVICE void operator()(int64_t row) const {
    const float* z = &logits[row * classes];
    const int32_t y = label[row];
    int32_t best = y == 0 ? 1 : 0;
    float largest = classes > 1 ? z[best] : -INFINITY;
    for (int64_t k = best + 1; k < classes; ++k) {
      if (k == y || !(z[k] > largest || z[k] != z[k])) continue;
      largest = z[k];
      best = static_cast<int32_t>(k);
    }
    other[row] = classes > 1 ? best : y;
    margin[row] = z[y] - largest;
  }
};

}  // namespace saddle
