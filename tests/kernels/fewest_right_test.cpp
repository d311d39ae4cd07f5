// Which iterate of an attack on segmentation is taken for its answer, one row at a time.
#include "kernels/fewest_right.h"

#include <gtest/gtest.h>

#include <limits>
#include <vector>

#include "tests/support/view.h"

namespace saddle {
namespace {

using namespace testing_support;
using Floats = std::vector<float>;

// One row that is told its iterates.
struct Row {
  Floats fewest = {std::numeric_limits<float>::infinity()}, found = {-1};

  bool takes(float right, float loss = 1) {
    const Floats losses = {loss}, rights = {right};
    FewestRight{view(losses), view(rights), view(fewest), view(found)}(0);
    return found[0] == 1.f;
  }
};

TEST(fewest_right, takes_the_first_and_then_all_that_leave_as_few_right) {
  Row row;

  EXPECT_TRUE(row.takes(7));
  EXPECT_FALSE(row.takes(8));
  EXPECT_TRUE(row.takes(7));
  EXPECT_TRUE(row.takes(3));
  EXPECT_FALSE(row.takes(7));
  EXPECT_EQ(row.fewest[0], 3.f);
}

TEST(fewest_right, is_done_once_nothing_is_right) {
  Row row;

  EXPECT_TRUE(row.takes(2));
  EXPECT_TRUE(row.takes(0));
  EXPECT_FALSE(row.takes(0));
  EXPECT_EQ(row.fewest[0], 0.f);
}

TEST(fewest_right, passes_over_a_row_whose_loss_is_no_number) {
  Row row;

  EXPECT_FALSE(row.takes(0, std::numeric_limits<float>::quiet_NaN()));
  EXPECT_TRUE(row.takes(5, std::numeric_limits<float>::infinity()));
  EXPECT_EQ(row.fewest[0], 5.f);
}

TEST(keep_found, copies_the_rows_that_are_found) {
  const Floats found = {0, 1}, from = {1, 2, 3, 4};
  Floats to = {9, 9, 9, 9};

  for (std::int64_t row = 0; row < 2; ++row) {
    for (std::int64_t column = 0; column < 2; ++column) {
      KeepFound{view(found), view(from), view(to), 2}(row, column);
    }
  }

  EXPECT_EQ(to, (Floats{9, 9, 3, 4}));
}

}  // namespace
}  // namespace saddle
