// expect_near: comparing with a bound that the caller derives, and saying where and by how much it
// is missed.
//
// Rounding bounds are made of three things: kFloatEps, the number of terms of the longest sum, and
// the sum of the terms' absolute values (`magnitude`). A sum of n rounded products errs by at most
// n * eps * sum|a b|; blocks, lanes and vector registers add in a tree, so log2(n) is typical.
#pragma once

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

namespace saddle::testing_support {

// Half the distance from 1 to the next float: the relative error of one rounding.
inline constexpr double kFloatEps = std::numeric_limits<float>::epsilon() / 2.0;

// The bound for a sum of `terms` rounded products whose absolute values add to `magnitude`.
inline double summation_bound(double terms, double magnitude) {
  return 4 * (1 + std::log2(terms < 1 ? 1 : terms)) * kFloatEps * magnitude;
}

// Half the distance from 1 to the next bfloat16: the relative error of one rounding to bf16.
inline constexpr double kBfloat16Eps = 0x1p-8;

inline void expect_near(double got, double want, double bound, const std::string& place) {
  const double error = std::abs(got - want);
  EXPECT_TRUE(error <= bound) << place << ": got " << got << ", want " << want << ", error "
                              << error << " = " << error / bound << " of the bound " << bound;
}

// Every element; `magnitudes` holds one number for each element, or one for all. `roundings` is how
// often the result was rounded to bf16 besides, `of_terms` how often each of its terms.
inline void expect_all_near(const std::vector<float>& got, const std::vector<double>& want,
                            double terms, const std::vector<double>& magnitudes,
                            const std::string& place, int roundings = 0, int of_terms = 0) {
  ASSERT_EQ(got.size(), want.size()) << place;
  ASSERT_TRUE(magnitudes.size() == 1 || magnitudes.size() == want.size()) << place;
  for (std::size_t i = 0; i < want.size(); ++i) {
    const double magnitude = magnitudes[magnitudes.size() == 1 ? 0 : i];
    const double bound = summation_bound(terms, magnitude) + of_terms * kBfloat16Eps * magnitude;
    const double stored = roundings * kBfloat16Eps * (std::abs(want[i]) + bound);
    expect_near(got[i], want[i], bound + stored, place + "[" + std::to_string(i) + "]");
  }
}

// The bit patterns, so that EXPECT_EQ tells -0 from 0 and one NaN equals itself.
inline std::vector<std::uint32_t> bits_of(const std::vector<float>& values) {
  std::vector<std::uint32_t> bits;
  bits.reserve(values.size());
  for (float value : values) bits.push_back(std::bit_cast<std::uint32_t>(value));
  return bits;
}

// What the function's error says; "(nothing was thrown)" where it throws none.
template <class Error, class Function>
std::string message_of(Function function) {
  try {
    function();
  } catch (const Error& error) {
    return error.what();
  }
  return "(nothing was thrown)";
}

#define EXPECT_CONTAINS(whole, part) EXPECT_PRED_FORMAT2(::testing::IsSubstring, part, whole)

}  // namespace saddle::testing_support
