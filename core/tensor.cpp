#include "core/tensor.h"

#include "kernels/elementwise.h"

namespace saddle {

Tensor::Tensor(Device& device, const Shape& shape, DType dtype)
    : shape_(shape), dtype_(dtype), device_(&device), count_(shape.count()) {
  const std::size_t size = bytes();
  const std::shared_ptr<Pool>& pool = device.shared_pool();
  data_ = pool->take(size);
  buffer_ = std::shared_ptr<void>(data_, [pool, size](void* memory) { pool->give(memory, size); });
}

Tensor Tensor::filled(Device& device, const Shape& shape, float value) {
  Tensor tensor(device, shape);
  launch(device, Fill{tensor.array(), value}, tensor.count());
  return tensor;
}

Tensor Tensor::reshaped(const Shape& shape) const {
  require(shape.count() == count_, "tensor: cannot view shape ", shape_, " as ", shape);
  Tensor view = *this;
  view.shape_ = shape;
  return view;
}

Tensor Tensor::slice(std::int64_t offset, const Shape& shape) const {
  const std::int64_t count = shape.count();
  require(offset >= 0 && count <= count_ - offset, "tensor: a slice of ", count, " elements from ",
          offset, " leaves the ", count_, " elements there are");
  Tensor view = *this;
  view.shape_ = shape;
  view.count_ = count;
  view.data_ = static_cast<char*>(data_) + offset * size_of(dtype_);
  return view;
}

Tensor Tensor::clone() const {
  Tensor copy(*device_, shape_, dtype_);
  device_->copy_within(copy.data_, data_, bytes());
  return copy;
}

void Tensor::copy_from(const Tensor& other) {
  require(dtype_ == other.dtype_ && count_ == other.count_, "tensor: cannot copy ",
          name_of(other.dtype_), other.shape_, " into ", name_of(dtype_), shape_);
  if (device_ == other.device_) {
    device_->copy_within(data_, other.data_, bytes());
  } else {
    std::vector<char> values(bytes());
    other.copy_to_host(values.data());
    copy_from_host(values.data());
  }
}

void Tensor::copy_from_host(const void* values) { device_->copy_from_host(data_, values, bytes()); }

void Tensor::copy_to_host(void* values) const { device_->copy_to_host(values, data_, bytes()); }

float Tensor::item() const {
  require(count_ == 1, "tensor: item() needs one element, shape is ", shape_);
  check_type(DType::f32);
  float value = 0.f;
  copy_to_host(&value);
  return value;
}

void Tensor::check_type(DType wanted) const {
  require(buffer_ != nullptr, "tensor: empty tensor used");
  require(dtype_ == wanted, "tensor: is ", name_of(dtype_), ", was read as ", name_of(wanted));
}

}  // namespace saddle
