// Products of small matrices: right to the last bit, nothing written beside the result, and the
// same bits in vectors of any width.
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "core/error.h"
#include "core/small_product.h"
#include "core/vector_code.h"

namespace saddle {
namespace {

constexpr float kUntouched = -777.f;

// A matrix of rows that lie apart, of small integers, whose sums are exact in f32 in any order.
struct Matrix {
  Matrix(std::int64_t rows, std::int64_t columns, std::int64_t seed)
      : row(columns + 3), values(static_cast<std::size_t>(rows * row)) {
    for (std::size_t i = 0; i < values.size(); ++i)
      values[i] = static_cast<float>(static_cast<std::int64_t>(7 * i * i + i) % 19 - 9 + seed);
  }
  float at(std::int64_t i, std::int64_t j) const {
    return values[static_cast<std::size_t>(i * row + j)];
  }

  std::int64_t row;
  std::vector<float> values;
};

class SmallProducts : public testing::TestWithParam<ProductSize> {};

TEST_P(SmallProducts, equal_the_definition_and_touch_nothing_else) {
  const auto [m, n, k] = GetParam();
  for (const bool a_transposed : {false, true}) {
    for (const bool b_transposed : {false, true}) {
      SCOPED_TRACE(text("transposed: ", a_transposed, ", ", b_transposed));
      const Matrix a(a_transposed ? k : m, a_transposed ? m : k, 1),
          b(b_transposed ? n : k, b_transposed ? k : n, 2);
      const std::int64_t columns = whole_vectors(n), row = columns + 5;
      std::vector<float> c(static_cast<std::size_t>((m + 1) * row), kUntouched),
          memory(static_cast<std::size_t>(small_product_floats({m, n, k})) + 1, kUntouched);

      multiply_small({m, n, k}, {a.values.data(), a.row, a_transposed},
                     {b.values.data(), b.row, b_transposed}, c.data(), row, memory.data());

      EXPECT_EQ(memory.back(), kUntouched);
      for (std::int64_t i = 0; i <= m; ++i) {
        for (std::int64_t j = 0; j < row; ++j) {
          if (i < m && j >= n && j < columns) continue;  // may be anything
          float want = i < m && j < n ? 0.f : kUntouched;
          for (std::int64_t p = 0; i < m && j < n && p < k; ++p)
            want +=
                (a_transposed ? a.at(p, i) : a.at(i, p)) * (b_transposed ? b.at(j, p) : b.at(p, j));
          ASSERT_EQ(c[static_cast<std::size_t>(i * row + j)], want) << i << ", " << j;
        }
      }
    }
  }
}

// Rows: fewer than a tile, some left over, several tiles; columns: a vector, several, some lanes.
INSTANTIATE_TEST_SUITE_P(Sizes, SmallProducts,
                         testing::Values(ProductSize{1, 1, 1}, ProductSize{5, 16, 7},
                                         ProductSize{12, 32, 64}, ProductSize{65, 64, 65},
                                         ProductSize{65, 65, 64}, ProductSize{35, 48, 17},
                                         ProductSize{11, 7, 4}, ProductSize{3, 9, 33}));

TEST(small_product, gives_the_same_bits_in_vectors_of_any_width) {
  if (vector_lanes() < 16) GTEST_SKIP() << "the processor has one width";
  constexpr std::int64_t kRows = 29, kColumns = 48, kTerms = 37;
  std::vector<float> a(kRows * kTerms), b(kTerms * kColumns), narrow(kRows * kColumns),
      wide = narrow;
  for (std::size_t i = 0; i < a.size(); ++i) a[i] = std::sin(static_cast<float>(i));
  for (std::size_t i = 0; i < b.size(); ++i) b[i] = std::cos(static_cast<float>(3 * i));
  const SmallProduct product{kRows, kColumns, kTerms, kTerms, false, kColumns, kColumns};

  vector_code<8>().multiply(product, a.data(), b.data(), narrow.data());
  vector_code<16>().multiply(product, a.data(), b.data(), wide.data());

  EXPECT_EQ(narrow, wide);
}

}  // namespace
}  // namespace saddle
