// The emulator runs kernels as a GPU would, and finds one deliberate mistake of each kind.
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

namespace saddle {
namespace {

template <class T>
Array<T> view(std::vector<T>& values) {
  return {values.data(), static_cast<std::int64_t>(values.size())};
}

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

template <class Error, class Function>
std::string message_of(Function function) {
  try {
    function();
  } catch (const Error& error) {
    return error.what();
  }
  return "(nothing was thrown)";
}

#define EXPECT_CONTAINS(whole, part) EXPECT_PRED_FORMAT2(::testing::IsSubstring, part, whole)

// Every case runs in each of the three orders.
class Emulator : public ::testing::TestWithParam<ThreadOrder> {
 protected:
  void SetUp() override { set_thread_order(GetParam()); }
  void TearDown() override { set_thread_order(ThreadOrder::forward); }
};

INSTANTIATE_TEST_SUITE_P(Orders, Emulator,
                         ::testing::Values(ThreadOrder::forward, ThreadOrder::reversed,
                                           ThreadOrder::shuffled),
                         [](const auto& order) {
                           switch (order.param) {
                             case ThreadOrder::forward: return "forward";
                             case ThreadOrder::reversed: return "reversed";
                             case ThreadOrder::shuffled: return "shuffled";
                           }
                           return "?";
                         });

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

struct Elements;  // tag

struct Reverse {
  static constexpr int kThreads = 64;
  Array<int> x;  // [blocks, 64]
  template <class Block>
  SADDLE_DEVICE void operator()(Block& b) const {
    auto elements = b.template shared<Elements, int, 64>();
    const std::int64_t i = b.block() * 64 + b.thread();
    elements[b.thread()] = x[i];
    b.sync();
    x[i] = elements[63 - b.thread()];
  }
};

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

// One broken kernel for each check ----------------------------------------------------------------

#define MESSAGE_OF(kernel, blocks) \
  message_of<EmulatorError>([&] { emulate_blocks(kernel, blocks); })

// All but block 1 keep the rules.
struct TwoWriters {
  static constexpr int kThreads = 64;
  template <class Block>
  SADDLE_DEVICE void operator()(Block& b) const {
    auto elements = b.template shared<Elements, int, 64>();
    const bool collide = b.block() == 1 && b.thread() == 40;
    elements[collide ? 7 : b.thread()] = 1;
  }
};

TEST_P(Emulator, two_threads_that_write_one_element_are_a_race) {
  const std::string message = MESSAGE_OF(TwoWriters{}, 3);

  EXPECT_CONTAINS(message, "TwoWriters, block 1: race in shared memory: thread ");
  EXPECT_CONTAINS(message, "Elements[7]");
  EXPECT_CONTAINS(message, "thread 7 ");
  EXPECT_CONTAINS(message, "thread 40 ");
}

struct ReversedWithoutBarrier {
  static constexpr int kThreads = 64;
  template <class Block>
  SADDLE_DEVICE void operator()(Block& b) const {
    auto elements = b.template shared<Elements, int, 64>();
    elements[b.thread()] = 1;
    b.sync();
    if (b.thread() == 33) elements[33] = 2;
    if (b.thread() == 12) elements[12] = elements[33];
  }
};

TEST_P(Emulator, reading_what_another_thread_writes_is_a_race_whoever_comes_first) {
  const std::string message = MESSAGE_OF(ReversedWithoutBarrier{}, 1);

  EXPECT_CONTAINS(message, "ReversedWithoutBarrier, block 0: race in shared memory: thread ");
  EXPECT_CONTAINS(message, "Elements[33]");
  EXPECT_CONTAINS(message, "thread 33 ");
  EXPECT_CONTAINS(message, "thread 12 ");
}

// The barrier before shared memory is used again is missing.
struct WritesWhileOthersRead {
  static constexpr int kThreads = 32;
  template <class Block>
  SADDLE_DEVICE void operator()(Block& b) const {
    auto elements = b.template shared<Elements, int, 1>();
    if (b.thread() == 0) elements[0] = 1;
    b.sync();
    const int seen = elements[0];
    if (b.thread() == 0) elements[0] = seen + 1;
  }
};

TEST_P(Emulator, writing_what_others_still_read_is_a_race) {
  const std::string message = MESSAGE_OF(WritesWhileOthersRead{}, 1);

  EXPECT_CONTAINS(message, "WritesWhileOthersRead, block 0: race in shared memory: thread ");
  EXPECT_CONTAINS(message, "Elements[0]");
  EXPECT_CONTAINS(message, "thread 0 ");
}

// As above, with a shuffle where the barrier should be: thread 0 reads first and writes last.
struct TakesShuffleForBarrier {
  static constexpr int kThreads = 32;
  template <class Block>
  SADDLE_DEVICE void operator()(Block& b) const {
    auto elements = b.template shared<Elements, int, 1>();
    if (b.thread() == 0) elements[0] = 1;
    b.sync();
    const int seen = elements[0];
    b.shuffle_xor(seen, 1);
    if (b.thread() == 0) elements[0] = 2;
  }
};

TEST_P(Emulator, a_shuffle_orders_no_accesses_to_shared_memory) {
  const std::string message = MESSAGE_OF(TakesShuffleForBarrier{}, 1);

  EXPECT_CONTAINS(message, "TakesShuffleForBarrier, block 0: race in shared memory: thread 0 ");
  EXPECT_CONTAINS(message, "Elements[0], which thread ");
  EXPECT_CONTAINS(message, " read since the last barrier");
}

struct ReturnsBeforeBarrier {
  static constexpr int kThreads = 64;
  template <class Block>
  SADDLE_DEVICE void operator()(Block& b) const {
    if (b.block() == 2 && b.thread() == 50) return;
    b.sync();
  }
};

TEST_P(Emulator, a_thread_that_returns_before_a_barrier_is_named) {
  const std::string message = MESSAGE_OF(ReturnsBeforeBarrier{}, 3);

  EXPECT_CONTAINS(message, "ReturnsBeforeBarrier, block 2: divergent barrier: ");
  EXPECT_CONTAINS(message, "thread 0 waits at sync (emulator_test.cpp:");
  EXPECT_CONTAINS(message, "thread 50 has returned");
}

struct ReturnsBeforeCollective {
  static constexpr int kThreads = 64;
  template <class Block>
  SADDLE_DEVICE void operator()(Block& b) const {
    if (b.thread() < 40) block_sum(b, 1.f);
  }
};

TEST_P(Emulator, a_collective_that_not_all_threads_call_is_divergent) {
  const std::string message = MESSAGE_OF(ReturnsBeforeCollective{}, 1);

  EXPECT_CONTAINS(message, "ReturnsBeforeCollective, block 0: divergent barrier: ");
  EXPECT_CONTAINS(message, "thread 32 waits at shuffle_xor(4 bytes, 16) (collectives.h:");
  EXPECT_CONTAINS(message, "thread 40 has returned");
}

struct SyncsAtTwoPlaces {
  static constexpr int kThreads = 32;
  template <class Block>
  SADDLE_DEVICE void operator()(Block& b) const {
    if (b.thread() < 9) {
      b.sync();
    } else {
      b.sync();
    }
  }
};

TEST_P(Emulator, threads_at_different_barriers_are_divergent) {
  const std::string message = MESSAGE_OF(SyncsAtTwoPlaces{}, 1);

  EXPECT_CONTAINS(message, "SyncsAtTwoPlaces, block 0: divergent barrier: ");
  EXPECT_CONTAINS(message, "thread 0 waits at sync");
  EXPECT_CONTAINS(message, "thread 9 waits at sync");
}

struct SyncAgainstShuffle {
  static constexpr int kThreads = 64;
  template <class Block>
  SADDLE_DEVICE void operator()(Block& b) const {
    if (b.thread() == 35) {
      b.sync();
    } else {
      b.shuffle_xor(1.f, 1);
    }
    if (b.thread() != 35) b.sync();
  }
};

TEST_P(Emulator, a_barrier_against_a_shuffle_is_divergent) {
  const std::string message = MESSAGE_OF(SyncAgainstShuffle{}, 1);

  EXPECT_CONTAINS(message, "SyncAgainstShuffle, block 0: divergent barrier: ");
  EXPECT_CONTAINS(message, "thread 32 waits at shuffle_xor(4 bytes, 1)");
  EXPECT_CONTAINS(message, "thread 35 waits at sync");
}

struct ShufflesWithTwoMasks {
  static constexpr int kThreads = 32;
  template <class Block>
  SADDLE_DEVICE void operator()(Block& b) const {
    b.shuffle_xor(1.0, b.thread() == 3 ? 4 : 2);
  }
};

TEST_P(Emulator, shuffles_with_different_masks_are_divergent) {
  const std::string message = MESSAGE_OF(ShufflesWithTwoMasks{}, 1);

  EXPECT_CONTAINS(message, "ShufflesWithTwoMasks, block 0: divergent barrier: ");
  EXPECT_CONTAINS(message, "thread 0 waits at shuffle_xor(8 bytes, 2)");
  EXPECT_CONTAINS(message, "thread 3 waits at shuffle_xor(8 bytes, 4)");
}

struct ShufflesOutOfTheWarp {
  static constexpr int kThreads = 64;
  template <class Block>
  SADDLE_DEVICE void operator()(Block& b) const {
    b.shuffle_xor(1.f, b.thread() == 21 ? 32 : 16);
  }
};

TEST_P(Emulator, a_lane_mask_that_leaves_the_warp_is_an_error) {
  const std::string message = MESSAGE_OF(ShufflesOutOfTheWarp{}, 1);

  EXPECT_CONTAINS(message, "ShufflesOutOfTheWarp, block 0: thread 21 calls shuffle_xor with lane");
  EXPECT_CONTAINS(message, "mask 32, expected 1 to 31");
}

struct ReadsUnwritten {
  static constexpr int kThreads = 32;
  Array<int> y;  // [32]
  template <class Block>
  SADDLE_DEVICE void operator()(Block& b) const {
    auto elements = b.template shared<Elements, int, 32>();
    if (b.block() == 0 || b.thread() != 6) elements[b.thread()] = 1;
    b.sync();
    if (b.thread() == 17) y[17] = elements[6];
  }
};

TEST_P(Emulator, reading_what_only_an_earlier_block_wrote_is_an_error) {
  std::vector<int> y(32);
  emulate_blocks(ReadsUnwritten{view(y)}, 1);

  const std::string message = MESSAGE_OF(ReadsUnwritten{view(y)}, 2);

  EXPECT_CONTAINS(message, "ReadsUnwritten, block 1: thread 17 reads ");
  EXPECT_CONTAINS(message, "Elements[6] in shared memory, which no thread of this block");
}

struct LeavesSharedMemory {
  static constexpr int kThreads = 32;
  int shift;
  template <class Block>
  SADDLE_DEVICE void operator()(Block& b) const {
    auto elements = b.template shared<Elements, int, 32>();
    elements[b.thread() == 11 ? shift : b.thread()] = 1;
  }
};

TEST_P(Emulator, a_shared_index_out_of_range_is_an_error) {
  const std::string above = MESSAGE_OF(LeavesSharedMemory{32}, 1);
  const std::string below = MESSAGE_OF(LeavesSharedMemory{-1}, 1);

  EXPECT_CONTAINS(above, "LeavesSharedMemory, block 0: thread 11 accesses ");
  EXPECT_CONTAINS(above, "Elements[32] in shared memory, which has 32 elements");
  EXPECT_CONTAINS(below, "Elements[-1] in shared memory, which has 32 elements");
}

struct SharesTooMuch {
  static constexpr int kThreads = 32;
  template <class Block>
  SADDLE_DEVICE void operator()(Block& b) const {
    b.template shared<Elements, float, 12'288>();  // 48 KiB: just fits
    b.template shared<Elements, char, 1>();
  }
};

TEST_P(Emulator, more_shared_memory_than_a_block_has_is_an_error) {
  const std::string message = MESSAGE_OF(SharesTooMuch{}, 1);

  EXPECT_CONTAINS(message, "SharesTooMuch, block 0: the kernel shares 49153 bytes");
}

// Exceptions and indices --------------------------------------------------------------------------

// Owns memory while it waits: the address sanitizer reports it if a stack is not unwound.
struct ThrowsInOneThread {
  static constexpr int kThreads = 64;
  int throwing_thread;
  Array<int> living;  // [1]
  template <class Block>
  void operator()(Block& b) const {
    struct Counted {
      int& count;
      explicit Counted(int& living_count) : count(living_count) { ++count; }
      ~Counted() { --count; }
    } const counted(living[0]);
    const std::vector<int> owned(100, b.thread());
    b.sync();
    if (b.thread() == throwing_thread) throw std::bad_alloc();
    b.sync();
  }
};

TEST_P(Emulator, an_exception_in_one_thread_unwinds_all_and_leaves_the_emulator_usable) {
  std::vector<int> living(1), x(64), want(64);
  std::iota(x.begin(), x.end(), 0);
  std::iota(want.rbegin(), want.rend(), 0);

  EXPECT_THROW(emulate_blocks(ThrowsInOneThread{20, view(living)}, 1), std::bad_alloc);
  EXPECT_EQ(living[0], 0);

  emulate_blocks(ThrowsInOneThread{-1, view(living)}, 1);
  emulate_blocks(Reverse{view(x)}, 1);
  EXPECT_EQ(living[0], 0);
  EXPECT_EQ(x, want);
}

struct IndexOutOfRange {
  static constexpr int kThreads = 32;
  template <class Block>
  SADDLE_DEVICE void operator()(Block& b) const {
    if (b.block() == 3 && b.thread() == 17) throw_index_out_of_range(12, 10);
    b.sync();
  }
};

TEST_P(Emulator, an_index_out_of_range_names_block_and_thread) {
  const std::string message =
      message_of<std::out_of_range>([] { emulate_blocks(IndexOutOfRange{}, 5); });

  EXPECT_CONTAINS(message, "IndexOutOfRange: index 12 is outside [0, 10) (block 3, thread 17)");
}

TEST(throw_index_out_of_range, names_no_thread_where_none_is_emulated) {
  const std::string message =
      message_of<std::out_of_range>([] { throw_index_out_of_range(12, 10); });

  EXPECT_EQ(message, "index 12 is outside [0, 10)");
}

#if defined(SADDLE_CHECKED)
TEST_P(Emulator, an_array_checks_its_index_in_checked_builds) {
  std::vector<int> x(130);

  const std::string message =
      message_of<std::out_of_range>([&] { emulate_blocks(Reverse{view(x)}, 3); });

  EXPECT_CONTAINS(message, "Reverse: index ");
  EXPECT_CONTAINS(message, " is outside [0, 130) (block 2, thread ");
}
#endif

struct LaunchesAnother {
  static constexpr int kThreads = 32;
  template <class Block>
  void operator()(Block&) const {
    emulate_blocks(SyncsAtTwoPlaces{}, 1);
  }
};

TEST_P(Emulator, a_launch_from_within_a_kernel_is_an_error) {
  const std::string message = MESSAGE_OF(LaunchesAnother{}, 1);

  EXPECT_CONTAINS(message, "LaunchesAnother, block 0: ");
  EXPECT_CONTAINS(message, "SyncsAtTwoPlaces is launched from within this kernel");
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
