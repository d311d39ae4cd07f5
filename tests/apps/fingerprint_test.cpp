// Fingerprints tell inputs apart.
#include "apps/common/fingerprint.h"

#include <gtest/gtest.h>

#include <functional>

#include "tests/apps/data_files.h"

namespace saddle {
namespace {

TEST(Fingerprint, tells_one_changed_byte) {
  const TemporaryDirectory directory;
  directory.write("a", ramp(1001, 3, 5));
  Blob changed = ramp(1001, 3, 5);
  changed[500] ^= std::byte{1};
  directory.write("b", changed);
  directory.write("c", ramp(1001, 3, 5));
  Blob longer = ramp(1001, 3, 5);
  longer.push_back(std::byte{0});
  directory.write("d", longer);
  const auto of = [&](const char* name) { return fingerprint_of_file(directory.path() / name); };

  EXPECT_EQ(of("a"), of("c"));
  EXPECT_NE(of("a"), of("b"));
  EXPECT_NE(of("a"), of("d"));
  EXPECT_EQ(of("a").size(), 16u);
}

TEST(Fingerprint, of_a_data_set_covers_all_that_training_looks_at) {
  Dataset data;
  data.pixels = {1, 2, 3};
  data.labels = {0, 1};
  data.class_names = {"a", "b"};
  data.mean = {0.5f};
  data.height = 3;
  const auto changed = [&](const std::function<void(Dataset&)>& change) {
    Dataset other = data;
    change(other);
    return fingerprint_of_data(other) != fingerprint_of_data(data);
  };

  EXPECT_TRUE(changed([](Dataset& d) { d.pixels[2] = 4; }));
  EXPECT_TRUE(changed([](Dataset& d) { d.labels[1] = 0; }));
  EXPECT_TRUE(changed([](Dataset& d) { d.class_names = {"b", "a"}; }));
  EXPECT_TRUE(changed([](Dataset& d) { d.mean[0] = 0.25f; }));
  EXPECT_TRUE(changed([](Dataset& d) { std::swap(d.height, d.width); }));
  EXPECT_FALSE(changed([](Dataset& d) { d.warnings = {"w"}; }));
}

}  // namespace
}  // namespace saddle
