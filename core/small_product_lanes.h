// Products of small matrices on one thread, for one width of vectors: those of attention, a head at
// a time, where a library takes longer to be called than to compute.
#pragma once

#include "core/register_tile.h"
#include "core/vector_code.h"

namespace saddle::small_product {

template <int kLanes>
class Products {
 public:
  static void multiply(const SmallProduct& s, const float* a, const float* b, float* c) {
    if (s.transposed) {
      in_panels<true>(s, a, b, c);
    } else {
      in_panels<false>(s, a, b, c);
    }
  }

  static void transpose(std::int64_t rows, std::int64_t columns, const float* from,
                        std::int64_t row_of_from, float* to, std::int64_t row_of_to) {
    for (std::int64_t row = 0; row < rows; row += kLanes) {
      std::int64_t column = 0;
      for (; column + kLanes <= columns; column += kLanes) {
        Vec square[kLanes] = {};
        for (std::int64_t i = 0; i < kLanes && row + i < rows; ++i)
          square[i] = Lanes<kLanes>::load(from + (row + i) * row_of_from + column);
        Lanes<kLanes>::transpose(square);
        for (int i = 0; i < kLanes; ++i)
          Lanes<kLanes>::store(to + (column + i) * row_of_to + row, square[i]);
      }
      for (; column < columns; ++column) {
        for (std::int64_t i = 0; i < kLanes; ++i) {
          to[column * row_of_to + row + i] =
              row + i < rows ? from[(row + i) * row_of_from + column] : 0.f;
        }
      }
    }
  }

 private:
  using Vec = typename Lanes<kLanes>::Vec;

  // kRows rows and kVectors vectors of c.
  template <bool kTransposed, int kRows, int kVectors>
  static void tile(const SmallProduct& s, const float* a, const float* b, float* c) {
    const std::int64_t row = s.a_row;
    RegisterTile<kLanes, kRows, kVectors> sums;
    sums.clear();
    sums.add(
        s.k,
        [=](std::int64_t i, std::int64_t p) {
          return kTransposed ? a[p * row + i] : a[i * row + p];
        },
        b, s.b_row);
    sums.store(c, s.c_row);
  }

  // All rows, kRows of them at a time and then what is left.
  template <bool kTransposed, int kRows, int kVectors>
  static void in_rows(const SmallProduct& s, const float* a, const float* b, float* c) {
    std::int64_t first = 0;
    const auto from_a = [&] { return a + first * (kTransposed ? 1 : s.a_row); };
    for (; first + kRows <= s.m; first += kRows)
      tile<kTransposed, kRows, kVectors>(s, from_a(), b, c + first * s.c_row);
    if (first < s.m)
      rest<kTransposed, kRows - 1, kVectors>(s, s.m - first, from_a(), b, c + first * s.c_row);
  }
  // kMost rows at the most.
  template <bool kTransposed, int kMost, int kVectors>
  static void rest(const SmallProduct& s, std::int64_t rows, const float* a, const float* b,
                   float* c) {
    if constexpr (kMost > 1) {
      if (rows < kMost) return rest<kTransposed, kMost - 1, kVectors>(s, rows, a, b, c);
    }
    tile<kTransposed, kMost, kVectors>(s, a, b, c);
  }

  template <bool kTransposed>
  static void in_panels(const SmallProduct& s, const float* a, const float* b, float* c) {
    constexpr int kRowsOfTwo = kLanes == 16 ? 12 : 6;
    std::int64_t column = 0;
    for (; column + 2 * kLanes <= s.n; column += 2 * kLanes)
      in_rows<kTransposed, kRowsOfTwo, 2>(s, a, b + column, c + column);
    for (; column < s.n; column += kLanes)
      in_rows<kTransposed, 12, 1>(s, a, b + column, c + column);
  }
};

}  // namespace saddle::small_product
