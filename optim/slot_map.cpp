#include "optim/slot_map.h"

#include <algorithm>

namespace saddle {

SlotMap::SlotMap(Device& device, const WeightLayout& layout, const std::vector<float>& values) {
  std::vector<std::int32_t> slots(static_cast<std::size_t>(layout.size() / kLine));
  for (std::size_t number = 0; number < layout.slots().size(); ++number) {
    // A slot reaches to where the next one begins; the last line of the buffer is the last slot's.
    const std::int64_t first = layout.slots()[number].offset / kLine;
    std::fill(slots.begin() + first, slots.end(), static_cast<std::int32_t>(number));
  }
  slot_of_line_ = Tensor::from_host(device, {layout.size() / kLine}, slots);
  value_ = Tensor(device, {static_cast<std::int64_t>(layout.slots().size())});
  set(values);
}

void SlotMap::set(const std::vector<float>& values) {
  require(static_cast<std::int64_t>(values.size()) == value_.count(), "slots: ", values.size(),
          " values for ", value_.count(), " slots");
  value_.copy_from_host(values.data());
}

}  // namespace saddle
