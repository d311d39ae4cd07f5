// How the emulator switches between threads and finds their mistakes.
//
// Fibers are made once for each CPU thread and reused by every block of every launch: each runs one
// thread of a block until it waits or returns, then switches back to Machine::run_block, a plain
// loop that resumes the next.
#include "kernels/emulator.h"

#include <cxxabi.h>

#include <algorithm>
#include <atomic>
#include <boost/context/fiber.hpp>
#include <boost/context/protected_fixedsize_stack.hpp>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <exception>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#if defined(SADDLE_SANITIZE)
#include <sanitizer/common_interface_defs.h>
#endif

namespace saddle {
namespace {

using boost::context::fiber;
using emulator::Place;
using emulator::SharedKind;

std::atomic<ThreadOrder> current_order{ThreadOrder::forward};

// Which emulated thread the calling CPU thread is running, for messages.
struct Position {
  const std::type_info* kernel = nullptr;  // null: none
  std::int64_t block = 0;
  int thread = 0;
};
thread_local Position position;

std::string demangled(const std::type_info& type) {
  int status = 0;
  const std::unique_ptr<char, void (*)(void*)> name(
      abi::__cxa_demangle(type.name(), nullptr, nullptr, &status), std::free);
  return status == 0 ? name.get() : type.name();
}

std::string thread_name(int thread) { return "thread " + std::to_string(thread); }

// "saddle::RowSums, block 3: "
std::string where() {
  return demangled(*position.kernel) + ", block " + std::to_string(position.block) + ": ";
}

[[noreturn]] void fail(const std::string& what) { throw EmulatorError(where() + what); }

// Claims `position` for one launch.
class PositionGuard {
 public:
  explicit PositionGuard(const std::type_info& kernel) {
    if (position.kernel) fail(demangled(kernel) + " is launched from within this kernel");
    position.kernel = &kernel;
  }
  ~PositionGuard() { position = {}; }
  PositionGuard(const PositionGuard&) = delete;
};

// Orders ------------------------------------------------------------------------------------------

// SplitMix64 (Steele, Lea, Flood 2014): a cheap fixed sequence; not one of the engine's streams.
std::uint64_t next_random(std::uint64_t& state) {
  std::uint64_t z = state += 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

// The order in which the threads of a block run, anew for each stretch between barriers.
class ThreadSequence {
 public:
  ThreadSequence(ThreadOrder order, int threads)
      : order_(order), sequence_(static_cast<std::size_t>(threads)) {
    std::iota(sequence_.begin(), sequence_.end(), 0);
    if (order == ThreadOrder::reversed) std::reverse(sequence_.begin(), sequence_.end());
  }

  const std::vector<int>& of(std::int64_t block, std::int64_t stretch) {
    if (order_ != ThreadOrder::shuffled) return sequence_;
    std::iota(sequence_.begin(), sequence_.end(), 0);
    std::uint64_t state =
        static_cast<std::uint64_t>(block) << 20 ^ static_cast<std::uint64_t>(stretch);
    for (std::size_t i = sequence_.size(); i > 1; --i) {
      const std::uint64_t below_i = ((next_random(state) >> 32) * i) >> 32;
      std::swap(sequence_[i - 1], sequence_[below_i]);
    }
    return sequence_;
  }

 private:
  ThreadOrder order_;
  std::vector<int> sequence_;
};

// Calls visit(block) for each of `blocks` blocks: steps of one length around the circle of blocks.
template <class Visit>
void for_each_block(ThreadOrder order, std::int64_t blocks, Visit visit) {
  std::int64_t block = order == ThreadOrder::reversed ? blocks - 1 : 0;
  std::int64_t step = order == ThreadOrder::reversed ? blocks - 1 : 1;
  if (order == ThreadOrder::shuffled) {
    step = blocks * 5 / 8 + 1;  // far from neighbours, and prime to `blocks` to reach all
    while (std::gcd(step, blocks) > 1) ++step;
    block = blocks / 2;
  }
  for (std::int64_t visited = 0; visited < blocks; ++visited) {
    visit(block);
    block = (block + step) % blocks;
  }
}

// Stacks ------------------------------------------------------------------------------------------

// The address sanitizer must be told of every change of stack; else these do nothing.
void start_switch([[maybe_unused]] void** fake_stack, [[maybe_unused]] const void* to_bottom,
                  [[maybe_unused]] std::size_t to_bytes) {
#if defined(SADDLE_SANITIZE)
  __sanitizer_start_switch_fiber(fake_stack, to_bottom, to_bytes);
#endif
}
void finish_switch([[maybe_unused]] void* fake_stack, [[maybe_unused]] const void** from_bottom,
                   [[maybe_unused]] std::size_t* from_bytes) {
#if defined(SADDLE_SANITIZE)
  __sanitizer_finish_switch_fiber(fake_stack, from_bottom, from_bytes);
#endif
}

// Virtual memory, of which only the pages touched become real; a guard page lies below.
constexpr std::size_t kStackBytes = 128 * 1024;

// Stacks begin at page boundaries, so their tops would all compete for the same few cache lines;
// we let them begin at 16 different distances. Gains 15 to 25 % on block_sum of 256 threads (an AMD
// EPYC server core, November 2026).
std::size_t stack_offset(int thread) { return static_cast<std::size_t>(thread % 16) * 256; }

// Fibers ------------------------------------------------------------------------------------------

enum class State { runnable, at_sync, at_shuffle, returned };

// One emulated thread: its fiber and what it waits for.
struct Lane {
  int thread = 0;
  State state = State::returned;
  bool inside_kernel = false;
  Place place{};            // of the sync or shuffle_xor it waits at
  int lane_mask = 0;        // of that shuffle_xor
  int value_bytes = 0;      // of that shuffle_xor
  std::uint64_t value = 0;  // what it gives to that shuffle_xor, then what it gets
  fiber self, caller;       // where to go on with this thread, and in run_block
  const void* stack_bottom = nullptr;
  std::size_t stack_bytes = 0;
  void* fake_stack = nullptr;  // the address sanitizer's
};

// Thrown in the waiting threads of a block in which one has failed, so that their stacks unwind.
struct Unwind {};

std::string file_name(const char* path) {
  const char* slash = std::strrchr(path, '/');
  return slash ? slash + 1 : path;
}

bool same(const Place& a, const Place& b) {
  return a.line == b.line && (a.file == b.file || std::strcmp(a.file, b.file) == 0);
}

bool wait_alike(const Lane& a, const Lane& b) {
  if (a.state != b.state) return false;
  if (a.state == State::returned || !same(a.place, b.place)) return a.state == State::returned;
  return a.state == State::at_sync ||
         (a.lane_mask == b.lane_mask && a.value_bytes == b.value_bytes);
}

// "thread 5 waits at sync (row_sums.h:31)"
std::string describe(const Lane& lane) {
  if (lane.state == State::returned) return thread_name(lane.thread) + " has returned";
  std::string call = "sync";
  if (lane.state == State::at_shuffle) {
    call = "shuffle_xor(" + std::to_string(lane.value_bytes) + " bytes, " +
           std::to_string(lane.lane_mask) + ")";
  }
  return thread_name(lane.thread) + " waits at " + call + " (" + file_name(lane.place.file) + ":" +
         std::to_string(lane.place.line) + ")";
}

}  // namespace

// Shared memory -----------------------------------------------------------------------------------

namespace emulator {

// The intervals and threads that last touched an element. Intervals (the time between two barriers)
// are numbered through all blocks and launches, so nothing need be cleared between them.
struct ElementHistory {
  std::int64_t written_in = -1, read_in = -1;
  int writer = 0;
  int reader = 0, other_reader = 0;  // two threads that read in read_in; the same if only one did
};

struct SharedMemory {
  const SharedKind& kind;
  const Machine& machine;
  std::vector<std::byte> bytes;
  std::vector<ElementHistory> history;
};

class Machine {
 public:
  Machine() = default;
  Machine(const Machine&) = delete;
  ~Machine();

  void run(const BlockKernel& kernel, std::int64_t blocks);

  void wait_at_sync(int thread, Place place);
  std::uint64_t wait_at_shuffle(int thread, Place place, std::uint64_t value, int bytes,
                                int lane_mask);
  SharedMemory& shared_memory(const SharedKind& kind);

  std::int64_t interval() const { return interval_; }
  std::int64_t first_interval_of_block() const { return first_interval_; }

 private:
  void add_lane();
  void live(Lane& lane);
  void run_thread(Lane& lane);
  void run_block(ThreadSequence& sequence, std::int64_t block);
  void resume(Lane& lane);
  void pause(Lane& lane);
  void wait(Lane& lane, State state, Place place);
  bool release_waiting();
  bool release_warp(int first);
  [[noreturn]] void fail_divergent() const;
  void unwind();

  Lane& lane(int thread) { return lanes_[static_cast<std::size_t>(thread)]; }
  const Lane& lane(int thread) const { return lanes_[static_cast<std::size_t>(thread)]; }

  std::deque<Lane> lanes_;  // a deque, for fibers keep references to their lanes
  const BlockKernel* kernel_ = nullptr;
  std::int64_t blocks_ = 0;
  std::deque<SharedMemory> shared_;
  std::int64_t interval_ = 0, first_interval_ = 0;
  int returned_ = 0, at_sync_ = 0;              // how many threads
  int at_shuffle_[kMaxBlockThreads / kWarp]{};  // how many threads of each warp
  std::exception_ptr failure_;                  // what a thread threw, the first of them
  bool unwinding_ = false, closing_ = false;
  const void* main_stack_bottom_ = nullptr;  // of the loop's stack, for the sanitizer
  std::size_t main_stack_bytes_ = 0;
};

Machine::~Machine() {
  closing_ = true;
  for (Lane& lane : lanes_) resume(lane);
}

void Machine::add_lane() {
  using boost::context::preallocated;
  using boost::context::protected_fixedsize_stack;

  Lane& lane = lanes_.emplace_back();
  lane.thread = static_cast<int>(lanes_.size()) - 1;
  protected_fixedsize_stack allocator(kStackBytes);
  const boost::context::stack_context stack = allocator.allocate();
  const std::size_t offset = stack_offset(lane.thread);
  lane.stack_bytes = stack.size;
  lane.stack_bottom = static_cast<char*>(stack.sp) - stack.size;
  lane.self = fiber(std::allocator_arg,
                    preallocated(static_cast<char*>(stack.sp) - offset, stack.size - offset, stack),
                    allocator, [this, &lane](fiber&& caller) {
                      finish_switch(nullptr, &main_stack_bottom_, &main_stack_bytes_);
                      lane.caller = std::move(caller);
                      live(lane);
                      return std::move(lane.caller);
                    });
}

// The life of a fiber: this thread of one block after another.
void Machine::live(Lane& lane) {
  while (!closing_) {
    run_thread(lane);
    pause(lane);
  }
  start_switch(nullptr, main_stack_bottom_, main_stack_bytes_);
}

void Machine::run_thread(Lane& lane) {
  lane.inside_kernel = true;
  try {
    EmulatedBlock b(*this, lane.thread, kernel_->threads, position.block, blocks_);
    kernel_->run_thread(kernel_->kernel, b);
  } catch (const Unwind&) {
  } catch (...) {
    if (!failure_) failure_ = std::current_exception();
  }
  lane.inside_kernel = false;
  lane.state = State::returned;
  ++returned_;
}

void Machine::run(const BlockKernel& kernel, std::int64_t blocks) {
  const PositionGuard guard(kernel.type);
  kernel_ = &kernel;
  blocks_ = blocks;
  shared_.clear();
  while (lanes_.size() < static_cast<std::size_t>(kernel.threads)) add_lane();

  const ThreadOrder order = thread_order();
  ThreadSequence sequence(order, kernel.threads);
  for_each_block(order, blocks, [&](std::int64_t block) { run_block(sequence, block); });
}

void Machine::run_block(ThreadSequence& sequence, std::int64_t block) {
  position.block = block;
  first_interval_ = ++interval_;
  returned_ = at_sync_ = 0;
  std::fill(std::begin(at_shuffle_), std::end(at_shuffle_), 0);
  for (int thread = 0; thread < kernel_->threads; ++thread) lane(thread).state = State::runnable;

  try {
    std::int64_t stretch = 0;
    do {
      for (int thread : sequence.of(block, stretch++)) {
        if (lane(thread).state != State::runnable) continue;
        resume(lane(thread));
        if (failure_) std::rethrow_exception(failure_);
      }
    } while (release_waiting());
  } catch (...) {
    unwind();
    throw;
  }
}

void Machine::resume(Lane& lane) {
  position.thread = lane.thread;
  void* fake_stack = nullptr;
  start_switch(&fake_stack, lane.stack_bottom, lane.stack_bytes);
  lane.self = std::move(lane.self).resume();
  finish_switch(fake_stack, nullptr, nullptr);
}

void Machine::pause(Lane& lane) {
  start_switch(&lane.fake_stack, main_stack_bottom_, main_stack_bytes_);
  lane.caller = std::move(lane.caller).resume();
  finish_switch(lane.fake_stack, &main_stack_bottom_, &main_stack_bytes_);
}

void Machine::unwind() {
  unwinding_ = true;
  for (Lane& lane : lanes_) {
    if (lane.inside_kernel) resume(lane);
  }
  unwinding_ = false;
  failure_ = nullptr;
}

// Waiting -----------------------------------------------------------------------------------------

void Machine::wait(Lane& lane, State state, Place place) {
  lane.state = state;
  lane.place = place;
  pause(lane);
  if (unwinding_) throw Unwind{};
}

void Machine::wait_at_sync(int thread, Place place) {
  ++at_sync_;
  wait(lane(thread), State::at_sync, place);
}

std::uint64_t Machine::wait_at_shuffle(int thread, Place place, std::uint64_t value, int bytes,
                                       int lane_mask) {
  if (lane_mask < 1 || lane_mask >= kWarp) {
    fail(thread_name(thread) + " calls shuffle_xor with lane mask " + std::to_string(lane_mask) +
         ", expected 1 to 31");
  }
  Lane& self = lane(thread);
  self.value = value;
  self.value_bytes = bytes;
  self.lane_mask = lane_mask;
  ++at_shuffle_[thread / kWarp];
  wait(self, State::at_shuffle, place);
  return self.value;
}

// After every runnable thread has run: lets those go on that have all met. False if all returned.
bool Machine::release_waiting() {
  const int threads = kernel_->threads;
  if (returned_ == threads) return false;
  if (at_sync_ == threads) {
    for (int thread = 0; thread < threads; ++thread) {
      if (!wait_alike(lane(0), lane(thread))) fail_divergent();
    }
    for (int thread = 0; thread < threads; ++thread) lane(thread).state = State::runnable;
    at_sync_ = 0;
    ++interval_;
    return true;
  }
  bool released = false;
  for (int first = 0; first < threads; first += kWarp) released |= release_warp(first);
  if (!released) fail_divergent();
  return true;
}

// Exchanges the values of a warp whose 32 threads have met at a shuffle; else returns false.
bool Machine::release_warp(int first) {
  if (at_shuffle_[first / kWarp] < kWarp) return false;
  std::uint64_t values[kWarp];
  for (int i = 0; i < kWarp; ++i) {
    if (!wait_alike(lane(first), lane(first + i))) fail_divergent();
    values[i] = lane(first + i).value;
  }
  for (int i = 0; i < kWarp; ++i) {
    Lane& self = lane(first + i);
    self.value = values[i ^ self.lane_mask];
    self.state = State::runnable;
  }
  at_shuffle_[first / kWarp] = 0;
  return true;
}

// Names two threads that should have met: of one warp if it shuffles, else of the block.
void Machine::fail_divergent() const {
  const auto report_if_differing = [this](int thread, int other) {
    if (wait_alike(lane(thread), lane(other))) return;
    fail("divergent barrier: " + describe(lane(thread)) + ", while " + describe(lane(other)) +
         ". All threads must take the same way to a barrier; guard the work, not the barrier.");
  };
  for (int thread = 0; thread < kernel_->threads; ++thread) {
    const int first = thread / kWarp * kWarp;
    if (at_shuffle_[first / kWarp] > 0) report_if_differing(first, thread);
  }
  for (int thread = 0; thread < kernel_->threads; ++thread) report_if_differing(0, thread);
  std::abort();  // unreachable: the block would have gone on
}

// Shared memory -----------------------------------------------------------------------------------

namespace {

constexpr std::size_t kMaxSharedBytes = 48 * 1024;  // static shared memory of a block, every card

// "Sums[3]"
std::string element_name(const SharedMemory& memory, std::int64_t index) {
  std::string tag = demangled(memory.kind.tag);
  if (tag.ends_with('*')) tag.pop_back();
  return tag + "[" + std::to_string(index) + "]";
}

void check_index(const SharedMemory& memory, std::int64_t index, int thread) {
  if (index >= 0 && index < memory.kind.count) return;
  fail(thread_name(thread) + " accesses " + element_name(memory, index) +
       " in shared memory, which has " + std::to_string(memory.kind.count) + " elements");
}

[[noreturn]] void fail_race(const SharedMemory& memory, std::int64_t index, int thread,
                            const char* does, int other, const char* did) {
  fail("race in shared memory: " + thread_name(thread) + " " + does + " " +
       element_name(memory, index) + ", which " + thread_name(other) + " " + did +
       " since the last barrier. Put a barrier between them.");
}

}  // namespace

SharedMemory& Machine::shared_memory(const SharedKind& kind) {
  std::size_t total = static_cast<std::size_t>(kind.count) * kind.element_bytes;
  for (SharedMemory& memory : shared_) {
    if (&memory.kind == &kind) return memory;
    total += memory.bytes.size();
  }
  if (total > kMaxSharedBytes) {
    fail("the kernel shares " + std::to_string(total) + " bytes, a block has " +
         std::to_string(kMaxSharedBytes));
  }
  const std::size_t count = static_cast<std::size_t>(kind.count);
  return shared_.emplace_back(SharedMemory{kind, *this,
                                           std::vector<std::byte>(count * kind.element_bytes),
                                           std::vector<ElementHistory>(count)});
}

const std::byte* read_shared(SharedMemory& memory, std::int64_t index, int thread) {
  check_index(memory, index, thread);
  const std::size_t i = static_cast<std::size_t>(index);
  ElementHistory& past = memory.history[i];
  const std::int64_t now = memory.machine.interval();
  if (past.written_in < memory.machine.first_interval_of_block()) {
    fail(thread_name(thread) + " reads " + element_name(memory, index) +
         " in shared memory, which no thread of this block has written yet");
  }
  if (past.written_in == now && past.writer != thread) {
    fail_race(memory, index, thread, "reads", past.writer, "wrote");
  }

  if (past.read_in != now) {
    past.read_in = now;
    past.reader = past.other_reader = thread;
  } else if (past.reader != thread) {
    past.other_reader = thread;
  }
  return memory.bytes.data() + i * memory.kind.element_bytes;
}

std::byte* write_shared(SharedMemory& memory, std::int64_t index, int thread) {
  check_index(memory, index, thread);
  const std::size_t i = static_cast<std::size_t>(index);
  ElementHistory& past = memory.history[i];
  const std::int64_t now = memory.machine.interval();
  if (past.written_in == now && past.writer != thread) {
    fail_race(memory, index, thread, "writes", past.writer, "wrote");
  }
  if (past.read_in == now && (past.reader != thread || past.other_reader != thread)) {
    const int reader = past.reader != thread ? past.reader : past.other_reader;
    fail_race(memory, index, thread, "writes", reader, "read");
  }

  past.written_in = now;
  past.writer = thread;
  return memory.bytes.data() + i * memory.kind.element_bytes;
}

// Launches ----------------------------------------------------------------------------------------

void run_blocks(const BlockKernel& kernel, std::int64_t blocks) {
  thread_local Machine machine;
  machine.run(kernel, blocks);
}

void run_flat(const FlatKernel& kernel, std::int64_t rows, std::int64_t columns) {
  constexpr int kThreads = 256;
  const PositionGuard guard(kernel.type);
  const std::int64_t n = rows * columns;
  const std::int64_t blocks = (n + kThreads - 1) / kThreads;
  const ThreadOrder order = thread_order();
  ThreadSequence sequence(order, kThreads);
  for_each_block(order, blocks, [&](std::int64_t block) {
    position.block = block;
    for (int thread : sequence.of(block, 0)) {
      const std::int64_t i = block * kThreads + thread;
      if (i >= n) continue;
      position.thread = thread;
      kernel.run_element(kernel.kernel, i, columns);
    }
  });
}

}  // namespace emulator

// The public functions ----------------------------------------------------------------------------

void EmulatedBlock::wait_at_sync(emulator::Place place) { machine_.wait_at_sync(thread_, place); }

std::uint64_t EmulatedBlock::wait_at_shuffle(emulator::Place place, std::uint64_t bits, int bytes,
                                             int lane_mask) {
  return machine_.wait_at_shuffle(thread_, place, bits, bytes, lane_mask);
}

emulator::SharedMemory& EmulatedBlock::shared_memory(const emulator::SharedKind& kind) {
  return machine_.shared_memory(kind);
}

void set_thread_order(ThreadOrder order) { current_order = order; }

ThreadOrder thread_order() { return current_order; }

void throw_index_out_of_range(std::int64_t index, std::int64_t size) {
  std::string message =
      "index " + std::to_string(index) + " is outside [0, " + std::to_string(size) + ")";
  if (position.kernel) {
    message = demangled(*position.kernel) + ": " + message + " (block " +
              std::to_string(position.block) + ", " + thread_name(position.thread) + ")";
  }
  throw std::out_of_range(message);
}

}  // namespace saddle
