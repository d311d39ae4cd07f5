// The launch table of the CUDA device: one __global__ template a shape of kernel, for all kernels.
//
// The only file that nvcc compiles, so that the build pays for it once.
#include "core/cuda/launch.h"

#include <cxxabi.h>

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <typeinfo>

#include "core/cuda/check.h"
#include "core/cuda/cuda_device.h"
#include "core/error.h"
#include "kernels/block.h"
#include "kernels/list.h"
#include "kernels/span.h"

namespace saddle {
namespace {

// Threads of a block for flat and grid kernels: a multiple of 32 of which eight blocks fill an SM.
constexpr int kBlock = 256;
constexpr std::int64_t kMaxGridX = std::numeric_limits<std::int32_t>::max();
constexpr std::int64_t kMaxGridY = 65535;

template <class Kernel>
__global__ void __launch_bounds__(kBlock)
    run_flat(const __grid_constant__ Kernel kernel, std::int64_t count) {
  const std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * kBlock + threadIdx.x;
  if (i < count) kernel(i);
}

// Blocks of the kernel that a multiprocessor is to hold at once; 0: the compiler decides.
template <class Kernel>
constexpr int resident_blocks() {
  if constexpr (requires { Kernel::kResidentBlocks; }) return Kernel::kResidentBlocks;
  return 0;
}

// Thread (x, y) of block (i, j) takes column j * blockDim.x + x of row i * blockDim.y + y.
template <class Kernel>
__global__ void __launch_bounds__(kBlock, resident_blocks<Kernel>())
    run_grid(const __grid_constant__ Kernel kernel, std::int64_t rows, std::int64_t columns) {
  const std::int64_t row = static_cast<std::int64_t>(blockIdx.x) * blockDim.y + threadIdx.y;
  const std::int64_t column = static_cast<std::int64_t>(blockIdx.y) * blockDim.x + threadIdx.x;
  if (row < rows && column < columns) kernel(row, column);
}

template <class Kernel>
__global__ void __launch_bounds__(Kernel::kThreads, resident_blocks<Kernel>())
    run_blocks(const __grid_constant__ Kernel kernel) {
  CudaBlock<Kernel::kThreads> block;
  kernel(block);
}

std::string name_of_kernel(const std::type_info& type) {
  int status = 0;
  char* demangled = abi::__cxa_demangle(type.name(), nullptr, nullptr, &status);
  const std::string name = demangled ? demangled : type.name();
  std::free(demangled);
  return "kernel " + name;
}

// Blocks along one axis of the launch.
template <class Kernel>
unsigned grid_extent(std::int64_t blocks, std::int64_t limit) {
  if (blocks > limit) {
    fail("cuda: ", name_of_kernel(typeid(Kernel)), " would need ", blocks,
         " blocks along one axis, a launch has at most ", limit, ". Use smaller tensors");
  }
  return static_cast<unsigned>(blocks);
}

template <class Kernel>
void launch_flat(cudaStream_t stream, const Kernel& kernel, std::int64_t count) {
  const unsigned blocks = grid_extent<Kernel>(ceil_divide(count, kBlock), kMaxGridX);
  run_flat<<<blocks, kBlock, 0, stream>>>(kernel, count);
}

template <class Kernel>
void launch_grid(cudaStream_t stream, const Kernel& kernel, std::int64_t rows,
                 std::int64_t columns) {
  // The least power of two that holds a row, so that short rows leave few threads idle and a warp
  // reads neighbouring rows.
  unsigned width = 1;
  while (width < kBlock && width < columns) width *= 2;
  const dim3 block(width, kBlock / width);
  const dim3 grid(grid_extent<Kernel>(ceil_divide(rows, block.y), kMaxGridX),
                  grid_extent<Kernel>(ceil_divide(columns, block.x), kMaxGridY));
  run_grid<<<grid, block, 0, stream>>>(kernel, rows, columns);
}

template <class Kernel>
void launch_blocks(cudaStream_t stream, const Kernel& kernel, std::int64_t count) {
  const unsigned blocks = grid_extent<Kernel>(count, kMaxGridX);
  run_blocks<<<blocks, Kernel::kThreads, 0, stream>>>(kernel);
}

// In spans where the kernel has them and its arrays allow it.
template <class Kernel>
void launch_on(cudaStream_t stream, const Kernel& kernel, std::int64_t rows, std::int64_t columns) {
  if constexpr (BlockKernel<Kernel>) {
    return launch_blocks(stream, kernel, rows);
  } else if constexpr (GridKernel<Kernel>) {
    if constexpr (GridSpanKernel<Kernel>) {
      if (kernel.aligned(columns)) {
        const GridSpans<Kernel> spans{kernel, rows};
        return launch_grid(stream, spans, spans.row_threads(), columns / Kernel::kSpan);
      }
    }
    return launch_grid(stream, kernel, rows, columns);
  } else {
    if constexpr (FlatSpanKernel<Kernel>) {
      if (kernel.aligned()) {
        const FlatSpans<Kernel> spans{kernel, rows};
        return launch_flat(stream, spans, spans.threads());
      }
    }
    return launch_flat(stream, kernel, rows);
  }
}

template <class Kernel>
void run_on_cuda(Device& device, const void* erased, std::int64_t rows, std::int64_t columns) {
  const CudaDevice& cuda = static_cast<const CudaDevice&>(device);
  cuda.make_current();
  launch_on(cuda.stream(), *static_cast<const Kernel*>(erased), rows, columns);
  const cudaError_t status = cudaGetLastError();
  if (status != cudaSuccess) check(status, name_of_kernel(typeid(Kernel)).c_str());
}

// (Through a variable template: nvcc 13.0 loses the pack in `{&run_on_cuda<Kernels>...}`.)
template <class Kernel>
constexpr Launcher kLauncher = &run_on_cuda<Kernel>;

template <class... Kernels>
LaunchTable launch_table_of(KernelList<Kernels...>) {
  return {kLauncher<Kernels>...};
}

// The runtime loads a kernel when it is first asked about it.
template <class Kernel>
cudaError_t load() {
  cudaFuncAttributes attributes;
  if constexpr (BlockKernel<Kernel>) {
    return cudaFuncGetAttributes(&attributes, run_blocks<Kernel>);
  } else if constexpr (GridKernel<Kernel>) {
    if constexpr (GridSpanKernel<Kernel>) {
      const cudaError_t status = cudaFuncGetAttributes(&attributes, run_grid<GridSpans<Kernel>>);
      if (status != cudaSuccess) return status;
    }
    return cudaFuncGetAttributes(&attributes, run_grid<Kernel>);
  } else {
    if constexpr (FlatSpanKernel<Kernel>) {
      const cudaError_t status = cudaFuncGetAttributes(&attributes, run_flat<FlatSpans<Kernel>>);
      if (status != cudaSuccess) return status;
    }
    return cudaFuncGetAttributes(&attributes, run_flat<Kernel>);
  }
}

// The first failure, or success.
template <class... Kernels>
cudaError_t load_all(KernelList<Kernels...>) {
  cudaError_t status = cudaSuccess;
  ((status == cudaSuccess ? void(status = load<Kernels>()) : void()), ...);
  return status;
}

}  // namespace

const LaunchTable& cuda_launch_table() {
  static const LaunchTable table = launch_table_of(AllKernels{});
  return table;
}

bool load_kernels() {
  const cudaError_t status = load_all(AllKernels{});
  if (status == cudaErrorNoKernelImageForDevice || status == cudaErrorInvalidDeviceFunction) {
    cudaGetLastError();
    return false;
  }
  check(status, "cudaFuncGetAttributes");
  return true;
}

std::string compiled_for() {
  std::string names;
  for (const int architecture : {__CUDA_ARCH_LIST__}) {  // nvcc's list: 800, 900
    names += text(names.empty() ? "sm_" : " sm_", architecture / 10);
  }
  return names;
}

}  // namespace saddle
