// Tables as text.
#include "apps/common/table.h"

#include <gtest/gtest.h>

#include "core/error.h"

namespace saddle {
namespace {

TEST(Table, aligns_two_columns_to_the_left_and_numbers_to_the_right) {
  Table table({"file", "attack", "accuracy"});
  table.add({"m", "pgd", "9.50 %"});

  EXPECT_EQ(table.aligned(),
            "file  attack  accuracy\n"
            "m     pgd       9.50 %\n");
  EXPECT_EQ(table.aligned(1),
            "attack  accuracy\n"
            "pgd       9.50 %\n");
}

TEST(Table, without_lines_is_nothing_on_a_terminal) { EXPECT_EQ(Table({"a", "b"}).aligned(), ""); }

TEST(Table, becomes_markdown) {
  Table table({"name", "loss"});
  table.add({"sam", "0.5"});

  EXPECT_EQ(table.markdown(), "| name | loss |\n|---|---:|\n| sam | 0.5 |\n");
}

TEST(Table, refuses_a_line_of_another_length) {
  Table table({"a", "b"});

  EXPECT_THROW(table.add({"1"}), Error);
}

}  // namespace
}  // namespace saddle
