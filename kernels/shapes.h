// The three shapes of kernels: flat kernels are called with (i), grid kernels with (row, column),
// block kernels with a block context (and carry `reference(block)` for the CPU).
#pragma once

#include <cstdint>

namespace saddle {

template <class Kernel>
concept FlatKernel = requires(const Kernel& kernel, int64_t i) {
  kernel(i);
};
template <class Kernel>
concept GridKernel = requires(const Kernel& kernel, int64_t i) {
  kernel(i, i);
};
template <class Kernel>
concept BlockKernel = requires {
  Kernel::kThreads;
};

}  // namespace saddle
