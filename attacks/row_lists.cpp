#include "attacks/row_lists.h"

#include <numeric>

namespace saddle {

Rows all_rows(std::int64_t count) {
  Rows rows(static_cast<std::size_t>(count));
  std::iota(rows.begin(), rows.end(), 0);
  return rows;
}

Rows chosen(const Rows& rows, const Rows& places) {
  Rows found;
  found.reserve(places.size());
  for (std::int32_t place : places) found.push_back(rows[static_cast<std::size_t>(place)]);
  return found;
}

Tensor zero_counts(Device& device, std::int64_t count) {
  return Tensor::from_host(device, {count}, Rows(static_cast<std::size_t>(count), 0));
}

void add_passes(PassCounts& counts, const Rows& rows, const Tensor& times, Passes each) {
  const Rows host = times.to_host<std::int32_t>();
  for (std::size_t i = 0; i < host.size(); ++i) {
    counts.add(rows[i], {each.forward * host[i], each.backward * host[i]});
  }
}

}  // namespace saddle
