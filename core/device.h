// Device: where tensors live and kernels run. The engine's only virtual class.
//
// cpu       kernels as vectorised OpenMP loops, convolution and matrix products from oneDNN
// emulated  the kernels' GPU form, thread by thread on the CPU; convolution and products as on cpu
// cuda      the GPU; a build without CUDA explains how to configure one
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include "core/pool.h"
#include "kernels/list.h"

namespace saddle {

class Tensor;

// A 2-D convolution without dilation, groups or bias. Images NHWC, weights [out, kernel, kernel,
// in].
struct Convolution {
  std::int64_t batch, height, width, in_channels, out_channels, kernel, stride, padding;

  std::int64_t out_height() const { return (height + 2 * padding - kernel) / stride + 1; }
  std::int64_t out_width() const { return (width + 2 * padding - kernel) / stride + 1; }
  auto operator<=>(const Convolution&) const = default;
};

// c [m, n] = a b, each of a and b transposed first where asked; all row-major.
struct Gemm {
  std::int64_t m, n, k;
  bool transpose_a, transpose_b;
};

// How a device runs each kernel: entry AllKernels::index<K>() runs K over rows x columns indices,
// or over `rows` blocks.
using Launcher = void (*)(const void* kernel, std::int64_t rows, std::int64_t columns);
using LaunchTable = std::array<Launcher, AllKernels::size>;

class Device {
 public:
  virtual ~Device() = default;

  virtual std::string name() const = 0;
  virtual const LaunchTable& launch_table() const = 0;
  virtual Pool& pool() = 0;

  // Between host memory and this device's; complete when they return.
  virtual void copy_from_host(void* to, const void* from, std::size_t bytes) = 0;
  virtual void copy_to_host(void* to, const void* from, std::size_t bytes) = 0;
  virtual void copy_within(void* to, const void* from, std::size_t bytes) = 0;
  virtual void synchronise() = 0;

  virtual void gemm(const Gemm& shape, const float* a, const float* b, float* c) = 0;
  // y = conv(x, w), plus `residual` (of y's shape) where it is not null.
  virtual void convolution_forward(const Convolution& shape, const float* x, const float* w,
                                   const float* residual, float* y) = 0;
  virtual void convolution_backward_data(const Convolution& shape, const float* dy, const float* w,
                                         float* dx) = 0;
  virtual void convolution_backward_weights(const Convolution& shape, const float* x,
                                            const float* dy, float* dw) = 0;
};

// Runs `kernel` for every index in [0, count), or for `count` blocks.
template <class Kernel>
void launch(Device& device, const Kernel& kernel, std::int64_t count) {
  static_assert(FlatKernel<Kernel> || BlockKernel<Kernel>);
  if (count > 0) device.launch_table()[AllKernels::index<Kernel>()](&kernel, count, 1);
}

// Runs `kernel` for every (row, column).
template <class Kernel>
requires GridKernel<Kernel>
void launch(Device& device, const Kernel& kernel, std::int64_t rows, std::int64_t columns) {
  if (rows > 0 && columns > 0) {
    device.launch_table()[AllKernels::index<Kernel>()](&kernel, rows, columns);
  }
}

// The devices; each exists once and outlives every tensor on it.
Device& cpu_device();
Device& emulated_device();
Device& cuda_device(
    int ordinal);  // Error that says how to configure a build with CUDA, in one without

// "auto", "cpu", "emulated", "cuda", "cuda:N"; "auto" is $SADDLE_DEVICE where that is set, else
// CUDA where a usable device is there, else the CPU. Throws Error for anything else.
Device& device_named(const std::string& name);

// What this build can run on, for --version: "cpu (oneDNN 3.2.0), cuda-emulated".
std::string backends();

// Number of CPU threads for kernels and library calls; 0 leaves the default (OMP_NUM_THREADS or
// cores).
void set_threads(int threads);
int threads();

}  // namespace saddle
