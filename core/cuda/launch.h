// How kernels run on a GPU.
#pragma once

#include <string>

#include "core/device.h"

namespace saddle {

// Its entries take a CudaDevice and put the kernel on its stream. Errors name the kernel.
const LaunchTable& cuda_launch_table();

// Loads every kernel onto the current GPU, so that no first launch has to while work is captured or
// timed. False where the build has no code for that GPU.
bool load_kernels();
// For which GPUs there is code: "sm_80 sm_90".
std::string compiled_for();

}  // namespace saddle
