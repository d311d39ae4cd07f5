// ThreadCount: what a test does to the number of threads ends with its scope.
#pragma once

#include "core/device.h"

namespace saddle {

class ThreadCount {
 public:
  ThreadCount() : before_(threads()) {}
  ~ThreadCount() { set_threads(before_); }
  ThreadCount(const ThreadCount&) = delete;
  ThreadCount& operator=(const ThreadCount&) = delete;

 private:
  int before_;
};

}  // namespace saddle
