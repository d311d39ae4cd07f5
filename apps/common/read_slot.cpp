#include "apps/common/read_slot.h"

#include <algorithm>
#include <cmath>

#include "apps/common/wrapping.h"

namespace saddle {

std::vector<float> read_slot(const SafetensorsFile& file, const Slot& slot, const std::string& name,
                             Complaints& complaints) {
  if (!file.contains(name)) {
    complaints.add(slot.name, " is missing");
    return {};
  }
  const FileTensor& tensor = file.tensor(name);
  if (tensor.shape != slot.file_shape()) {
    complaints.add(slot.name, " has shape ", tensor.shape, ", expected ", slot.file_shape());
    return {};
  }
  if (!holds_floats(tensor.dtype)) {
    complaints.add(slot.name, " holds ", name_of(tensor.dtype), ", expected f32");
    return {};
  }
  std::vector<float> values = file.read_f32(name);
  if (!std::all_of(values.begin(), values.end(), [](float v) { return std::isfinite(v); })) {
    complaints.add(slot.name, " holds a value that is not finite");
  }
  if (slot.name.ends_with(kRunningVar) &&
      std::any_of(values.begin(), values.end(), [](float v) { return v < 0; })) {
    complaints.add(slot.name, " holds a negative variance");
  }
  return values;
}

}  // namespace saddle
