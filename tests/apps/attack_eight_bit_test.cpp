// Adversarial images rounded to k / 255: on the grid, in the ball, and as near as that allows.
#include "apps/attack/eight_bit.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/apps/data_files.h"
#include "tests/support/random_values.h"

namespace saddle {
namespace {

float level(int k) { return static_cast<float>(k) / 255.f; }

std::vector<float> rounded(const std::vector<float>& clean, const std::vector<float>& adversarial,
                           const std::optional<Ball>& ball) {
  return rounded_to_eight_bit(clean, adversarial, clean.size(), ball);
}

TEST(RoundedToEightBit, takes_the_nearest_level_where_the_ball_allows_it) {
  const std::vector<float> clean{level(100), level(100), level(0), level(255)};
  const std::vector<float> moved{level(100) + 2.6f / 255, level(100) - 2.4f / 255, 0.4f / 255,
                                 1.f - 0.6f / 255};

  EXPECT_EQ(rounded(clean, moved, Ball{Norm::linf, 3. / 255}),
            (std::vector<float>{level(103), level(98), level(0), level(254)}));
}

TEST(RoundedToEightBit, goes_towards_the_clean_value_where_the_nearest_is_outside) {
  const std::vector<float> clean{level(100), level(100), level(100)};
  const std::vector<float> moved{level(100) + 2.6f / 255, level(100) - 2.6f / 255, level(102)};

  EXPECT_EQ(rounded(clean, moved, Ball{Norm::linf, 2.6 / 255}),
            (std::vector<float>{level(102), level(98), level(102)}));
}

TEST(RoundedToEightBit, keeps_a_perturbation_of_whole_levels) {
  std::vector<float> clean, moved;
  for (int k = 8; k < 248; ++k) {
    clean.push_back(level(k));
    moved.push_back(level(k) + (k % 2 == 0 ? 8.f : -8.f) / 255);
  }

  const std::vector<float> image = rounded(clean, moved, Ball{Norm::linf, 8. / 255});

  for (std::size_t i = 0; i < clean.size(); ++i) {
    const int k = static_cast<int>(i) + 8;
    EXPECT_EQ(image[i], level(k % 2 == 0 ? k + 8 : k - 8));
  }
}

TEST(RoundedToEightBit, never_leaves_a_ball) {
  using testing_support::random_values;
  std::vector<float> clean, moved;
  for (float value : random_values(7 * 33, 1, 0.f, 255.f))
    clean.push_back(level(std::lround(value)));
  const std::vector<float> delta = random_values(7 * 33, 2, -0.02f, 0.02f);
  for (std::size_t i = 0; i < clean.size(); ++i) {
    moved.push_back(std::min(1.f, std::max(0.f, clean[i] + delta[i])));
  }
  const auto norms_of = [&](const std::vector<float>& image, std::size_t n) {
    double l1 = 0, square = 0;
    for (std::size_t i = n * 33; i < (n + 1) * 33; ++i) {
      const double d = double{image[i]} - clean[i];
      l1 += std::fabs(d);
      square += d * d;
    }
    return std::pair(l1, std::sqrt(square));
  };
  for (std::size_t n = 0; n < 7; ++n) {
    const auto [l1, l2] = norms_of(moved, n);

    const auto in_l1 = rounded_to_eight_bit(clean, moved, 33, Ball{Norm::l1, l1});
    const auto in_l2 = rounded_to_eight_bit(clean, moved, 33, Ball{Norm::l2, l2});

    EXPECT_LE(norms_of(in_l1, n).first, l1 + 1e-6) << n;
    EXPECT_LE(norms_of(in_l2, n).second, l2 + 1e-6) << n;
  }
}

TEST(RoundedToEightBit, rejects_images_that_do_not_fit) {
  expect_error("3 adversarial values for 2", [] {
    rounded_to_eight_bit(std::vector<float>(2), std::vector<float>(3), 2, std::nullopt);
  });
}

}  // namespace
}  // namespace saddle
