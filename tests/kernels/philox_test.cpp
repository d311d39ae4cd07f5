// Philox against published answers, and the moments of what is made from its bits.
#include "kernels/philox.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <cstdint>

#include "tests/support/expect_near.h"

namespace saddle {
namespace {

using testing_support::expect_near;

std::array<std::uint32_t, 4> draw(std::uint64_t key, Random4 counter) {
  const Random4 bits = philox(key, counter);
  return {bits.v[0], bits.v[1], bits.v[2], bits.v[3]};
}

using Words = std::array<std::uint32_t, 4>;

// The three answers of kat_vectors in Random123, for philox4x32 with 10 rounds.
TEST(philox, gives_the_published_answer_for_all_zeros) {
  EXPECT_EQ(draw(0, {{0, 0, 0, 0}}), (Words{0x6627e8d5u, 0xe169c58du, 0xbc57ac4cu, 0x9b00dbd8u}));
}

TEST(philox, gives_the_published_answer_for_all_ones) {
  const std::uint32_t ones = 0xffffffffu;
  EXPECT_EQ(draw(0xffffffffffffffffu, {{ones, ones, ones, ones}}),
            (Words{0x408f276du, 0x41c83b0eu, 0xa20bc7c6u, 0x6d5451fdu}));
}

TEST(philox, gives_the_published_answer_for_the_digits_of_pi) {
  // The key's first word is its low half.
  EXPECT_EQ(draw(0x299f31d0a4093822u, {{0x243f6a88u, 0x85a308d3u, 0x13198a2eu, 0x03707344u}}),
            (Words{0xd16cfe09u, 0x94fdccebu, 0x5001e420u, 0x24126ea1u}));
}

TEST(stream, a_draw_depends_on_seed_purpose_step_item_and_element) {
  const Stream stream{7, Purpose::data_order, 3};
  const std::uint32_t drawn = stream.bits(5, 11).v[0];

  EXPECT_EQ(drawn, stream.bits(5, 11).v[0]);
  EXPECT_NE(drawn, (Stream{8, Purpose::data_order, 3}.bits(5, 11).v[0]));
  EXPECT_NE(drawn, (Stream{7, Purpose::attack_start, 3}.bits(5, 11).v[0]));
  EXPECT_NE(drawn, (Stream{7, Purpose::data_order, 4}.bits(5, 11).v[0]));
  EXPECT_NE(drawn, stream.bits(6, 11).v[0]);
  EXPECT_NE(drawn, stream.bits(5, 12).v[0]);
}

TEST(uniform, spans_zero_to_just_below_one) {
  EXPECT_EQ(uniform(0), 0.f);
  EXPECT_EQ(uniform(0xffffffffu), 1.f - 0x1p-24f);
}

TEST(normal, is_finite_for_every_extreme_of_its_words) {
  for (std::uint32_t a : {0u, 0xffffffffu}) {
    for (std::uint32_t b : {0u, 0x40000000u, 0x80000000u, 0xffffffffu}) {
      EXPECT_TRUE(std::isfinite(normal(a, b))) << a << ' ' << b;
    }
  }
}

// Mean, variance and fourth moment over n draws.
struct Moments {
  double mean = 0, variance = 0, fourth = 0;
};

constexpr int kDraws = 200'000;

template <class Draw>
Moments moments_of(Draw value) {
  Moments moments;
  for (std::uint32_t i = 0; i < kDraws; ++i) moments.mean += value(i) / kDraws;
  for (std::uint32_t i = 0; i < kDraws; ++i) {
    const double apart = value(i) - moments.mean;
    moments.variance += apart * apart / kDraws;
    moments.fourth += apart * apart * apart * apart / kDraws;
  }
  return moments;
}

// The bounds are 4 standard deviations of the estimate, sqrt(variance of the summand / n). The
// stream is fixed, so a pass is a pass for ever.
TEST(uniform, has_the_moments_of_the_uniform_distribution) {
  const Stream stream{1, Purpose::attack_start, 0};
  const Moments moments =
      moments_of([&](std::uint32_t i) { return double{uniform(stream.bits(0, i).v[0])}; });

  expect_near(moments.mean, 0.5, 4 * std::sqrt(1. / 12 / kDraws), "mean");
  expect_near(moments.variance, 1. / 12, 4 * std::sqrt((1. / 80 - 1. / 144) / kDraws), "variance");
}

TEST(normal, has_the_moments_of_the_standard_normal_distribution) {
  const Stream stream{2, Purpose::attack_start, 0};
  const Moments moments = moments_of([&](std::uint32_t i) {
    const Random4 bits = stream.bits(0, i);
    return double{normal(bits.v[0], bits.v[1])};
  });

  expect_near(moments.mean, 0, 4 * std::sqrt(1. / kDraws), "mean");
  expect_near(moments.variance, 1, 4 * std::sqrt(2. / kDraws), "variance");
  expect_near(moments.fourth, 3, 4 * std::sqrt(96. / kDraws), "fourth moment");
}

TEST(uniform_below, stays_below_n_and_reaches_both_ends) {
  EXPECT_EQ(uniform_below(0, 9), 0u);
  EXPECT_EQ(uniform_below(0xffffffffu, 9), 8u);
  EXPECT_EQ(uniform_below(0xffffffffu, 1), 0u);
  EXPECT_EQ(uniform_below(0xffffffffu, 0xffffffffu), 0xfffffffeu);
}

TEST(uniform_below, draws_each_value_equally_often) {
  const Stream stream{3, Purpose::data_order, 0};
  std::array<int, 9> count{};
  for (std::uint32_t i = 0; i < kDraws; ++i) ++count[uniform_below(stream.bits(0, i).v[0], 9)];

  const double expected = kDraws / 9.;
  double chi_squared = 0;
  for (int n : count) chi_squared += (n - expected) * (n - expected) / expected;
  EXPECT_LT(chi_squared, 26.1);  // the 99.9 % point for 8 degrees of freedom
}

}  // namespace
}  // namespace saddle
