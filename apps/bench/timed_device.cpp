#include "apps/bench/timed_device.h"

#include <chrono>

#include "apps/bench/node_names.h"
#include "kernels/list.h"

namespace saddle::bench {
namespace {

template <class Kernel>
void run_timed(Device& device, const void* kernel, std::int64_t rows, std::int64_t columns) {
  static const std::string name = name_of_kernel(typeid(Kernel));
  auto& timed = static_cast<TimedDevice&>(device);
  timed.timed(name, [&] {
    timed.inner().launch_table()[kernel_index<Kernel>()](timed.inner(), kernel, rows, columns);
  });
}

template <class... Kernels>
LaunchTable timed_table(KernelList<Kernels...>) {
  return {&run_timed<Kernels>...};
}

}  // namespace

TimedDevice::TimedDevice(Device& device) : device_(device), table_(timed_table(AllKernels{})) {}

template <class Work>
void TimedDevice::timed(const std::string& name, const Work& work) {
  using Clock = std::chrono::steady_clock;
  const auto start = Clock::now();
  work();
  device_.synchronise();
  Part& part = parts_[name];
  part.seconds += std::chrono::duration<double>(Clock::now() - start).count();
  ++part.calls;
}

void TimedDevice::copy_from_host(void* to, const void* from, std::size_t bytes) {
  timed("copies from and to the host", [&] { device_.copy_from_host(to, from, bytes); });
}

void TimedDevice::copy_to_host(void* to, const void* from, std::size_t bytes) {
  timed("copies from and to the host", [&] { device_.copy_to_host(to, from, bytes); });
}

void TimedDevice::copy_within(void* to, const void* from, std::size_t bytes) {
  timed(kCopies, [&] { device_.copy_within(to, from, bytes); });
}

void TimedDevice::gemm(const Gemm& shape, const void* a, const void* b, void* c) {
  timed(kProducts, [&] { device_.gemm(shape, a, b, c); });
}

void TimedDevice::convolution_forward(const Convolution& shape, const void* x, const void* w,
                                      const Epilogue& epilogue, void* y) {
  timed(name_of(shape, ConvolutionOf::forward),
        [&] { device_.convolution_forward(shape, x, w, epilogue, y); });
}

void TimedDevice::convolution_backward_data(const Convolution& shape, const void* dy, const void* w,
                                            void* dx, Sum sum) {
  timed(name_of(shape, ConvolutionOf::images),
        [&] { device_.convolution_backward_data(shape, dy, w, dx, sum); });
}

void TimedDevice::convolution_backward_weights(const Convolution& shape, const void* x,
                                               const void* dy, float* dw) {
  timed(name_of(shape, ConvolutionOf::weights),
        [&] { device_.convolution_backward_weights(shape, x, dy, dw); });
}

}  // namespace saddle::bench
