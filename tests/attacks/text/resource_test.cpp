// What a report says of the files that an attack rests on.
#include "attacks/text/resource.h"

#include <gtest/gtest.h>

#include "core/error.h"
#include "core/sha256.h"
#include "tests/attacks/text/tiny_wordnet.h"
#include "tests/support/expect_near.h"
#include "tests/support/temporary_directory.h"

namespace saddle {
namespace {

constexpr const char* kOfAbc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
constexpr const char* kOfNothing =
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

struct TwoFiles {
  TemporaryDirectory directory;
  std::filesystem::path abc = directory.path() / "a.txt", empty = directory.path() / "b.txt";

  TwoFiles() {
    const Bytes bytes = bytes_of("abc");
    directory.write("a.txt", {bytes.begin(), bytes.end()});
    directory.write("b.txt", {});
  }
};

TEST(Resource, of_one_file_has_its_size_and_sha256) {
  const TwoFiles files;

  const Resource resource = describe_resource("glove", {files.abc});

  EXPECT_EQ(resource.kind, "glove");
  EXPECT_EQ(resource.files, std::vector<std::string>{files.abc.string()});
  EXPECT_EQ(resource.bytes, 3);
  EXPECT_EQ(resource.sha256, kOfAbc);
}

TEST(Resource, of_several_files_has_the_sha256_of_what_sha256sum_prints) {
  const TwoFiles files;
  const std::string printed = std::string(kOfAbc) + "  a.txt\n" + kOfNothing + "  b.txt\n";

  const Resource resource = describe_resource("wordnet", {files.abc, files.empty});

  EXPECT_EQ(resource.bytes, 3);
  EXPECT_EQ(resource.sha256,
            sha256({reinterpret_cast<const std::uint8_t*>(printed.data()), printed.size()}));
  EXPECT_NE(describe_resource("wordnet", {files.empty, files.abc}).sha256, resource.sha256);
}

TEST(Resource, needs_files_that_are_there) {
  EXPECT_CONTAINS(testing_support::message_of<Error>([] { describe_resource("glove", {}); }),
                  "glove: a resource without files");
  EXPECT_CONTAINS(
      testing_support::message_of<Error>([] { describe_resource("glove", {"/nowhere/v.npy"}); }),
      "/nowhere/v.npy: cannot be opened");
}

}  // namespace
}  // namespace saddle
