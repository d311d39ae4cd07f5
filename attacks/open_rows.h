// Open rows: which rows of a batch an attack still works on. Rows that are done leave, the rest
// closes up.
//
// An attack keeps a state with a row for each; done rows rest in it, whatever is computed of them.
// All attacks let them go in this way:
//
//   if (is_time_to_look(device, step)) {
//     if (const auto leaving = open.leave(who is done)) {
//       ... put away what rows leaving->places of the state found ...
//       state = the rows leaving->stay of the state; a captured step is captured anew
//     }
//   }
//   ... put away open.leave_all() ...
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "attacks/row_lists.h"

namespace saddle {

// Whether to ask the device who is done after step number `step`: always where the answer is at
// hand; a GPU, which would have to wait, is asked after each of the first, which end most rows, and
// then after every eighth.
bool is_time_to_look(const Device& device, std::int64_t step);

// How many rows a state has that must hold `rows`. Where steps are captured, sizes have three
// leading bits: few, so that captures and the library's plans are used again, and at most an eighth
// of the rows is padding.
std::int64_t padded(const Device& device, std::int64_t rows);

// The rows and then the first of them again, up to `size`.
Rows padded_list(Rows rows, std::int64_t size);

// Done or not, row by row.
using Flags = std::vector<std::uint8_t>;

// Of i32 [N], done where not 0; waits for the device.
Flags flags_of(const Tensor& done);
// Of f32 [N], done where the value is `most` at most, or `least` at least; waits for the device.
Flags flags_up_to(const Tensor& values, float most);
Flags flags_from(const Tensor& values, float least);

// Rows that leave.
struct Leaving {
  Rows rows;       // of the batch
  Rows places;     // their rows of the state
  Tensor numbers;  // the places, on the device
  Tensor stay;     // i32: the rows of the state that stay, padding among them; empty: none does
};

class OpenRows {
 public:
  // Rows of the batch, in the order of the state. The state has `size` rows, those behind them
  // padding that counts as done.
  OpenRows(Device& device, Rows rows, std::int64_t size);
  OpenRows(Device& device, const Rows& rows)
      : OpenRows(device, rows, static_cast<std::int64_t>(rows.size())) {}

  // Of the batch: rows that are in the state, and those of them not known to be done.
  const Rows& rows() const { return rows_; }
  const Rows& open() const { return open_; }
  bool empty() const { return rows_.empty(); }

  // Notes who is done. Those leave where an eighth of the state or all rows can be saved: done rows
  // that stay are computed in vain, but a new size costs new library plans and, on a GPU, a new
  // capture. `done` is by the state's rows; what it says of padding is not looked at.
  std::optional<Leaving> leave(const Flags& done);
  // All that are left.
  Leaving leave_all();

 private:
  Leaving leaving(const Rows& places) const;

  Device* device_;
  Rows rows_, open_;
  std::int64_t size_;
};

}  // namespace saddle
