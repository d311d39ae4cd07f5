// The projection on the l1 ball and the pixel range, and the sparse step.
#include "kernels/l1_projection.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "tests/support/expect_near.h"
#include "tests/support/random_values.h"
#include "tests/support/view.h"

namespace saddle {
namespace {

using namespace testing_support;
using Floats = std::vector<float>;

Floats projected(const Floats& x, Floats delta, float eps) {
  Floats adversarial(x.size());
  L1Project{view(x), view(delta), view(adversarial), static_cast<std::int64_t>(x.size()), eps}
      .reference(0);
  return delta;
}

// The same in double by 200 halvings of theta.
std::vector<double> projected_in_double(const Floats& x, const Floats& v, double eps) {
  const auto at = [&](double theta) {
    std::vector<double> delta;
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double room = v[i] > 0 ? 1. - x[i] : x[i];
      const double size = std::clamp(std::abs(double{v[i]}) - theta, 0., room);
      delta.push_back(v[i] > 0 ? size : -size);
    }
    return delta;
  };
  const auto norm = [&](double theta) {
    double sum = 0;
    for (double delta : at(theta)) sum += std::abs(delta);
    return sum;
  };
  if (norm(0) <= eps) return at(0);
  double low = 0, high = 100;
  for (int i = 0; i < 200; ++i) {
    const double middle = (low + high) / 2;
    (norm(middle) > eps ? low : high) = middle;
  }
  return at(high);
}

double l1_norm(const Floats& delta) {
  double sum = 0;
  for (float value : delta) sum += std::abs(double{value});
  return sum;
}

TEST(l1_projection, gives_the_hand_computed_points) {
  const Floats inside = projected({.5f, .5f, .5f}, {.3f, -.2f, 0}, .3f);
  const Floats at_the_border = projected({.9f, .5f}, {.3f, .3f}, .3f);

  expect_all_near(inside, {.2, -.1, 0}, 3, {.5}, "inside");
  expect_all_near(at_the_border, {.1, .2}, 2, {1.}, "at the border");
}

TEST(l1_projection, moves_nothing_that_lies_in_the_ball_and_the_range) {
  const Floats v = {.1f, -.05f, 0, .1f};

  EXPECT_EQ(projected({.5f, .5f, 0, .9f}, v, .25f + 1e-6f), v);
}

TEST(l1_projection, clamps_alone_where_the_clamped_point_lies_in_the_ball) {
  EXPECT_EQ(projected({.75f, .25f, 1, 0}, {5, -5, 1, -1}, .5f), (Floats{.25f, -.25f, 0, 0}));
}

TEST(l1_projection, on_a_ball_of_radius_zero_is_the_center) {
  for (float delta : projected({.5f, .2f, .8f}, {.3f, -.2f, 1}, 0)) EXPECT_EQ(delta, 0.f);
}

TEST(l1_projection, of_a_point_with_all_pixels_blocked_is_the_center) {
  for (float delta : projected({0, 1, 0}, {-.3f, .2f, -1}, .1f)) EXPECT_EQ(delta, 0.f);
}

// Sizes with one coordinate, one block of them and more, and ratios of v to the radius from little
// to projected far down.
TEST(l1_projection, agrees_with_double_on_random_points) {
  std::uint64_t seed = 0;
  for (std::int64_t n : {1, 2, 5, 33, 257, 3072}) {
    for (float scale : {.01f, 1.f, 30.f}) {
      for (float eps : {.05f, 1.f, 12.f}) {
        const Floats x = random_values(n, ++seed, 0.f, 1.f);
        const Floats v = random_values(n, ++seed, -scale, scale);
        const std::string place = "n " + std::to_string(n) + " scale " + std::to_string(scale) +
                                  " eps " + std::to_string(eps);

        const Floats got = projected(x, v, eps);

        const std::vector<double> want = projected_in_double(x, v, double{eps});
        // theta, of the size of v, is known to the error of the sum; the search stops at 1e-6 eps.
        const double bound =
            summation_bound(static_cast<double>(n), double{scale} + eps) + 1e-6 * double{eps};
        for (std::size_t i = 0; i < want.size(); ++i) {
          expect_near(got[i], want[i], bound, place + " [" + std::to_string(i) + "]");
        }
        EXPECT_LE(l1_norm(got), eps * (1 + 1e-5)) << place;
      }
    }
  }
}

TEST(l1_projection, of_its_result_is_its_result) {
  const Floats x = random_values(1025, 1, 0.f, 1.f), v = random_values(1025, 2);

  const Floats once = projected(x, v, 5.f), twice = projected(x, once, 5.f);

  for (std::size_t i = 0; i < once.size(); ++i) {
    expect_near(twice[i], once[i], 1e-7, "delta " + std::to_string(i));
  }
}

// The sparse step ---------------------------------------------------------------------------------

Floats stepped(const Floats& g, const Floats& x, const Floats& current, float step, float rank,
               std::int32_t skip_blocked) {
  Floats delta(g.size());
  const Floats steps = {step}, ranks = {rank};
  SparseStep{view(g),
             view(x),
             view(current),
             view(delta),
             view(steps),
             view(ranks),
             0,
             static_cast<std::int64_t>(g.size()),
             skip_blocked}
      .reference(0);
  return delta;
}

TEST(sparse_step, moves_the_largest_gradients_by_the_step_together) {
  const Floats grey(4, .5f);

  EXPECT_EQ(stepped({3, -1, 2, 0}, grey, grey, .5f, 3, 0), (Floats{.5f, 0, 0, 0}));
  EXPECT_EQ(stepped({3, -1, 2, 0}, grey, grey, .5f, 2, 0), (Floats{.25f, 0, .25f, 0}));
  EXPECT_EQ(stepped({3, -4, 2, 0}, grey, grey, .5f, 2, 0), (Floats{.25f, -.25f, 0, 0}));
}

TEST(sparse_step, moves_all_of_equal_gradients) {
  const Floats grey(4, .5f);

  EXPECT_EQ(stepped({2, -1, 2, 0}, grey, grey, .5f, 3, 0), (Floats{.25f, 0, .25f, 0}));
}

TEST(sparse_step, of_no_gradient_is_none) {
  const Floats grey(4, .5f);

  EXPECT_EQ(stepped({0, 0, 0, 0}, grey, grey, .5f, 3, 0), (Floats{0, 0, 0, 0}));
}

TEST(sparse_step, passes_over_pixels_that_the_range_blocks_where_asked) {
  const Floats x = {1, 0, .5f, .5f};
  const Floats g = {4, -3, 2, 1};

  EXPECT_EQ(stepped(g, x, x, .5f, 3, 1), (Floats{0, 0, .5f, 0}));
  EXPECT_EQ(stepped(g, x, x, .5f, 3, 0), (Floats{.5f, 0, 0, 0}));
}

TEST(sparse_step, starts_from_where_the_iterate_is) {
  EXPECT_EQ(stepped({1, 2}, {.5f, .5f}, {.25f, .75f}, .5f, 1, 0), (Floats{-.25f, .75f}));
}

TEST(sparse_step, finds_the_element_of_every_rank) {
  const Floats g = random_values(257, 3), x(257, .5f);
  Floats sizes;
  for (float value : g) sizes.push_back(std::abs(value));
  std::sort(sizes.begin(), sizes.end());

  for (std::size_t rank : {0, 1, 128, 255, 256}) {
    const Floats delta = stepped(g, x, x, 1.f, static_cast<float>(rank), 0);
    for (std::size_t i = 0; i < g.size(); ++i) {
      EXPECT_EQ(delta[i] != 0, std::abs(g[i]) >= sizes[rank]) << "rank " << rank << ", " << i;
    }
  }
}

}  // namespace
}  // namespace saddle
