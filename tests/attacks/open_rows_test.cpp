// Rows that are done leave a batch together, once there are enough of them to be worth it.
#include "attacks/open_rows.h"

#include <gtest/gtest.h>

#include "tests/support/devices.h"

namespace saddle {
namespace {

using namespace testing_support;

Rows numbers(const Tensor& rows) { return rows.to_host<std::int32_t>(); }

// Of `size` rows, the first `done` are.
Flags first_done(std::size_t size, std::size_t done) {
  Flags flags(size, 0);
  std::fill_n(flags.begin(), done, std::uint8_t{1});
  return flags;
}

TEST(OpenRows, lets_rows_go_once_an_eighth_is_saved) {
  OpenRows open(cpu_device(), all_rows(16));

  EXPECT_FALSE(open.leave(first_done(16, 1)).has_value());
  EXPECT_EQ(open.rows().size(), 16u);
  EXPECT_EQ(open.open(), (Rows{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}));

  const auto leaving = open.leave(first_done(16, 2));
  ASSERT_TRUE(leaving.has_value());
  EXPECT_EQ(leaving->rows, (Rows{0, 1}));
  EXPECT_EQ(leaving->stay.count(), 14);
  EXPECT_EQ(open.rows(), open.open());
}

TEST(OpenRows, names_rows_of_the_batch_by_their_place_in_it) {
  OpenRows open(cpu_device(), {10, 11, 12, 13});

  open.leave({0, 1, 0, 0});
  const auto leaving = open.leave({0, 1, 1});

  ASSERT_TRUE(leaving.has_value());
  EXPECT_EQ(leaving->rows, (Rows{12, 13}));
  EXPECT_EQ(leaving->places, (Rows{1, 2}));
  EXPECT_EQ(numbers(leaving->numbers), (Rows{1, 2}));
  EXPECT_EQ(numbers(leaving->stay), (Rows{0}));
  EXPECT_EQ(open.rows(), (Rows{10}));
}

TEST(OpenRows, is_empty_where_all_are_done) {
  OpenRows open(cpu_device(), {4, 7});

  const auto leaving = open.leave({1, 1});

  ASSERT_TRUE(leaving.has_value());
  EXPECT_EQ(leaving->rows, (Rows{4, 7}));
  EXPECT_FALSE(leaving->stay);
  EXPECT_TRUE(open.empty());
}

// Between 8 and 16 rows, states have an even number of them.
TEST(OpenRows, pads_with_a_done_row_where_steps_are_captured) {
  Device& device = emulated_device();
  OpenRows open(device, all_rows(16), padded(device, 16));

  EXPECT_FALSE(open.leave(first_done(16, 1)).has_value());
  const auto leaving = open.leave(first_done(16, 3));

  ASSERT_TRUE(leaving.has_value());
  EXPECT_EQ(numbers(leaving->stay), (Rows{3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 0}));
  EXPECT_EQ(open.rows().size(), 13u);
  EXPECT_EQ(open.leave_all().rows.size(), 13u);
}

}  // namespace
}  // namespace saddle
