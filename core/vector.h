// Lanes: so many floats at once, for the hand-written convolutions of the CPU device.
//
// All that uses it is a template of the number of lanes and is compiled twice, for 8 lanes and for
// the 16 of AVX-512 (vector_code.h). Such code calls nothing of the library's that is inline: what
// is compiled for a processor that may not be there must have no name in common with other code.
#pragma once

#include <cstdint>
#include <utility>

namespace saddle {

template <int kLanes>
struct Lanes {
  typedef float Vec __attribute__((vector_size(kLanes * sizeof(float))));

  // From and to any address that is aligned for float.
  static Vec load(const float* from) {
    Vec value;
    __builtin_memcpy(&value, from, sizeof value);
    return value;
  }
  static void store(float* to, Vec value) { __builtin_memcpy(to, &value, sizeof value); }

  // rows[i][j] <-> rows[j][i]
  static void transpose(Vec rows[kLanes]) { exchange<kLanes / 2>(rows); }

 private:
  // Exchanges the off-diagonal squares of kHalf x kHalf, then those within each quarter.
  template <int kHalf>
  static void exchange(Vec rows[kLanes]) {
    for (int row = 0; row < kLanes; ++row) {
      if ((row & kHalf) == 0) {
        exchange<kHalf>(rows[row], rows[row + kHalf], std::make_integer_sequence<int, kLanes>());
      }
    }
    if constexpr (kHalf > 1) exchange<kHalf / 2>(rows);
  }
  template <int kHalf, int... kLane>
  static void exchange(Vec& upper, Vec& lower, std::integer_sequence<int, kLane...>) {
    const Vec left =
        __builtin_shufflevector(upper, lower, (kLane & kHalf ? kLane - kHalf + kLanes : kLane)...);
    const Vec right =
        __builtin_shufflevector(upper, lower, (kLane & kHalf ? kLane + kLanes : kLane + kHalf)...);
    upper = left;
    lower = right;
  }
};

}  // namespace saddle
