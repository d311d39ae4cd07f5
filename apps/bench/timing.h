// How saddle-bench measures: groups of calls, one wait at the end of each, the median of the
// groups.
#pragma once

#include <algorithm>
#include <chrono>
#include <functional>
#include <vector>

#include "core/device.h"

namespace saddle::bench {

// The middle value, of an even number the greater of the two; there is one at least.
inline double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

// The median seconds of a call. Before measuring come three calls: one that makes plans and
// buffers, one that may capture, one as they all go on. A group lasts at least 50 ms, so that
// waiting for the device at its end weighs nothing; groups are timed for `seconds` in all, three at
// least.
inline double median_seconds(Device& device, double seconds, const std::function<void()>& call) {
  using Clock = std::chrono::steady_clock;
  constexpr double kGroupSeconds = 0.05;
  constexpr std::size_t kFewestGroups = 3;
  const auto time_of = [&](std::int64_t calls) {
    const auto start = Clock::now();
    for (std::int64_t i = 0; i < calls; ++i) call();
    device.synchronise();
    return std::chrono::duration<double>(Clock::now() - start).count();
  };
  time_of(2);
  const double once = time_of(1);
  const auto group =
      std::max<std::int64_t>(1, static_cast<std::int64_t>(kGroupSeconds / std::max(once, 1e-7)));
  std::vector<double> times;
  for (double total = 0; times.size() < kFewestGroups || total < seconds;) {
    times.push_back(time_of(group));
    total += times.back();
  }
  return median(times) / static_cast<double>(group);
}

}  // namespace saddle::bench
