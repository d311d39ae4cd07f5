// Softmax cross-entropy, its gradient and whether the prediction is right, in one pass over a row.
//
//   loss = logsumexp(z) - z_y;   dloss/dz = softmax(z) - onehot(y)
// The largest logit is subtracted first, so no finite input overflows. One call a row.
#pragma once

#include "kernels/array.h"
#include "kernels/math.h"

namespace saddle {

// The class a row of logits predicts: the largest, ties to the lowest index. A NaN is never
// predicted over a number (and an all-NaN row predicts 0).
SADDLE_DEVICE int32_t argmax(const float* z, int64_t classes) {
  int32_t best = 0;
  for (int64_t k = 1; k < classes; ++k) {
    if (z[k] > z[best] || (z[best] != z[best] && z[k] == z[k])) best = static_cast<int32_t>(k);
  }
  return best;
}

struct SoftmaxCrossEntropy {
  Array<const float> logits;   // [rows, classes]
  Array<const int32_t> label;  // [rows]
  Array<float> loss;           // [rows]
  Array<float> correct;        // [rows]: 1 where the prediction is the label, else 0
  Array<float> dlogits;        // [rows, classes], scaled by `scale`
  int64_t classes;
  float scale;

  SADDLE_DEVICE void operator()(int64_t row) const {
    const float* z = &logits[row * classes];
    float* dz = &dlogits[row * classes];
    float largest = z[0];
    for (int64_t k = 1; k < classes; ++k) largest = larger(z[k], largest);
    float sum = 0.f;
    for (int64_t k = 0; k < classes; ++k) {
      dz[k] = exponential(z[k] - largest);
      sum += dz[k];
    }
    const int64_t y = label[row];
    const float factor = scale / sum;
    for (int64_t k = 0; k < classes; ++k) dz[k] *= factor;
    dz[y] -= scale;
    loss[row] = logarithm(sum) + (largest - z[y]);  // the difference first: it is exact for large z
    correct[row] = argmax(z, classes) == y ? 1.f : 0.f;
  }
};

// prediction[row] <- argmax of the row
struct Predict {
  Array<const float> logits;  // [rows, classes]
  Array<int32_t> prediction;  // [rows]
  int64_t classes;
  SADDLE_DEVICE void operator()(int64_t row) const {
    prediction[row] = argmax(&logits[row * classes], classes);
  }
};

}  // namespace saddle
