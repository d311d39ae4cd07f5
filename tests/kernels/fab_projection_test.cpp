// The projection on a hyperplane within the box, against cases done by hand and a solution by
// sorting, in double.
#include "kernels/fab_projection.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>
#include <vector>

#include "tests/support/expect_near.h"
#include "tests/support/random_values.h"
#include "tests/support/view.h"

namespace saddle {
namespace {

using namespace testing_support;
using Floats = std::vector<float>;

struct Projection {
  Floats delta;
  float norm;
};

// t onto { z : w z = b }, by the kernel's reference.
template <DistanceNorm P>
Projection project(const Floats& t, const Floats& w, float f) {
  const auto columns = static_cast<std::int64_t>(t.size());
  const Floats value = {f};
  Projection found{Floats(2 * t.size(), NAN), NAN};
  Floats norm(2, NAN);
  ProjectOnHyperplane<P>{view(t),           view(t),    view(w), view(value),
                         view(found.delta), view(norm), 1,       columns}
      .reference(0);
  found.delta.resize(t.size());
  found.norm = norm[0];
  return found;
}

// w t - b in double.
float ahead(const Floats& t, const Floats& w, double b) {
  double sum = -b;
  for (std::size_t i = 0; i < t.size(); ++i) sum += double{t[i]} * w[i];
  return static_cast<float>(sum);
}

void expect_delta(const Floats& got, const std::vector<double>& want) {
  ASSERT_EQ(got.size(), want.size());
  for (std::size_t i = 0; i < want.size(); ++i) {
    expect_near(got[i], want[i], 1e-6, "delta[" + std::to_string(i) + "]");
  }
}

const Floats kGrey(4, .5f), kLin = {3, -1, 2, 0};

TEST(project_on_hyperplane, moves_lin2_by_its_least_distance_in_each_norm) {
  const float f = ahead(kGrey, kLin, 1.8);

  const Projection linf = project<DistanceNorm::linf>(kGrey, kLin, f);
  const Projection l2 = project<DistanceNorm::l2>(kGrey, kLin, f);
  const Projection l1 = project<DistanceNorm::l1>(kGrey, kLin, f);

  expect_delta(linf.delta, {-1. / 30, 1. / 30, -1. / 30, 0});
  expect_delta(l2.delta, {-.0428571, .0142857, -.0285714, 0});
  expect_delta(l1.delta, {-.0666667, 0, 0, 0});
  expect_near(linf.norm, 1. / 30, 1e-6, "linf");
  expect_near(l2.norm, .2 / std::sqrt(14.), 1e-6, "l2");
  expect_near(l1.norm, .2 / 3, 1e-6, "l1");
}

TEST(project_on_hyperplane, lets_the_others_make_up_for_a_coordinate_at_the_box) {
  expect_delta(project<DistanceNorm::linf>({.01f, .5f}, {1, 1}, .10f).delta, {-.01, -.09});
  expect_delta(project<DistanceNorm::l2>({.01f, .5f}, {1, 1}, .10f).delta, {-.01, -.09});
  expect_delta(project<DistanceNorm::linf>({.01f, .5f}, {1, 2}, .10f).delta, {-.01, -.045});
  expect_delta(project<DistanceNorm::l2>({.01f, .5f}, {1, 2}, .10f).delta, {-.01, -.045});
  expect_delta(project<DistanceNorm::l1>({.01f, .5f}, {1, 2}, .10f).delta, {0, -.05});
}

TEST(project_on_hyperplane, goes_to_the_corner_where_the_plane_is_out_of_reach) {
  expect_delta(project<DistanceNorm::linf>({.2f, .3f}, {1, 1}, .6f).delta, {-.2, -.3});
  expect_delta(project<DistanceNorm::l2>({.2f, .3f}, {1, 1}, .6f).delta, {-.2, -.3});
  expect_delta(project<DistanceNorm::l1>({.2f, .3f}, {1, 1}, .6f).delta, {-.2, -.3});
}

TEST(project_on_hyperplane, comes_back_from_the_other_side) {
  expect_delta(project<DistanceNorm::linf>({.5f, .5f}, {2, -1}, -.3f).delta, {.1, -.1});
  expect_delta(project<DistanceNorm::l2>({.5f, .5f}, {2, -1}, -.3f).delta, {.12, -.06});
  expect_delta(project<DistanceNorm::l1>({.5f, .5f}, {2, -1}, -.3f).delta, {.15, 0});
}

TEST(project_on_hyperplane, stays_where_the_normal_is_zero_or_the_point_lies_on_the_plane) {
  const Floats zero(4, 0.f);
  EXPECT_EQ(project<DistanceNorm::linf>(kGrey, zero, .2f).norm, 0.f);
  EXPECT_EQ(project<DistanceNorm::l2>(kGrey, zero, .2f).norm, 0.f);
  EXPECT_EQ(project<DistanceNorm::l1>(kGrey, zero, .2f).norm, 0.f);
  EXPECT_EQ(project<DistanceNorm::linf>(kGrey, kLin, 0.f).norm, 0.f);
  EXPECT_EQ(project<DistanceNorm::l2>(kGrey, kLin, 0.f).norm, 0.f);
  EXPECT_EQ(project<DistanceNorm::l1>(kGrey, kLin, 0.f).norm, 0.f);
}

TEST(project_on_hyperplane, moves_equal_slopes_by_index_under_l1) {
  // Each of five equal coordinates can give .5; .7 is one and two fifths of another.
  expect_delta(project<DistanceNorm::l1>(Floats(5, .5f), Floats(5, 1.f), .7f).delta,
               {-.5, -.2, 0, 0, 0});
  expect_delta(project<DistanceNorm::l1>({.5f, .5f, .1f, .5f}, {1, 2, 2, 2}, 1.5f).delta,
               {0, -.5, -.1, -.15});
}

TEST(project_on_hyperplane, leaves_slopes_below_1e_minus_8_alone_under_l2_and_l1) {
  expect_delta(project<DistanceNorm::l2>({.5f, .5f}, {5e-9f, 1}, .25f).delta, {0, -.25});
  expect_delta(project<DistanceNorm::l1>({.5f, .5f}, {5e-9f, 1}, .25f).delta, {0, -.25});
  EXPECT_EQ(project<DistanceNorm::l2>({.5f, .5f}, {5e-9f, 1}, .25f).delta[0], 0.f);
}

TEST(project_on_hyperplane, measures_from_the_iterate_to_project_the_image) {
  // f is known at x1; seen from x0 it is f + w (x0 - x1) = .1 + 3 (.2) = .7.
  const Floats x1 = {.3f, .5f}, x0 = {.5f, .5f}, w = {3, 0}, f = {.1f};
  Floats delta(4, NAN), norm(2, NAN);

  ProjectOnHyperplane<DistanceNorm::l2>{view(x1),    view(x0),   view(w), view(f),
                                        view(delta), view(norm), 1,       2}
      .reference(1);

  expect_near(delta[2], -.7 / 3, 1e-6, "delta of x0");
  expect_near(norm[1], .7 / 3, 1e-6, "norm");
}

// The same problem by sorting the breakpoints, in double.
std::vector<double> sorted_solution(DistanceNorm norm, const Floats& t, const Floats& w, double c) {
  const double turn = c < 0 ? -1 : 1;
  c *= turn;
  const std::size_t d = t.size();
  std::vector<double> a(d), room(d), delta(d, 0.);
  std::vector<std::size_t> order(d);
  std::iota(order.begin(), order.end(), 0);
  for (std::size_t i = 0; i < d; ++i) {
    const double slope = turn * w[i];
    a[i] = std::abs(slope);
    room[i] = slope > 0 ? t[i] : slope < 0 ? 1. - t[i] : 0.;
  }
  const auto key = [&](std::size_t i) {
    return norm == DistanceNorm::linf ? room[i] : norm == DistanceNorm::l2 ? room[i] / a[i] : -a[i];
  };
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t i, std::size_t j) { return key(i) < key(j); });
  // free[k]: the slope of the coordinates from the k-th on, added from the end: slopes may span so
  // many magnitudes that subtracting them one by one from the whole would leave nothing.
  std::vector<double> free(d + 1, 0.);
  for (std::size_t k = d; k-- > 0;) {
    const double slope = a[order[k]];
    free[k] = free[k + 1] + (norm == DistanceNorm::l2 ? slope * slope : slope);
  }
  double left = c;
  double lambda = std::numeric_limits<double>::infinity();
  for (std::size_t k = 0; k < d; ++k) {
    const std::size_t i = order[k];
    if (norm == DistanceNorm::l1) {
      delta[i] = std::min(room[i], left / a[i]);
      left -= a[i] * delta[i];
      continue;
    }
    if (left <= free[k] * key(i)) {
      lambda = left / free[k];
      break;
    }
    left -= a[i] * room[i];
  }
  for (std::size_t i = 0; i < d; ++i) {
    if (norm == DistanceNorm::linf) delta[i] = std::min(lambda, room[i]);
    if (norm == DistanceNorm::l2) delta[i] = std::min(lambda * a[i], room[i]);
    delta[i] *= turn * w[i] > 0 ? -1 : 1;
  }
  return delta;
}

struct Instance {
  std::string name;
  Floats t, w;
  float f;
};

// Images as they are: many pixels at the ends of the range, so that many rooms are zero.
Instance instance(const std::string& name, std::int64_t columns, float share, std::uint64_t seed) {
  Instance made{name, random_values(columns, seed, -.5f, 1.5f), random_values(columns, seed + 1),
                0};
  double reach = 0;
  for (std::size_t i = 0; i < made.t.size(); ++i) {
    made.t[i] = std::clamp(made.t[i], 0.f, 1.f);
    reach += std::abs(double{made.w[i]}) * (made.w[i] > 0 ? made.t[i] : 1. - made.t[i]);
  }
  made.f = static_cast<float>(share * reach);
  return made;
}

class Projections : public ::testing::TestWithParam<Instance> {};

INSTANTIATE_TEST_SUITE_P(Random, Projections,
                         ::testing::Values(instance("small", 3, .3f, 1), instance("one", 1, .5f, 3),
                                           instance("near", 784, .001f, 5),
                                           instance("middle", 784, .3f, 7),
                                           instance("far", 3072, .9f, 9),
                                           instance("farthest", 3072, .999f, 11)),
                         [](const auto& info) { return info.param.name; });

template <DistanceNorm P>
void expect_sorted_solution(const Instance& at) {
  const Projection got = project<P>(at.t, at.w, at.f);
  const std::vector<double> want = sorted_solution(P, at.t, at.w, at.f);
  // Sums of d rounded terms whose total is |f|; their error reaches a coordinate over the slope
  // that is left free, which in the far cases is a hundredth of the whole.
  const double bound = 100 * summation_bound(static_cast<double>(at.t.size()), 1);
  double reached = at.f;
  for (std::size_t i = 0; i < want.size(); ++i) {
    if (P != DistanceNorm::l1) {
      expect_near(got.delta[i], want[i], bound, "delta[" + std::to_string(i) + "]");
    }
    reached += double{at.w[i]} * got.delta[i];
    EXPECT_GE(at.t[i] + got.delta[i], -1e-7) << i;
    EXPECT_LE(at.t[i] + got.delta[i], 1 + 1e-7) << i;
  }
  expect_near(reached, 0, bound * std::abs(at.f), "w (t + delta) - b");
  double norm = 0;
  for (double moved : want) {
    norm = P == DistanceNorm::linf ? std::max(norm, std::abs(moved))
           : P == DistanceNorm::l2 ? std::hypot(norm, moved)
                                   : norm + std::abs(moved);
  }
  expect_near(got.norm, norm, bound * norm, "norm");
}

TEST_P(Projections, in_linf_are_those_found_by_sorting) {
  expect_sorted_solution<DistanceNorm::linf>(GetParam());
}
TEST_P(Projections, in_l2_are_those_found_by_sorting) {
  expect_sorted_solution<DistanceNorm::l2>(GetParam());
}
TEST_P(Projections, in_l1_are_as_short_as_those_found_by_sorting) {
  expect_sorted_solution<DistanceNorm::l1>(GetParam());
}

TEST(project_on_hyperplane, reaches_the_plane_where_rooms_and_slopes_span_many_magnitudes) {
  // a_i room_i = 1 with rooms from 1 down to 2^-40: each step of Newton's iteration fixes few.
  Instance made{"", {}, {}, 40.5f};
  for (int i = 0; i <= 40; ++i) {
    made.t.push_back(std::ldexp(1.f, -i));
    made.w.push_back(std::ldexp(1.f, i));
  }
  expect_sorted_solution<DistanceNorm::linf>(made);
  expect_sorted_solution<DistanceNorm::l2>(made);
  expect_sorted_solution<DistanceNorm::l1>(made);
}

TEST(project_on_hyperplane, of_a_point_on_the_plane_is_that_point) {
  Instance at = instance("", 784, .3f, 13);
  const Projection first = project<DistanceNorm::l2>(at.t, at.w, at.f);
  double left = at.f;
  for (std::size_t i = 0; i < at.t.size(); ++i) {
    at.t[i] = std::clamp(at.t[i] + first.delta[i], 0.f, 1.f);
    left += double{at.w[i]} * first.delta[i];
  }

  EXPECT_LT(project<DistanceNorm::l2>(at.t, at.w, static_cast<float>(left)).norm,
            1e-4f * first.norm);
}

}  // namespace
}  // namespace saddle
