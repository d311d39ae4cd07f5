// PGD that looks where it goes: its loss may change from step to step, its answer need not be the
// last iterate, and somebody may watch.
//
// So are the attacks on segmentation (pixel_losses.h has their losses): SegPGD's weights follow a
// schedule, mIoU is wanted after 1, 3, 10, ... steps, and what counts is how many pixels are wrong.
// Start, step and projection are those of pgd.h.
#pragma once

#include <functional>

#include "attacks/pgd.h"

namespace saddle {

// The loss that step `step` of `steps` climbs, from 1.
using StepLoss = std::function<Loss(int step, int steps)>;

// The last iterate; or of each example the latest of those that leave the fewest of its targets
// right (the start among them), the first where none is.
enum class PgdAnswer { last, fewest_right };

struct PgdClimb {
  StepLoss loss;
  PgdAnswer answer = PgdAnswer::last;
  // Called with 0, 1, ... and what the answer is after so many steps, to be read at once.
  std::function<void(int steps, const Tensor& answer)> observe = {};
  const Tensor* start = nullptr;  // the starting delta, instead of a drawn one
};

// As pgd() in pgd.h; targets may be of pixels, u8 [N, H, W]. fewest_right costs a forward pass
// more, which says how good the last iterate is.
Tensor pgd(const LogitsFunction& logits, const PgdClimb& climb, const Batch& batch,
           const PgdOptions& options, std::uint64_t seed, std::uint32_t attack,
           PassCounts* counts = nullptr);

// The same with the attack's number read on the device, i32 [1], so that the whole attack can be
// captured. Options are as checked by `check`, the batch is not empty.
Tensor pgd(const LogitsFunction& logits, const PgdClimb& climb, const Batch& batch,
           const PgdOptions& options, std::uint64_t seed, const Tensor& attack);

}  // namespace saddle
