// Tensor: shape, element type, device and a contiguous piece of pooled memory.
//
// Copying a Tensor shares the memory; the last owner gives it back to the device's pool. Contents
// of a new tensor are undefined.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "core/device.h"
#include "core/dtype.h"
#include "core/error.h"
#include "core/shape.h"
#include "kernels/array.h"

namespace saddle {

class Tensor {
 public:
  Tensor() = default;  // empty: no memory, converts to false
  Tensor(Device& device, const Shape& shape, DType dtype = DType::f32);

  // A copy of host values; throws Error where their number is not the shape's.
  template <class T>
  static Tensor from_host(Device& device, const Shape& shape, const std::vector<T>& values) {
    Tensor tensor(device, shape, dtype_of<T>);
    require(static_cast<std::int64_t>(values.size()) == shape.count(), "tensor: ", values.size(),
            " values for shape ", shape);
    tensor.copy_from_host(values.data());
    return tensor;
  }
  static Tensor filled(Device& device, const Shape& shape, float value);

  explicit operator bool() const { return buffer_ != nullptr; }
  const Shape& shape() const { return shape_; }
  DType dtype() const { return dtype_; }
  Device& device() const { return *device_; }
  std::int64_t count() const { return count_; }
  std::size_t bytes() const { return static_cast<std::size_t>(count_) * size_of(dtype_); }

  template <class T>
  T* data() const {
    check_type(dtype_of<T>);
    return static_cast<T*>(data_);
  }
  // What kernels take: pointer and size.
  template <class T = float>
  Array<T> array() const {
    return {data<T>(), count_};
  }

  // The same memory under another shape of equally many elements.
  Tensor reshaped(const Shape& shape) const;
  // `shape.count()` elements from element `offset` on, sharing the memory.
  Tensor slice(std::int64_t offset, const Shape& shape) const;
  // A copy of its own.
  Tensor clone() const;
  // Both tensors have one dtype and count; may be on different devices (through the host).
  void copy_from(const Tensor& other);
  void copy_from_host(const void* values);

  template <class T>
  std::vector<T> to_host() const {
    check_type(dtype_of<T>);
    std::vector<T> values(static_cast<std::size_t>(count_));
    copy_to_host(values.data());
    return values;
  }
  void copy_to_host(void* values) const;
  // The only element of a one-element f32 tensor; waits for the device.
  float item() const;

  // Whether no other tensor shares the memory; false where there is none.
  bool has_one_owner() const { return buffer_.use_count() == 1; }
  // Whether both start at the same address of the same memory.
  bool same_memory(const Tensor& other) const { return buffer_ && data_ == other.data_; }

 private:
  void check_type(DType wanted) const;

  Shape shape_;
  DType dtype_ = DType::f32;
  Device* device_ = nullptr;
  std::int64_t count_ = 0;
  std::shared_ptr<void> buffer_;  // keeps the memory; its deleter gives it back to the pool
  void* data_ = nullptr;
};

}  // namespace saddle
