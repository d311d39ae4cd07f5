#include "core/recently_used.h"

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>

namespace saddle {
namespace {

TEST(recently_used, makes_a_value_once_and_keeps_it_in_its_place) {
  RecentlyUsed<int, std::string> values(2);
  int made = 0;
  const auto make = [&] { return "value " + std::to_string(++made); };

  std::string& first = values.get(7, make);
  values.get(8, make);

  EXPECT_EQ(&values.get(7, make), &first);
  EXPECT_EQ(first, "value 1");
  EXPECT_EQ(made, 2);
}

TEST(recently_used, gives_up_what_was_not_asked_for_longest) {
  RecentlyUsed<int, int> values(2);
  int made = 0;
  const auto make = [&] { return ++made; };
  values.get(1, make);
  values.get(2, make);
  values.get(1, make);

  values.get(3, make);  // 2 goes

  EXPECT_EQ(values.size(), 2u);
  EXPECT_EQ(values.get(1, make), 1);
  EXPECT_EQ(values.get(3, make), 3);
  EXPECT_EQ(values.get(2, make), 4);
}

TEST(recently_used, gives_nothing_up_where_a_value_cannot_be_made) {
  RecentlyUsed<int, int> values(1);
  values.get(1, [] { return 11; });

  EXPECT_THROW(values.get(2, []() -> int { throw std::runtime_error("no"); }), std::runtime_error);
  EXPECT_EQ(values.get(1, [] { return 0; }), 11);
}

}  // namespace
}  // namespace saddle
