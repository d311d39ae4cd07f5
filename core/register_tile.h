// The inner loop of every hand-written product: a tile of c = a b whose sums all stay in registers.
//
// Up to 24 sums keep two units of fused multiply-add busy. Each is made in the order of its terms,
// whatever the tile, so that bits do not depend on the lanes.
#pragma once

#include "core/vector.h"

// Before a loop over registers, which must be unrolled before the compiler asks what can stay in
// them.
#if defined(__clang__)
#define SADDLE_UNROLL _Pragma("unroll")
#else
#define SADDLE_UNROLL _Pragma("GCC unroll 16")
#endif

namespace saddle {

// kRows rows and kVectors vectors.
template <int kLanes, int kRows, int kVectors>
class RegisterTile {
 public:
  void clear() {
    SADDLE_UNROLL
    for (int i = 0; i < kRows; ++i) {
      SADDLE_UNROLL
      for (int n = 0; n < kVectors; ++n) sum_[i][n] = Vec{};
    }
  }
  // From and to rows that begin `row` floats apart.
  void load(const float* from, std::int64_t row) {
    SADDLE_UNROLL
    for (int i = 0; i < kRows; ++i) {
      SADDLE_UNROLL
      for (int n = 0; n < kVectors; ++n)
        sum_[i][n] = Lanes<kLanes>::load(from + i * row + n * kLanes);
    }
  }
  void store(float* to, std::int64_t row) const {
    SADDLE_UNROLL
    for (int i = 0; i < kRows; ++i) {
      SADDLE_UNROLL
      for (int n = 0; n < kVectors; ++n)
        Lanes<kLanes>::store(to + i * row + n * kLanes, sum_[i][n]);
    }
  }

  // Adds the products of k terms: of value(i, p) and row p of b, which begin b_row floats apart.
  template <class Value>
  __attribute__((always_inline)) void add(std::int64_t k, const Value& value, const float* b,
                                          std::int64_t b_row) {
    for (std::int64_t p = 0; p < k; ++p) {
      Vec row[kVectors];
      SADDLE_UNROLL
      for (int n = 0; n < kVectors; ++n) row[n] = Lanes<kLanes>::load(b + p * b_row + n * kLanes);
      SADDLE_UNROLL
      for (int i = 0; i < kRows; ++i) {
        const float factor = value(i, p);
        SADDLE_UNROLL
        for (int n = 0; n < kVectors; ++n)
          sum_[i][n] = Lanes<kLanes>::multiply_add(factor, row[n], sum_[i][n]);
      }
    }
  }

 private:
  using Vec = typename Lanes<kLanes>::Vec;

  Vec sum_[kRows][kVectors];
};

}  // namespace saddle
