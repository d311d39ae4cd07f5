// Losses that attacks climb, with their gradients: difference of logits ratio, its targeted form,
// the targeted cross-entropy and the margin. One call a row of logits z with label y.
//
// pi_1, pi_2, ... are the classes by falling logit, equal logits by rising class. A row with a NaN
// or an infinity among its logits has the loss NaN, so that no comparison takes it for a success.
// Source: Croce and Hein 2020 (DLR), Carlini and Wagner 2017 (margin).
#pragma once

#include "kernels/array.h"
#include "kernels/loss.h"
#include "kernels/math.h"

namespace saddle {

// The four leading classes; -1 where there are fewer.
struct LeadingClasses {
  int32_t place[4];
};

SADDLE_DEVICE LeadingClasses leading_classes(const float* z, int64_t classes) {
  LeadingClasses leading{{-1, -1, -1, -1}};
  for (int32_t k = 0; k < classes; ++k) {
    int32_t entering = k;
    bool entered = false;
    for (int32_t& at : leading.place) {  // those behind the new class move down a place
      if (entered || at < 0 || z[entering] > z[at]) {
        const int32_t behind = at;
        at = entering;
        entering = behind;
        entered = true;
        if (behind < 0) break;
      }
    }
  }
  return leading;
}

// 0, or NaN where a logit is not finite.
SADDLE_DEVICE float doubt(const float* z, int64_t classes) {
  float sum = 0.f;
  for (int64_t k = 0; k < classes; ++k) sum += z[k] - z[k];
  return sum;
}

// dlr = -N / D,  N = z_y - z_m with m = argmax over j != y of z_j,  D = z_pi1 - z_pi3 + 1e-12
//   d dlr / dz_k = -([k = y] - [k = m]) / D + (N / D^2) ([k = pi1] - [k = pi3])
struct DlrLoss {
  Array<const float> logits;   // [rows, classes], classes >= 3
  Array<const int32_t> label;  // [rows]
  Array<float> loss;           // [rows]
  Array<int32_t> prediction;   // [rows]
  Array<float> dlogits;        // [rows, classes]
  int64_t classes;

  SADDLE_DEVICE void operator()(int64_t row) const {
    const float* z = &logits[row * classes];
    float* dz = &dlogits[row * classes];
    const LeadingClasses pi = leading_classes(z, classes);
    const int32_t y = label[row], m = pi.place[0] == y ? pi.place[1] : pi.place[0];
    const float numerator = z[y] - z[m];
    const float denominator = z[pi.place[0]] - z[pi.place[2]] + 1e-12f;
    const float ratio = numerator / denominator;
    for (int64_t k = 0; k < classes; ++k) dz[k] = 0.f;
    dz[y] -= 1.f / denominator;
    dz[m] += 1.f / denominator;
    dz[pi.place[0]] += ratio / denominator;
    dz[pi.place[2]] -= ratio / denominator;
    loss[row] = -ratio + doubt(z, classes);
    prediction[row] = argmax(z, classes);
  }
};

// targeted dlr = -N / D,  N = z_y - z_t,  D = z_pi1 - (z_pi3 + z_pi4) / 2 + 1e-12
struct TargetedDlrLoss {
  Array<const float> logits;           // [rows, classes], classes >= 4
  Array<const int32_t> label, target;  // [rows]
  Array<float> loss;                   // [rows]
  Array<int32_t> prediction;           // [rows]
  Array<float> dlogits;                // [rows, classes]
  int64_t classes;

  SADDLE_DEVICE void operator()(int64_t row) const {
    const float* z = &logits[row * classes];
    float* dz = &dlogits[row * classes];
    const LeadingClasses pi = leading_classes(z, classes);
    const int32_t y = label[row], t = target[row];
    const float denominator = z[pi.place[0]] - .5f * (z[pi.place[2]] + z[pi.place[3]]) + 1e-12f;
    const float ratio = (z[y] - z[t]) / denominator;
    for (int64_t k = 0; k < classes; ++k) dz[k] = 0.f;
    dz[y] -= 1.f / denominator;
    dz[t] += 1.f / denominator;
    dz[pi.place[0]] += ratio / denominator;
    dz[pi.place[2]] -= .5f * ratio / denominator;
    dz[pi.place[3]] -= .5f * ratio / denominator;
    loss[row] = -ratio + doubt(z, classes);
    prediction[row] = argmax(z, classes);
  }
};

// -CE(z, t) = z_t - logsumexp(z);   gradient onehot(t) - softmax(z)
struct TargetedCrossEntropyLoss {
  Array<const float> logits;    // [rows, classes]
  Array<const int32_t> target;  // [rows]
  Array<float> loss;            // [rows]
  Array<int32_t> prediction;    // [rows]
  Array<float> dlogits;         // [rows, classes]
  int64_t classes;

  SADDLE_DEVICE void operator()(int64_t row) const {
    const float* z = &logits[row * classes];
    float* dz = &dlogits[row * classes];
    const int32_t t = target[row];
    prediction[row] = argmax(z, classes);
    const float largest = z[prediction[row]];
    float sum = 0.f;
    for (int64_t k = 0; k < classes; ++k) {
      dz[k] = exponential(z[k] - largest);
      sum += dz[k];
    }
    for (int64_t k = 0; k < classes; ++k) dz[k] = -dz[k] / sum;
    dz[t] += 1.f;
    loss[row] = (z[t] - largest) - logarithm(sum) + doubt(z, classes);
  }
};

}  // namespace saddle
