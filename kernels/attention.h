// What attention does besides its matrix products: the order of heads, and softmax along a row. T
// is float or Bfloat16; scores and their sums are f32.
//
//   o = softmax(q k^T / sqrt(d)) v   per image and head. Vaswani et al. 2017.
#pragma once

#include <cmath>

#include "kernels/bfloat16.h"
#include "kernels/philox.h"
#include "kernels/sequences.h"
#include "kernels/teams.h"

namespace saddle {

// How the rows of sequences, each [parts, heads, d] as a linear layer leaves it, and [parts, N,
// heads, T, d], whose heads are matrices, are each other's. T is the longest sequence's length.
struct HeadOrder {
  int64_t batch, tokens, parts, heads;
  SequenceRows rows;

  // Rows of d elements in the second.
  int64_t split_rows() const { return batch * tokens * parts * heads; }

  // Where a row of the second lies in the first; below 0 where its sequence is shorter.
  SADDLE_DEVICE int64_t merged(int64_t row) const {
    const int64_t token = row % tokens, head = row / tokens % heads;
    const int64_t n = row / (tokens * heads) % batch, part = row / (tokens * heads * batch);
    if (token >= rows.rows(n)) return -1;
    return ((rows.begin(n) + token) * parts + part) * heads + head;
  }
};

// y [parts, N, heads, T, d] <- x [rows, parts, heads, d], 0 where a sequence is shorter
template <class T>
struct SplitHeads {
  static constexpr int kSpan = kAccessElements<T>;
  Array<const T> x;
  Array<T> y;
  HeadOrder order;
  int64_t head_size;

  template <int N>
  SADDLE_DEVICE void span(int64_t row, int64_t i) const {
    const int64_t from = order.merged(row);
    store<N>(y, row * head_size + i, from < 0 ? Floats<N>{} : load<N>(x, from * head_size + i));
  }
  SADDLE_DEVICE void operator()(int64_t row, int64_t i) const { span<1>(row, i); }
  bool aligned(int64_t columns) const { return columns % kSpan == 0 && all_aligned(x, y); }
};

// y [rows, parts, heads, d] <- x [parts, N, heads, T, d]
template <class T>
struct MergeHeads {
  static constexpr int kSpan = kAccessElements<T>;
  Array<const T> x;
  Array<T> y;
  HeadOrder order;
  int64_t head_size;

  template <int N>
  SADDLE_DEVICE void span(int64_t row, int64_t i) const {
    const int64_t to = order.merged(row);
    if (to >= 0) store<N>(y, to * head_size + i, load<N>(x, row * head_size + i));
  }
  SADDLE_DEVICE void operator()(int64_t row, int64_t i) const { span<1>(row, i); }
  bool aligned(int64_t columns) const { return columns % kSpan == 0 && all_aligned(x, y); }
};

// p[row, :] <- softmax(scale scores[row, :]), scale > 0, over the columns that are tokens; 0 in
// those of padding. One warp a row.
template <class T>
struct Softmax {
  static constexpr int kThreads = kWarp;
  Array<float> scores;  // [rows, columns]; overwritten
  Array<T> p;           // [rows, columns]; may be `scores`
  int64_t columns;
  float scale;
  Array<const int32_t> length;  // [sequences]: the columns that are tokens; empty: all
  int64_t rows_each;            // of a sequence

  template <class Block>
  SADDLE_DEVICE void operator()(Block& b) const {
    normalise(BlockTeam<Block>{b, columns}, b.block());
  }
  void reference(int64_t row) const { normalise(HostTeam<kThreads>{columns}, row); }

 private:
  template <class Team>
  SADDLE_DEVICE void normalise(const Team& team, int64_t row) const {
    const Array<float> z = row_of(scores, row, columns);
    const Array<T> share = row_of(p, row, columns);
    const int64_t tokens = length ? length[row / rows_each] : columns;
    const float largest = team.largest(tokens, [=](int64_t i) { return z[i]; }), s = scale;
    team.each(tokens, [=](int64_t i) { z[i] = exponential_of_negative((z[i] - largest) * s); });
    const float sum = team.sum(tokens, [=](int64_t i) { return z[i]; });
    team.each([=](int64_t i) { share[i] = i < tokens ? z[i] / sum : 0.f; });
  }
};

// dscores <- scale p (dp - sum of dp p) along each row.
template <class T>
struct SoftmaxBackward {
  static constexpr int kThreads = kWarp;
  Array<const T> p;       // [rows, columns]
  Array<const float> dp;  // [rows, columns]
  Array<T> dscores;       // [rows, columns]; may be `dp`
  int64_t columns;
  float scale;

  template <class Block>
  SADDLE_DEVICE void operator()(Block& b) const {
    differentiate(BlockTeam<Block>{b, columns}, b.block());
  }
  void reference(int64_t row) const { differentiate(HostTeam<kThreads>{columns}, row); }

 private:
  template <class Team>
  SADDLE_DEVICE void differentiate(const Team& team, int64_t row) const {
    const Array<const T> share = row_of(p, row, columns);
    const Array<const float> slope = row_of(dp, row, columns);
    const Array<T> to = row_of(dscores, row, columns);
    const float mean = team.sum([=](int64_t i) { return slope[i] * share[i]; }), s = scale;
    team.each([=](int64_t i) { to[i] = s * share[i] * (slope[i] - mean); });
  }
};

// Up to which the draws of DropAttention are told apart.
inline constexpr int64_t kMostDropTokens = 512, kMostDropHeads = 16;
inline constexpr int64_t kDropGroups = kMostDropTokens * kMostDropHeads * kMostDropTokens / 4;

// Dropout of attention's weights (kernels/dropout.h). A draw depends on the head and on the two
// places of an example, whatever it is batched with. Columns are groups of four.
template <class T>
struct DropAttention {
  Array<const T> p;              // [N, heads, tokens, tokens]
  Array<const int32_t> example;  // [N]
  Array<const int32_t> step;     // [1], read on the device: it changes under captured work
  Array<T> y;
  Stream stream;
  uint32_t place;  // added to the group's number
  int64_t heads, tokens;
  float rate;  // in [0, 1)

  SADDLE_DEVICE void operator()(int64_t row, int64_t group) const {
    const int64_t matrix = row / tokens, head = matrix % heads;
    const int64_t number = (head * kMostDropTokens + row % tokens) * (kMostDropTokens / 4) + group;
    const Random4 bits = stream.at(step[0]).bits(static_cast<uint32_t>(example[matrix / heads]),
                                                 place + static_cast<uint32_t>(number));
    const float scale = 1.f / (1.f - rate);
    for (int k = 0; k < 4; ++k) {
      const int64_t column = 4 * group + k;
      if (column >= tokens) return;
      const int64_t i = row * tokens + column;
      y[i] = uniform(bits.v[k]) < rate ? 0.f : scale * p[i];
    }
  }
};

}  // namespace saddle
