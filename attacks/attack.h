// What every attack sees: a function from pixels to logits, and the examples to attack.
//
// Pixels are f32 in [0, 1], NHWC; normalisation is part of the function. An attack never touches
// weights or batch-norm statistics, and what it does to one example depends on (seed, example,
// attempt) alone: not on batch size, order, or who else is in the batch.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "core/ops.h"

namespace saddle {

// Pixels [N, H, W, C] in [0, 1] -> logits [N, K], with gradients to the pixels.
using LogitsFunction = std::function<Var(Tape& tape, const Var& pixels)>;

struct AttackBatch {
  Tensor images;   // f32 [N, H, W, C], in [0, 1]
  Tensor labels;   // i32 [N]
  Tensor indices;  // i32 [N]: each example's place in its data set, which keys its random numbers
  // i32 [N]: which try of its example each row is, from 0 (a restart; for targeted attacks also the
  // rank of the target class). Rows may be different tries of one example. Empty: all are try 0.
  Tensor attempts = {};
  // i32 [N]: the class that each row is to be taken for (FGSM, PGD and MI-FGSM alone look at it).
  // Empty: any but the label.
  Tensor targets = {};
};

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

  void add(std::int32_t row, Passes used);
  void add(const std::vector<std::int32_t>& of_rows, Passes used_by_each);
  void add_to_all(std::int64_t count, Passes used_by_each);  // rows 0 to count - 1
  // What was counted for a selection of the rows: its row i is row of_rows[i] here.
  void add(const std::vector<std::int32_t>& of_rows, const PassCounts& part);
};

}  // namespace saddle
