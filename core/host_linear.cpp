#include "core/host_linear.h"

#include <algorithm>

#include "core/error.h"
#include "core/onednn.h"
#include "core/row_pieces.h"
#include "kernels/elementwise.h"

namespace saddle {
namespace {

// As for_row_pieces; it says whether oneDNN had memory.
template <class Work>
void for_pieces(const char* what, std::int64_t rows, std::int64_t columns, const Work& work) {
  require(for_row_pieces(rows, columns, work), what, ": out of memory: oneDNN has none for it");
}

// c [rows, out] = a [rows, in] weight^T, weight [out, in].
bool times_transposed(std::int64_t rows, const float* a, std::int64_t in, std::int64_t out,
                      const float* weight, float* c) {
  return onednn::multiply_alone({rows, out, in}, {a, in}, {weight, in, true}, c, out);
}
// c [rows, in] = a [rows, out] weight.
bool times(std::int64_t rows, const float* a, std::int64_t in, std::int64_t out,
           const float* weight, float* c) {
  return onednn::multiply_alone({rows, in, out}, {a, out}, {weight, in}, c, in);
}

// to = sums + bias + residual
void finish(const RowPiece& piece, std::int64_t columns, const float* sums, const float* bias,
            const float* residual, float* to) {
  for (std::int64_t row = 0; row < piece.count; ++row) {
    const float* from = sums + row * columns;
    float* result = piece.in(to, columns) + row * columns;
    if (residual == nullptr) {
#pragma omp simd
      for (std::int64_t i = 0; i < columns; ++i) result[i] = from[i] + bias[i];
    } else {
      const float* other = piece.in(residual, columns) + row * columns;
#pragma omp simd
      for (std::int64_t i = 0; i < columns; ++i) result[i] = from[i] + bias[i] + other[i];
    }
  }
}

// values <- gelu(values + bias), and h <- values + bias where it is given.
template <class Form>
void activate(std::int64_t rows, std::int64_t columns, const float* bias, float* values, float* h) {
  for (std::int64_t row = 0; row < rows; ++row) {
    float* at = values + row * columns;
#pragma omp simd
    for (std::int64_t i = 0; i < columns; ++i) at[i] += bias[i];
    if (h != nullptr) std::copy_n(at, columns, h + row * columns);
#pragma omp simd
    for (std::int64_t i = 0; i < columns; ++i) at[i] *= Form::share(at[i]);
  }
}

// values <- values gelu'(h); `activated` <- gelu(h) where it is given.
template <class Form>
void differentiate(std::int64_t count, const float* h, float* values, float* activated) {
  if (activated == nullptr) {
#pragma omp simd
    for (std::int64_t i = 0; i < count; ++i)
      values[i] *= Form::share(h[i]) + h[i] * Form::slope(h[i]);
  } else {
#pragma omp simd
    for (std::int64_t i = 0; i < count; ++i) {
      const float share = Form::share(h[i]);
      activated[i] = h[i] * share;
      values[i] *= share + h[i] * Form::slope(h[i]);
    }
  }
}

template <class Form>
void forward(const PerceptronShape& s, const float* x, const LinearValues& up,
             const LinearValues& down, const float* residual, float* h, float* y) {
  const std::int64_t narrow = std::max(s.in, s.out);
  for_pieces("perceptron", s.rows, s.hidden + narrow, [&](const RowPiece& piece, float* memory) {
    const std::int64_t rows = piece.padded();
    float *hidden = memory, *sums = memory + kMostRows * s.hidden;
    if (!times_transposed(rows, piece.in_padded(x, s.in, sums), s.in, s.hidden, up.weight, hidden))
      return false;
    activate<Form>(piece.count, s.hidden, up.bias, hidden, piece.in(h, s.hidden));
    if (!times_transposed(rows, hidden, s.hidden, s.out, down.weight, sums)) return false;
    finish(piece, s.out, sums, down.bias, residual, y);
    return true;
  });
}

template <class Form>
void backward(const PerceptronShape& s, const float* h, const float* dy, const float* up,
              const float* down, const PerceptronGradients& to) {
  const std::int64_t narrow = std::max(s.in, s.out);
  for_pieces("perceptron", s.rows, s.hidden + narrow, [&](const RowPiece& piece, float* memory) {
    const std::int64_t rows = piece.padded(), count = piece.count * s.hidden;
    float *hidden = memory, *sums = memory + kMostRows * s.hidden;
    if (!times(rows, piece.in_padded(dy, s.out, sums), s.hidden, s.out, down, hidden)) return false;
    differentiate<Form>(count, piece.in(h, s.hidden), hidden, piece.in(to.activated, s.hidden));
    if (to.dh != nullptr) std::copy_n(hidden, count, piece.in(to.dh, s.hidden));
    if (to.dx == nullptr) return true;
    if (!times(rows, hidden, s.in, s.hidden, up, sums)) return false;
    std::copy_n(sums, piece.count * s.in, piece.in(to.dx, s.in));
    return true;
  });
}

}  // namespace

void host_linear(std::int64_t rows, std::int64_t in, std::int64_t out, const float* x,
                 const LinearValues& linear, const float* residual, float* y) {
  for_pieces("linear", rows, in + out, [&](const RowPiece& piece, float* memory) {
    float *sums = memory, *copy = memory + kMostRows * out;
    if (!times_transposed(piece.padded(), piece.in_padded(x, in, copy), in, out, linear.weight,
                          sums)) {
      return false;
    }
    finish(piece, out, sums, linear.bias, residual, y);
    return true;
  });
}

void host_perceptron(const PerceptronShape& shape, const float* x, const LinearValues& up,
                     const LinearValues& down, const float* residual, float* h, float* y) {
  const auto run = shape.form == GeluForm::exact ? forward<ExactGelu> : forward<TanhGelu>;
  run(shape, x, up, down, residual, h, y);
}

void host_perceptron_backward(const PerceptronShape& shape, const float* h, const float* dy,
                              const float* up_weight, const float* down_weight,
                              const PerceptronGradients& to) {
  const auto run = shape.form == GeluForm::exact ? backward<ExactGelu> : backward<TanhGelu>;
  run(shape, h, dy, up_weight, down_weight, to);
}

}  // namespace saddle
