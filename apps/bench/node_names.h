// What kernels and calls of libraries are called in tables of a step's parts.
#pragma once

#include <string>
#include <typeinfo>

#include "core/device.h"

namespace saddle::bench {

// "BatchNormApply<float>"
std::string name_of_kernel(const std::type_info& kernel);

enum class ConvolutionOf { forward, images, weights };
// "forward", "gradient of images", "gradient of weights"
const char* name_of(ConvolutionOf what);
// "convolution 3x3, stride 2: gradient of weights"
std::string name_of(const Convolution& shape, ConvolutionOf what);

inline constexpr const char* kProducts = "products of matrices";
inline constexpr const char* kCopies = "copies";

}  // namespace saddle::bench
