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

// From element `first` on: where `first` is odd, not aligned for wide accesses.
template <class T>
Array<T> view_from(std::vector<T>& values, std::int64_t first) {
  return {values.data() + first, static_cast<std::int64_t>(values.size()) - first};
}
template <class T>
Array<const T> view_from(const std::vector<T>& values, std::int64_t first) {
  return {values.data() + first, static_cast<std::int64_t>(values.size()) - first};
}

}  // namespace saddle::testing_support
