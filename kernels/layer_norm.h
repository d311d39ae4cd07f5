// Layer normalisation: each row by its own mean and variance. Ba, Kiros and Hinton 2016.
//
//   y = gamma xhat + beta,  xhat = (x - mean) / sqrt(var + eps),  var that of n (biased)
//
// One warp a row. The mean and 1 / sqrt(var + eps) are kept for the gradient. T is float or
// Bfloat16; sums are f32.
#pragma once

#include "kernels/bfloat16.h"
#include "kernels/teams.h"

namespace saddle {

template <class T>
struct LayerNormForward {
  static constexpr int kThreads = kWarp;
  Array<const T> x;                // [rows, columns]
  Array<const float> gamma, beta;  // [columns]
  Array<T> y;                      // [rows, columns]
  Array<float> mean, inverse_std;  // [rows]
  int64_t columns;
  float eps;

  template <class Block>
  SADDLE_DEVICE void operator()(Block& b) const {
    normalise(BlockTeam<Block>{b, columns}, b.block());
  }
  void reference(int64_t row) const { normalise(HostTeam<kThreads>{columns}, row); }

 private:
  template <class Team>
  SADDLE_DEVICE void normalise(const Team& team, int64_t row) const {
    const Array<const T> from = row_of(x, row, columns);
    const Array<T> to = row_of(y, row, columns);
    const Array<const float> scale = gamma, shift = beta;
    const float n = static_cast<float>(columns);
    const float m = team.sum([=](int64_t i) { return from[i]; }) / n;
    // Of the differences, not of the squares: what is far from 0 keeps its digits.
    const float var = team.sum([=](int64_t i) { return (from[i] - m) * (from[i] - m); }) / n;
    const float s = 1.f / square_root(var + eps);
    team.each([=](int64_t i) { to[i] = (from[i] - m) * s * scale[i] + shift[i]; });
    team.once([&] {
      mean[row] = m;
      inverse_std[row] = s;
    });
  }
};

// dx = (gamma dy - mean(gamma dy) - xhat mean(gamma dy xhat)) / sqrt(var + eps) + addend
template <class T>
struct LayerNormBackward {
  static constexpr int kThreads = kWarp;
  Array<const T> x, dy;                  // [rows, columns]
  Array<const float> gamma;              // [columns]
  Array<const float> mean, inverse_std;  // [rows]
  Array<const T> addend;                 // [rows, columns]; empty: nothing else has reached x
  Array<T> dx;                           // [rows, columns]
  int64_t columns;

  template <class Block>
  SADDLE_DEVICE void operator()(Block& b) const {
    differentiate(BlockTeam<Block>{b, columns}, b.block());
  }
  void reference(int64_t row) const { differentiate(HostTeam<kThreads>{columns}, row); }

 private:
  template <class Team>
  SADDLE_DEVICE void differentiate(const Team& team, int64_t row) const {
    const Array<const T> from = row_of(x, row, columns), slope = row_of(dy, row, columns);
    const Array<T> to = row_of(dx, row, columns);
    const Array<const float> scale = gamma;
    const float m = mean[row], s = inverse_std[row], n = static_cast<float>(columns);
    const TwoSums sums = team.two_sums([=](int64_t i) {
      const float scaled = scale[i] * slope[i];
      return TwoSums{scaled, scaled * ((from[i] - m) * s)};
    });
    const float plain = sums.first / n, along = sums.second / n;
    const auto gradient = [=](int64_t i) {
      return s * (scale[i] * slope[i] - plain - (from[i] - m) * s * along);
    };
    if (addend) {
      const Array<const T> other = row_of(addend, row, columns);
      team.each([=](int64_t i) { to[i] = gradient(i) + other[i]; });
    } else {
      team.each([=](int64_t i) { to[i] = gradient(i); });
    }
  }
};

// The parts of dgamma = sum over rows of dy xhat and of dbeta = sum over rows of dy that kRows rows
// give; ColumnSum adds the parts. Block (chunk, columns): chunk * column_blocks + column block.
template <class T>
struct LayerNormParameters {
  static constexpr int kThreads = 256;
  static constexpr int kColumns = 32;
  static constexpr int kRowLanes = kThreads / kColumns;
  static constexpr int64_t kRows = 128;
  Array<const T> x, dy;                  // [rows, columns]
  Array<const float> mean, inverse_std;  // [rows]
  Array<float> dgamma, dbeta;            // [chunks(rows), columns]
  int64_t rows, columns;

  struct Lanes;

  static int64_t chunks(int64_t rows) { return ceil_divide(rows, kRows); }
  static int64_t blocks(int64_t rows, int64_t columns) {
    return chunks(rows) * ceil_divide(columns, kColumns);
  }

  template <class Block>
  SADDLE_DEVICE void operator()(Block& b) const {
    const Place at = place(b.block());
    const int64_t column = at.column + b.thread() % kColumns;
    float scale = 0.f, shift = 0.f;
    if (column < columns) {
      for (int64_t row = at.row + b.thread() / kColumns; row < at.end; row += kRowLanes) {
        add(row, column, scale, shift);
      }
    }
    scale = column_sum<Lanes, kColumns, kThreads>(b, scale);
    shift = column_sum<Lanes, kColumns, kThreads>(b, shift);
    if (b.thread() < kColumns && column < columns) {
      dgamma[at.chunk * columns + column] = scale;
      dbeta[at.chunk * columns + column] = shift;
    }
  }

  void reference(int64_t block) const {
    const Place at = place(block);
    const int64_t count = smaller(kColumns, columns - at.column);
    float scale[kRowLanes][kColumns] = {}, shift[kRowLanes][kColumns] = {};
    for (int64_t row = at.row; row < at.end; ++row) {
      const int64_t lane = (row - at.row) % kRowLanes;
      for (int64_t c = 0; c < count; ++c) {
        add(row, at.column + c, scale[lane][c], shift[lane][c]);
      }
    }
    for (int64_t c = 0; c < count; ++c) {
      float scales = 0.f, shifts = 0.f;
      for (int lane = 0; lane < kRowLanes; ++lane) {
        scales += scale[lane][c];
        shifts += shift[lane][c];
      }
      dgamma[at.chunk * columns + at.column + c] = scales;
      dbeta[at.chunk * columns + at.column + c] = shifts;
    }
  }

 private:
  struct Place {
    int64_t chunk, row, end, column;
  };
  SADDLE_DEVICE Place place(int64_t block) const {
    const int64_t column_blocks = ceil_divide(columns, kColumns), chunk = block / column_blocks;
    return {chunk, chunk * kRows, smaller(rows, (chunk + 1) * kRows),
            block % column_blocks * kColumns};
  }
  SADDLE_DEVICE void add(int64_t row, int64_t column, float& scale, float& shift) const {
    const int64_t i = row * columns + column;
    scale += dy[i] * ((x[i] - mean[row]) * inverse_std[row]);
    shift += dy[i];
  }
};

}  // namespace saddle
