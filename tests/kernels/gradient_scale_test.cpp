// Steps that go by a gradient's direction, for gradients of any size.
#include "kernels/gradient_scale.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "kernels/apgd.h"
#include "kernels/deepfool.h"
#include "kernels/mi_fgsm.h"
#include "kernels/pgd.h"
#include "kernels/warp.h"
#include "tests/support/random_values.h"
#include "tests/support/view.h"

namespace saddle {
namespace {

using namespace testing_support;
using Floats = std::vector<float>;

constexpr std::int64_t kColumns = 33;

TEST(power_to_one, brings_normal_numbers_into_1_to_2_and_subnormal_ones_below_1) {
  for (float size : {1.f, 1.5f, 3.f, 1e-10f, 1e-37f, 1e37f, std::numeric_limits<float>::min()}) {
    EXPECT_GE(power_to_one(size) * size, 1.f) << size;
    EXPECT_LT(power_to_one(size) * size, 2.f) << size;
  }
  EXPECT_EQ(power_to_one(std::numeric_limits<float>::denorm_min()) *
                std::numeric_limits<float>::denorm_min(),
            std::ldexp(1.f, -22));
  EXPECT_LT(power_to_one(std::numeric_limits<float>::max()) * std::numeric_limits<float>::max(),
            4.f);
  EXPECT_EQ(power_to_one(0.f) * 0.f, 0.f);
}

// Whole numbers of two digits, so that times 2^-148 they are subnormal and still exact.
Floats gradient(int exponent) {
  Floats g = random_values(kColumns, 1, -9.f, 9.f);
  for (float& value : g) value = std::ldexp(std::round(value), exponent);
  return g;
}

// The smallest that holds all digits, powers whose squares are zero or infinite, and ordinary ones.
const std::vector<int> kExponents = {-148, -100, -64, -30, 0, 30, 64, 120};

// What `step` makes of the gradient is the same whatever its size.
template <class Step>
void expect_one_direction(const Step& step, const std::vector<int>& exponents = kExponents) {
  const Floats plain = step(gradient(0));
  for (int exponent : exponents) EXPECT_EQ(step(gradient(exponent)), plain) << "2^" << exponent;
}

TEST(gradient_scale, pgd_l2_steps_by_alpha_along_a_gradient_of_any_size) {
  const Floats x(kColumns, .5f);
  const auto step = [&](const Floats& g) {
    Floats delta(kColumns, 0.f), adversarial(kColumns);
    PgdStepL2{view(delta), view(g), view(x), view(adversarial), kColumns, .1f, 1.f}.reference(0);
    return delta;
  };

  expect_one_direction(step);
  double square = 0;
  for (float d : step(gradient(-148))) square += double{d} * d;
  EXPECT_NEAR(std::sqrt(square), .1, 1e-7);
  EXPECT_EQ(step(Floats(kColumns, 0.f)), Floats(kColumns, 0.f));
}

TEST(gradient_scale, apgd_l2_steps_alike_along_a_gradient_of_any_size) {
  const Floats x = random_values(kColumns, 2, 0.f, 1.f),
               start = random_values(kColumns, 3, 0.f, 1.f);
  Floats state(kApgdFields, 0.f);
  state[kApgdStep] = .2f;
  state[kApgdMomentum] = .75f;
  const auto step = [&](const Floats& g) {
    Floats now = start, old = x;
    ApgdStepL2{view(x), view(g), view(now), view(old), view(state), .5f, kColumns}.reference(0);
    return now;
  };

  expect_one_direction(step);
  EXPECT_NE(step(gradient(-148)), step(Floats(kColumns, 0.f)));
}

TEST(gradient_scale, mi_fgsm_adds_a_gradient_of_any_size_as_its_direction) {
  const Floats x(kColumns, .5f);
  const auto step = [&](const Floats& g) {
    Floats m = random_values(kColumns, 4), adversarial = x;
    MiFgsmStep{view(x), view(g), view(m), view(adversarial), .02f, .05f, .9f, kColumns}.reference(
        0);
    return m;
  };

  expect_one_direction(step);
}

template <DistanceNorm P>
void expect_boundary_of_any_size() {
  const Floats x0 = random_values(kColumns, 5, 0.f, 1.f), best = {kFarthest};
  for (int exponent : {-148, -100, -64, -30, 30, 64, 100}) {
    const auto value = [&](int power) { return Floats{std::ldexp(-3.f, power)}; };
    const auto project = [&](int power) {
      const Floats w = gradient(power), f = value(power);
      Floats delta(2 * kColumns), norm(2);
      ProjectOnHyperplane<P>{view(x0),    view(x0),   view(w), view(f),
                             view(delta), view(norm), 1,       kColumns}
          .reference(0);
      return delta;
    };
    EXPECT_EQ(project(exponent), project(0)) << "2^" << exponent;

    const auto walk = [&](int power) {
      const Floats w = gradient(power), f = value(power);
      Floats r(kColumns, 0.f), x1(kColumns);
      DeepFoolStep<P>{view(x0), view(w),  view(f), view(best), view(r),
                      view(x1), kColumns, .02f,    0.f}
          .reference(0);
      return r;
    };
    if constexpr (P != DistanceNorm::l1) {
      EXPECT_EQ(walk(exponent), walk(0)) << "2^" << exponent;
    }

    const auto distance = [&](int power) {
      const Floats w = gradient(power), f = value(power);
      const std::vector<std::int32_t> other = {1};
      Floats dist(1), kept_f(1), kept_w(kColumns);
      std::vector<std::int32_t> kept(1);
      KeepNearest<P>{view(f),    view(w),      view(other), view(dist), view(kept_f),
                     view(kept), view(kept_w), kColumns,    1.f}
          .reference(0);
      return dist;
    };
    EXPECT_EQ(distance(exponent), distance(0)) << "2^" << exponent;
  }
}

TEST(gradient_scale, a_boundary_lies_where_it_lies_whatever_the_size_of_its_function) {
  expect_boundary_of_any_size<DistanceNorm::linf>();
  expect_boundary_of_any_size<DistanceNorm::l2>();
  expect_boundary_of_any_size<DistanceNorm::l1>();
}

TEST(gradient_scale, a_class_without_a_gradient_is_never_the_nearest) {
  const Floats zero(kColumns, 0.f), w = gradient(-100), f_zero = {0.f}, f = {1.f};
  const std::vector<std::int32_t> first = {1}, second = {2};
  Floats distance(1), kept_f(1), kept_w(kColumns);
  std::vector<std::int32_t> kept(1);
  const auto offer = [&](const Floats& value, const Floats& g,
                         const std::vector<std::int32_t>& other, float is_first) {
    KeepNearest<DistanceNorm::l2>{view(value),    view(g),      view(other),
                                  view(distance), view(kept_f), view(kept),
                                  view(kept_w),   kColumns,     is_first}
        .reference(0);
  };

  offer(f_zero, zero, first, 1.f);
  offer(f, w, second, 0.f);

  EXPECT_EQ(kept[0], 2);
  EXPECT_EQ(kept_w, w);
}

TEST(gradient_scale, stadv_moves_the_flow_alike_for_a_gradient_of_any_size) {
  const std::vector<std::int32_t> done = {0}, iterations = {1};
  const Floats rates = {.1f, std::sqrt(.001f)};
  const auto step = [&](const Floats& g) {
    Floats flow(kColumns, 0.f), m(kColumns, 0.f), v(kColumns, 0.f), to_one = {0.f};
    Floats scaled = g;
    ScaleToFirst{view(scaled), view(to_one), kColumns}.reference(0);
    const StadvStep adam{view(flow),       view(m),     view(v),  view(scaled), view(done),
                         view(iterations), view(rates), kColumns, 1.f};
    for (std::int64_t i = 0; i < kColumns; ++i) adam(0, i);
    return flow;
  };

  expect_one_direction(step, {-120, -100, -64, -30, 0, 30, 64, 120});
  // Adam's 1e-8 takes little off the step along the smallest gradients there are.
  const Floats smallest = step(Floats(kColumns, std::ldexp(1.f, -148)));
  EXPECT_NEAR(smallest[0], step(Floats(kColumns, 1.f))[0], 1e-3);
}

}  // namespace
}  // namespace saddle
