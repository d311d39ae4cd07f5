// The devices that a test runs on: cpu, emulated, and cuda where there is one.
#pragma once

#include <string>
#include <vector>

#include "core/device.h"

namespace saddle::testing_support {

inline std::vector<std::string> device_names() {
  std::vector<std::string> names = {"cpu", "emulated"};
  if (cuda_device_count() > 0) names.emplace_back("cuda");
  return names;
}

// Those that run kernels in their GPU form, capture work and compute in bf16.
inline std::vector<std::string> gpu_like_device_names() {
  std::vector<std::string> names = device_names();
  names.erase(names.begin());
  return names;
}

}  // namespace saddle::testing_support
