// Eight floats at once, for the hand-written convolutions of the CPU device.
#pragma once

namespace saddle {

inline constexpr int kLanes = 8;

// At any address that is aligned for float.
typedef float Vec __attribute__((vector_size(kLanes * sizeof(float)), aligned(4), may_alias));

inline Vec load(const float* from) { return *reinterpret_cast<const Vec*>(from); }
inline void store(float* to, Vec value) { *reinterpret_cast<Vec*>(to) = value; }

// In a fixed order: halves, quarters, pairs.
inline float sum_of_lanes(Vec v) {
  return ((v[0] + v[4]) + (v[2] + v[6])) + ((v[1] + v[5]) + (v[3] + v[7]));
}

}  // namespace saddle
