// The scalar functions that are our own, against the standard library's in double.
#include "kernels/math.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>

namespace saddle {
namespace {

// The largest |got / want - 1| over `n` steps from `from` to `to`.
template <class Got, class Want>
double largest_relative_error(double from, double to, int n, Got got, Want want) {
  double largest = 0;
  for (int i = 0; i <= n; ++i) {
    const auto x = static_cast<float>(from + (to - from) * i / n);
    const double exact = want(double{x});
    if (exact != 0) largest = std::max(largest, std::abs(got(x) / exact - 1));
  }
  return largest;
}

TEST(exponential_of_negative, is_within_its_bound_where_its_result_is_a_normal_number) {
  const auto exact = [](double x) { return std::exp(x); };

  EXPECT_LT(largest_relative_error(-87, 0, 1'000'000, exponential_of_negative, exact), 3e-7);
  EXPECT_LT(largest_relative_error(-1e-3, 0, 10'000, exponential_of_negative, exact), 3e-7);
}

TEST(exponential_of_negative, is_one_at_zero_and_zero_far_below) {
  EXPECT_EQ(exponential_of_negative(0.f), 1.f);
  EXPECT_EQ(exponential_of_negative(-87.5f), 0.f);
  EXPECT_EQ(exponential_of_negative(-std::numeric_limits<float>::infinity()), 0.f);
}

TEST(exponential_of_negative, of_nan_is_nan) {
  EXPECT_TRUE(std::isnan(exponential_of_negative(std::nanf(""))));
}

TEST(error_function, is_within_its_bound) {
  const auto exact = [](double x) { return std::erf(x); };

  EXPECT_LT(largest_relative_error(-6, 6, 1'000'001, error_function, exact), 4.5e-7);
  EXPECT_LT(largest_relative_error(-1e-3, 1e-3, 10'001, error_function, exact), 4.5e-7);
}

TEST(error_function, is_odd_and_one_far_out) {
  for (const float x : {0.f, 1e-30f, 0.3f, 1.7f, 3.9f, 40.f}) {
    EXPECT_EQ(error_function(-x), -error_function(x)) << x;
  }
  EXPECT_EQ(error_function(std::numeric_limits<float>::infinity()), 1.f);
}

TEST(error_function, of_nan_is_nan) { EXPECT_TRUE(std::isnan(error_function(std::nanf("")))); }

}  // namespace
}  // namespace saddle
