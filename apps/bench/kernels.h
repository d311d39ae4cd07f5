// How near our own kernels come to the speed of memory.
#pragma once

#include <string>
#include <vector>

#include "core/device.h"

namespace saddle::bench {

struct KernelSpeed {
  std::string name;
  double seconds;           // of one launch
  double bytes_per_second;  // each input read once, each output written once
  double share_of_copy;     // of the device's own copy, which reads and writes
};

// Bytes a second, read and written, of a large copy within the device's memory.
double copy_bandwidth(Device& device, double seconds);

// Seconds of one of many kernels on a single number, captured together where the device captures:
// what a node costs whatever it does.
double node_seconds(Device& device, double seconds);

// Every kernel that is bound by memory, on tensors of the size training has: activations of the
// first stage of preact_resnet18 (64 channels at 32x32) for `batch` images in `precision`, its
// weights, batches of 3x32x32 pixels. Each is launched on several sets of buffers in turn, more
// than caches hold. `copy`: bytes a second of copy_bandwidth, to compare with.
std::vector<KernelSpeed> kernel_speeds(Device& device, Precision precision, std::int64_t batch,
                                       double seconds, double copy);

}  // namespace saddle::bench
