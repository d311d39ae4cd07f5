// Row lists: which rows of a batch an attack still works on, kept on the host.
#pragma once

#include <cstdint>
#include <vector>

#include "attacks/attack.h"
#include "core/tensor.h"

namespace saddle {

using Rows = std::vector<std::int32_t>;

// 0, 1, ..., count - 1
Rows all_rows(std::int64_t count);

// rows[places[0]], rows[places[1]], ...
Rows chosen(const Rows& rows, const Rows& places);

// i32 [N] of zeros on a device.
Tensor zero_counts(Device& device, std::int64_t count);

// Row rows[i] of the batch used `each` times[i] times, `times` i32 [N]; waits for the device.
void add_passes(PassCounts& counts, const Rows& rows, const Tensor& times, Passes each);

// Rows that are done and rows that are not, by place.
struct RowSplit {
  Rows done, open;

  // Whether enough are done to go on without them. Done rows that stay are computed in vain, but a
  // new batch size costs new library plans and, on a GPU, a new capture.
  bool worth_shrinking() const { return 8 * done.size() > done.size() + open.size(); }
};

// By flags i32 [N], done where not 0; waits for the device.
RowSplit split_by_flag(const Tensor& done);

// Whether to ask the device who is done before or after try number `count`: always where the answer
// is at hand; a GPU, which would have to wait, is asked for each of the first, which end most rows,
// and then every `interval`.
bool is_time_to_look(const Device& device, std::int64_t count, std::int64_t interval);

}  // namespace saddle
