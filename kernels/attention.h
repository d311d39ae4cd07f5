// What attention does besides its matrix products: the order of heads, and softmax along a row.
//
//   o = softmax(q k^T / sqrt(d)) v   per image and head. Vaswani et al. 2017.
#pragma once

#include <cmath>

#include "kernels/teams.h"

namespace saddle {

// How [N, T, parts, heads, d], as a linear layer leaves it, and [parts, N, heads, T, d], whose
// heads are matrices, are each other's. A row is d elements.
struct HeadOrder {
  int64_t batch, tokens, parts, heads;

  int64_t rows() const { return batch * tokens * parts * heads; }
  // Where a row of the first lies in the second.
  SADDLE_DEVICE int64_t split(int64_t row) const {
    const int64_t head = row % heads, part = row / heads % parts;
    const int64_t token = row / (heads * parts) % tokens, image = row / (heads * parts * tokens);
    return ((part * batch + image) * heads + head) * tokens + token;
  }
};

// y [parts, N, heads, T, d] <- x [N, T, parts, heads, d]
struct SplitHeads {
  static constexpr int kSpan = 4;
  Array<const float> x;
  Array<float> y;
  HeadOrder order;
  int64_t head_size;

  template <int N>
  SADDLE_DEVICE void span(int64_t row, int64_t i) const {
    store<N>(y, order.split(row) * head_size + i, load<N>(x, row * head_size + i));
  }
  SADDLE_DEVICE void operator()(int64_t row, int64_t i) const { span<1>(row, i); }
  bool aligned(int64_t columns) const { return columns % kSpan == 0 && all_aligned(x, y); }
};

// y [N, T, parts, heads, d] <- x [parts, N, heads, T, d]
struct MergeHeads {
  static constexpr int kSpan = 4;
  Array<const float> x;
  Array<float> y;
  HeadOrder order;
  int64_t head_size;

  template <int N>
  SADDLE_DEVICE void span(int64_t row, int64_t i) const {
    store<N>(y, row * head_size + i, load<N>(x, order.split(row) * head_size + i));
  }
  SADDLE_DEVICE void operator()(int64_t row, int64_t i) const { span<1>(row, i); }
  bool aligned(int64_t columns) const { return columns % kSpan == 0 && all_aligned(x, y); }
};

// p[row, :] <- softmax(scale p[row, :]), scale > 0. One warp a row.
struct Softmax {
  static constexpr int kThreads = kWarp;
  Array<float> p;  // [rows, columns]
  int64_t columns;
  float scale;

  template <class Block>
  SADDLE_DEVICE void operator()(Block& b) const {
    normalise(BlockTeam<Block>{b, columns}, b.block());
  }
  void reference(int64_t row) const { normalise(HostTeam<kThreads>{columns}, row); }

 private:
  template <class Team>
  SADDLE_DEVICE void normalise(const Team& team, int64_t row) const {
    const Array<float> z = row_of(p, row, columns);
    const float largest = team.argmax(columns, [=](int64_t i) { return z[i]; }).value, s = scale;
    team.each([=](int64_t i) { z[i] = exponential_of_negative((z[i] - largest) * s); });
    const float sum = team.sum([=](int64_t i) { return z[i]; });
    team.each([=](int64_t i) { z[i] = z[i] / sum; });
  }
};

// dp <- scale p (dp - sum of dp p) along each row: the gradient of what Softmax overwrote.
struct SoftmaxBackward {
  static constexpr int kThreads = kWarp;
  Array<const float> p;  // [rows, columns]
  Array<float> dp;       // [rows, columns]
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
    const Array<const float> share = row_of(p, row, columns);
    const Array<float> slope = row_of(dp, row, columns);
    const float mean = team.sum([=](int64_t i) { return slope[i] * share[i]; }), s = scale;
    team.each([=](int64_t i) { slope[i] = s * share[i] * (slope[i] - mean); });
  }
};

}  // namespace saddle
