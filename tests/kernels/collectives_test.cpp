// Collectives give every thread the same result, the one of their twins on the host.
#include "kernels/collectives.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <numeric>
#include <vector>

#include "kernels/teams.h"
#include "tests/kernels/emulated.h"
#include "tests/support/expect_near.h"

namespace saddle {
namespace {

using testing_support::bits_of;

// Numbers of many magnitudes and both signs, so that another order of additions rounds otherwise.
std::vector<float> uneven_numbers(std::int64_t count) {
  std::vector<float> numbers;
  for (std::int64_t i = 0; i < count; ++i) {
    const float magnitude = std::exp2(static_cast<float>(i * 7 % 23) - 11.f);
    numbers.push_back(std::sin(static_cast<float>(i) + 0.5f) * magnitude);
  }
  return numbers;
}

class Collectives : public Emulator {};
INSTANTIATE_TEST_SUITE_P(Orders, Collectives, every_order(), order_name);

// Each thread stores what it receives, so that a thread with other bits shows.
template <int Threads>
struct SumThenMax {
  static constexpr int kThreads = Threads;
  Array<const float> x;       // [blocks, Threads]
  Array<float> sum, largest;  // [blocks, Threads]
  template <class Block>
  SADDLE_DEVICE void operator()(Block& b) const {
    const std::int64_t i = b.block() * b.threads() + b.thread();
    sum[i] = block_sum(b, x[i]);
    largest[i] = block_max(b, x[i]);
    sum[i] = block_sum(b, sum[i] * x[i]);  // and once more in the same shared memory
  }
  void reference(std::int64_t block) const {
    const std::int64_t first = block * Threads;
    std::vector<float> products;
    const float total = sum_in_block_order(&x[first], Threads);
    for (int t = 0; t < Threads; ++t) products.push_back(total * x[first + t]);
    for (int t = 0; t < Threads; ++t) {
      sum[first + t] = sum_in_block_order(products.data(), Threads);
      largest[first + t] = max_in_block_order(&x[first], Threads);
    }
  }
};

template <int Threads>
void expect_collectives_equal_their_twins() {
  const std::int64_t blocks = 3;
  std::vector<float> x = uneven_numbers(blocks * Threads);
  std::vector<float> sum(x.size()), largest(x.size()), want_sum(x.size()), want_largest(x.size());

  emulate_blocks(SumThenMax<Threads>{view(x), view(sum), view(largest)}, blocks);

  const SumThenMax<Threads> twin{view(x), view(want_sum), view(want_largest)};
  for (std::int64_t block = 0; block < blocks; ++block) twin.reference(block);
  EXPECT_EQ(bits_of(sum), bits_of(want_sum));
  EXPECT_EQ(bits_of(largest), bits_of(want_largest));
}

TEST_P(Collectives, block_sum_and_max_of_32_threads_equal_their_host_twins_bit_for_bit) {
  expect_collectives_equal_their_twins<32>();
}
TEST_P(Collectives, block_sum_and_max_of_64_threads_equal_their_host_twins_bit_for_bit) {
  expect_collectives_equal_their_twins<64>();
}
TEST_P(Collectives, block_sum_and_max_of_256_threads_equal_their_host_twins_bit_for_bit) {
  expect_collectives_equal_their_twins<256>();
}
TEST_P(Collectives, block_sum_and_max_of_1024_threads_equal_their_host_twins_bit_for_bit) {
  expect_collectives_equal_their_twins<1024>();
}

TEST(collectives, the_sum_in_block_order_is_the_sum) {
  const std::vector<float> lanes = uneven_numbers(96);

  const double want = std::accumulate(lanes.begin(), lanes.end(), 0.0);
  // A tree of 5 levels over 32 numbers, then 2 additions: each rounds by at most eps of sum |x|.
  double sum_abs = 0;
  for (float lane : lanes) sum_abs += std::abs(lane);
  const double bound = 7 * std::numeric_limits<float>::epsilon() * sum_abs;

  EXPECT_NEAR(sum_in_block_order(lanes.data(), 96), want, bound);
}

TEST(collectives, the_sum_in_block_order_adds_as_a_butterfly_then_warp_after_warp) {
  std::vector<float> lanes(96, 0.f);
  const float tiny = 0x1p-24f;  // half the distance from 1 to the next float: lost when added to 1
  lanes[0] = 1.f;
  lanes[32] = tiny;
  lanes[64] = tiny;

  const float warp_after_warp = sum_in_block_order(lanes.data(), 96);
  lanes[32] = 0.f;
  lanes[65] = tiny;
  const float both_in_one_warp = sum_in_block_order(lanes.data(), 96);

  EXPECT_EQ(warp_after_warp, 1.f);
  EXPECT_EQ(both_in_one_warp, 1.f + 0x1p-23f);
}

TEST_P(Collectives, block_max_hands_a_nan_to_every_thread) {
  std::vector<float> x = uneven_numbers(64);
  std::vector<float> sum(64), largest(64);
  x[41] = std::numeric_limits<float>::quiet_NaN();

  emulate_blocks(SumThenMax<64>{view(x), view(sum), view(largest)}, 1);

  for (float value : largest) EXPECT_TRUE(std::isnan(value));
  EXPECT_TRUE(std::isnan(max_in_block_order(x.data(), 64)));
}

TEST_P(Collectives, block_max_of_both_zeros_is_plus_zero_for_every_thread) {
  std::vector<float> x(64, -0.f), sum(64), largest(64);
  x[5] = 0.f;

  emulate_blocks(SumThenMax<64>{view(x), view(sum), view(largest)}, 1);

  EXPECT_EQ(bits_of(largest), std::vector<std::uint32_t>(64, 0u));
  EXPECT_EQ(std::bit_cast<std::uint32_t>(max_in_block_order(x.data(), 64)), 0u);
}

struct ArgMaxOfBlock {
  static constexpr int kThreads = 96;
  Array<const float> x;       // [96]
  Array<float> value;         // [96]
  Array<std::int64_t> index;  // [96]
  template <class Block>
  SADDLE_DEVICE void operator()(Block& b) const {
    const ValueAt best = block_argmax(b, x[b.thread()], b.thread());
    value[b.thread()] = best.value;
    index[b.thread()] = best.index;
  }
};

std::int64_t index_that_all_threads_found(std::vector<float> x) {
  std::vector<float> value(96);
  std::vector<std::int64_t> index(96);
  emulate_blocks(ArgMaxOfBlock{view(x), view(value), view(index)}, 1);

  std::vector<ValueAt> lanes;
  for (std::size_t i = 0; i < 96; ++i) lanes.push_back({x[i], static_cast<std::int64_t>(i)});
  EXPECT_EQ(argmax_in_block_order(lanes.data(), 96).index, index[0]);
  EXPECT_EQ(index, std::vector<std::int64_t>(96, index[0]));
  return index[0];
}

TEST_P(Collectives, block_argmax_prefers_the_lowest_index_among_equals_and_a_nan_to_all) {
  std::vector<float> x(96, -3.f);
  x[70] = x[37] = x[90] = 2.f;
  EXPECT_EQ(index_that_all_threads_found(x), 37);

  x[80] = x[68] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(index_that_all_threads_found(x), 68);
}

struct ColumnTags;  // tag

struct SumColumnsTwice {
  static constexpr int kThreads = 96;
  Array<const float> x;  // [12, 8]
  Array<float> y;        // [12, 8]
  template <class Block>
  SADDLE_DEVICE void operator()(Block& b) const {
    const float sum = column_sum<ColumnTags, 8, kThreads>(b, x[b.thread()]);
    y[b.thread()] = column_sum<ColumnTags, 8, kThreads>(b, sum);
  }
};

TEST_P(Collectives, column_sum_adds_the_values_of_each_column_row_after_row) {
  std::vector<float> x = uneven_numbers(96), y(96), want(96);
  for (std::size_t i = 0; i < 96; ++i) {
    float sum = 0.f, twelve_sums = 0.f;
    for (std::size_t row = 0; row < 12; ++row) sum += x[row * 8 + i % 8];
    for (int row = 0; row < 12; ++row) twelve_sums += sum;
    want[i] = twelve_sums;
  }

  emulate_blocks(SumColumnsTwice{view(x), view(y)}, 1);

  EXPECT_EQ(bits_of(y), bits_of(want));
}

// Elements pass from neighbour to neighbour through shared memory, over one collective after the
// other: the emulator reports the race where one is no barrier.
template <int Threads>
struct PassOverCollectives {
  static constexpr int kThreads = Threads;
  Array<int> x;  // [Threads]
  template <class Block>
  SADDLE_DEVICE void operator()(Block& b) const {
    const BlockTeam<Block> team{b, Threads};
    auto elements = b.template shared<Elements, int, Threads>();
    const int neighbour = (b.thread() + 1) % Threads;
    elements[b.thread()] = x[b.thread()];
    team.meet();
    const int first = elements[neighbour];
    block_sum(b, 1.f);
    elements[b.thread()] = first;
    block_max(b, 1.f);
    const int second = elements[neighbour];
    block_argmax(b, 1.f, b.thread());
    elements[b.thread()] = second;
    team.sum([](std::int64_t) { return 1.f; });
    x[b.thread()] = elements[neighbour];
  }
};

template <int Threads>
void expect_collectives_are_barriers() {
  std::vector<int> x(Threads), want(Threads);
  std::iota(x.begin(), x.end(), 0);
  for (int i = 0; i < Threads; ++i) want[static_cast<std::size_t>(i)] = (i + 3) % Threads;

  emulate_blocks(PassOverCollectives<Threads>{view(x)}, 1);

  EXPECT_EQ(x, want);
}

TEST_P(Collectives, collectives_are_barriers_of_32_threads) {
  expect_collectives_are_barriers<32>();
}
TEST_P(Collectives, collectives_are_barriers_of_64_threads) {
  expect_collectives_are_barriers<64>();
}

}  // namespace
}  // namespace saddle
