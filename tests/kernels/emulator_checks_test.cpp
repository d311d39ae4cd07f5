// One deliberately broken kernel for each check of the emulator.
#include <gtest/gtest.h>

#include <cstdint>
#include <new>
#include <numeric>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/kernels/emulated.h"

namespace saddle {
namespace {

class EmulatorChecks : public Emulator {};
INSTANTIATE_TEST_SUITE_P(Orders, EmulatorChecks, every_order(), order_name);

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

TEST_P(EmulatorChecks, two_threads_that_write_one_element_are_a_race) {
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

TEST_P(EmulatorChecks, reading_what_another_thread_writes_is_a_race_whoever_comes_first) {
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

TEST_P(EmulatorChecks, writing_what_others_still_read_is_a_race) {
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

TEST_P(EmulatorChecks, a_shuffle_orders_no_accesses_to_shared_memory) {
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

TEST_P(EmulatorChecks, a_thread_that_returns_before_a_barrier_is_named) {
  const std::string message = MESSAGE_OF(ReturnsBeforeBarrier{}, 3);

  EXPECT_CONTAINS(message, "ReturnsBeforeBarrier, block 2: divergent barrier: ");
  EXPECT_CONTAINS(message, "thread 0 waits at sync (emulator_checks_test.cpp:");
  EXPECT_CONTAINS(message, "thread 50 has returned");
}

struct ReturnsBeforeCollective {
  static constexpr int kThreads = 64;
  template <class Block>
  SADDLE_DEVICE void operator()(Block& b) const {
    if (b.thread() < 40) block_sum(b, 1.f);
  }
};

TEST_P(EmulatorChecks, a_collective_that_not_all_threads_call_is_divergent) {
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

TEST_P(EmulatorChecks, threads_at_different_barriers_are_divergent) {
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

TEST_P(EmulatorChecks, a_barrier_against_a_shuffle_is_divergent) {
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

TEST_P(EmulatorChecks, shuffles_with_different_masks_are_divergent) {
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

TEST_P(EmulatorChecks, a_lane_mask_that_leaves_the_warp_is_an_error) {
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

TEST_P(EmulatorChecks, reading_what_only_an_earlier_block_wrote_is_an_error) {
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

TEST_P(EmulatorChecks, a_shared_index_out_of_range_is_an_error) {
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

TEST_P(EmulatorChecks, more_shared_memory_than_a_block_has_is_an_error) {
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

TEST_P(EmulatorChecks, an_exception_in_one_thread_unwinds_all_and_leaves_the_emulator_usable) {
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

TEST_P(EmulatorChecks, an_index_out_of_range_names_block_and_thread) {
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
TEST_P(EmulatorChecks, an_array_checks_its_index_in_checked_builds) {
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

TEST_P(EmulatorChecks, a_launch_from_within_a_kernel_is_an_error) {
  const std::string message = MESSAGE_OF(LaunchesAnother{}, 1);

  EXPECT_CONTAINS(message, "LaunchesAnother, block 0: ");
  EXPECT_CONTAINS(message, "SyncsAtTwoPlaces is launched from within this kernel");
}

}  // namespace
}  // namespace saddle
