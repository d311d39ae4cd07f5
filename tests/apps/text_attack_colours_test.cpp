// Whether a terminal shows colours.
#include <gtest/gtest.h>

#include <fcntl.h>
#include <unistd.h>

#include "apps/text/attack_diff.h"
#include "tests/support/expect_near.h"
#include "tests/support/variable.h"

namespace saddle {
namespace {

// What colours_of_stdout() says while stdout is `descriptor`, which is then closed.
Colours colour_on(int descriptor, const char* terminal, const char* refused) {
  const Variable term("TERM", terminal), no_color("NO_COLOR", refused);
  const int kept = dup(STDOUT_FILENO);
  EXPECT_EQ(dup2(descriptor, STDOUT_FILENO), STDOUT_FILENO);
  const Colours colour = colours_of_stdout();
  dup2(kept, STDOUT_FILENO);
  close(kept);
  close(descriptor);
  return colour;
}

Colours colour_on_terminal(const char* terminal, const char* refused) {
  const int master = posix_openpt(O_RDWR | O_NOCTTY);
  if (master < 0 || grantpt(master) != 0 || unlockpt(master) != 0) {
    ADD_FAILURE() << "there is no terminal to be had";
    return Colours::none;
  }
  const Colours colour = colour_on(open(ptsname(master), O_RDWR | O_NOCTTY), terminal, refused);
  close(master);
  return colour;
}

TEST(ColourOfStdout, is_there_on_a_terminal) {
  EXPECT_EQ(colour_on_terminal("xterm-256color", nullptr), Colours::ansi);
}

TEST(ColourOfStdout, is_there_where_no_color_is_empty) {
  EXPECT_EQ(colour_on_terminal("xterm-256color", ""), Colours::ansi);
}

TEST(ColourOfStdout, is_not_there_where_no_color_says_so) {
  EXPECT_EQ(colour_on_terminal("xterm-256color", "0"), Colours::none);
}

TEST(ColourOfStdout, is_not_there_on_a_dumb_terminal) {
  EXPECT_EQ(colour_on_terminal("dumb", nullptr), Colours::none);
}

TEST(ColourOfStdout, is_not_there_where_the_terminal_is_unknown) {
  EXPECT_EQ(colour_on_terminal(nullptr, nullptr), Colours::none);
}

TEST(ColourOfStdout, is_not_there_in_a_file) {
  EXPECT_EQ(colour_on(open("/dev/null", O_WRONLY), "xterm-256color", nullptr), Colours::none);
}

}  // namespace
}  // namespace saddle
