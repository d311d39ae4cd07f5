// The two devices whose memory is the host's: cpu and emulated. They differ in their launch tables.
#include <omp.h>
#include <sys/mman.h>

#include <cstdlib>
#include <cstring>

#include "core/error.h"
#include "core/host_launch.h"
#include "core/onednn.h"
#include "core/thin_convolution.h"
#include "core/winograd.h"

namespace saddle {
namespace {

constexpr std::size_t kHugePage = std::size_t{2} << 20;

// Large pieces sit on huge pages, which saves most of the page faults and address look-ups.
void* allocate_host(std::size_t bytes) {
  const bool large = bytes >= kHugePage;
  const std::size_t alignment = large ? kHugePage : 64;
  void* memory = std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
  if (memory == nullptr) fail("out of memory: ", bytes, " bytes more are not to be had on the CPU");
  if (large) madvise(memory, bytes, MADV_HUGEPAGE);
  return memory;
}

class HostDevice final : public Device {
 public:
  HostDevice(std::string name, const LaunchTable& table)
      : name_(std::move(name)),
        table_(table),
        pool_(allocate_host, [](void* memory, std::size_t) { std::free(memory); }) {}

  std::string name() const override { return name_; }
  const LaunchTable& launch_table() const override { return table_; }
  Pool& pool() override { return pool_; }

  void copy_from_host(void* to, const void* from, std::size_t bytes) override {
    copy(to, from, bytes);
  }
  void copy_to_host(void* to, const void* from, std::size_t bytes) override {
    copy(to, from, bytes);
  }
  void copy_within(void* to, const void* from, std::size_t bytes) override {
    copy(to, from, bytes);
  }
  void synchronise() override {}

  void gemm(const Gemm& shape, const float* a, const float* b, float* c) override {
    onednn::gemm(shape, a, b, c);
  }
  // Our own convolutions where they apply, else oneDNN: the choice is a function of the shape, so
  // bits do not change from run to run.
  void convolution_forward(const Convolution& shape, const float* x, const float* w,
                           const float* residual, float* y) override {
    if (winograd::applies(shape)) {
      winograd::convolution_forward(shape, x, w, residual, y);
    } else {
      onednn::convolution_forward(shape, x, w, residual, y);
    }
  }
  void convolution_backward_data(const Convolution& shape, const float* dy, const float* w,
                                 float* dx) override {
    if (winograd::applies(shape)) {
      winograd::convolution_backward_data(shape, dy, w, dx);
    } else if (thin::applies(shape)) {
      thin::convolution_backward_data(shape, dy, w, dx);
    } else {
      onednn::convolution_backward_data(shape, dy, w, dx);
    }
  }
  void convolution_backward_weights(const Convolution& shape, const float* x, const float* dy,
                                    float* dw) override {
    if (winograd::applies_to_weights(shape)) {
      winograd::convolution_backward_weights(shape, x, dy, dw);
    } else {
      onednn::convolution_backward_weights(shape, x, dy, dw);
    }
  }

 private:
  static void copy(void* to, const void* from, std::size_t bytes) {
    if (bytes > 0) std::memcpy(to, from, bytes);
  }

  std::string name_;
  LaunchTable table_;
  Pool pool_;
};

}  // namespace

// Never destroyed: a tensor in a static of someone else's may be given back after our statics are
// gone.
Device& cpu_device() {
  static Device& device = *new HostDevice("cpu", cpu_launch_table(AllKernels{}));
  return device;
}

Device& emulated_device() {
  static Device& device = *new HostDevice("emulated", emulated_launch_table(AllKernels{}));
  return device;
}

Device& device_named(const std::string& name) {
  if (name == "auto") {
    const char* wanted = std::getenv("SADDLE_DEVICE");
    return wanted && *wanted && std::string(wanted) != "auto" ? device_named(wanted) : cpu_device();
  }
  if (name == "cpu") return cpu_device();
  if (name == "emulated") return emulated_device();
  if (name == "cuda") return cuda_device(0);
  if (name.starts_with("cuda:")) {
    const std::string ordinal = name.substr(5);
    if (!ordinal.empty() && ordinal.size() <= 3 &&
        ordinal.find_first_not_of("0123456789") == std::string::npos) {
      return cuda_device(std::stoi(ordinal));
    }
  }
  fail("device '", name, "' is unknown. Use auto, cpu, emulated, cuda or cuda:N");
}

std::string backends() { return text("cpu (oneDNN ", onednn::version(), "), cuda-emulated"); }

void set_threads(int threads) {
  if (threads > 0) omp_set_num_threads(threads);
}

int threads() { return omp_get_max_threads(); }

}  // namespace saddle
