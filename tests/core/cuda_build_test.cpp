// The CUDA device: what it says where there is no GPU; and where there is one, its memory, copies
// and launches. Kernels give the bits of the cpu device.
#include <gtest/gtest.h>

#include <limits>
#include <stdexcept>
#include <vector>

#include "core/ops.h"
#include "kernels/elementwise.h"
#include "kernels/reductions.h"
#include "tests/support/expect_near.h"
#include "tests/support/random_values.h"

namespace saddle {
namespace {

using namespace testing_support;
using Floats = std::vector<float>;

TEST(cuda_build, refuses_a_gpu_that_is_not_there_and_says_what_to_use) {
  const int none = cuda_device_count();  // GPUs are counted from 0

  const std::string message = message_of<Error>([&] { cuda_device(none); });

  EXPECT_CONTAINS(message, text("device cuda:", none, " is not available: "));
  EXPECT_CONTAINS(message, "--device cpu");
}

TEST(cuda_build, refuses_a_negative_ordinal) {
  EXPECT_CONTAINS(message_of<Error>([] { cuda_device(-1); }), "device cuda:-1 is not available");
}

TEST(cuda_build, names_its_versions_and_the_gpus_it_has_code_for) {
  const std::string backend = cuda_backend();
  if (backend.empty()) GTEST_SKIP() << "this build has no CUDA backend";

  // "cuda 13.0 (cuDNN 9.19.0, sm_80 sm_90)", every number written as 0.
  std::string form;
  for (const char c : backend) {
    const bool digit = c >= '0' && c <= '9';
    if (!digit || form.empty() || form.back() != '0') form += digit ? '0' : c;
  }
  EXPECT_EQ(form.rfind("cuda 0.0 (cuDNN 0.0.0, sm_0", 0), 0u) << backend;
  EXPECT_EQ(backend.back(), ')') << backend;
  EXPECT_CONTAINS(backends(), backend);
}

// Tests of the device itself.
class CudaDeviceTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (cuda_device_count() == 0) GTEST_SKIP() << "no CUDA device";
  }
  static Device& cuda() { return cuda_device(0); }
  static Tensor on_cuda(const Floats& values) {
    return Tensor::from_host(cuda(), {static_cast<std::int64_t>(values.size())}, values);
  }
};

TEST_F(CudaDeviceTest, is_made_once) {
  EXPECT_EQ(&cuda_device(0), &cuda_device(0));
  EXPECT_EQ(cuda().name(), "cuda:0");
  EXPECT_TRUE(cuda().captures());
}

TEST_F(CudaDeviceTest, gives_back_what_came_from_the_host) {
  const Floats few = random_values(1025, 1), many = random_values(5'000'011, 2);

  EXPECT_EQ(bits_of(on_cuda(few).to_host<float>()), bits_of(few));
  EXPECT_EQ(bits_of(on_cuda(many).to_host<float>()), bits_of(many));
  EXPECT_TRUE(on_cuda({}).to_host<float>().empty());
}

TEST_F(CudaDeviceTest, has_read_the_host_memory_when_a_copy_from_it_returns) {
  Floats few = random_values(33, 1), many = random_values(5'000'011, 2);
  const Floats few_before = few, many_before = many;

  const Tensor a = on_cuda(many), b = on_cuda(few);
  many.assign(many.size(), 7.f);
  few.assign(few.size(), 7.f);

  EXPECT_EQ(bits_of(a.to_host<float>()), bits_of(many_before));
  EXPECT_EQ(bits_of(b.to_host<float>()), bits_of(few_before));
}

TEST_F(CudaDeviceTest, copies_within_itself_in_order) {
  const Floats first = random_values(1025, 1), second = random_values(1025, 2);
  const Tensor x = on_cuda(first), y = x.clone();

  Tensor(x).copy_from(on_cuda(second));

  EXPECT_EQ(bits_of(y.to_host<float>()), bits_of(first));
  EXPECT_EQ(bits_of(x.to_host<float>()), bits_of(second));
}

TEST_F(CudaDeviceTest, takes_memory_from_the_gpu_once) {
  on_cuda(random_values(1025, 1));
  const std::int64_t before = cuda().pool().counters().device_allocations;

  on_cuda(random_values(1025, 2));

  EXPECT_EQ(cuda().pool().counters().device_allocations, before);
}

TEST_F(CudaDeviceTest, is_usable_after_running_out_of_memory) {
  const auto take_an_exabyte = [] { Tensor(cuda(), {std::int64_t{1} << 58}); };

  EXPECT_CONTAINS(message_of<Error>(take_an_exabyte), "out of memory");

  const Tensor y = Tensor::filled(cuda(), {3}, 2.f);
  EXPECT_EQ(y.to_host<float>(), (Floats{2, 2, 2}));
}

TEST_F(CudaDeviceTest, keeps_apart_values_that_are_read_back_together) {
  const Floats large = random_values(100'003, 1);
  const Tensor x = on_cuda({1, 2}), y = on_cuda(large);
  Floats first(2), second(2), third(large.size());

  const auto read_first = cuda().read_back(x.data<float>(), x.bytes());
  launch(cuda(), AddTo{x.array(), x.array()}, x.count());
  const auto read_second = cuda().read_back(x.data<float>(), x.bytes());
  const auto read_third = cuda().read_back(y.data<float>(), y.bytes());
  read_third->wait(third.data());
  read_second->wait(second.data());
  read_first->wait(first.data());

  EXPECT_EQ(first, (Floats{1, 2}));
  EXPECT_EQ(second, (Floats{2, 4}));
  EXPECT_EQ(bits_of(third), bits_of(large));
}

TEST_F(CudaDeviceTest, reads_back_after_a_value_nobody_waited_for) {
  const Tensor x = on_cuda(random_values(100'003, 1)), y = on_cuda(random_values(100'003, 2));
  Floats read(100'003);

  cuda().read_back(x.data<float>(), x.bytes());  // dropped while the copy is on its way
  cuda().read_back(y.data<float>(), y.bytes())->wait(read.data());

  EXPECT_EQ(bits_of(read), bits_of(random_values(100'003, 2)));
}

// Capture beyond what tests/core/capture_test.cpp asks of every device.

TEST_F(CudaDeviceTest, uses_memory_given_back_inside_captured_work_again_in_it) {
  const Tensor x = on_cuda({1, 2, 3}), y = Tensor::filled(cuda(), {3}, 0.f);
  const float* first = nullptr;
  const float* second = nullptr;
  const auto use_a_temporary = [&] {
    const Tensor temporary = x.clone();
    launch(cuda(), AddTo{temporary.array(), y.array()}, y.count());
    return temporary.data<float>();
  };

  const auto graph = cuda().capture([&] {
    first = use_a_temporary();
    second = use_a_temporary();
  });
  graph->replay();

  EXPECT_EQ(first, second);
  EXPECT_EQ(y.to_host<float>(), (Floats{2, 4, 6}));
}

TEST_F(CudaDeviceTest, counts_the_memory_of_graphs_until_they_and_their_tensors_are_gone) {
  cuda().pool().trim();
  const std::size_t before = cuda().memory_held();
  Tensor kept;

  auto graph = cuda().capture([&] {
    const Tensor temporary(cuda(), {1 << 20});
    kept = Tensor(cuda(), {1 << 20});
  });
  EXPECT_EQ(cuda().memory_held(), before + 2 * (std::size_t{4} << 20));
  graph.reset();
  EXPECT_EQ(cuda().memory_held(), before + 2 * (std::size_t{4} << 20));
  kept = Tensor();

  EXPECT_EQ(cuda().memory_held(), before);
}

TEST_F(CudaDeviceTest, is_usable_after_captured_work_throws) {
  const Tensor x = on_cuda({1, 2, 3});
  const auto add = [&] { launch(cuda(), AddTo{x.array(), x.array()}, x.count()); };
  const Pool* pool = &cuda().pool();

  EXPECT_THROW(cuda().capture([&] {
    const Tensor temporary = x.clone();
    add();
    throw std::runtime_error("half way");
  }),
               std::runtime_error);

  EXPECT_EQ(&cuda().pool(), pool);
  EXPECT_EQ(x.to_host<float>(), (Floats{1, 2, 3}));
  add();
  cuda().capture(add)->replay();
  EXPECT_EQ(x.to_host<float>(), (Floats{4, 8, 12}));
}

TEST_F(CudaDeviceTest, refuses_a_capture_and_a_replay_inside_captured_work) {
  const Tensor x = on_cuda({1, 2, 3});
  const auto graph = cuda().capture([&] { x.clone(); });

  EXPECT_THROW(cuda().capture([&] { graph->replay(); }), Error);
  EXPECT_THROW(cuda().capture([&] { cuda().capture([] {}); }), Error);
}

TEST_F(CudaDeviceTest, finishes_the_replays_of_a_graph_that_is_destroyed) {
  const Tensor x = on_cuda(random_values(5'000'011, 1)), y = Tensor::filled(cuda(), x.shape(), 0.f);
  auto graph = cuda().capture([&] {
    const Tensor temporary = x.clone();
    launch(cuda(), AddTo{temporary.array(), y.array()}, y.count());
  });

  for (int i = 0; i < 4; ++i) graph->replay();
  graph.reset();

  Floats want = random_values(5'000'011, 1);
  for (float& value : want) value = ((value + value) + value) + value;
  EXPECT_EQ(bits_of(y.to_host<float>()), bits_of(want));
}

TEST_F(CudaDeviceTest, puts_off_freeing_a_graph_that_goes_inside_captured_work) {
  const Tensor x = on_cuda({1, 2, 3}), y = Tensor::filled(cuda(), {3}, 0.f);
  auto old = cuda().capture([&] { launch(cuda(), AddTo{x.clone().array(), y.array()}, 3); });
  old->replay();

  const auto graph = cuda().capture([&] {
    old.reset();
    launch(cuda(), AddTo{x.array(), y.array()}, 3);
  });
  graph->replay();

  EXPECT_EQ(y.to_host<float>(), (Floats{2, 4, 6}));
}

// Launches: bit for bit as on the cpu device.

class CudaFlat : public ::testing::TestWithParam<std::int64_t> {};
INSTANTIATE_TEST_SUITE_P(Counts, CudaFlat,
                         ::testing::Values(0, 1, 3, 255, 256, 257, (1 << 20) + 3));

// y <- y + x over `count` elements that begin at element `offset`.
Floats add_on(Device& device, std::int64_t count, std::int64_t offset) {
  const Tensor x = Tensor::from_host(device, {count + 5}, random_values(count + 5, 1)),
               y = Tensor::from_host(device, {count + 5}, random_values(count + 5, 2));
  launch(device, AddTo{x.slice(offset, {count}).array(), y.slice(offset, {count}).array()}, count);
  return y.to_host<float>();
}

TEST_P(CudaFlat, reaches_every_element_and_no_other) {
  if (cuda_device_count() == 0) GTEST_SKIP() << "no CUDA device";

  EXPECT_EQ(bits_of(add_on(cuda_device(0), GetParam(), 0)),
            bits_of(add_on(cpu_device(), GetParam(), 0)));
}

TEST_P(CudaFlat, takes_arrays_that_begin_on_no_16_byte_boundary) {
  if (cuda_device_count() == 0) GTEST_SKIP() << "no CUDA device";

  EXPECT_EQ(bits_of(add_on(cuda_device(0), GetParam(), 1)),
            bits_of(add_on(cpu_device(), GetParam(), 1)));
}

struct Extent {
  std::int64_t rows, columns;
};
void PrintTo(const Extent& extent, std::ostream* out) {
  *out << extent.rows << " x " << extent.columns;
}

class CudaGrid : public ::testing::TestWithParam<Extent> {};
INSTANTIATE_TEST_SUITE_P(Extents, CudaGrid,
                         ::testing::Values(Extent{1, 1}, Extent{3, 7}, Extent{33, 31},
                                           Extent{7, 257}, Extent{1000, 64}, Extent{513, 12},
                                           Extent{5, 1028}, Extent{70001, 3}, Extent{2, 100003}));

Floats add_bias_on(Device& device, const Extent& extent) {
  const auto [rows, columns] = extent;
  const Tensor bias = Tensor::from_host(device, {columns}, random_values(columns, 1)),
               y = Tensor::from_host(device, {rows, columns}, random_values(rows * columns, 2));
  launch(device, AddBias<float>{bias.array(), y.array(), columns}, rows, columns);
  return y.to_host<float>();
}

TEST_P(CudaGrid, reaches_every_row_and_column_once) {
  if (cuda_device_count() == 0) GTEST_SKIP() << "no CUDA device";

  EXPECT_EQ(bits_of(add_bias_on(cuda_device(0), GetParam())),
            bits_of(add_bias_on(cpu_device(), GetParam())));
}

TEST_F(CudaDeviceTest, sums_blocks_to_the_bits_of_the_cpu) {
  const Floats values = random_values(1'000'003, 1);
  const Tensor on_cpu = Tensor::from_host(cpu_device(), {1'000'003}, values);

  EXPECT_EQ(bits_of(square_norm(on_cuda(values)).to_host<float>()),
            bits_of(square_norm(on_cpu).to_host<float>()));
}

TEST_F(CudaDeviceTest, refuses_more_blocks_than_a_launch_can_have) {
  const Tensor x = on_cuda({1, 2, 3}), partial = on_cuda({0});

  const std::string message = message_of<Error>([&] {
    launch(cuda(), SumSquares{x.array(), partial.array()},
           std::int64_t{std::numeric_limits<std::int32_t>::max()} + 1);
  });

  EXPECT_CONTAINS(message, "would need 2147483648 blocks");
}

}  // namespace
}  // namespace saddle
