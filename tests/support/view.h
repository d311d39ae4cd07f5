// What kernels take, from a vector.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/array.h"

namespace saddle::testing_support {

template <class T>
Array<T> view(std::vector<T>& values) {
  return {values.data(), static_cast<std::int64_t>(values.size())};
}
template <class T>
Array<const T> view(const std::vector<T>& values) {
  return {values.data(), static_cast<std::int64_t>(values.size())};
}

}  // namespace saddle::testing_support
