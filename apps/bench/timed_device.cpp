#include "apps/bench/timed_device.h"

#include <cxxabi.h>

#include <chrono>
#include <cstdlib>
#include <regex>
#include <typeinfo>

#include "core/error.h"
#include "kernels/list.h"

namespace saddle::bench {
namespace {

// "BatchNormApply<float>"
std::string readable(const char* mangled) {
  int status = 0;
  const std::unique_ptr<char, void (*)(void*)> name(
      abi::__cxa_demangle(mangled, nullptr, nullptr, &status), &std::free);
  return status == 0 ? std::regex_replace(name.get(), std::regex("saddle::"), "") : mangled;
}

std::string name_of(const Convolution& s, const char* what) {
  return text("convolution ", s.kernel, 'x', s.kernel,
              s.stride > 1 ? text(", stride ", s.stride) : "",
              s.dilation > 1 ? text(", dilation ", s.dilation) : "", ": ", what);
}

template <class Kernel>
void run_timed(Device& device, const void* kernel, std::int64_t rows, std::int64_t columns) {
  static const std::string name = readable(typeid(Kernel).name());
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
  timed("copies", [&] { device_.copy_within(to, from, bytes); });
}

void TimedDevice::gemm(const Gemm& shape, const void* a, const void* b, void* c) {
  timed("products of matrices", [&] { device_.gemm(shape, a, b, c); });
}

void TimedDevice::convolution_forward(const Convolution& shape, const void* x, const void* w,
                                      const Epilogue& epilogue, void* y) {
  timed(name_of(shape, "forward"), [&] { device_.convolution_forward(shape, x, w, epilogue, y); });
}

void TimedDevice::convolution_backward_data(const Convolution& shape, const void* dy, const void* w,
                                            void* dx) {
  timed(name_of(shape, "gradient of images"),
        [&] { device_.convolution_backward_data(shape, dy, w, dx); });
}

void TimedDevice::convolution_backward_weights(const Convolution& shape, const void* x,
                                               const void* dy, float* dw) {
  timed(name_of(shape, "gradient of weights"),
        [&] { device_.convolution_backward_weights(shape, x, dy, dw); });
}

}  // namespace saddle::bench
