// The small parser that the other tests of the tree rely on.
#include "tests/tree/sources.h"

#include <gtest/gtest.h>

#include <stdexcept>

namespace saddle::tree {
namespace {

TEST(bare, leaves_no_brace_of_comments_quotes_and_directives) {
  EXPECT_EQ(bare("a // {\nb"), "a     \nb");
  EXPECT_EQ(bare("a /* {\n */ b"), "a     \n    b");
  EXPECT_EQ(bare("f(\"{\\\"\", '{', '\\'')"), "f(     ,    ,     )");
  EXPECT_EQ(bare("R\"x({\")\")x\" b"), "            b");
  EXPECT_EQ(bare("#define A { \\\n  {\nb"), "             \n   \nb");
}

TEST(bare, keeps_numbers_with_marks_between_digits) {
  EXPECT_EQ(bare("1'000 + 'a' + 1'000"), "1'000 +     + 1'000");
}

TEST(declarations, are_told_apart) {
  const auto found = declarations_of(
      "namespace saddle::tree {\n"
      "namespace {\n"
      "template <class T, int N = 1>\n"
      "struct alignas(16) A : B {\n"
      " public:\n"
      "  A(int x) : x_{x}, y_(1) { call(); }\n"
      "  bool operator==(const A& other) const {\n"
      "    return [&] { return true; }();\n"
      "  }\n"
      "  int x_{0}, y_;\n"
      "};\n"
      "}\n"
      "std::vector<int> numbers(Options options = {}) {\n"
      "  for (;;) {}\n"
      "}\n"
      "const auto kList = {f(1)};\n"
      "}\n");

  const auto expect = [&](std::size_t i, const std::string& head, Kind kind, int first, int last) {
    EXPECT_EQ(found.at(i).head, head);
    EXPECT_EQ(found.at(i).kind, kind) << head;
    EXPECT_EQ(found.at(i).first_line, first) << head;
    EXPECT_EQ(found.at(i).last_line, last) << head;
  };
  expect(0, "namespace saddle::tree", Kind::space, 1, 17);
  expect(1, "namespace", Kind::space, 2, 12);
  expect(2, "struct alignas(16) A : B", Kind::type, 3, 11);
  expect(3, "A(int x) : x_{x}, y_(1)", Kind::function, 6, 6);
  expect(4, "bool operator==(const A& other) const", Kind::function, 7, 9);
  expect(5, "int x_", Kind::other, 10, 10);
  expect(8, "std::vector<int> numbers(Options options = {})", Kind::function, 13, 15);
  expect(9, "const auto kList =", Kind::other, 16, 16);
  EXPECT_EQ(found.at(2).space, "saddle::tree::(anonymous)");
  EXPECT_TRUE(found.at(3).member);
  EXPECT_FALSE(found.at(8).member);
}

TEST(declarations, are_refused_where_braces_do_not_match) {
  EXPECT_THROW(declarations_of("namespace a {"), std::runtime_error);
  EXPECT_THROW(declarations_of("void f() {}\n}"), std::runtime_error);
}

}  // namespace
}  // namespace saddle::tree
