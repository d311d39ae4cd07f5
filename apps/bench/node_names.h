// What kernels and calls of libraries are called in tables of a step's parts.
#pragma once

#include <string>
#include <typeinfo>

#include "core/device.h"

namespace saddle::bench {

// "BatchNormApply<float>"
std::string name_of_kernel(const std::type_info& kernel);

// "convolution 3x3, stride 2: gradient of weights", where `what` is said behind the colon.
std::string name_of(const Convolution& shape, const char* what);

inline constexpr const char* kForward = "forward";
inline constexpr const char* kImages = "gradient of images";
inline constexpr const char* kWeights = "gradient of weights";
inline constexpr const char* kProducts = "products of matrices";
inline constexpr const char* kCopies = "copies";

}  // namespace saddle::bench
