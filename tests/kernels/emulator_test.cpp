// The emulator runs kernels as a GPU would.
#include "kernels/emulator.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <new>
#include <numeric>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "kernels/collectives.h"
#include "tests/kernels/emulated.h"

namespace saddle {
namespace {

std::vector<std::uint32_t> bits_of(const std::vector<float>& values) {
  std::vector<std::uint32_t> bits;
  for (float value : values) bits.push_back(std::bit_cast<std::uint32_t>(value));
  return bits;
}

// Numbers of many magnitudes and both signs, so that another order of additions rounds otherwise.
std::vector<float> uneven_numbers(std::int64_t count) {
  std::vector<float> numbers;
  for (std::int64_t i = 0; i < count; ++i) {
    const float magnitude = std::exp2(static_cast<float>(i * 7 % 23) - 11.f);
    numbers.push_back(std::sin(static_cast<float>(i) + 0.5f) * magnitude);
  }
  return numbers;
}

INSTANTIATE_TEST_SUITE_P(Orders, Emulator, every_order(), order_name);

// Collectives -------------------------------------------------------------------------------------

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

TEST_P(Emulator, block_sum_and_max_of_32_threads_equal_their_host_twins_bit_for_bit) {
  expect_collectives_equal_their_twins<32>();
}
TEST_P(Emulator, block_sum_and_max_of_64_threads_equal_their_host_twins_bit_for_bit) {
  expect_collectives_equal_their_twins<64>();
}
TEST_P(Emulator, block_sum_and_max_of_256_threads_equal_their_host_twins_bit_for_bit) {
  expect_collectives_equal_their_twins<256>();
}
TEST_P(Emulator, block_sum_and_max_of_1024_threads_equal_their_host_twins_bit_for_bit) {
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

TEST_P(Emulator, block_max_hands_a_nan_to_every_thread) {
  std::vector<float> x = uneven_numbers(64);
  std::vector<float> sum(64), largest(64);
  x[41] = std::numeric_limits<float>::quiet_NaN();

  emulate_blocks(SumThenMax<64>{view(x), view(sum), view(largest)}, 1);

  for (float value : largest) EXPECT_TRUE(std::isnan(value));
  EXPECT_TRUE(std::isnan(max_in_block_order(x.data(), 64)));
}

TEST_P(Emulator, block_max_of_both_zeros_is_plus_zero_for_every_thread) {
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

TEST_P(Emulator, block_argmax_prefers_the_lowest_index_among_equals_and_a_nan_to_all) {
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

TEST_P(Emulator, column_sum_adds_the_values_of_each_column_row_after_row) {
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

// Shared memory -----------------------------------------------------------------------------------

TEST_P(Emulator, a_block_reverses_64_elements_through_shared_memory) {
  std::vector<int> x(192), want(192);
  std::iota(x.begin(), x.end(), 0);
  for (int i = 0; i < 192; ++i) want[static_cast<std::size_t>(i)] = i / 64 * 64 + 63 - i % 64;

  emulate_blocks(Reverse{view(x)}, 3);

  EXPECT_EQ(x, want);
}

TEST_P(Emulator, no_blocks_are_no_work) {
  std::vector<int> x(64, 7);

  emulate_blocks(Reverse{view(x)}, 0);

  EXPECT_EQ(x, std::vector<int>(64, 7));
}

struct PrefixSum {
  static constexpr int kThreads = 32;
  Array<int> x;  // [32]
  template <class Block>
  SADDLE_DEVICE void operator()(Block& b) const {
    auto elements = b.template shared<Elements, int, 32>();
    elements[b.thread()] = x[b.thread()];
    for (int distance = 1; distance < 32; distance *= 2) {
      b.sync();
      int addend = 0;
      if (b.thread() >= distance) addend = elements[b.thread() - distance];
      b.sync();
      elements[b.thread()] += addend;
    }
    x[b.thread()] = elements[b.thread()];
  }
};

TEST_P(Emulator, shared_elements_take_compound_assignments) {
  std::vector<int> x(32, 1), want(32);
  std::iota(want.begin(), want.end(), 1);

  emulate_blocks(PrefixSum{view(x)}, 1);

  EXPECT_EQ(x, want);
}

// Flat kernels ------------------------------------------------------------------------------------

struct CountVisits {
  Array<int> visits;  // [n]
  SADDLE_DEVICE void operator()(std::int64_t i) const { ++visits[i]; }
};

TEST_P(Emulator, a_flat_kernel_visits_each_element_once) {
  for (std::int64_t n : {0, 1, 31, 32, 33, 256, 257, 1025, 2000}) {
    std::vector<int> visits(static_cast<std::size_t>(n));

    emulate_flat(CountVisits{view(visits)}, n);

    EXPECT_EQ(visits, std::vector<int>(static_cast<std::size_t>(n), 1)) << "n = " << n;
  }
}

struct StoreRowAndColumn {
  Array<std::int64_t> place;  // [3, 700]
  SADDLE_DEVICE void operator()(std::int64_t row, std::int64_t column) const {
    place[row * 700 + column] = 1000 * row + column;
  }
};

TEST_P(Emulator, a_flat_kernel_over_rows_and_columns_receives_both) {
  std::vector<std::int64_t> place(2100), want;
  for (std::int64_t row = 0; row < 3; ++row) {
    for (std::int64_t column = 0; column < 700; ++column) want.push_back(1000 * row + column);
  }

  emulate_flat(StoreRowAndColumn{view(place)}, 3, 700);

  EXPECT_EQ(place, want);
}

struct StoreTurn {
  int* turn;
  Array<int> turns;  // [n]
  SADDLE_DEVICE void operator()(std::int64_t i) const { turns[i] = (*turn)++; }
};

TEST(emulate_flat, each_order_is_another_and_always_the_same) {
  const auto turns_in = [](ThreadOrder order) {
    set_thread_order(order);
    int turn = 0;
    std::vector<int> turns(1000);
    emulate_flat(StoreTurn{&turn, view(turns)}, 1000);
    set_thread_order(ThreadOrder::forward);
    return turns;
  };
  std::vector<int> ascending(1000);
  std::iota(ascending.begin(), ascending.end(), 0);
  const std::vector<int> descending(ascending.rbegin(), ascending.rend());

  const std::vector<int> shuffled = turns_in(ThreadOrder::shuffled);

  EXPECT_EQ(turns_in(ThreadOrder::forward), ascending);
  EXPECT_EQ(turns_in(ThreadOrder::reversed), descending);
  EXPECT_NE(shuffled, ascending);
  EXPECT_NE(shuffled, descending);
  EXPECT_EQ(shuffled, turns_in(ThreadOrder::shuffled));
}

struct StoreBlockTurn {
  static constexpr int kThreads = 64;
  int* turn;
  Array<int> turns;  // [blocks, 2 stretches, 64]
  template <class Block>
  SADDLE_DEVICE void operator()(Block& b) const {
    turns[(b.block() * 2) * 64 + b.thread()] = (*turn)++ % 64;
    b.sync();
    turns[(b.block() * 2 + 1) * 64 + b.thread()] = (*turn)++ % 64;
  }
};

TEST(emulate_blocks, the_shuffled_order_differs_between_blocks_and_between_barriers) {
  int turn = 0;
  std::vector<int> turns(256);

  set_thread_order(ThreadOrder::shuffled);
  emulate_blocks(StoreBlockTurn{&turn, view(turns)}, 2);
  set_thread_order(ThreadOrder::forward);

  const auto stretch = [&](int which) {
    return std::vector<int>(turns.begin() + which * 64, turns.begin() + (which + 1) * 64);
  };
  EXPECT_NE(stretch(0), stretch(1));
  EXPECT_NE(stretch(0), stretch(2));
  EXPECT_NE(stretch(1), stretch(3));
}

struct FlatIndexOutOfRange {
  SADDLE_DEVICE void operator()(std::int64_t i) const {
    if (i == 600) throw_index_out_of_range(i, 600);
  }
};

TEST_P(Emulator, a_flat_kernels_index_out_of_range_names_block_and_thread) {
  const std::string message =
      message_of<std::out_of_range>([] { emulate_flat(FlatIndexOutOfRange{}, 601); });

  EXPECT_CONTAINS(message, "FlatIndexOutOfRange: index 600 is outside [0, 600)");
  EXPECT_CONTAINS(message, "(block 2, thread 88)");
}

// Threads of the CPU ------------------------------------------------------------------------------

TEST_P(Emulator, two_cpu_threads_emulate_at_the_same_time) {
  std::vector<int> x(64 * 50), y(64 * 50);
  std::iota(x.begin(), x.end(), 0);
  y = x;

  std::thread other([&] { emulate_blocks(Reverse{view(y)}, 50); });
  emulate_blocks(Reverse{view(x)}, 50);
  other.join();

  EXPECT_EQ(x, y);
  EXPECT_EQ(x[0], 63);
}

}  // namespace
}  // namespace saddle
