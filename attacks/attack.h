// What every attack sees: a function from pixels to logits, and the examples to attack.
//
// Pixels are f32 in [0, 1], NHWC; normalisation is part of the function. An attack never touches
// weights or batch-norm statistics, and what it does to one example depends on (seed, example,
// attempt) alone: not on batch size, order, or who else is in the batch.
#pragma once

#include <cstdint>
#include <functional>

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

// Forward and backward passes an attack used, in examples.
struct PassCounts {
  std::int64_t forward = 0, backward = 0;
};

}  // namespace saddle
