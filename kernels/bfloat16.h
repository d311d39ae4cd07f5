// Bfloat16: the upper half of a float. Eight bits of exponent as float has, seven of fraction.
//
// For storage only: kernels read it into a float, compute, and round once when they write (to
// nearest, ties to even; NaN becomes the one quiet NaN 0x7fff, as the GPU's instruction does it).
#pragma once

#include <cstdint>
#include <cstring>

#include "kernels/portable.h"

#if defined(__CUDACC__)
#include <cuda_bf16.h>
#endif

namespace saddle {

struct Bfloat16 {
  uint16_t bits;

  Bfloat16() = default;
  SADDLE_DEVICE Bfloat16(float value) : bits(rounded(value)) {}
  SADDLE_DEVICE operator float() const { return from_word(static_cast<uint32_t>(bits) << 16); }

 private:
  static SADDLE_DEVICE float from_word(uint32_t word) {
    float value;
    memcpy(&value, &word, sizeof value);
    return value;
  }
  static SADDLE_DEVICE uint16_t rounded(float value) {
#if defined(__CUDA_ARCH__)
    return __bfloat16_as_ushort(__float2bfloat16_rn(value));  // one instruction instead of five
#else
    uint32_t word;
    memcpy(&word, &value, sizeof word);
    if ((word & 0x7fffffffu) > 0x7f800000u) return 0x7fff;
    return static_cast<uint16_t>((word + 0x7fffu + ((word >> 16) & 1u)) >> 16);
#endif
  }
};

}  // namespace saddle
