// The steps and starts of projected gradient ascent: feasibility, projection, and draws that depend
// on the example alone.
#include "kernels/pgd.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "tests/support/expect_near.h"
#include "tests/support/random_values.h"
#include "tests/support/view.h"

namespace saddle {
namespace {

using namespace testing_support;

constexpr float kEps = 8.f / 255;

// Pixels of which some lie on the ends of the range.
std::vector<float> pixels(std::int64_t n, std::uint64_t seed) {
  std::vector<float> x = random_values(n, seed, -0.2f, 1.2f);
  for (float& value : x) value = clip(value, 0.f, 1.f);
  return x;
}

double norm_of(const std::vector<float>& delta, std::size_t first, std::size_t count) {
  double sum = 0;
  for (std::size_t i = first; i < first + count; ++i) sum += double{delta[i]} * delta[i];
  return std::sqrt(sum);
}

// x + delta and the adversarial image in [0, 1]; they may differ by the rounding of the sum and of
// 1 - x.
void expect_in_box(const std::vector<float>& x, const std::vector<float>& delta,
                   const std::vector<float>& adversarial) {
  for (std::size_t i = 0; i < x.size(); ++i) {
    EXPECT_GE(adversarial[i], 0.f) << i;
    EXPECT_LE(adversarial[i], 1.f) << i;
    expect_near(adversarial[i], double{x[i]} + delta[i], 2 * kFloatEps,
                "adversarial " + std::to_string(i));
  }
}

class PgdSizes : public ::testing::TestWithParam<std::int64_t> {
 protected:
  const std::int64_t n = GetParam();
  const std::vector<float> x = pixels(n, 1);
  std::vector<float> delta = random_values(n, 2, -kEps, kEps), adversarial = random_values(n, 3);
  const std::vector<float> g = random_values(n, 4);

  void linf_step(const std::vector<float>& gradient, float alpha) {
    const PgdStepLinf step{view(delta), view(gradient), view(x), view(adversarial), alpha, kEps};
    for (std::int64_t i = 0; i < n; ++i) step(i);
  }
  void l2_step(const std::vector<float>& gradient, float alpha, float eps) {
    PgdStepL2{view(delta), view(gradient), view(x), view(adversarial), n, alpha, eps}.reference(0);
  }
};

INSTANTIATE_TEST_SUITE_P(Sizes, PgdSizes, ::testing::Values(0, 1, 31, 32, 33, 1025));

TEST_P(PgdSizes, linf_step_is_the_formula) {
  const std::vector<float> before = delta;
  linf_step(g, kEps / 4);

  for (std::size_t i = 0; i < x.size(); ++i) {
    double want = before[i] + double{kEps / 4} * (g[i] > 0 ? 1 : g[i] < 0 ? -1 : 0);
    want = std::clamp(want, -double{kEps}, double{kEps});
    want = std::clamp(want, -double{x[i]}, 1 - double{x[i]});
    expect_near(delta[i], want, summation_bound(2, 1), "delta " + std::to_string(i));
  }
}

TEST_P(PgdSizes, linf_step_stays_in_the_ball_and_in_the_pixel_range) {
  for (int repeat = 0; repeat < 10; ++repeat) linf_step(g, kEps / 4);

  for (float d : delta) EXPECT_LE(std::abs(d), kEps);
  expect_in_box(x, delta, adversarial);
}

TEST_P(PgdSizes, linf_projection_is_idempotent) {
  delta = random_values(n, 5, -1.f, 1.f);
  linf_step(g, 0.f);
  const std::vector<float> once = delta, image = adversarial;

  linf_step(g, 0.f);

  EXPECT_EQ(delta, once);
  EXPECT_EQ(adversarial, image);
}

TEST_P(PgdSizes, linf_step_of_a_zero_gradient_moves_nothing_feasible) {
  linf_step(g, 0.f);  // makes delta feasible
  const std::vector<float> before = delta;
  std::vector<float> zeros(x.size(), 0.f);
  for (std::size_t i = 0; i < zeros.size(); i += 2) zeros[i] = -0.f;

  linf_step(zeros, kEps);

  EXPECT_EQ(delta, before);
}

TEST_P(PgdSizes, l2_step_is_the_formula) {
  const float alpha = 0.1f, eps = 0.05f;
  const std::vector<float> before = delta;
  l2_step(g, alpha, eps);

  const double g_norm = norm_of(g, 0, g.size());
  std::vector<double> moved(x.size());
  double square = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    moved[i] = before[i] + double{alpha} * g[i] / (g_norm + 1e-10);
    square += moved[i] * moved[i];
  }
  const double shrink = std::min(1., eps / std::sqrt(square));
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double want = std::clamp(moved[i] * shrink, -double{x[i]}, 1 - double{x[i]});
    const double magnitude =
        std::abs(double{before[i]}) + std::abs(moved[i]) + 1;  // 1 - x rounds at 1
    expect_near(delta[i], want, summation_bound(static_cast<double>(n), magnitude),
                "delta " + std::to_string(i));
  }
}

TEST_P(PgdSizes, l2_step_stays_in_the_ball_and_in_the_pixel_range) {
  for (int repeat = 0; repeat < 10; ++repeat) l2_step(g, 0.02f, 0.05f);

  EXPECT_LE(norm_of(delta, 0, delta.size()),
            0.05 * (1 + summation_bound(static_cast<double>(n), 1)));
  expect_in_box(x, delta, adversarial);
}

TEST_P(PgdSizes, l2_projection_is_idempotent_but_for_rounding) {
  delta = random_values(n, 5, -1.f, 1.f);
  l2_step(g, 0.f, 0.05f);
  const std::vector<float> once = delta;

  l2_step(g, 0.f, 0.05f);

  const double relative = summation_bound(static_cast<double>(n), 1);
  for (std::size_t i = 0; i < once.size(); ++i) {
    expect_near(delta[i], once[i], relative * std::abs(once[i]), "delta " + std::to_string(i));
  }
}

TEST_P(PgdSizes, l2_step_of_a_zero_gradient_moves_nothing) {
  l2_step(g, 0.f, 10.f);  // makes x + delta feasible
  const std::vector<float> before = delta;

  l2_step(std::vector<float>(x.size(), 0.f), 0.1f, 10.f);

  EXPECT_EQ(delta, before);
}

TEST_P(PgdSizes, l2_step_with_eps_zero_returns_the_image) {
  delta.assign(x.size(), 0.f);
  l2_step(g, 0.1f, 0.f);

  EXPECT_EQ(adversarial, x);
}

TEST(pgd_step_linf, with_eps_zero_returns_the_image) {
  const std::vector<float> x = pixels(33, 1), g = random_values(33, 2);
  std::vector<float> delta(33, 0.f), adversarial(33, -1.f);
  const PgdStepLinf step{view(delta), view(g), view(x), view(adversarial), 0.1f, 0.f};
  for (std::int64_t i = 0; i < 33; ++i) step(i);

  EXPECT_EQ(adversarial, x);
}

// Starts ------------------------------------------------------------------------------------------

struct Drawn {
  std::vector<float> delta, adversarial;
};

constexpr Stream kStart{5, Purpose::attack_start}, kRadius{5, Purpose::attack_radius};
const std::vector<std::int32_t> kNumber = {2};

Drawn linf_start(const std::vector<std::int32_t>& example, const std::vector<float>& x,
                 std::int64_t columns, float eps) {
  Drawn drawn{std::vector<float>(x.size(), -9.f), std::vector<float>(x.size(), -9.f)};
  const PgdStartLinf start{
      view(example), view(x), view(drawn.delta), view(drawn.adversarial), kStart, view(kNumber),
      eps,           columns};
  for (std::int64_t row = 0; row < static_cast<std::int64_t>(example.size()); ++row) {
    for (std::int64_t column = 0; column < columns; ++column) start(row, column);
  }
  return drawn;
}

Drawn l2_start(const std::vector<std::int32_t>& example, const std::vector<float>& x,
               std::int64_t columns, float eps) {
  Drawn drawn{std::vector<float>(x.size(), -9.f), std::vector<float>(x.size(), -9.f)};
  const PgdStartL2 start{view(example),           view(x), view(drawn.delta),
                         view(drawn.adversarial), kStart,  kRadius,
                         view(kNumber),           eps,     columns};
  for (std::int64_t row = 0; row < static_cast<std::int64_t>(example.size()); ++row)
    start.reference(row);
  return drawn;
}

TEST(pgd_start_linf, lies_in_the_ball_and_in_the_pixel_range) {
  const std::vector<float> x = pixels(7 * 33, 1);

  const Drawn drawn = linf_start({0, 1, 2, 3, 4, 5, 6}, x, 33, kEps);

  for (float d : drawn.delta) EXPECT_LE(std::abs(d), kEps);
  expect_in_box(x, drawn.delta, drawn.adversarial);
}

TEST(pgd_start_linf, is_uniform_in_the_cube) {
  const std::int64_t columns = 100'000;
  const Drawn drawn = linf_start({3}, std::vector<float>(columns, 0.5f), columns, kEps);

  double mean = 0, square = 0;
  for (float d : drawn.delta) mean += d / kEps / columns, square += std::pow(d / kEps, 2) / columns;
  expect_near(mean, 0, 4 * std::sqrt(1. / 3 / columns),
              "mean");  // 4 standard deviations of the estimate
  expect_near(square, 1. / 3, 4 * std::sqrt((1. / 5 - 1. / 9) / columns), "mean square");
}

TEST(pgd_start_l2, lies_in_the_ball_and_in_the_pixel_range) {
  const std::vector<float> x = pixels(7 * 33, 1);

  const Drawn drawn = l2_start({0, 1, 2, 3, 4, 5, 6}, x, 33, 0.5f);

  for (std::size_t row = 0; row < 7; ++row)
    EXPECT_LE(norm_of(drawn.delta, row * 33, 33), 0.5 * (1 + 1e-6));
  expect_in_box(x, drawn.delta, drawn.adversarial);
}

TEST(pgd_start_l2, has_a_radius_uniform_between_zero_and_eps) {
  constexpr int kExamples = 4000;
  std::vector<std::int32_t> example(kExamples);
  for (int i = 0; i < kExamples; ++i) example[static_cast<std::size_t>(i)] = i;
  const float eps = 0.125f;

  const Drawn drawn = l2_start(example, std::vector<float>(kExamples * 12, 0.5f), 12, eps);

  double mean = 0, square = 0;
  for (std::size_t row = 0; row < kExamples; ++row) {
    const double radius = norm_of(drawn.delta, row * 12, 12) / eps;
    mean += radius / kExamples, square += radius * radius / kExamples;
  }
  expect_near(mean, 0.5, 4 * std::sqrt(1. / 12 / kExamples), "mean radius");
  expect_near(square, 1. / 3, 4 * std::sqrt((1. / 5 - 1. / 9) / kExamples), "mean square radius");
}

TEST(pgd_start_l2, has_no_preferred_direction) {
  constexpr int kExamples = 4000;
  std::vector<std::int32_t> example(kExamples);
  for (int i = 0; i < kExamples; ++i) example[static_cast<std::size_t>(i)] = i;

  const Drawn drawn = l2_start(example, std::vector<float>(kExamples * 3, 0.5f), 3, 0.25f);

  // A coordinate of r v with r uniform in [0, eps] and v on the sphere: mean 0, variance eps^2 / 3
  // / 3.
  for (std::size_t c = 0; c < 3; ++c) {
    double mean = 0;
    for (std::size_t row = 0; row < kExamples; ++row) mean += drawn.delta[row * 3 + c] / kExamples;
    expect_near(mean, 0, 4 * 0.25 / 3 / std::sqrt(kExamples), "coordinate " + std::to_string(c));
  }
}

// The draws of example 11 alone, and in the middle of a batch.
template <class StartOf>
void expect_independent_of_the_batch(StartOf start) {
  const std::vector<float> image = pixels(33, 1);
  std::vector<float> batch = pixels(5 * 33, 2);
  std::copy(image.begin(), image.end(), batch.begin() + 3 * 33);

  const Drawn alone = start(std::vector<std::int32_t>{11}, image);
  const Drawn among = start(std::vector<std::int32_t>{4, 90, 12, 11, 0}, batch);

  const auto first = among.delta.begin() + 3 * 33;
  EXPECT_EQ(bits_of({first, first + 33}), bits_of(alone.delta));
  EXPECT_NE(bits_of({among.delta.begin(), among.delta.begin() + 33}), bits_of(alone.delta));
}

TEST(pgd_start_linf, depends_on_the_example_and_not_on_its_batch) {
  expect_independent_of_the_batch(
      [](const auto& example, const auto& x) { return linf_start(example, x, 33, kEps); });
}

TEST(pgd_start_l2, depends_on_the_example_and_not_on_its_batch) {
  expect_independent_of_the_batch(
      [](const auto& example, const auto& x) { return l2_start(example, x, 33, 0.5f); });
}

}  // namespace
}  // namespace saddle
