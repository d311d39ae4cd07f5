// Row lists: rows of a batch, kept on the host.
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

}  // namespace saddle
