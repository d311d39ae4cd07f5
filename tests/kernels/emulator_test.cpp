// The emulator runs kernels as a GPU would.
#include "kernels/emulator.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <numeric>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "tests/kernels/emulated.h"

namespace saddle {
namespace {

INSTANTIATE_TEST_SUITE_P(Orders, Emulator, every_order(), order_name);

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
