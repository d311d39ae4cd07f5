// SlotMap: a float for every slot of a weight buffer, as kernels over the whole buffer read it.
#pragma once

#include <vector>

#include "core/weights.h"
#include "kernels/sam.h"

namespace saddle {

class SlotMap {
 public:
  SlotMap() = default;
  // `values`: one a slot.
  SlotMap(Device& device, const WeightLayout& layout, const std::vector<float>& values);

  // What a launch takes.
  SlotValues values() const { return {slot_of_line_.array<std::int32_t>(), value_.array()}; }
  // Other values for the slots; not to be called where work is captured.
  void set(const std::vector<float>& values);
  // [slots]
  const Tensor& tensor() const { return value_; }

 private:
  Tensor slot_of_line_;  // i32 [elements / 16]
  Tensor value_;         // f32 [slots]
};

// 1 for each slot of which `chosen` says yes, else 0.
template <class Chosen>
std::vector<float> flags_of_slots(const WeightLayout& layout, Chosen chosen) {
  std::vector<float> flags;
  for (const Slot& slot : layout.slots()) flags.push_back(chosen(slot) ? 1.f : 0.f);
  return flags;
}

}  // namespace saddle
