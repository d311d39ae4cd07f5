// What every case of a block kernel is made of: the kernel, run by its reference or on the
// emulator, and all that it wrote.
#pragma once

#include <functional>
#include <limits>
#include <string>
#include <typeindex>
#include <utility>
#include <vector>

#include "kernels/emulator.h"
#include "tests/support/random_values.h"

namespace saddle::testing_support {

enum class How { reference, forward, reversed, shuffled };

template <class Kernel>
void run(How how, const Kernel& kernel, std::int64_t blocks) {
  if (how == How::reference) {
    for (std::int64_t block = 0; block < blocks; ++block) kernel.reference(block);
    return;
  }
  set_thread_order(how == How::forward    ? ThreadOrder::forward
                   : how == How::reversed ? ThreadOrder::reversed
                                          : ThreadOrder::shuffled);
  emulate_blocks(kernel, blocks);
  set_thread_order(ThreadOrder::forward);
}

// All that a kernel wrote, one array after the other.
inline std::vector<float> joined(std::initializer_list<std::vector<float>> arrays) {
  std::vector<float> all;
  for (const std::vector<float>& array : arrays) all.insert(all.end(), array.begin(), array.end());
  return all;
}

// Memory a kernel has to write in full: what stays NaN was forgotten.
inline std::vector<float> unwritten(std::int64_t count) {
  return std::vector<float>(static_cast<std::size_t>(count),
                            std::numeric_limits<float>::quiet_NaN());
}

template <class T>
std::vector<float> widened(const std::vector<T>& values) {
  return {values.begin(), values.end()};
}
template <class T>
std::vector<T> unwritten_as(std::int64_t count) {
  return rounded_to<T>(unwritten(count));
}

struct BlockCase {
  std::string name;
  std::type_index kernel;
  std::function<std::vector<float>(How)> outputs;
};

inline std::string offset_name(std::int64_t offset) {
  return offset > 0 ? "_from_" + std::to_string(offset) : "";
}

template <class T>
inline const std::string type_name = std::is_same_v<T, float> ? "f32_" : "bf16_";

inline std::string size_name(std::int64_t rows, std::int64_t channels) {
  return std::to_string(rows) + "x" + std::to_string(channels);
}

// The cases of the kernels of segmentation and of transformers (segmentation_block_cases.cpp,
// transformer_block_cases.cpp).
std::vector<BlockCase> segmentation_block_cases();
std::vector<BlockCase> transformer_block_cases();

}  // namespace saddle::testing_support
