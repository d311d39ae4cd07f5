// Mixup and CutMix: what is drawn, and what becomes of a batch.
#include "apps/train/mixing.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/support/devices.h"
#include "tests/support/random_values.h"

namespace saddle {
namespace {

using namespace testing_support;

constexpr std::uint32_t kDraws = 4000;

// Beta(a, a) has mean 1/2, variance 1 / (4 (2 a + 1)) and fourth central moment
// 3 / (16 (2 a + 1) (2 a + 3)), from which the standard errors follow.
void expect_beta_moments(double alpha) {
  double mean = 0, variance = 0;
  for (std::uint32_t step = 0; step < kDraws; ++step) {
    const Mix mix = draw_mix(alpha, 0, 8, 8, 3, step);
    EXPECT_EQ(mix.blend, mix.share);
    mean += mix.share / double{kDraws};
    variance += (mix.share - 0.5) * (mix.share - 0.5) / kDraws;
  }
  const double want = 1 / (4 * (2 * alpha + 1));
  const double fourth = 3 / (16 * (2 * alpha + 1) * (2 * alpha + 3));
  EXPECT_NEAR(mean, 0.5, 5 * std::sqrt(want / kDraws));
  EXPECT_NEAR(variance, want, 5 * std::sqrt((fourth - want * want) / kDraws));
}

TEST(mixup, draws_its_share_from_beta) {
  expect_beta_moments(0.2);
  expect_beta_moments(1);
  expect_beta_moments(4);
}

TEST(cutmix, leaves_the_share_of_the_area_outside_its_box) {
  double smallest = 1, largest = 0;
  for (std::uint32_t step = 0; step < kDraws; ++step) {
    const Mix mix = draw_mix(0, 1, 7, 11, 3, step);
    const auto [top, left, bottom, right] = mix.box;

    EXPECT_EQ(mix.blend, 1.f);
    EXPECT_TRUE(0 <= top && top <= bottom && bottom <= 7) << top << ", " << bottom;
    EXPECT_TRUE(0 <= left && left <= right && right <= 11) << left << ", " << right;
    EXPECT_FLOAT_EQ(mix.share, 1 - static_cast<float>((bottom - top) * (right - left)) / 77);
    smallest = std::min(smallest, double{mix.share});
    largest = std::max(largest, double{mix.share});
  }
  EXPECT_LT(smallest, 0.3);
  EXPECT_EQ(largest, 1);
}

TEST(mixing, takes_turns_where_both_are_on_and_does_nothing_where_neither_is) {
  int cut = 0;
  for (std::uint32_t step = 0; step < kDraws; ++step) {
    cut += draw_mix(1, 1, 8, 8, 3, step).blend == 1.f;
    const Mix off = draw_mix(0, 0, 8, 8, 3, step);
    EXPECT_EQ(off.share, 1.f);
    EXPECT_EQ(off.box, (std::array<std::int32_t, 4>{}));
  }
  EXPECT_NEAR(cut / double{kDraws}, 0.5, 5 * std::sqrt(0.25 / kDraws));
}

TEST(mixing, depends_on_seed_and_step) {
  EXPECT_EQ(draw_mix(1, 0, 8, 8, 3, 5).share, draw_mix(1, 0, 8, 8, 3, 5).share);
  EXPECT_NE(draw_mix(1, 0, 8, 8, 3, 5).share, draw_mix(1, 0, 8, 8, 3, 6).share);
  EXPECT_NE(draw_mix(1, 0, 8, 8, 3, 5).share, draw_mix(1, 0, 8, 8, 4, 5).share);
}

TEST(mixing, blends_outside_the_box_and_takes_the_reversed_batch_inside) {
  for (const std::string& name : device_names()) {
    Device& device = device_named(name);
    const std::int64_t n = 3, height = 5, width = 7, channels = 3;
    const std::vector<float> x = random_values(n * height * width * channels, 1, 0.f, 1.f);
    Batch batch{Tensor::from_host(device, {n, height, width, channels}, x),
                Tensor::from_host(device, {n}, std::vector<std::int32_t>{4, 5, 6}),
                {}};
    DeviceMix mix(device);
    mix.set({0.75f, 0.6f, {1, 2, 3, 7}});

    mix.mix(batch);

    EXPECT_EQ(batch.targets.to_host<std::int32_t>(), (std::vector<std::int32_t>{4, 5, 6}));
    EXPECT_EQ(batch.mixed.other.to_host<std::int32_t>(), (std::vector<std::int32_t>{6, 5, 4}));
    EXPECT_EQ(batch.mixed.share.to_host<float>(), std::vector<float>(3, 0.6f));
    const std::vector<float> got = batch.inputs.to_host<float>();
    for (std::int64_t i = 0; i < n; ++i)
      for (std::int64_t y = 0; y < height; ++y)
        for (std::int64_t c = 0; c < width * channels; ++c) {
          const auto at = [&](std::int64_t image) {
            return static_cast<std::size_t>((image * height + y) * width * channels + c);
          };
          const bool inside = y >= 1 && y < 3 && c / channels >= 2;
          const float own = x[at(i)], other = x[at(n - 1 - i)];
          EXPECT_EQ(got[at(i)], inside ? other : 0.75f * own + 0.25f * other)
              << name << ", image " << i << ", row " << y << ", column " << c;
        }
  }
}

}  // namespace
}  // namespace saddle
