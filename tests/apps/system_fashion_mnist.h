// For tests of the real Fashion-MNIST: they are skipped where Debian's package is not installed.
#pragma once

#include <filesystem>

#include <gtest/gtest.h>

namespace saddle {

inline constexpr const char* kSystemFashion = "/usr/share/datasets/fashion-mnist";

class SystemFashionMnist : public testing::Test {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(kSystemFashion)) {
      GTEST_SKIP() << "install Debian's package dataset-fashion-mnist to run this test";
    }
  }
};

}  // namespace saddle
