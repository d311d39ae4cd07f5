// Attention on the CPU, a head at a time.
//
//   y = softmax(scale q k^T) v   of each sequence and head. Vaswani et al. 2017.
// By products and kernels one after another, heads are first copied into matrices of their own, and
// scores go through memory between any two steps. A matrix product can read rows that lie apart, so
// here a thread takes one head through all steps, and its scores stay in the cache.
#pragma once

#include <cstdint>

#include "kernels/sequences.h"

namespace saddle {

// Row r of q, k and v begins at r * row, that of y at r * heads * size; head h has the elements
// from h * size on.
struct AttentionShape {
  std::int64_t sequences, longest, heads, size;
  std::int64_t row;
  SequenceRows rows;
  Array<const std::int32_t> length;  // [sequences]: tokens in front of the padding; empty: all rows
  float scale;
};

// p [sequences, heads, longest, longest] receives the weights: of each head as many rows and
// columns as its sequence has. Throws Error where memory runs out.
void host_attention(const AttentionShape& shape, const float* q, const float* k, const float* v,
                    float* p, float* y);
// The gradients with respect to q, k and v, in their order; null: not wanted.
void host_attention_backward(const AttentionShape& shape, const float* q, const float* k,
                             const float* v, const float* p, const float* dy, float* dq, float* dk,
                             float* dv);

}  // namespace saddle
