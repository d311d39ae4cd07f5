// Array: a pointer and the number of elements behind it, the way kernels receive their data.
//
// In the debug and asan builds (SADDLE_CHECKED) every access is checked, and an index out of range
// throws with the kernel's thread where the emulator runs it; in release it is a plain pointer.
#pragma once

#include <cstdint>
#include <type_traits>

#include "kernels/portable.h"

namespace saddle {

// Throws std::out_of_range; says which emulated thread did it, if one is running.
[[noreturn]] void throw_index_out_of_range(std::int64_t index, std::int64_t size);

template <class T>
struct Array {
  T* data = nullptr;
  std::int64_t size = 0;

  SADDLE_DEVICE T& operator[](std::int64_t i) const {
#if defined(SADDLE_CHECKED) && !defined(__CUDA_ARCH__)
    if (i < 0 || i >= size) throw_index_out_of_range(i, size);
#endif
    return data[i];
  }
  // To Array<const T>. A template, for nvcc warns of a plain conversion that a const T never uses.
  template <class U>
  requires(std::is_same_v<U, const T> && !std::is_const_v<T>) SADDLE_DEVICE operator Array<U>()
      const {
    return {data, size};
  }
  SADDLE_DEVICE explicit operator bool() const { return data != nullptr; }
};

}  // namespace saddle
