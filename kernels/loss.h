// Softmax cross-entropy, its gradient and whether the prediction is right, in one pass over a row.
//
//   loss = logsumexp(z) - t . z;   dloss/dz = softmax(z) - t
// with the target t = onehot(y), or, smoothed (Szegedy et al. 2016), (1 - s) onehot(y) + s / K.
// The largest logit is subtracted first, so no finite input overflows. One warp a row.
#pragma once

#include <cmath>
#include <cstdint>

#include "kernels/array.h"
#include "kernels/collectives.h"
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

// The same by a block. block_argmax ranks NaN above all numbers, so here a NaN stands as -infinity,
// behind every class that really is.
template <class Block>
SADDLE_DEVICE int32_t argmax(Block& b, const float* z, int64_t classes) {
  ValueAt best{-INFINITY, INT64_MAX};
  for (int64_t k = b.thread(); k < classes; k += b.threads()) {
    const ValueAt here = z[k] == z[k] ? ValueAt{z[k], k} : ValueAt{-INFINITY, classes + k};
    if (collective::ArgMax::outranks(here, best)) best = here;
  }
  const int64_t index = block_argmax(b, best.value, best.index).index;
  return static_cast<int32_t>(index < classes ? index : index - classes);
}

struct SoftmaxCrossEntropy {
  static constexpr int kThreads = kWarp;
  Array<const float> logits;   // [rows, classes]
  Array<const int32_t> label;  // [rows]
  Array<float> loss;           // [rows]
  Array<float> correct;        // [rows]: 1 where the prediction is the label, else 0
  Array<float> dlogits;        // [rows, classes], scaled by `scale`
  int64_t classes;
  float scale;
  float smoothing = 0.f;  // s, in [0, 1)
  // Where there are any, onehot(y) is share onehot(y) + (1 - share) onehot(other), and the label
  // that counts as right is the one of the larger share.
  Array<const int32_t> other = {};  // [rows]
  Array<const float> share = {};    // [rows]

  template <class Block>
  SADDLE_DEVICE void operator()(Block& b) const {
    const int64_t first = b.block() * classes;
    float largest = -INFINITY;
    for (int64_t k = b.thread(); k < classes; k += kThreads) {
      largest = collective::Max{}(logits[first + k], largest);
    }
    largest = block_max(b, largest);
    float sum = 0.f;
    for (int64_t k = b.thread(); k < classes; k += kThreads) {
      sum += exponential_of(first + k, largest);
    }
    sum = block_sum(b, sum);
    float below = 0.f;
    if (smoothing > 0.f) {
      for (int64_t k = b.thread(); k < classes; k += kThreads) below += largest - logits[first + k];
      below = block_sum(b, below);
    }
    for (int64_t k = b.thread(); k < classes; k += kThreads) finish(b.block(), k, sum);
    const int32_t predicted = argmax(b, &logits[first], classes);
    if (b.thread() == 0) store_loss(b.block(), largest, sum, below, predicted);
  }

  void reference(int64_t row) const {
    const int64_t first = row * classes;
    float largest[kThreads], sums[kThreads] = {};
    for (float& lane : largest) lane = -INFINITY;
    for (int64_t k = 0; k < classes; ++k) {
      largest[k % kThreads] = collective::Max{}(logits[first + k], largest[k % kThreads]);
    }
    const float of_row = max_in_block_order(largest, kThreads);
    for (int64_t k = 0; k < classes; ++k) sums[k % kThreads] += exponential_of(first + k, of_row);
    const float sum = sum_in_block_order(sums, kThreads);
    float below[kThreads] = {}, sum_below = 0.f;
    if (smoothing > 0.f) {
      for (int64_t k = 0; k < classes; ++k) below[k % kThreads] += of_row - logits[first + k];
      sum_below = sum_in_block_order(below, kThreads);
    }
    for (int64_t k = 0; k < classes; ++k) finish(row, k, sum);
    store_loss(row, of_row, sum, sum_below, argmax(&logits[first], classes));
  }

 private:
  // Kept in dlogits until the sum is known.
  SADDLE_DEVICE float exponential_of(int64_t i, float largest) const {
    const float value = exponential(logits[i] - largest);
    dlogits[i] = value;
    return value;
  }
  SADDLE_DEVICE void finish(int64_t row, int64_t k, float sum) const {
    const int64_t i = row * classes + k;
    dlogits[i] = dlogits[i] * (scale / sum) - share_of(row, k) * (1.f - smoothing) * scale -
                 smoothing / static_cast<float>(classes) * scale;
  }
  // Of class k in the target, before smoothing.
  SADDLE_DEVICE float share_of(int64_t row, int64_t k) const {
    if (!other) return k == label[row] ? 1.f : 0.f;
    return (k == label[row] ? share[row] : 0.f) + (k == other[row] ? 1.f - share[row] : 0.f);
  }
  // `below` is the sum over the row of largest - z.
  SADDLE_DEVICE void store_loss(int64_t row, float largest, float sum, float below,
                                int32_t predicted) const {
    const int32_t y = label[row];
    // The differences first: they are exact for large z.
    float apart = largest - logits[row * classes + y];
    int32_t right = y;
    if (other) {
      const float own = share[row];
      apart = own * apart + (1.f - own) * (largest - logits[row * classes + other[row]]);
      right = own < 0.5f ? other[row] : y;
    }
    loss[row] = logarithm(sum) + (1.f - smoothing) * apart +
                smoothing * (below / static_cast<float>(classes));
    correct[row] = predicted == right ? 1.f : 0.f;
  }
};

// prediction[row] <- argmax of the row
struct Predict {
  static constexpr int kThreads = kWarp;
  Array<const float> logits;  // [rows, classes]
  Array<int32_t> prediction;  // [rows]
  int64_t classes;

  template <class Block>
  SADDLE_DEVICE void operator()(Block& b) const {
    const int32_t predicted = argmax(b, &logits[b.block() * classes], classes);
    if (b.thread() == 0) prediction[b.block()] = predicted;
  }
  void reference(int64_t row) const { prediction[row] = argmax(&logits[row * classes], classes); }
};

}  // namespace saddle
