// How kernels run on a CPU: as vectorised loops split by OpenMP, or on the emulator; and how they
// are recorded, to run later.
#pragma once

#include <cstdint>
#include <functional>

#include "core/device.h"
#include "kernels/chunks.h"
#include "kernels/emulator.h"
#include "kernels/span.h"

namespace saddle {

// Below this many elements a parallel region costs more than it saves (measured: about 5 us to
// enter).
inline constexpr std::int64_t kSerialElements = 8192;

#if defined(SADDLE_CHECKED)
inline constexpr bool kParallel =
    false;  // an index check throws, which must not leave a parallel region
#else
inline constexpr bool kParallel = true;
#endif

// A grid kernel whose loops over columns the compiler cannot make vectors of, as its body has loops
// of its own: the CPU runs spans of kHostSpan columns instead (kernels/span.h). These are more than
// 16, or the compiler would unroll the span before it looks for vectors.
template <class Kernel>
concept HostSpanKernel = GridSpanKernel<Kernel> && requires {
  Kernel::kHostSpan;
};

// Every thread works on its own copy of the kernel: the compiler then knows that no store through
// one of the kernel's arrays changes the kernel, and keeps its fields in registers.
template <class Kernel>
void run_on_cpu(Device&, const void* erased, std::int64_t rows, std::int64_t columns) {
  const Kernel& shared = *static_cast<const Kernel*>(erased);
  if constexpr (BlockKernel<Kernel>) {
#pragma omp parallel for schedule(static) if (kParallel && rows > 1)
    for (std::int64_t block = 0; block < rows; ++block) shared.reference(block);
  } else if constexpr (HostSpanKernel<Kernel>) {
    constexpr std::int64_t kSpan = Kernel::kHostSpan;
#pragma omp parallel if (kParallel && rows * columns > kSerialElements)
    {
      const Kernel kernel = shared;
#pragma omp for schedule(static)
      for (std::int64_t row = 0; row < rows; ++row) {
        std::int64_t column = 0;
        for (; column + kSpan <= columns; column += kSpan) kernel.template span<kSpan>(row, column);
        for (; column < columns; ++column) kernel(row, column);
      }
    }
  } else if constexpr (GridKernel<Kernel>) {
    if (columns == 1) {  // a loop over rows, which vectorises
#pragma omp parallel if (kParallel && rows > kSerialElements)
      {
        const Kernel kernel = shared;
#pragma omp for simd schedule(static)
        for (std::int64_t row = 0; row < rows; ++row) kernel(row, 0);
      }
      return;
    }
    with_constant_count(columns, [&](auto count) {
#pragma omp parallel if (kParallel && rows * columns > kSerialElements)
      {
        const Kernel kernel = shared;
#pragma omp for schedule(static)
        for (std::int64_t row = 0; row < rows; ++row) {
#pragma omp simd
          for (std::int64_t column = 0; column < count; ++column) kernel(row, column);
        }
      }
    });
  } else {
#pragma omp parallel if (kParallel && rows > kSerialElements)
    {
      const Kernel kernel = shared;
#pragma omp for simd schedule(static)
      for (std::int64_t i = 0; i < rows; ++i) kernel(i);
    }
  }
}

// In spans where a GPU runs them, so that tests on the emulator cover both forms.
template <class Kernel>
void run_on_emulator(Device&, const void* erased, std::int64_t rows, std::int64_t columns) {
  const Kernel& kernel = *static_cast<const Kernel*>(erased);
  if constexpr (BlockKernel<Kernel>) {
    emulate_blocks(kernel, rows);
  } else if constexpr (GridKernel<Kernel>) {
    if constexpr (SpanKernel<Kernel>) {
      const GridSpans<Kernel> spans{kernel, rows};
      if (kernel.aligned(columns)) {
        return emulate_flat(spans, spans.row_threads(), columns / Kernel::kSpan);
      }
    }
    emulate_flat(kernel, rows, columns);
  } else {
    if constexpr (SpanKernel<Kernel>) {
      const FlatSpans<Kernel> spans{kernel, rows};
      if (kernel.aligned()) return emulate_flat(spans, spans.threads());
    }
    emulate_flat(kernel, rows);
  }
}

// Appends to what the host device is capturing (host_device.cpp).
void record_on_host(Device& device, std::function<void()> work);

template <class Kernel, Launcher Run>
void record(Device& device, const void* erased, std::int64_t rows, std::int64_t columns) {
  record_on_host(device, [&device, kernel = *static_cast<const Kernel*>(erased), rows, columns] {
    Run(device, &kernel, rows, columns);
  });
}

// The tables for all kernels, each compiled in a file of its own.
LaunchTable cpu_launch_table();
LaunchTable emulated_launch_table();
LaunchTable emulated_record_table();

}  // namespace saddle
