// Where programs and tests look for files of the tree.
#include "apps/common/source_path.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "tests/support/source_directory.h"
#include "tests/support/variable.h"

namespace saddle {
namespace {

TEST(source_path, is_in_the_tree_of_the_build_unless_told_otherwise) {
  const Variable unset("SADDLE_SOURCE_DIR", nullptr);
  const std::string script = source_path("apps/bench/torch_peer.py");

  EXPECT_TRUE(std::filesystem::path(script).is_absolute()) << script;
  EXPECT_TRUE(script.ends_with("/apps/bench/torch_peer.py")) << script;
  EXPECT_EQ(script, (source_directory() / "apps/bench/torch_peer.py").string());
}

TEST(source_path, is_where_the_environment_says) {
  const Variable elsewhere("SADDLE_SOURCE_DIR", "/kit/source");

  EXPECT_EQ(source_path("apps/bench/torch_peer.py"), "/kit/source/apps/bench/torch_peer.py");
  EXPECT_EQ(source_directory(), "/kit/source");
}

TEST(source_path, takes_an_empty_variable_for_none) {
  std::string unset;
  {
    const Variable none("SADDLE_SOURCE_DIR", nullptr);
    unset = source_path("tests");
  }
  const Variable empty("SADDLE_SOURCE_DIR", "");

  EXPECT_EQ(source_path("tests"), unset);
  EXPECT_EQ((source_directory() / "tests").string(), unset);
}

}  // namespace
}  // namespace saddle
