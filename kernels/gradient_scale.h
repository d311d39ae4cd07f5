// Gradients of any size as directions: a power of two that brings a row's largest entry near 1.
//
// A confident model's gradients fall to 1e-30 and below, where their squares are 0 and a guard such
// as ||g|| + 1e-10 outweighs the norm, though they point where they pointed before. Multiplied by
// this factor first they lose no digit, so that g and 2^k g are one and the same direction, bit for
// bit, down to the smallest number a float can hold; a gradient of exactly zero stays zero.
#pragma once

#include <cstdint>
#include <cstring>

#include "kernels/array.h"
#include "kernels/portable.h"
#include "kernels/teams.h"

namespace saddle {

// 2^-e for 2^e <= largest < 2^(e + 1), e >= -127: `largest` times it lies in [1, 2), for numbers
// below 2^-126 (subnormal) in [2^-22, 1), from 2^127 on in [2, 4).
SADDLE_DEVICE float power_to_one(float largest) {
  uint32_t bits;
  memcpy(&bits, &largest, sizeof bits);
  const uint32_t exponent = (bits >> 23) & 0xffu;
  const uint32_t opposite = (exponent < 253u ? 254u - exponent : 1u) << 23;
  float power;
  memcpy(&power, &opposite, sizeof power);
  return power;
}

// g <- to_one g, where to_one brings the row's first gradient other than zero near 1: the unit in
// which an optimiser that remembers gradients (Adam) sees all of the row's. One block a row.
struct ScaleToFirst {
  static constexpr int kThreads = 256;
  Array<float> g;       // [rows, columns]
  Array<float> to_one;  // [rows]: 0 until it is known
  int64_t columns;

  template <class Team>
  SADDLE_DEVICE void work(const Team& team, int64_t row) const {
    const Array<float> gradient = row_of(g, row, columns);
    const float known = to_one[row];
    const float largest = team.max([&](int64_t i) { return fabsf(gradient[i]); });
    const float first = largest > 0.f ? power_to_one(largest) : 0.f;
    const float unit = known != 0.f ? known : first;
    team.each([&](int64_t i) { gradient[i] *= unit; });
    team.once([&] { to_one[row] = unit; });
  }
  template <class Block>
  SADDLE_DEVICE void operator()(Block& b) const {
    work(BlockTeam<Block>{b, columns}, b.block());
  }
  void reference(int64_t row) const { work(HostTeam<kThreads>{columns}, row); }
};

}  // namespace saddle
