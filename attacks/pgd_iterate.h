// PgdIterate: what PGD moves, delta and x + delta, where they start, and their step.
#pragma once

#include <cstdint>

#include "attacks/pgd.h"

namespace saddle {

struct PgdIterate {
  Tensor delta, adversarial;  // [N, H, W, C]
};

// Throws Error where labels, indices, attempts or aims do not match the images.
void check_pgd_batch(const Batch& batch);

// Room for the batch.
PgdIterate new_iterate(const Batch& batch);

// To the start that the options name; `attack`, i32 [1], numbers it where batch.attempts does not.
void begin(const Batch& batch, const PgdOptions& options, std::uint64_t seed, const Tensor& attack,
           const PgdIterate& iterate);
// To a delta that is given.
void start_from(const Batch& batch, const Tensor& delta, const PgdIterate& iterate);

// delta and x + delta, back into the ball of the norm (l-inf or l2) and the pixel range.
void project(const Batch& batch, Norm norm, float eps, const PgdIterate& iterate);

// One step along the gradient g at x + delta, and back into ball and pixel range.
void ascend(const Batch& batch, const PgdOptions& options, const Tensor& g,
            const PgdIterate& iterate);

}  // namespace saddle
