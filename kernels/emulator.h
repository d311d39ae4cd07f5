// The emulator: runs the kernels themselves on a CPU, thread by thread, and checks them meanwhile.
//
// Every thread of a block is a fiber; at a barrier the next one runs. That makes a GPU's mistakes
// repeatable and visible: races in shared memory, threads missing at a barrier, reads of shared
// memory nobody wrote and indices out of range are errors that name kernel, block and thread. A
// correct kernel gives the same bits whatever the ThreadOrder; tests run each in all three.
//
// Any number of CPU threads may each emulate a kernel of their own at the same time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <type_traits>
#include <typeinfo>

#include "kernels/array.h"
#include "kernels/block.h"
#include "kernels/portable.h"

namespace saddle {

// A mistake in a kernel, found by running it:
//   "saddle::RowSums, block 3: race in shared memory: thread 5 writes Sums[0], which thread 4 wrote
//    since the last barrier. Put a barrier between them."
class EmulatorError : public std::logic_error {
 public:
  using std::logic_error::logic_error;
};

// In which order runnable threads of a block (and the blocks of a launch) are resumed. `shuffled`
// is a fixed pseudo-random order, another one for each block and each stretch between barriers.
enum class ThreadOrder { forward, reversed, shuffled };

// For all launches of the process that begin later. At first: forward.
void set_thread_order(ThreadOrder order);
ThreadOrder thread_order();

// Runs a block kernel (block.h) as `blocks` blocks of Kernel::kThreads threads. Throws
// EmulatorError for a mistake in the kernel; what a thread throws itself is passed on. Other
// launches may follow either, but arrays the kernel had begun to write are left half written.
template <class Kernel>
void emulate_blocks(const Kernel& kernel, std::int64_t blocks);

// Runs a flat kernel: kernel(i) for each i in [0, n), as threads of blocks of 256.
template <class Kernel>
void emulate_flat(const Kernel& kernel, std::int64_t n);

// Runs a flat kernel over rows and columns: kernel(row, column), columns next to each other.
template <class Kernel>
void emulate_flat(const Kernel& kernel, std::int64_t rows, std::int64_t columns);

// Details -----------------------------------------------------------------------------------------

namespace emulator {

class Machine;        // the calling CPU thread's fibers and the block they run
struct SharedMemory;  // one shared array of the block being run, with the history of each element

// Which line of the kernel called sync or shuffle_xor.
struct Place {
  const char* file;
  int line;
};

// What shared<Tag, T, N>() stands for. Each has one object, whose address identifies it.
struct SharedKind {
  const std::type_info& tag;  // of Tag*, for Tag is often only declared
  int count;
  std::size_t element_bytes;
};
template <class Tag, class T, int N>
inline constexpr SharedKind kSharedKind{typeid(Tag*), N, sizeof(T)};

// The bytes of an element that `thread` is about to read or write; throws if it must not.
const std::byte* read_shared(SharedMemory& memory, std::int64_t index, int thread);
std::byte* write_shared(SharedMemory& memory, std::int64_t index, int thread);

// Stands for one element of shared memory: reads as a T, takes assignments. Usable only in the
// expression that made it (hence &&): `const auto x = shared[i]` would read anew at every use of x.
template <class T>
class SharedElement {
 public:
  SharedElement(SharedMemory& memory, std::int64_t index, int thread)
      : memory_(memory), index_(index), thread_(thread) {}
  SharedElement(const SharedElement&) = delete;

  operator T() const&& { return get(); }
  void operator=(const T& value) && { set(value); }
  void operator=(SharedElement&& other) && { set(other.get()); }
  void operator+=(const T& value) && { set(static_cast<T>(get() + value)); }
  void operator-=(const T& value) && { set(static_cast<T>(get() - value)); }
  void operator*=(const T& value) && { set(static_cast<T>(get() * value)); }
  void operator/=(const T& value) && { set(static_cast<T>(get() / value)); }

 private:
  T get() const {
    T value;
    std::memcpy(&value, read_shared(memory_, index_, thread_), sizeof(T));
    return value;
  }
  void set(const T& value) {
    std::memcpy(write_shared(memory_, index_, thread_), &value, sizeof(T));
  }

  SharedMemory& memory_;
  std::int64_t index_;
  int thread_;
};

// Stands for the pointer that shared<Tag, T, N>() is on a GPU.
template <class T>
class SharedArray {
 public:
  SharedArray(SharedMemory& memory, int thread) : memory_(&memory), thread_(thread) {}

  SharedElement<T> operator[](std::int64_t index) const { return {*memory_, index, thread_}; }

 private:
  SharedMemory* memory_;
  int thread_;
};

}  // namespace emulator

// The block context (block.h) on a CPU: one thread's view of its block.
class EmulatedBlock {
 public:
  EmulatedBlock(emulator::Machine& machine, int thread, int threads, std::int64_t block,
                std::int64_t blocks)
      : machine_(machine), thread_(thread), threads_(threads), block_(block), blocks_(blocks) {}

  int thread() const { return thread_; }
  int threads() const { return threads_; }
  std::int64_t block() const { return block_; }
  std::int64_t blocks() const { return blocks_; }

  // The defaults are the caller's file and line: threads must meet at one and the same barrier.
  void sync(const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
    wait_at_sync({file, line});
  }

  template <class T>
  T shuffle_xor(T value, int lane_mask, const char* file = __builtin_FILE(),
                int line = __builtin_LINE()) {
    static_assert(std::is_trivially_copyable_v<T> && (sizeof(T) == 4 || sizeof(T) == 8),
                  "warps exchange values of 4 or 8 bytes");
    std::uint64_t bits = 0;
    std::memcpy(&bits, &value, sizeof(T));
    bits = wait_at_shuffle({file, line}, bits, static_cast<int>(sizeof(T)), lane_mask);
    std::memcpy(&value, &bits, sizeof(T));
    return value;
  }

  template <class Tag, class T, int N>
  emulator::SharedArray<T> shared() {
    static_assert(std::is_trivial_v<T>, "shared memory runs no constructors");
    return {shared_memory(emulator::kSharedKind<Tag, T, N>), thread_};
  }

 private:
  void wait_at_sync(emulator::Place place);
  std::uint64_t wait_at_shuffle(emulator::Place place, std::uint64_t bits, int bytes,
                                int lane_mask);
  emulator::SharedMemory& shared_memory(const emulator::SharedKind& kind);

  emulator::Machine& machine_;
  int thread_, threads_;
  std::int64_t block_, blocks_;
};

namespace emulator {

// A kernel whose type is forgotten, so that the emulator itself is compiled once.
struct BlockKernel {
  const std::type_info& type;
  const void* kernel;
  void (*run_thread)(const void* kernel, EmulatedBlock& b);
  int threads;
};
void run_blocks(const BlockKernel& kernel, std::int64_t blocks);

struct FlatKernel {
  const std::type_info& type;
  const void* kernel;
  void (*run_element)(const void* kernel, std::int64_t i, std::int64_t columns);
};
void run_flat(const FlatKernel& kernel, std::int64_t rows, std::int64_t columns);

}  // namespace emulator

template <class Kernel>
void emulate_blocks(const Kernel& kernel, std::int64_t blocks) {
  static_assert(is_block_size(Kernel::kThreads));
  const auto run_thread = [](const void* erased, EmulatedBlock& b) {
    (*static_cast<const Kernel*>(erased))(b);
  };
  emulator::run_blocks({typeid(Kernel), &kernel, run_thread, Kernel::kThreads}, blocks);
}

template <class Kernel>
void emulate_flat(const Kernel& kernel, std::int64_t n) {
  const auto run_element = [](const void* erased, std::int64_t i, std::int64_t) {
    (*static_cast<const Kernel*>(erased))(i);
  };
  emulator::run_flat({typeid(Kernel), &kernel, run_element}, 1, n);
}

template <class Kernel>
void emulate_flat(const Kernel& kernel, std::int64_t rows, std::int64_t columns) {
  const auto run_element = [](const void* erased, std::int64_t i, std::int64_t row_length) {
    (*static_cast<const Kernel*>(erased))(i / row_length, i % row_length);
  };
  emulator::run_flat({typeid(Kernel), &kernel, run_element}, rows, columns);
}

}  // namespace saddle
