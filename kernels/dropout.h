// Element-wise dropout: Srivastava et al. 2014, "Dropout: a simple way to prevent neural networks
// from overfitting", scaled in training so that evaluation needs nothing.
#pragma once

#include "kernels/array.h"
#include "kernels/bfloat16.h"
#include "kernels/philox.h"
#include "kernels/sequences.h"

namespace saddle {

// y <- 0 with probability `rate`, else x / (1 - rate). The mask is a function of the stream, the
// step, the example, `place` and the element within the example, so the gradient draws it again:
// dx is the same of dy. Columns are groups of four elements of a row, which share a draw. A row is
// an example, or a token of one, whose elements follow those of the tokens before it.
template <class T>
struct Dropout {
  Array<const T> x;              // [rows, elements]
  Array<const int32_t> example;  // [examples]
  Array<const int32_t> step;     // [1], read on the device: it changes under captured work
  Array<T> y;
  Stream stream;
  uint32_t place;      // added to the group's number
  int64_t elements;    // of a row
  float rate;          // in [0, 1)
  SequenceRows order;  // 1 token each: a row is an example
  SADDLE_DEVICE void operator()(int64_t row, int64_t group) const {
    const int64_t n = order.of(row), before = (row - order.begin(n)) * ceil_divide(elements, 4);
    const Random4 bits = stream.at(step[0]).bits(static_cast<uint32_t>(example[n]),
                                                 place + static_cast<uint32_t>(before + group));
    const float scale = 1.f / (1.f - rate);
    for (int k = 0; k < 4; ++k) {
      const int64_t element = 4 * group + k;
      if (element >= elements) return;
      const int64_t i = row * elements + element;
      y[i] = uniform(bits.v[k]) < rate ? 0.f : scale * x[i];
    }
  }
};

}  // namespace saddle
