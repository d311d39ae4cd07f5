// What every attack sees: a function from pixels to logits, and a batch of examples (core/loss.h).
//
// Pixels are f32 in [0, 1], NHWC; normalisation is part of the function. An attack never touches
// weights or batch-norm statistics, and what it does to one example depends on (seed, example,
// attempt) alone: not on batch size, order, or who else is in the batch.
#pragma once

#include <cstdint>
#include <vector>

#include "core/loss.h"

namespace saddle {

// Forward and backward passes through the model, in examples.
struct Passes {
  std::int64_t forward = 0, backward = 0;
};

// What an attack used on the rows of a batch: of each row until it was done, and of all together. A
// row that is done may stay in the batch for a while; what is computed of it there is not counted,
// so that a row's passes do not depend on its company.
struct PassCounts : Passes {
  std::vector<Passes> rows;  // by the batch's rows; those behind the end used nothing
  std::vector<std::int32_t> zero_gradients;  // rows whose first gradient was exactly zero (APGD)
  std::vector<std::int32_t> repeated;        // rows that were tried again in fp32 (confirmed.h)

  void add(std::int32_t row, Passes used);
  void add(const std::vector<std::int32_t>& of_rows, Passes used_by_each);
  void add_to_all(std::int64_t count, Passes used_by_each);  // rows 0 to count - 1
  // What was counted for a selection of the rows: its row i is row of_rows[i] here.
  void add(const std::vector<std::int32_t>& of_rows, const PassCounts& part);
};

}  // namespace saddle
