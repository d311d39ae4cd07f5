#include "core/threads.h"

#include <omp.h>

#include <atomic>
#include <future>
#include <system_error>
#include <thread>
#include <vector>

#include "core/error.h"

namespace saddle {
namespace {

// Up to `count` threads at a time, which end at once; how many the system started.
int startable(int count) {
  std::promise<void> enough;
  const std::shared_future<void> end = enough.get_future().share();
  std::vector<std::thread> threads;
  threads.reserve(static_cast<std::size_t>(count));
  try {
    while (static_cast<int>(threads.size()) < count) threads.emplace_back([end] { end.wait(); });
  } catch (const std::system_error&) {
    // the system's limit
  }
  enough.set_value();
  for (std::thread& thread : threads) thread.join();
  return static_cast<int>(threads.size());
}

}  // namespace

void start_threads() {
  static int started = 1;  // the caller's own
  const int wanted = omp_get_max_threads();
  if (wanted <= started) return;
  require(wanted <= kMostThreads, "OMP_NUM_THREADS asks for ", wanted, " threads, more than ",
          kMostThreads, ". Set it to the number of cores, or give --threads");
  const int found = startable(wanted - 1) + 1;
  require(found == wanted, "the system starts ", found, " of ", wanted,
          " threads. Give a smaller --threads, or raise the limit (ulimit -u, ulimit -v)");
  std::atomic<int> seen = 0;
#pragma omp parallel
  ++seen;
  started = wanted;
}

}  // namespace saddle
