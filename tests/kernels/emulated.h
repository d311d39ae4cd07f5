// What the tests of the emulator share: every case in each of the three thread orders, and a kernel
// that is right.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "kernels/collectives.h"
#include "kernels/emulator.h"

namespace saddle {

template <class T>
Array<T> view(std::vector<T>& values) {
  return {values.data(), static_cast<std::int64_t>(values.size())};
}

template <class Error, class Function>
std::string message_of(Function function) {
  try {
    function();
  } catch (const Error& error) {
    return error.what();
  }
  return "(nothing was thrown)";
}

#define EXPECT_CONTAINS(whole, part) EXPECT_PRED_FORMAT2(::testing::IsSubstring, part, whole)

// Every case runs in each of the three orders.
class Emulator : public ::testing::TestWithParam<ThreadOrder> {
 protected:
  void SetUp() override { set_thread_order(GetParam()); }
  void TearDown() override { set_thread_order(ThreadOrder::forward); }
};

// The three orders, as parameters and by name.
inline auto every_order() {
  return ::testing::Values(ThreadOrder::forward, ThreadOrder::reversed, ThreadOrder::shuffled);
}
inline std::string order_name(const ::testing::TestParamInfo<ThreadOrder>& order) {
  switch (order.param) {
    case ThreadOrder::forward: return "forward";
    case ThreadOrder::reversed: return "reversed";
    case ThreadOrder::shuffled: return "shuffled";
  }
  return "?";
}

struct Elements;  // tag

struct Reverse {
  static constexpr int kThreads = 64;
  Array<int> x;  // [blocks, 64]
  template <class Block>
  SADDLE_DEVICE void operator()(Block& b) const {
    auto elements = b.template shared<Elements, int, 64>();
    const std::int64_t i = b.block() * 64 + b.thread();
    elements[b.thread()] = x[i];
    b.sync();
    x[i] = elements[63 - b.thread()];
  }
};

}  // namespace saddle
