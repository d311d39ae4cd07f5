// How far Winograd's convolution may be from the exact one: the bound that
// core/winograd_transform.h states, from matrices that are derived here anew.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <vector>

#include "core/device.h"
#include "tests/support/expect_near.h"

namespace saddle::winograd_bound {

// Of at most 6 x 6.
struct Matrix {
  Matrix(std::size_t rows_, std::size_t columns_) : rows(rows_), columns(columns_) {}
  double* operator[](std::size_t row) { return values.data() + row * columns; }
  const double* operator[](std::size_t row) const { return values.data() + row * columns; }

  std::size_t rows, columns;
  std::array<double, 36> values = {};
};

inline Matrix transposed(const Matrix& a) {
  Matrix result(a.columns, a.rows);
  for (std::size_t i = 0; i < a.rows; ++i)
    for (std::size_t j = 0; j < a.columns; ++j) result[j][i] = a[i][j];
  return result;
}

inline Matrix operator*(const Matrix& a, const Matrix& b) {
  Matrix result(a.rows, b.columns);
  for (std::size_t i = 0; i < a.rows; ++i)
    for (std::size_t k = 0; k < b.rows; ++k)
      for (std::size_t j = 0; j < b.columns; ++j) result[i][j] += a[i][k] * b[k][j];
  return result;
}

inline Matrix absolute(Matrix a) {
  for (double& value : a.values) value = std::abs(value);
  return a;
}

// What interpolation at the points says (Winograd 1980): a point's powers in A^T, the first three
// of them over the product of its distances from the others in G, and in B^T the coefficients of
// the polynomial whose zeros the others are.
struct Interpolation {
  Matrix at = Matrix(4, 6), g = Matrix(6, 3), bt = Matrix(6, 6);

  Interpolation() {
    const double points[] = {0, 0.75, -0.75, 1.5, -1.5};
    for (std::size_t p = 0; p < 5; ++p) {
      double distances = 1;
      for (std::size_t q = 0; q < 5; ++q)
        if (q != p) distances *= points[p] - points[q];
      for (std::size_t k = 0; k < 4; ++k) at[k][p] = std::pow(points[p], static_cast<double>(k));
      for (std::size_t k = 0; k < 3; ++k)
        g[p][k] = std::pow(points[p], static_cast<double>(k)) / distances;
    }
    at[3][5] = g[5][2] = 1;  // at infinity the highest power alone
    for (std::size_t p = 0; p < 6; ++p) {
      std::vector<double> polynomial = {1};  // lowest power first
      for (std::size_t q = 0; q < 5; ++q) {
        if (q == p) continue;
        polynomial.push_back(0);
        for (std::size_t k = polynomial.size(); k-- > 0;)
          polynomial[k] = (k > 0 ? polynomial[k - 1] : 0) - points[q] * polynomial[k];
      }
      for (std::size_t k = 0; k < polynomial.size(); ++k) bt[p][k] = polynomial[k];
    }
  }
};

// Images [n, height, width, channels], read in squares that may stick out into zeros.
struct Images {
  const std::vector<float>& values;
  std::int64_t height, width, channels;

  Matrix square(std::int64_t n, std::int64_t top, std::int64_t left, std::int64_t side,
                std::int64_t channel) const {
    Matrix result(static_cast<std::size_t>(side), static_cast<std::size_t>(side));
    for (std::int64_t r = std::max<std::int64_t>(0, -top); r < std::min(side, height - top); ++r) {
      for (std::int64_t s = std::max<std::int64_t>(0, -left); s < std::min(side, width - left);
           ++s) {
        const std::int64_t at = ((n * height + top + r) * width + left + s) * channels + channel;
        result[static_cast<std::size_t>(r)][static_cast<std::size_t>(s)] =
            values[static_cast<std::size_t>(at)];
      }
    }
    return result;
  }
};

// The bound of core/winograd_transform.h for what flows through tiles with all matrices and numbers
// absolute: of outputs, or of the weights' gradient.
class Bound {
 public:
  Bound(const Convolution& s, const std::vector<float>& x, const std::vector<float>& w,
        const std::vector<float>& dy)
      : s_(s),
        rows_((s.height + 3) / 4),
        columns_((s.width + 3) / 4),
        tiles_(s.batch * rows_ * columns_),
        x_{x, s.height, s.width, s.in_channels},
        dy_{dy, s.height, s.width, s.out_channels},
        w_(w) {}

  // Of y [n, y, x, out].
  std::vector<double> of_outputs() const {
    const Matrix bt = absolute(f_.bt), g = absolute(f_.g), at = absolute(f_.at);
    std::vector<double> bound(static_cast<std::size_t>(s_.output_count()));
    const std::vector<Matrix> v = per_tile(x_, s_.in_channels, bt, -1, 6);
    std::vector<Matrix> u;  // [out][in]
    for (std::int64_t k = 0; k < s_.out_channels * s_.in_channels; ++k)
      u.push_back(g * absolute(weights(k / s_.in_channels, k % s_.in_channels)) * transposed(g));
    for (std::int64_t tile = 0; tile < tiles_; ++tile) {
      for (std::int64_t o = 0; o < s_.out_channels; ++o) {
        Matrix sum(6, 6);
        for (std::int64_t i = 0; i < s_.in_channels; ++i)
          add_products(v[at_(tile * s_.in_channels + i)], u[at_(o * s_.in_channels + i)], sum);
        const Matrix y = at * sum * transposed(at);
        const auto [n, top, left] = place(tile);
        for (std::int64_t r = 0; r < 4 && top + r < s_.height; ++r)
          for (std::int64_t c = 0; c < 4 && left + c < s_.width; ++c)
            bound[at_(((n * s_.height + top + r) * s_.width + left + c) * s_.out_channels + o)] =
                scaled(y[at_(r)][at_(c)], s_.in_channels);
      }
    }
    return bound;
  }

  // Of dw [out, 3, 3, in].
  std::vector<double> of_weights() const {
    const Matrix bt = absolute(f_.bt), gt = absolute(transposed(f_.g)),
                 a = absolute(transposed(f_.at));
    const std::vector<Matrix> v = per_tile(x_, s_.in_channels, bt, -1, 6);
    const std::vector<Matrix> d = per_tile(dy_, s_.out_channels, a, 0, 4);
    std::vector<double> bound(w_.size());
    for (std::int64_t o = 0; o < s_.out_channels; ++o) {
      for (std::int64_t i = 0; i < s_.in_channels; ++i) {
        Matrix sum(6, 6);
        for (std::int64_t tile = 0; tile < tiles_; ++tile)
          add_products(v[at_(tile * s_.in_channels + i)], d[at_(tile * s_.out_channels + o)], sum);
        const Matrix dw = gt * sum * transposed(gt);
        for (std::int64_t tap = 0; tap < 9; ++tap)
          bound[at_((o * 9 + tap) * s_.in_channels + i)] =
              scaled(dw[at_(tap / 3)][at_(tap % 3)], tiles_);
      }
    }
    return bound;
  }

 private:
  struct Place {
    std::int64_t image, top, left;
  };

  static std::size_t at_(std::int64_t i) { return static_cast<std::size_t>(i); }
  static double scaled(double absolute_sum, std::int64_t terms) {
    return (static_cast<double>(terms) + 24) * testing_support::kFloatEps * absolute_sum;
  }
  static void add_products(const Matrix& a, const Matrix& b, Matrix& sum) {
    for (std::size_t r = 0; r < 6; ++r)
      for (std::size_t c = 0; c < 6; ++c) sum[r][c] += a[r][c] * b[r][c];
  }
  Place place(std::int64_t tile) const {
    const std::int64_t in_image = tile % (rows_ * columns_);
    return {tile / (rows_ * columns_), in_image / columns_ * 4, in_image % columns_ * 4};
  }
  // [tile][channel]: transform |square| transform^T, squares from `offset` before the tile on.
  std::vector<Matrix> per_tile(const Images& images, std::int64_t channels, const Matrix& transform,
                               std::int64_t offset, std::int64_t side) const {
    std::vector<Matrix> result;
    for (std::int64_t tile = 0; tile < tiles_; ++tile) {
      const auto [n, top, left] = place(tile);
      for (std::int64_t c = 0; c < channels; ++c)
        result.push_back(transform *
                         absolute(images.square(n, top + offset, left + offset, side, c)) *
                         transposed(transform));
    }
    return result;
  }
  Matrix weights(std::int64_t o, std::int64_t i) const {
    Matrix result(3, 3);
    for (std::int64_t tap = 0; tap < 9; ++tap)
      result[at_(tap / 3)][at_(tap % 3)] = w_[at_((o * 9 + tap) * s_.in_channels + i)];
    return result;
  }

  Convolution s_;
  std::int64_t rows_, columns_, tiles_;
  Images x_, dy_;
  const std::vector<float>& w_;
  Interpolation f_;
};

}  // namespace saddle::winograd_bound
