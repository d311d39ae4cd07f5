// Adversarial weight perturbation: each weight tensor l moves by a fixed share of its own norm.
//
//   v_l = gamma (||w_l|| / ||g_l||) g_l        (Wu, Xia and Wang 2020, eq. 9)
// Norms of all slots come from two launches: one block for each piece of a slot, then one call a
// slot over its pieces.
#pragma once

#include "kernels/array.h"
#include "kernels/bfloat16.h"
#include "kernels/collectives.h"
#include "kernels/math.h"
#include "kernels/sam.h"
#include "kernels/span.h"

namespace saddle {

// partial[piece] <- sum of x^2 over the lines piece_begin[piece] to piece_begin[piece + 1].
struct PieceSquares {
  static constexpr int kThreads = 256;
  Array<const float> x;
  Array<const int32_t> piece_begin;  // [pieces + 1], in lines of 16 floats
  Array<float> partial;              // [pieces]

  template <class Block>
  SADDLE_DEVICE void operator()(Block& b) const {
    float sum = 0.f;
    for (int64_t i = begin(b.block()) + b.thread(); i < begin(b.block() + 1); i += kThreads) {
      sum += x[i] * x[i];
    }
    sum = block_sum(b, sum);
    if (b.thread() == 0) partial[b.block()] = sum;
  }

  void reference(int64_t piece) const {
    float lanes[kThreads] = {};
    for (int64_t i = begin(piece), t = 0; i < begin(piece + 1); ++i, ++t) {
      lanes[t % kThreads] += x[i] * x[i];
    }
    partial[piece] = sum_in_block_order(lanes, kThreads);
  }

 private:
  SADDLE_DEVICE int64_t begin(int64_t piece) const { return piece_begin[piece] * kLine; }
};

// scale[slot] <- ||w_l|| / (||g_l|| + 1e-20), 0 for slots that stay. One call a slot.
struct AwpScale {
  Array<const float> w_partial, g_partial;  // [pieces]: sums of squares
  Array<const int32_t> first_piece;         // [slots + 1]
  Array<const float> perturbed;             // [slots]: 1 or 0
  Array<float> scale;                       // [slots]
  SADDLE_DEVICE void operator()(int64_t slot) const {
    float w = 0.f, g = 0.f;
    for (int64_t piece = first_piece[slot]; piece < first_piece[slot + 1]; ++piece) {
      w += w_partial[piece];
      g += g_partial[piece];
    }
    // 1e-20 as in the authors' code.
    scale[slot] = perturbed[slot] * square_root(w) / (square_root(g) + 1e-20f);
  }
};

// v <- gamma scale g; w_hat <- w + v
struct AwpPerturb {
  static constexpr int kSpan = 4;
  Array<const float> w, g;
  SlotValues scale;
  Array<float> v, w_hat;
  Array<Bfloat16> copy;      // w_hat rounded; empty: none is kept
  Array<const float> gamma;  // [1], read on the device

  template <int N>
  SADDLE_DEVICE void span(int64_t i) const {
    const float factor = gamma[0] * scale(i);
    Floats<N> moved = load<N>(w, i), shift = load<N>(g, i);
    for (int k = 0; k < N; ++k) {
      shift[k] *= factor;
      moved[k] += shift[k];
    }
    store<N>(v, i, shift);
    store<N>(w_hat, i, moved);
    if (copy) store<N>(copy, i, moved);
  }
  SADDLE_DEVICE void operator()(int64_t i) const { span<1>(i); }
  bool aligned() const { return all_aligned(w, g, v, w_hat, copy); }
};

// w <- w_hat - v, after the base step moved w_hat.
struct AwpReturn {
  static constexpr int kSpan = 4;
  Array<const float> w_hat, v;
  Array<float> w;
  Array<Bfloat16> copy;  // w rounded; empty: none is kept

  template <int N>
  SADDLE_DEVICE void span(int64_t i) const {
    Floats<N> moved = load<N>(w_hat, i);
    const Floats<N> shift = load<N>(v, i);
    for (int k = 0; k < N; ++k) moved[k] -= shift[k];
    store<N>(w, i, moved);
    if (copy) store<N>(copy, i, moved);
  }
  SADDLE_DEVICE void operator()(int64_t i) const { span<1>(i); }
  bool aligned() const { return all_aligned(w_hat, v, w, copy); }
};

}  // namespace saddle
