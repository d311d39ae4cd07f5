// How fast the convolutions of a step are, one by one.
#pragma once

#include <string>
#include <vector>

#include "apps/bench/workload.h"

namespace saddle::bench {

struct ConvolutionSpeed {
  std::string name;              // "3x3, stride 2, 64 > 128 channels, 32x32: gradient of weights"
  std::int64_t calls;            // in a step
  double seconds;                // of one
  double operations_per_second;  // a multiplication and an addition are two
};

// Of every convolution that a step asks for, by what the calls take together, the longest first.
// Each is called on one set of operands, which a GPU's cache may hold in part, as in a step.
std::vector<ConvolutionSpeed> convolution_speeds(Device& device, const BenchModel& model,
                                                 const std::string& mode, std::int64_t batch,
                                                 Precision precision, double seconds);

}  // namespace saddle::bench
