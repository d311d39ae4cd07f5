// Device: where tensors live and kernels run. The engine's only virtual class (with what it makes).
//
// cpu       kernels as vectorised OpenMP loops, convolution and matrix products from oneDNN
// emulated  the kernels' GPU form, thread by thread on the CPU; convolution and products as on cpu
// cuda      the GPU: kernels as they are, convolution from cuDNN, matrix products from cuBLASLt; a
//           build without CUDA explains how to configure one
//
// Work on a device is ordered: what is called later sees what was called earlier. On cuda the calls
// return before the work is done; the host waits only in copy_to_host, synchronise and
// Readback::wait.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/activation.h"
#include "core/dtype.h"
#include "core/pool.h"
#include "core/precision.h"
#include "kernels/shapes.h"

namespace saddle {

class Device;

// A 2-D convolution. Images NHWC, weights [out, kernel, kernel, in]; the taps of the kernel lie
// `dilation` pixels apart (Chen et al. 2017, "Rethinking atrous convolution").
struct Convolution {
  std::int64_t batch, height, width, in_channels, out_channels, kernel, stride, padding;
  Precision precision = Precision::fp32;
  std::int64_t dilation = 1;

  // Pixels from the first to the last tap.
  std::int64_t reach() const { return dilation * (kernel - 1) + 1; }
  std::int64_t out_height() const { return (height + 2 * padding - reach()) / stride + 1; }
  std::int64_t out_width() const { return (width + 2 * padding - reach()) / stride + 1; }
  std::int64_t input_count() const { return batch * height * width * in_channels; }
  std::int64_t weight_count() const { return out_channels * kernel * kernel * in_channels; }
  std::int64_t output_count() const { return batch * out_height() * out_width() * out_channels; }
  // Of x, w, y and of the gradients dx and dy. dw is f32, in bf16 of values rounded to that: a
  // GPU's library has no others.
  DType dtype() const { return activation_type(precision); }
  auto operator<=>(const Convolution&) const = default;
};

// Whether a result replaces what lies there or is added to it.
enum class Sum { store, add };

// What a forward convolution does with each sum before it is stored, in this order.
struct Epilogue {
  const void* residual = nullptr;  // of y's shape and type: added
  const float* bias = nullptr;     // [out_channels]: added
  Activation activation = Activation::none;
};

// c [m, n] = a b, each of a and b transposed first where asked; all row-major. a and b are bf16
// where the precision is, and c is then what `result` says, rounded once; else all three are f32. A
// batch is so many products of matrices that lie one behind the other. Where batching is invariant,
// of a single product whose a is not transposed, every row of c has the same bits whatever m is,
// whichever row it is, and on any number of threads.
struct Gemm {
  std::int64_t m, n, k;
  bool transpose_a, transpose_b;
  Precision precision = Precision::fp32;
  std::int64_t batch = 1;
  Batching batching = Batching::fastest;
  DType result = DType::f32;  // or bf16, in that precision

  DType operands() const { return activation_type(precision); }
};

// The kernel's place in the list of all kernels. Defined (core/kernel_index.cpp) for what is listed
// in kernels/list.h and nothing else: launching another kernel is an undefined reference when
// linking.
template <class Kernel>
std::size_t kernel_index();

// How a device runs each kernel: entry kernel_index<K>() runs K over rows x columns indices, or
// over `rows` blocks.
using Launcher = void (*)(Device& device, const void* kernel, std::int64_t rows,
                          std::int64_t columns);
using LaunchTable = std::vector<Launcher>;

// Work recorded by Device::capture, to be run again and again on the same addresses.
class Graph {
 public:
  virtual ~Graph() = default;
  virtual void replay() = 0;
};

// A copy to the host that is under way.
class Readback {
 public:
  virtual ~Readback() = default;
  // Waits for the values, and for nothing that was called after read_back.
  virtual void wait(void* to) = 0;
};

class Device {
 public:
  virtual ~Device() = default;

  virtual std::string name() const = 0;
  // What its plans (core/plans.h) are measured on, in a line: the processor or GPU, and the version
  // of the library that convolves.
  virtual std::string machine() const = 0;
  // Whether library calls must give the same bits from run to run, where that costs speed (off at
  // first; own kernels always do). To be called before the device has work.
  virtual void set_deterministic(bool deterministic) = 0;
  // Whether programs may ask it for this precision.
  virtual bool supports(Precision precision) const = 0;
  virtual const LaunchTable& launch_table() const = 0;
  // Where tensors take their memory; while work is captured, the graph's own.
  virtual const std::shared_ptr<Pool>& shared_pool() = 0;
  Pool& pool() { return *shared_pool(); }
  // Bytes that all pools together hold of the device's memory, those of graphs included.
  virtual std::size_t memory_held() const = 0;

  // From host memory, which may change as soon as the call returns.
  virtual void copy_from_host(void* to, const void* from, std::size_t bytes) = 0;
  // To host memory; complete when it returns.
  virtual void copy_to_host(void* to, const void* from, std::size_t bytes) = 0;
  virtual void copy_within(void* to, const void* from, std::size_t bytes) = 0;
  virtual void synchronise() = 0;
  // Begins to copy to the host. What is called later does not change what is read.
  virtual std::unique_ptr<Readback> read_back(const void* from, std::size_t bytes) = 0;

  // Whether a captured step runs faster than one called anew (no: `capture` must not be called).
  virtual bool captures() const = 0;
  // Records what `work` asks of the device, without doing it. `work` may take and give back
  // tensors, which keep their addresses for as long as the graph or they themselves live; it must
  // not wait for the device or copy between host and device (Error). All it uses must have run once
  // before, so that plans exist.
  virtual std::unique_ptr<Graph> capture(const std::function<void()>& work) = 0;

  // Asks for work that nothing called before `join` waits for, such as gradients of weights during
  // a backward pass: a device that captures may replay it beside what is called in between. It may
  // not write what that reads or writes, nor read what that writes; memory that it uses stays taken
  // until join() where `work` itself holds the tensors, so after kMostBeside of them join() is
  // called. What is asked for in this way keeps its order. Elsewhere, and within such work, it is
  // done at once.
  static constexpr std::size_t kMostBeside = 8;
  virtual void beside(std::function<void()> work) { work(); }
  // What is called from now on comes after all that was asked for beside. Captured work ends with
  // it.
  virtual void join() {}

  virtual void gemm(const Gemm& shape, const void* a, const void* b, void* c) = 0;
  // y = epilogue(conv(x, w))
  virtual void convolution_forward(const Convolution& shape, const void* x, const void* w,
                                   const Epilogue& epilogue, void* y) = 0;
  // Of bf16 a sum is rounded once.
  virtual void convolution_backward_data(const Convolution& shape, const void* dy, const void* w,
                                         void* dx, Sum sum) = 0;
  virtual void convolution_backward_weights(const Convolution& shape, const void* x, const void* dy,
                                            float* dw) = 0;

  // Whether an op may compute on the device's memory where it stands, at once, rather than by
  // products and kernels: core/host_attention.h and core/host_linear.h.
  virtual bool computes_on_host() const = 0;
};

// Runs `kernel` for every index in [0, count), or for `count` blocks.
template <class Kernel>
void launch(Device& device, const Kernel& kernel, std::int64_t count) {
  static_assert(FlatKernel<Kernel> || BlockKernel<Kernel>);
  if (count > 0) device.launch_table()[kernel_index<Kernel>()](device, &kernel, count, 1);
}

// Runs `kernel` for every (row, column).
template <class Kernel>
requires GridKernel<Kernel>
void launch(Device& device, const Kernel& kernel, std::int64_t rows, std::int64_t columns) {
  if (rows > 0 && columns > 0) {
    device.launch_table()[kernel_index<Kernel>()](device, &kernel, rows, columns);
  }
}

// The devices; each exists once and outlives every tensor on it.
Device& cpu_device();
Device& emulated_device();
// Throws Error where the build has no CUDA (saying how to configure one) or there is no such GPU.
Device& cuda_device(int ordinal);
// Number of usable GPUs; 0 in a build without CUDA.
int cuda_device_count();
// What this build's CUDA backend is, "cuda 13.0 (cuDNN 9.19, sm_80 sm_90)"; empty without one.
std::string cuda_backend();

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
