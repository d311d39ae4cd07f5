// Memory that runs out anywhere is an exception for whoever asked for the work, and the work can be
// asked for again.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <new>
#include <vector>

#include "core/device.h"
#include "core/error.h"
#include "core/pool.h"
#include "tests/support/thread_count.h"

namespace {

// How many allocations are still granted; all that follow fail. Negative: all are granted.
std::atomic<std::int64_t> granted = -1;

bool grants() {
  std::int64_t left = granted;
  while (left > 0 && !granted.compare_exchange_weak(left, left - 1)) {
  }
  return left != 0;
}

}  // namespace

// Not inline: GCC would find new's memory given to free.
[[gnu::noinline]] void* operator new(std::size_t bytes) {
  void* memory = grants() ? std::malloc(bytes) : nullptr;
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
// As the convolutions' working memory is taken.
extern "C" void* aligned_alloc(std::size_t alignment, std::size_t bytes) noexcept {
  void* memory = nullptr;
  return grants() && posix_memalign(&memory, alignment, bytes) == 0 ? memory : nullptr;
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace saddle {
namespace {

// Whether `work` comes to its end with `count` allocations.
template <class Work>
bool succeeds_with(std::int64_t count, const Work& work) {
  granted = count;
  try {
    work();
  } catch (const std::exception& error) {
    granted = -1;
    EXPECT_TRUE(is_out_of_memory(error)) << error.what();
    return false;
  }
  granted = -1;
  return true;
}

// With more and more allocations `work` ends at last, and throws until then.
template <class Work>
void expect_exceptions_until_enough(const Work& work) {
  constexpr std::int64_t kMost = 10'000;
  std::int64_t count = 0;
  while (count < kMost && !succeeds_with(count, work)) ++count;

  EXPECT_GT(count, 0) << "took no memory: the test shows nothing";
  EXPECT_LT(count, kMost);
}

// Three threads, and images enough for each: what a thread takes is taken in a parallel region.
class ConvolutionWithoutMemory : public testing::Test {
 protected:
  ConvolutionWithoutMemory() { set_threads(3); }

  const ThreadCount restored_;

  static Convolution shape(std::int64_t channels) {
    Convolution shape;
    shape.batch = 8;
    shape.height = shape.width = 24;
    shape.in_channels = shape.out_channels = channels;
    shape.kernel = 3;
    shape.stride = shape.padding = 1;
    return shape;
  }
};

TEST_F(ConvolutionWithoutMemory, forward_throws) {
  const Convolution conv = shape(32);
  const std::vector<float> x(static_cast<std::size_t>(conv.input_count()), 1.f),
      w(static_cast<std::size_t>(conv.weight_count()), 1.f);
  std::vector<float> y(static_cast<std::size_t>(conv.output_count()));

  expect_exceptions_until_enough(
      [&] { cpu_device().convolution_forward(conv, x.data(), w.data(), {}, y.data()); });
}

TEST_F(ConvolutionWithoutMemory, backward_data_throws) {
  const Convolution conv = shape(48);
  const std::vector<float> dy(static_cast<std::size_t>(conv.output_count()), 1.f),
      w(static_cast<std::size_t>(conv.weight_count()), 1.f);
  std::vector<float> dx(static_cast<std::size_t>(conv.input_count()));

  expect_exceptions_until_enough([&] {
    cpu_device().convolution_backward_data(conv, dy.data(), w.data(), dx.data(), Sum::store);
  });
}

TEST_F(ConvolutionWithoutMemory, backward_weights_throws) {
  const Convolution conv = shape(64);
  const std::vector<float> x(static_cast<std::size_t>(conv.input_count()), 1.f),
      dy(static_cast<std::size_t>(conv.output_count()), 1.f);
  std::vector<float> dw(static_cast<std::size_t>(conv.weight_count()));

  expect_exceptions_until_enough(
      [&] { cpu_device().convolution_backward_weights(conv, x.data(), dy.data(), dw.data()); });
}

TEST(pool_without_memory, gives_back_to_the_device_what_it_cannot_keep) {
  std::size_t held = 0;
  Pool pool(
      [&](std::size_t bytes) {
        held += bytes;
        return std::malloc(bytes);
      },
      [&](void* memory, std::size_t bytes) {
        held -= bytes;
        std::free(memory);
      });
  void* memory = pool.take(1000);

  granted = 0;
  pool.give(memory, 1000);
  granted = -1;

  EXPECT_EQ(held, 0u);
  EXPECT_EQ(pool.counters().bytes_held, 0u);
  EXPECT_EQ(pool.counters().bytes_in_use, 0u);
}

}  // namespace
}  // namespace saddle
