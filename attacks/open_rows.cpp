#include "attacks/open_rows.h"

#include <utility>

#include "attacks/rows.h"
#include "kernels/math.h"

namespace saddle {

bool is_time_to_look(const Device& device, std::int64_t step) {
  return !device.captures() || step < 8 || step % 8 == 0;
}

std::int64_t padded(const Device& device, std::int64_t rows) {
  if (!device.captures()) return rows;
  std::int64_t unit = 1;
  while (rows > 8 * unit) unit *= 2;
  return ceil_divide(rows, unit) * unit;
}

Rows padded_list(Rows rows, std::int64_t size) {
  rows.resize(static_cast<std::size_t>(size), rows.front());
  return rows;
}

Flags flags_of(const Tensor& done) {
  Flags flags;
  for (std::int32_t value : done.to_host<std::int32_t>()) flags.push_back(value != 0 ? 1 : 0);
  return flags;
}

Flags flags_up_to(const Tensor& values, float most) {
  Flags flags;
  for (float value : values.to_host<float>()) flags.push_back(value <= most ? 1 : 0);
  return flags;
}

Flags flags_from(const Tensor& values, float least) {
  Flags flags;
  for (float value : values.to_host<float>()) flags.push_back(value >= least ? 1 : 0);
  return flags;
}

OpenRows::OpenRows(Device& device, Rows rows, std::int64_t size)
    : device_(&device), rows_(std::move(rows)), open_(rows_), size_(size) {}

Leaving OpenRows::leaving(const Rows& places) const {
  return {chosen(rows_, places), places, row_numbers(*device_, places), {}};
}

std::optional<Leaving> OpenRows::leave(const Flags& done) {
  Rows gone, stay;
  for (std::size_t place = 0; place < rows_.size(); ++place) {
    (done[place] != 0 ? gone : stay).push_back(static_cast<std::int32_t>(place));
  }
  open_ = chosen(rows_, stay);
  if (gone.empty()) return std::nullopt;
  if (stay.empty()) return leave_all();
  const std::int64_t size = padded(*device_, static_cast<std::int64_t>(stay.size()));
  if (8 * size > 7 * size_) return std::nullopt;
  Leaving found = leaving(gone);
  rows_ = open_;
  size_ = size;
  stay.resize(static_cast<std::size_t>(size), gone.front());  // padding is done, so it rests
  found.stay = row_numbers(*device_, stay);
  return found;
}

Leaving OpenRows::leave_all() {
  const Leaving found = leaving(all_rows(static_cast<std::int64_t>(rows_.size())));
  rows_.clear();
  open_.clear();
  size_ = 0;
  return found;
}

}  // namespace saddle
