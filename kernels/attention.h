// What attention does besides its matrix products: the order of heads, and softmax along a row.
//
//   o = softmax(q k^T / sqrt(d)) v   per image and head. Vaswani et al. 2017.
#pragma once

#include <cmath>

#include "kernels/teams.h"

namespace saddle {

// How [N, T, parts, heads, d], as a linear layer leaves it, and [parts, N, heads, T, d], whose
// heads are matrices, are each other's.
struct HeadOrder {
  int64_t tokens, heads, head_size, parts, batch;

  SADDLE_DEVICE int64_t columns() const { return parts * heads * head_size; }
  // Where element (row, column) of the first lies in the second; row = image * T + token.
  SADDLE_DEVICE int64_t split(int64_t row, int64_t column) const {
    const int64_t image = row / tokens, token = row % tokens;
    const int64_t part = column / (heads * head_size), head = column / head_size % heads;
    return (((part * batch + image) * heads + head) * tokens + token) * head_size +
           column % head_size;
  }
};

// y [parts, N, heads, T, d] <- x [N, T, parts, heads, d]; columns are parts x heads x d.
struct SplitHeads {
  Array<const float> x;
  Array<float> y;
  HeadOrder order;
  SADDLE_DEVICE void operator()(int64_t row, int64_t column) const {
    y[order.split(row, column)] = x[row * order.columns() + column];
  }
};

// y [N, T, parts, heads, d] <- x [parts, N, heads, T, d]
struct MergeHeads {
  Array<const float> x;
  Array<float> y;
  HeadOrder order;
  SADDLE_DEVICE void operator()(int64_t row, int64_t column) const {
    y[row * order.columns() + column] = x[order.split(row, column)];
  }
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
