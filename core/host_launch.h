// How kernels run on a CPU: as vectorised loops split by OpenMP, or on the emulator.
#pragma once

#include <exception>
#include <utility>

#include "core/device.h"
#include "kernels/emulator.h"

namespace saddle {

// Below this many elements a parallel region costs more than it saves (measured: about 5 us to enter).
inline constexpr std::int64_t kSerialElements = 8192;

#if defined(SADDLE_CHECKED)
inline constexpr bool kParallel = false;  // an index check throws, which must not leave a parallel region
#else
inline constexpr bool kParallel = true;
#endif

template <class Kernel>
void run_on_cpu(const void* erased, std::int64_t rows, std::int64_t columns) {
  const Kernel kernel = *static_cast<const Kernel*>(erased);  // a local copy lets the compiler keep it
  if constexpr (BlockKernel<Kernel>) {
#pragma omp parallel for schedule(static) if (kParallel && rows > 1)
    for (std::int64_t block = 0; block < rows; ++block) kernel.reference(block);
  } else if constexpr (GridKernel<Kernel>) {
#pragma omp parallel for schedule(static) if (kParallel && rows * columns > kSerialElements)
    for (std::int64_t row = 0; row < rows; ++row) {
#pragma omp simd
      for (std::int64_t column = 0; column < columns; ++column) kernel(row, column);
    }
  } else {
#pragma omp parallel for simd schedule(static) if (kParallel && rows > kSerialElements)
    for (std::int64_t i = 0; i < rows; ++i) kernel(i);
  }
}

template <class Kernel>
void run_on_emulator(const void* erased, std::int64_t rows, std::int64_t columns) {
  const Kernel& kernel = *static_cast<const Kernel*>(erased);
  if constexpr (BlockKernel<Kernel>) {
    emulate_blocks(kernel, rows);
  } else if constexpr (GridKernel<Kernel>) {
    emulate_flat(kernel, rows, columns);
  } else {
    emulate_flat(kernel, rows);
  }
}

template <class... Kernels>
constexpr LaunchTable cpu_launch_table(KernelList<Kernels...>) {
  return {&run_on_cpu<Kernels>...};
}

template <class... Kernels>
constexpr LaunchTable emulated_launch_table(KernelList<Kernels...>) {
  return {&run_on_emulator<Kernels>...};
}

}  // namespace saddle
