// Philox 4x32-10: random numbers as a pure function of (key, counter).
//
// Source: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011. Ten
// rounds of two 32x32 -> 64 bit products turn a 128-bit counter into 128 random bits. Nothing is
// carried from draw to draw, so a value depends on what it is for and never on launch size, thread
// count or batch size.
#pragma once

#include <cmath>
#include <cstdint>

#include "kernels/portable.h"

namespace saddle {

struct Random4 {
  uint32_t v[4];
};

SADDLE_DEVICE Random4 philox(uint64_t key, Random4 counter) {
  uint32_t k0 = static_cast<uint32_t>(key), k1 = static_cast<uint32_t>(key >> 32);
  for (int round = 0; round < 10; ++round) {
    const uint64_t p0 = uint64_t{0xD2511F53u} * counter.v[0];
    const uint64_t p1 = uint64_t{0xCD9E8D57u} * counter.v[2];
    counter = {{static_cast<uint32_t>(p1 >> 32) ^ counter.v[1] ^ k0, static_cast<uint32_t>(p1),
                static_cast<uint32_t>(p0 >> 32) ^ counter.v[3] ^ k1, static_cast<uint32_t>(p0)}};
    k0 += 0x9E3779B9u;  // the golden ratio and sqrt(3) - 1, as in the paper
    k1 += 0xBB67AE85u;
  }
  return counter;
}

// What a draw is for. Two purposes never share a number.
enum class Purpose : uint32_t {
  initial_weights = 1,
  data_order = 2,
  crop_and_flip = 3,
  attack_start = 4,
  attack_radius = 5,
  apgd_start = 6,
  fab_start = 7,
  square_init = 8,
  square_window = 9,
  square_sign = 20,
  stadv_start = 21,
  pixle_patch = 22,
  pixle_destination = 23,
  drop_branch = 30,
  dropout = 32,
  mixing = 31,
  segmentation_crop = 33,
  esam_freeze = 40,
  ssam_mask = 41,
  text_pso = 50,  // all that a search on words draws at an example, one after the other
  text_iga = 51,
  toy_examples = 60,
  landscape = 61,
  scenes = 70,
};

// All the draws of one purpose and step: element `element` of example (or tensor) `item`.
struct Stream {
  uint64_t seed = 0;
  Purpose purpose = Purpose::initial_weights;
  uint32_t step = 0;

  // The stream of another step.
  SADDLE_DEVICE Stream at(int32_t other) const {
    return {seed, purpose, static_cast<uint32_t>(other)};
  }

  SADDLE_DEVICE Random4 bits(uint32_t item, uint32_t element) const {
    return philox(seed, {{element, item, step, static_cast<uint32_t>(purpose)}});
  }
};

// Uniform in [0, 1): the upper 24 bits, so every value is exact in float.
SADDLE_DEVICE float uniform(uint32_t bits) {
  return static_cast<float>(bits >> 8) * (1.f / 16777216.f);
}

// Uniform integer in [0, n), n < 2^32; the bias is below n / 2^32.
SADDLE_DEVICE uint32_t uniform_below(uint32_t bits, uint32_t n) {
  return static_cast<uint32_t>((uint64_t{bits} * n) >> 32);
}

// Standard normal by Box-Muller from two words; the first is shifted off zero to keep log finite.
SADDLE_DEVICE float normal(uint32_t bits_a, uint32_t bits_b) {
  const float radius =
      sqrtf(-2.f * logf((static_cast<float>(bits_a >> 8) + 0.5f) * (1.f / 16777216.f)));
  return radius * cosf(6.283185307f * uniform(bits_b));
}

}  // namespace saddle
