// The scalar functions kernels use, by one name on CPU and GPU.
//
// exp and log go through here so that a place exists to swap in one implementation for all targets.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

#include "kernels/portable.h"

namespace saddle {

SADDLE_DEVICE float clip(float value, float low, float high) {
  const float raised = value < low ? low : value;  // two choices in a row, so that loops vectorise
  return raised > high ? high : raised;
}

// -1, 0 or 1; sign(0) = 0, as every published attack assumes. NaN gives 0.
SADDLE_DEVICE float sign(float value) {
  return static_cast<float>(value > 0.f) - static_cast<float>(value < 0.f);
}

// The larger of the two; a NaN in `a` stays, so that a broken value shows instead of becoming `b`.
SADDLE_DEVICE float larger(float a, float b) { return a < b ? b : a; }

SADDLE_DEVICE float exponential(float value) { return expf(value); }
SADDLE_DEVICE float logarithm(float value) { return logf(value); }
SADDLE_DEVICE float square_root(float value) { return sqrtf(value); }

// e^x for x <= 0 in arithmetic alone, so that loops vectorise and every target gives the same bits;
// within 3e-7 of itself, 0 below -87. x = n log 2 + r with n whole (adding 1.5 2^23 rounds), and
// e^r by its series.
SADDLE_DEVICE float exponential_of_negative(float x) {
  constexpr float kRounder = 12582912.f;
  const float clipped = larger(x, -87.f);  // 2^n stays a normal number
  const float rounded = fmaf(clipped, 1.44269504f, kRounder);
  const float n = rounded - kRounder;
  // log 2 in two parts, the first with so few digits that n times it is exact.
  const float r = fmaf(n, -3.19461833e-05f, fmaf(n, -0.693115234f, clipped));
  float series = 1.f / 5040;
  series = fmaf(series, r, 1.f / 720);
  series = fmaf(series, r, 1.f / 120);
  series = fmaf(series, r, 1.f / 24);
  series = fmaf(series, r, 1.f / 6);
  series = fmaf(series, r, 0.5f);
  series = fmaf(series, r, 1.f);
  series = fmaf(series, r, 1.f);
  uint32_t word;
  memcpy(&word, &rounded, sizeof word);  // n stands in the low bits of the fraction
  word = (word << 23) + (127u << 23);
  float power;
  memcpy(&power, &word, sizeof power);
  return x < -87.f ? 0.f : series * power;
}

// erf(x) = x P(x^2) / Q(x^2), within 4e-7 of itself; P and Q are a least-squares fit to the
// relative error (tools: numpy), erf of more than 3.92 rounds to 1.
SADDLE_DEVICE float error_function(float x) {
  const float clipped = clip(x, -3.92f, 3.92f), t = clipped * clipped;
  float p = 2.05005563e-6f, q = 3.80901511e-5f;
  p = fmaf(p, t, 2.84859096e-4f), q = fmaf(q, t, 1.16236915e-3f);
  p = fmaf(p, t, 3.76500632e-3f), q = fmaf(q, t, 1.49679966e-2f);
  p = fmaf(p, t, 5.27467951e-2f), q = fmaf(q, t, 0.1141036f);
  p = fmaf(p, t, 0.190393642f), q = fmaf(q, t, 0.502064705f);
  p = fmaf(p, t, 1.12837911f), q = fmaf(q, t, 1.f);
  return clip(clipped * p / q, -1.f, 1.f);
}

SADDLE_DEVICE int64_t ceil_divide(int64_t a, int64_t b) { return (a + b - 1) / b; }
SADDLE_DEVICE int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }

}  // namespace saddle
