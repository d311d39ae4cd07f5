// FirstFailure: the exception that a parallel loop ends with, whatever the number of threads.
//
// An exception must not leave an iteration of an OpenMP loop, and of several the one that happens
// to be met first differs from run to run. This keeps that of the first item in the order of the
// loop.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <mutex>
#include <utility>

namespace saddle {

class FirstFailure {
 public:
  // Whether an item before `i` has failed, so that `i` need not be looked at.
  bool before(std::size_t i) const { return at_.load(std::memory_order_relaxed) < i; }

  void note(std::size_t i, std::exception_ptr what) {
    const std::lock_guard lock(mutex_);
    if (i >= at_) return;
    at_ = i;
    what_ = std::move(what);
  }

  // After the loop. Does nothing where nothing failed.
  void rethrow() const {
    if (what_) std::rethrow_exception(what_);
  }

 private:
  std::atomic<std::size_t> at_ = SIZE_MAX;
  std::mutex mutex_;
  std::exception_ptr what_;
};

}  // namespace saddle
