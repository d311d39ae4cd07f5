// Lanes: so many floats at once, for the hand-written convolutions of the CPU device.
//
// All that uses it is a template of the number of lanes and is compiled twice, for 8 lanes and for
// the 16 of AVX-512 (vector_code.h). Such code calls nothing of the library's that is inline: what
// is compiled for a processor that may not be there must have no name in common with other code.
#pragma once

#if defined(__FMA__)
#include <immintrin.h>
#endif

#include <cstdint>
#include <utility>

namespace saddle {

// A vector, and of its arithmetic what the compiler has no operator for.
template <int kLanes>
struct Register;

template <>
struct Register<8> {
  typedef float Vec __attribute__((vector_size(32)));
  // a b + c, rounded once. (`a` is to be broadcast as it is loaded: as `Vec{} + a` it would pass
  // through the units that multiply.)
  static Vec multiply_add(float a, Vec b, Vec c) {
#if defined(__FMA__)
    return _mm256_fmadd_ps(_mm256_set1_ps(a), b, c);
#else
    for (int lane = 0; lane < 8; ++lane) c[lane] = __builtin_fmaf(a, b[lane], c[lane]);
    return c;
#endif
  }
};

// Not where GCC would have to hand 64 bytes from function to function without the registers for it,
// of which it warns: there nothing is compiled for 16 lanes but vector_code_16.cpp, which has them.
#if defined(__AVX512F__) || !defined(__x86_64__)
template <>
struct Register<16> {
  typedef float Vec __attribute__((vector_size(64)));
  static Vec multiply_add(float a, Vec b, Vec c) {
#if defined(__AVX512F__)
    return _mm512_fmadd_ps(_mm512_set1_ps(a), b, c);
#else
    for (int lane = 0; lane < 16; ++lane) c[lane] = __builtin_fmaf(a, b[lane], c[lane]);
    return c;
#endif
  }
};
#endif

template <int kLanes>
struct Lanes : Register<kLanes> {
  using Vec = typename Register<kLanes>::Vec;

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
