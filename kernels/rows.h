// Rows by number: the next examples of an epoch, what an attack does to go on with some of its
// examples only, and the margin that says which.
#pragma once

#include <cmath>

#include "kernels/array.h"

namespace saddle {

// y[i, :] <- x[rows[i], :]; a row may be taken more than once.
template <class T>
struct GatherRows {
  Array<const T> x;           // [any, columns]
  Array<const int32_t> rows;  // [N]
  Array<T> y;                 // [N, columns]
  int64_t columns;
  SADDLE_DEVICE void operator()(int64_t row, int64_t column) const {
    y[row * columns + column] = x[rows[row] * columns + column];
  }
};

// y[rows[i], :] <- x[i, :]; the rows differ from each other.
template <class T>
struct ScatterRows {
  Array<const T> x;           // [N, columns]
  Array<const int32_t> rows;  // [N]
  Array<T> y;                 // [any, columns]
  int64_t columns;
  SADDLE_DEVICE void operator()(int64_t row, int64_t column) const {
    y[rows[row] * columns + column] = x[row * columns + column];
  }
};

// margin = z_y - max over j != y of z_j; NaN where a logit is NaN, +infinity where y is the only
// class. One call a row.
struct Margin {
  Array<const float> logits;   // [rows, classes]
  Array<const int32_t> label;  // [rows]
  Array<float> margin;         // [rows]
  int64_t classes;
  SADDLE_DEVICE void operator()(int64_t row) const {
    const float* z = &logits[row * classes];
    const int64_t y = label[row];
    float other = -INFINITY;
    for (int64_t k = 0; k < classes; ++k) {
      if (k != y && (z[k] > other || z[k] != z[k])) other = z[k];  // a NaN stays: none is larger
    }
    margin[row] = z[y] - other;
  }
};

// target[row] <- the class of rank attempt[row] mod `targets` (from 0) among the classes other than
// the label, by falling logit; equal logits by rising class. One call a row.
struct OtherClassAtRank {
  Array<const float> logits;            // [rows, classes]
  Array<const int32_t> label, attempt;  // [rows]
  Array<int32_t> target;                // [rows]
  int64_t classes;
  int32_t targets;  // in [1, classes)
  SADDLE_DEVICE void operator()(int64_t row) const {
    const float* z = &logits[row * classes];
    int32_t found = -1;
    for (int32_t rank = attempt[row] % targets; rank >= 0; --rank) {
      int32_t next = -1;  // the first behind `found`
      for (int32_t k = 0; k < classes; ++k) {
        const bool behind = found < 0 || z[k] < z[found] || (z[k] == z[found] && k > found);
        if (k != label[row] && behind && (next < 0 || z[k] > z[next])) next = k;
      }
      if (next < 0) break;  // logits that are not numbers have no ranks
      found = next;
    }
    target[row] = found;
  }
};

// example[row] <- order[first[0] + row]: the next rows of an epoch's order
struct NextExamples {
  Array<const int32_t> order;  // [dataset]
  Array<const int32_t> first;  // [1], read on the device: it changes under captured work
  Array<int32_t> example;      // [batch]
  SADDLE_DEVICE void operator()(int64_t row) const { example[row] = order[first[0] + row]; }
};

}  // namespace saddle
