// Where the time of a step goes.
#pragma once

#include <string>
#include <vector>

#include "apps/bench/workload.h"

namespace saddle::bench {

// Calls and seconds of a step.
struct StepPart {
  std::string name;
  double calls, seconds;
};
struct Breakdown {
  double seconds;               // of a step, with the wait behind every call
  std::vector<StepPart> parts;  // the longest first; last, what is no call of the device
};

// Means over at least three steps and so many seconds, on a TimedDevice.
Breakdown break_down(Device& device, const BenchModel& model, const std::string& mode,
                     std::int64_t batch, Precision precision, double seconds);

// What a step asks of a GPU, without one, the most bytes first (counted_device.h).
struct CountedPart {
  std::string name;
  std::int64_t nodes;
  double bytes;
};
std::vector<CountedPart> count_nodes(const BenchModel& model, const std::string& mode,
                                     std::int64_t batch, Precision precision);

}  // namespace saddle::bench
