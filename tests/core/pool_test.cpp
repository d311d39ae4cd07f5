// Pool: size classes, reuse, counters; and a repeated training step that allocates nothing.
#include "core/pool.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <set>
#include <vector>

#include "core/ops.h"
#include "tests/support/devices.h"
#include "tests/support/expect_near.h"
#include "tests/support/random_values.h"

namespace saddle {
namespace {

using namespace testing_support;

// A device that counts, and that can run out of memory.
struct CountingDevice {
  std::set<void*> live;
  std::size_t bytes = 0, capacity = std::size_t{1} << 40;
  Pool pool{[this](std::size_t size) {
              if (bytes + size > capacity) fail("out of memory: ", size, " bytes");
              bytes += size;
              return *live.insert(std::malloc(size)).first;
            },
            [this](void* memory, std::size_t size) {
              bytes -= size;
              EXPECT_EQ(live.erase(memory), 1u);
              std::free(memory);
            }};
};

TEST(pool, size_classes_are_four_an_octave_and_at_least_256_bytes) {
  EXPECT_EQ(Pool::size_class(0), 256u);
  EXPECT_EQ(Pool::size_class(1), 256u);
  EXPECT_EQ(Pool::size_class(256), 256u);
  EXPECT_EQ(Pool::size_class(257), 320u);
  EXPECT_EQ(Pool::size_class(320), 320u);
  EXPECT_EQ(Pool::size_class(321), 384u);
  EXPECT_EQ(Pool::size_class(449), 512u);
  EXPECT_EQ(Pool::size_class(512), 512u);
  EXPECT_EQ(Pool::size_class(513), 640u);
  EXPECT_EQ(Pool::size_class((std::size_t{1} << 30) + 1), (std::size_t{5} << 28));
}

TEST(pool, size_classes_waste_at_most_a_quarter_and_are_their_own_class) {
  for (std::size_t bytes = 256; bytes < 100'000; bytes += 37) {
    const std::size_t size = Pool::size_class(bytes);
    EXPECT_GE(size, bytes);
    EXPECT_LE(size, bytes + bytes / 4 + 1) << bytes;
    EXPECT_EQ(Pool::size_class(size), size) << bytes;
  }
}

TEST(pool, hands_returned_memory_out_again_to_a_request_of_its_class) {
  CountingDevice device;
  void* first = device.pool.take(1000);
  device.pool.give(first, 1000);

  void* second = device.pool.take(1020);  // both round up to 1024

  EXPECT_EQ(first, second);
  EXPECT_EQ(device.pool.counters().device_allocations, 1);
  EXPECT_EQ(device.pool.counters().requests, 2);
  device.pool.give(second, 1020);
}

TEST(pool, does_not_hand_out_memory_that_is_in_use_or_of_another_class) {
  CountingDevice device;
  void* first = device.pool.take(1000);
  void* second = device.pool.take(1000);
  device.pool.give(first, 1000);
  void* large = device.pool.take(2000);

  EXPECT_NE(first, second);
  EXPECT_NE(large, first);
  EXPECT_EQ(device.pool.counters().device_allocations, 3);
  device.pool.give(second, 1000);
  device.pool.give(large, 2000);
}

TEST(pool, counts_bytes_by_size_class) {
  CountingDevice device;
  void* a = device.pool.take(257);
  void* b = device.pool.take(1000);
  device.pool.give(a, 257);

  const Pool::Counters& counters = device.pool.counters();
  EXPECT_EQ(counters.bytes_in_use, 1024u);
  EXPECT_EQ(counters.peak_bytes_in_use, 320u + 1024u);
  EXPECT_EQ(counters.bytes_held, 320u + 1024u);
  device.pool.give(b, 1000);
  EXPECT_EQ(counters.bytes_in_use, 0u);
}

TEST(pool, trim_returns_what_is_cached_and_keeps_what_is_in_use) {
  CountingDevice device;
  void* kept = device.pool.take(500);
  device.pool.give(device.pool.take(1000), 1000);

  device.pool.trim();

  EXPECT_EQ(device.bytes, 512u);
  EXPECT_EQ(device.pool.counters().bytes_held, 512u);
  device.pool.give(kept, 500);
}

TEST(pool, gives_its_cache_back_where_the_device_is_out_of_memory) {
  CountingDevice device;
  device.capacity = 2048;
  device.pool.give(device.pool.take(1500), 1500);

  void* memory = device.pool.take(1000);

  EXPECT_EQ(device.bytes, 1024u);
  device.pool.give(memory, 1000);
}

TEST(pool, passes_the_error_on_where_there_is_no_memory_even_without_the_cache) {
  CountingDevice device;
  device.capacity = 2048;
  void* held = device.pool.take(1500);

  EXPECT_CONTAINS(message_of<Error>([&] { device.pool.take(1000); }), "out of memory");

  EXPECT_EQ(device.pool.counters().bytes_in_use, Pool::size_class(1500));
  device.pool.give(held, 1500);
}

TEST(pool, within_another_takes_what_that_one_keeps_and_returns_it_when_it_ends) {
  CountingDevice device;
  std::shared_ptr<Pool> outer(&device.pool, [](Pool*) {});
  void* cached = outer->take(1000);
  outer->give(cached, 1000);

  std::shared_ptr<Pool> inner = pool_within(outer);
  void* first = inner->take(1000);
  void* second = inner->take(1000);

  EXPECT_EQ(first, cached);
  EXPECT_NE(second, cached);
  EXPECT_EQ(device.bytes, 2048u);
  EXPECT_EQ(outer->counters().bytes_in_use, 2048u);
  inner->give(first, 1000);
  inner->give(second, 1000);
  EXPECT_EQ(outer->counters().bytes_in_use, 2048u) << "replays still write to it";
  inner.reset();
  EXPECT_EQ(outer->counters().bytes_in_use, 0u);
  EXPECT_EQ(device.bytes, 2048u);
}

TEST(pool, within_another_passes_the_error_on_where_there_is_no_memory) {
  CountingDevice device;
  std::shared_ptr<Pool> outer(&device.pool, [](Pool*) {});
  device.capacity = 1024;
  const std::shared_ptr<Pool> inner = pool_within(outer);
  void* held = inner->take(1000);

  EXPECT_CONTAINS(message_of<Error>([&] { inner->take(1000); }), "out of memory");

  EXPECT_EQ(outer->counters().bytes_in_use, 1024u);
  inner->give(held, 1000);
}

TEST(pool, returns_everything_to_the_device_when_it_ends) {
  std::size_t bytes = 0;
  {
    Pool pool(
        [&](std::size_t size) {
          bytes += size;
          return std::malloc(size);
        },
        [&](void* memory, std::size_t size) {
          bytes -= size;
          std::free(memory);
        });
    pool.give(pool.take(1000), 1000);
    EXPECT_EQ(bytes, 1024u);
  }
  EXPECT_EQ(bytes, 0u);
}

// Convolution, batch-norm, pooling, linear and loss, there and back.
void training_step(Device& device) {
  Tape tape;
  const auto parameter = [&](const Shape& shape, std::uint64_t seed) {
    return Var(Tensor::from_host(device, shape, random_values(shape.count(), seed)),
               Gradient::wanted);
  };
  const Var images(Tensor::from_host(device, {3, 7, 7, 3}, random_values(3 * 7 * 7 * 3, 1)),
                   Gradient::none);
  const Tensor labels = Tensor::from_host(device, {3}, std::vector<std::int32_t>{0, 1, 4});
  const Tensor zeros = Tensor::filled(device, {7}, 0.f), ones = Tensor::filled(device, {7}, 1.f);
  const Var stem = convolution(tape, images, parameter({7, 3, 3, 3}, 2), {1, 1});
  const Var normal = batch_norm(
      tape, stem,
      {parameter({7}, 3), parameter({7}, 4), zeros, ones, BatchNormMode::update, Activation::relu});
  const Var sum =
      convolution_add(tape, normal, parameter({7, 3, 3, 7}, 5), {1, 1}, Precision::fp32, stem);
  const Var logits =
      linear(tape, global_average_pool(tape, sum), parameter({5, 7}, 6), parameter({5}, 7));
  tape.backward(cross_entropy(tape, logits, labels, LossReduction::mean).loss);
}

class PoolOfDevice : public ::testing::TestWithParam<std::string> {};

INSTANTIATE_TEST_SUITE_P(Devices, PoolOfDevice, ::testing::ValuesIn(device_names()),
                         [](const auto& info) { return std::string(info.param); });

TEST_P(PoolOfDevice, meets_every_request_of_a_repeated_training_step) {
  Device& device = device_named(GetParam());
  training_step(device);
  const Pool::Counters before = device.pool().counters();

  training_step(device);

  const Pool::Counters after = device.pool().counters();
  EXPECT_GT(after.requests, before.requests);
  EXPECT_EQ(after.device_allocations, before.device_allocations);
  EXPECT_EQ(after.bytes_in_use, before.bytes_in_use);
  EXPECT_EQ(after.peak_bytes_in_use, before.peak_bytes_in_use);
}

}  // namespace
}  // namespace saddle
