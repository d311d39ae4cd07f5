#include "apps/bench/counted_device.h"

#include <cstdlib>
#include <cstring>
#include <new>
#include <vector>

#include "core/error.h"
#include "core/pool.h"
#include "kernels/list.h"

namespace saddle::bench {
namespace {

template <class Kernel>
void run_counted(Device& device, const void* kernel, std::int64_t, std::int64_t) {
  static const std::string name = name_of_kernel(typeid(Kernel));
  auto& counted = static_cast<CountedDevice&>(device);
  counted.count(name, counted.bytes_of_arrays(kernel, sizeof(Kernel)));
}

template <class... Kernels>
LaunchTable counted_table(KernelList<Kernels...>) {
  return {&run_counted<Kernels>...};
}

class Zeros final : public Readback {
 public:
  explicit Zeros(std::size_t bytes) : bytes_(bytes) {}
  void wait(void* to) override { std::memset(to, 0, bytes_); }

 private:
  std::size_t bytes_;
};

double element_bytes(DType type) { return static_cast<double>(size_of(type)); }

// Bytes of an array's element, by the allocation that it fills; 0 where it fills none.
std::size_t element_that_fills(std::size_t allocation, std::size_t count) {
  for (const std::size_t size : {4, 2, 1, 8}) {
    if (Pool::size_class(count * size) == allocation) return size;
  }
  return 0;
}

double images(const Convolution& s) { return static_cast<double>(s.input_count()); }
double weights(const Convolution& s) { return static_cast<double>(s.weight_count()); }
double outputs(const Convolution& s) { return static_cast<double>(s.output_count()); }

// As many input channels as fill 16 bytes, where matrix units are used.
Convolution with_whole_vectors(Convolution shape) {
  if (shape.precision == Precision::fp32) return shape;
  const std::int64_t vector = 16 / size_of(shape.dtype());
  shape.in_channels = (shape.in_channels + vector - 1) / vector * vector;
  return shape;
}

}  // namespace

CountedDevice::CountedDevice()
    : table_(counted_table(AllKernels{})),
      pool_(std::make_shared<Pool>(
          [this](std::size_t bytes) {
            void* memory = std::malloc(bytes);
            if (!memory) throw std::bad_alloc();
            allocations_[reinterpret_cast<std::uintptr_t>(memory)] = bytes;
            return memory;
          },
          [this](void* memory, std::size_t) {
            allocations_.erase(reinterpret_cast<std::uintptr_t>(memory));
            std::free(memory);
          })) {}

CountedDevice::~CountedDevice() = default;

void CountedDevice::count(const std::string& name, double bytes) {
  Part& part = parts_[name];
  ++part.nodes;
  part.bytes += bytes;
}

void CountedDevice::forget() {
  parts_.clear();
  convolutions_.clear();
}

CountedDevice::Part CountedDevice::sum() const {
  Part sum;
  for (const auto& [name, part] : parts_) {
    sum.nodes += part.nodes;
    sum.bytes += part.bytes;
  }
  return sum;
}

double CountedDevice::bytes_of_arrays(const void* kernel, std::size_t size) const {
  std::vector<std::uint64_t> words(size / sizeof(std::uint64_t));
  std::memcpy(words.data(), kernel, words.size() * sizeof(std::uint64_t));
  double bytes = 0;
  for (std::size_t i = 0; i + 1 < words.size(); ++i) {
    auto found = allocations_.upper_bound(words[i]);
    if (found == allocations_.begin()) continue;
    --found;
    const auto& [address, allocation] = *found;
    const std::uint64_t count = words[i + 1];
    if (words[i] >= address + allocation || count > allocation) continue;
    const std::size_t element =
        words[i] == address ? element_that_fills(allocation, count) : std::size_t{0};
    bytes += static_cast<double>(count * (element > 0 ? element : sizeof(float)));
  }
  return bytes;
}

void CountedDevice::copy_to_host(void* to, const void*, std::size_t bytes) {
  std::memset(to, 0, bytes);
}

void CountedDevice::copy_within(void*, const void*, std::size_t bytes) {
  if (bytes > 0) count(kCopies, 2 * static_cast<double>(bytes));
}

std::unique_ptr<Readback> CountedDevice::read_back(const void*, std::size_t bytes) {
  return std::make_unique<Zeros>(bytes);
}

std::unique_ptr<Graph> CountedDevice::capture(const std::function<void()>&) {
  fail("counted: does not capture work");
}

void CountedDevice::gemm(const Gemm& shape, const void*, const void*, void*) {
  const double operands = static_cast<double>(shape.m * shape.k + shape.k * shape.n),
               results = static_cast<double>(shape.m * shape.n);
  count(kProducts, static_cast<double>(shape.batch) * (operands * element_bytes(shape.operands()) +
                                                       results * element_bytes(shape.result)));
}

// The library's call: images, weights and outputs, and so many values besides.
void CountedDevice::count_convolution(ConvolutionOf what, const Convolution& asked, double values) {
  const Convolution shape = with_whole_vectors(asked);
  values += images(shape) + weights(shape) + outputs(shape);
  count(name_of(asked, what), values * element_bytes(shape.dtype()));
  ++convolutions_[{what, asked}];
}

// `rows` of input channels, between as many as there are and as many as fill vectors.
void CountedDevice::count_padding(const Convolution& shape, const char* name, std::int64_t rows,
                                  double size) {
  const std::int64_t channels = shape.in_channels + with_whole_vectors(shape).in_channels;
  count(name, static_cast<double>(rows * channels) * size);
}

void CountedDevice::convolution_forward(const Convolution& asked, const void*, const void*,
                                        const Epilogue& epilogue, void*) {
  const Convolution shape = with_whole_vectors(asked);
  const double size = element_bytes(shape.dtype());
  if (shape != asked) {
    count_padding(asked, "PadChannels", asked.batch * asked.height * asked.width, size);
    count_padding(asked, "PadChannels", asked.weight_count() / asked.in_channels, size);
  }
  if (epilogue.bias && shape.dtype() == DType::bf16) {
    count("Convert", static_cast<double>(shape.out_channels) * (sizeof(float) + size));
  }
  const double residual = epilogue.residual ? outputs(shape) : 0;
  count_convolution(ConvolutionOf::forward, asked, residual);
}

void CountedDevice::convolution_backward_data(const Convolution& asked, const void*, const void*,
                                              void*, Sum sum) {
  const Convolution shape = with_whole_vectors(asked);
  const double size = element_bytes(shape.dtype());
  if (shape != asked) {
    count_padding(asked, "PadChannels", asked.weight_count() / asked.in_channels, size);
    count_padding(asked, "CopyChannels", asked.batch * asked.height * asked.width, size);
    if (sum == Sum::add) {
      count_padding(asked, "PadChannels", asked.batch * asked.height * asked.width, size);
    }
  }
  count_convolution(ConvolutionOf::images, asked, sum == Sum::add ? images(shape) : 0);
}

void CountedDevice::convolution_backward_weights(const Convolution& asked, const void*, const void*,
                                                 float*) {
  const Convolution shape = with_whole_vectors(asked);
  const double size = element_bytes(shape.dtype());
  if (shape != asked) {
    count_padding(asked, "PadChannels", asked.batch * asked.height * asked.width, size);
    count_padding(asked, "CopyChannels", asked.weight_count() / asked.in_channels, sizeof(float));
  }
  if (shape.dtype() == DType::bf16) count("Convert", weights(shape) * (size + sizeof(float)));
  count_convolution(ConvolutionOf::weights, asked, 0);
}

}  // namespace saddle::bench
