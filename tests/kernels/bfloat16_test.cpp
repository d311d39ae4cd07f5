// Bfloat16 against the definition of rounding to nearest, ties to even.
#include "kernels/bfloat16.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>

namespace saddle {
namespace {

float from_bits(std::uint32_t bits) { return std::bit_cast<float>(bits); }
float widened(std::uint32_t bits) { return from_bits(bits << 16); }
std::uint32_t rounded(float value) { return Bfloat16(value).bits; }

constexpr std::uint32_t kInfinity = 0x7f80, kSign = 0x8000, kNan = 0x7fff;

TEST(bfloat16, of_every_pattern_comes_back_from_float_unchanged) {
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
    const float value = widened(bits);
    Bfloat16 stored;
    stored.bits = static_cast<std::uint16_t>(bits);

    ASSERT_EQ(std::bit_cast<std::uint32_t>(static_cast<float>(stored)), bits << 16) << bits;
    ASSERT_EQ(rounded(value), std::isnan(value) ? kNan : bits) << bits;
  }
}

// Between every two neighbours, zeros, denormals and the step to infinity included: below the
// middle, the middle, above it.
TEST(bfloat16, rounds_to_the_nearest_and_ties_to_the_even_neighbour_everywhere) {
  for (std::uint32_t magnitude = 0; magnitude < kInfinity; ++magnitude) {
    for (std::uint32_t sign : {0u, kSign}) {
      const std::uint32_t low = sign | magnitude, high = low + 1;

      ASSERT_EQ(rounded(from_bits(low << 16 | 0x0001)), low) << low;
      ASSERT_EQ(rounded(from_bits(low << 16 | 0x7fff)), low) << low;
      ASSERT_EQ(rounded(from_bits(low << 16 | 0x8000)), low % 2 == 0 ? low : high) << low;
      ASSERT_EQ(rounded(from_bits(low << 16 | 0x8001)), high) << low;
      ASSERT_EQ(rounded(from_bits(low << 16 | 0xffff)), high) << low;
    }
  }
}

TEST(bfloat16, is_no_farther_from_random_floats_than_its_neighbours) {
  std::mt19937 generator(1);
  for (int draw = 0; draw < 1'000'000; ++draw) {
    const float value = from_bits(static_cast<std::uint32_t>(generator()));
    const std::uint32_t bits = rounded(value);
    if (std::isnan(value) || (bits & ~kSign) == kInfinity || (bits & ~kSign) == 0) continue;

    const double error = std::abs(double{value} - widened(bits));
    ASSERT_LE(error, std::abs(double{value} - widened(bits - 1))) << value;
    ASSERT_LE(error, std::abs(double{value} - widened(bits + 1))) << value;
    ASSERT_EQ(std::signbit(value), std::signbit(widened(bits))) << value;
  }
}

TEST(bfloat16, makes_every_nan_the_one_quiet_nan) {
  for (std::uint32_t payload : {1u, 0x8000u, 0x7fffffu, 0x400000u}) {
    EXPECT_EQ(rounded(from_bits(0x7f800000u | payload)), kNan) << payload;
    EXPECT_EQ(rounded(from_bits(0xff800000u | payload)), kNan) << payload;
  }
}

TEST(bfloat16, of_the_largest_float_is_infinity) {
  EXPECT_EQ(rounded(std::numeric_limits<float>::max()), kInfinity);
  EXPECT_EQ(rounded(-std::numeric_limits<float>::max()), kInfinity | kSign);
}

}  // namespace
}  // namespace saddle
