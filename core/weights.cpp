#include "core/weights.h"

#include "kernels/bfloat16.h"
#include "kernels/elementwise.h"
#include "kernels/philox.h"

namespace saddle {
namespace {

constexpr std::int64_t kAlignment = 16;  // floats in 64 bytes

// Calls body(index in the file's order, index inside the slot) for every element.
template <class Body>
void for_each_element(const Slot& slot, Body body) {
  if (slot.shape.rank() != 4 && !slot.is_depthwise()) {
    for (std::int64_t i = 0; i < slot.shape.count(); ++i) body(i, i);
    return;
  }
  // A depthwise kernel's channels lie as a full one's inputs do, with one output.
  const Shape s =
      slot.is_depthwise() ? Shape{1, slot.shape[0], slot.shape[1], slot.shape[2]} : slot.shape;
  const std::int64_t out = s[0], height = s[1], width = s[2], in = s[3];
  std::int64_t file_index = 0;
  for (std::int64_t o = 0; o < out; ++o) {
    for (std::int64_t i = 0; i < in; ++i) {
      for (std::int64_t y = 0; y < height; ++y) {
        for (std::int64_t x = 0; x < width; ++x) {
          body(file_index++, ((o * height + y) * width + x) * in + i);
        }
      }
    }
  }
}

}  // namespace

Shape Slot::file_shape() const {
  if (is_depthwise()) return {shape[2], 1, shape[0], shape[1]};
  return shape.rank() == 4 ? Shape{shape[0], shape[3], shape[1], shape[2]} : shape;
}

Slot WeightLayout::add(const std::string& name, const Shape& shape, Init init, SlotKind kind) {
  for (const Slot& slot : slots_)
    require(slot.name != name, "weights: two tensors are named ", name);
  slots_.push_back({name, shape, size_, init, kind});
  size_ += (shape.count() + kAlignment - 1) / kAlignment * kAlignment;
  return slots_.back();
}

std::int64_t WeightLayout::parameter_count() const {
  std::int64_t count = 0;
  for (const Slot& slot : slots_) count += slot.shape.count();
  return count;
}

Tensor WeightLayout::initial(Device& device, std::uint64_t seed) const {
  std::vector<float> values(static_cast<std::size_t>(size_), 0.f);
  const Stream stream{seed, Purpose::initial_weights, 0};
  for (std::size_t number = 0; number < slots_.size(); ++number) {
    const Slot& slot = slots_[number];
    float* to = values.data() + slot.offset;
    for_each_element(slot, [&](std::int64_t file_index, std::int64_t index) {
      if (slot.init.kind == Init::Kind::constant) {
        to[index] = slot.init.value;
      } else {
        const Random4 bits =
            stream.bits(static_cast<std::uint32_t>(number), static_cast<std::uint32_t>(file_index));
        const float draw = slot.init.kind == Init::Kind::uniform ? 2.f * uniform(bits.v[0]) - 1.f
                                                                 : normal(bits.v[0], bits.v[1]);
        to[index] = slot.init.value * draw;
      }
    });
  }
  return Tensor::from_host(device, {size_}, values);
}

std::vector<float> WeightLayout::to_file_order(const Slot& slot, const std::vector<float>& buffer) {
  std::vector<float> values(static_cast<std::size_t>(slot.shape.count()));
  const float* from = buffer.data() + slot.offset;
  for_each_element(slot, [&](std::int64_t file_index, std::int64_t index) {
    values[static_cast<std::size_t>(file_index)] = from[index];
  });
  return values;
}

void WeightLayout::from_file_order(const Slot& slot, const std::vector<float>& values,
                                   std::vector<float>& buffer) {
  require(static_cast<std::int64_t>(values.size()) == slot.shape.count(), "weights: ", slot.name,
          " has ", slot.shape.count(), " elements, ", values.size(), " came");
  float* to = buffer.data() + slot.offset;
  for_each_element(slot, [&](std::int64_t file_index, std::int64_t index) {
    to[index] = values[static_cast<std::size_t>(file_index)];
  });
}

Parameters with_precision(const Tensor& values, Precision precision) {
  if (precision != Precision::bf16) return {values, {}};
  const Tensor rounded(values.device(), values.shape(), DType::bf16);
  launch(values.device(), Convert<float, Bfloat16>{values.array(), rounded.array<Bfloat16>()},
         values.count());
  return {values, rounded};
}

}  // namespace saddle
