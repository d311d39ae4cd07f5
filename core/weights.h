// WeightLayout: where each named tensor lies in one flat buffer.
//
// The weights w, the perturbed weights w_hat, the gradient g and every optimiser state are buffers
// of this one layout, so an optimiser step is one launch over one piece of memory. Slots begin on
// 64-byte boundaries; the gaps between them are zero in every buffer and stay so.
//
// Inside, convolution weights are [out, kernel, kernel, in], depthwise ones [kernel, kernel,
// channels]; files hold PyTorch's [out, in, kernel, kernel] and [channels, 1, kernel, kernel].
#pragma once

#include <string>
#include <vector>

#include "core/tensor.h"

namespace saddle {

// How a tensor begins.
struct Init {
  enum class Kind { constant, uniform, normal } kind = Kind::constant;
  float value = 0.f;  // the constant, the bound of U(-bound, bound), or sigma of N(0, sigma^2)
};

// What a tensor is for, as the layer that adds it knows: some optimisers treat kinds apart.
enum class SlotKind {
  weight,      // of a convolution or linear layer
  bias,        // of one
  norm_scale,  // gamma of a normalisation layer
  norm_shift,  // its beta
  token,       // a learnt token or position
};

struct Slot {
  std::string name;         // PyTorch's, "layer1.0.conv1.weight"
  Shape shape;              // inside the engine
  std::int64_t offset = 0;  // elements from the start of the buffer
  Init init;
  SlotKind kind = SlotKind::weight;

  // A rank-4 slot is a convolution weight, stored OHWI here and OIHW in files; a weight of rank 3
  // is a depthwise one's, HWC here and C1HW in files.
  Shape file_shape() const;
  bool is_depthwise() const { return shape.rank() == 3 && kind == SlotKind::weight; }
};

class WeightLayout {
 public:
  // Appends a tensor and returns its slot. Throws Error where the name is taken.
  Slot add(const std::string& name, const Shape& shape, Init init,
           SlotKind kind = SlotKind::weight);

  const std::vector<Slot>& slots() const { return slots_; }
  std::int64_t size() const { return size_; }  // elements of a buffer, gaps included
  std::int64_t parameter_count() const;        // without the gaps

  // A buffer of zeros.
  Tensor zeros(Device& device) const { return Tensor::filled(device, {size_}, 0.f); }
  // A buffer of initial values: element e of slot number s is a function of (seed, s, e) alone,
  // where e counts in the file's order.
  Tensor initial(Device& device, std::uint64_t seed) const;

  // One slot's values in the file's order (OIHW for convolutions), and back. `buffer` is on the
  // host.
  static std::vector<float> to_file_order(const Slot& slot, const std::vector<float>& buffer);
  static void from_file_order(const Slot& slot, const std::vector<float>& values,
                              std::vector<float>& buffer);

 private:
  std::vector<Slot> slots_;
  std::int64_t size_ = 0;
};

// The weights a network runs with: a flat f32 buffer and, where activations are bf16, the same
// rounded, which convolutions read.
struct Parameters {
  Tensor values;
  Tensor rounded;  // bf16; empty in fp32 and tf32
};

// `values` with their rounded copy where `precision` is bf16, without where not.
Parameters with_precision(const Tensor& values, Precision precision);

// The piece of `buffer` that belongs to `slot`, sharing the memory.
inline Tensor view(const Tensor& buffer, const Slot& slot) {
  return buffer.slice(slot.offset, slot.shape);
}

}  // namespace saddle
