// ApgdRows: what APGD keeps of every row of a batch, and what an iteration does to it in l-inf and
// l2 (kernels/apgd.h has the formulas).
//
//   step(norm, eps);  ... loss and gradient at `now` ...;  score(...);  keep(gradient);
//   checkpoint(...)
// Which loss is climbed, which iterate is the answer, and when a row is done, is the caller's.
#pragma once

#include <vector>

#include "attacks/pgd.h"

namespace saddle {

// After which iterations, counted from 1, the step size is looked at in l-inf and l2.
std::vector<int> apgd_checkpoints(int steps);

struct ApgdRows {
  Tensor images, now, old, best, g, g_best;  // [size, H, W, C]
  Tensor adversarial;                        // the first iterate without a right target
  Tensor state;                              // [size, kApgdFields]

  ApgdRows(Device& device, const Shape& shape);

  Device& device() const { return images.device(); }
  std::int64_t size() const { return images.shape()[0]; }
  std::int64_t columns() const { return images.count() / size(); }

  // The fields of all rows, on the host, before anything was evaluated.
  std::vector<float> first_state(float step) const;

  // The next iterate, in l-inf or l2.
  void step(Norm norm, float eps) const;

  // What the newest iterate's losses and right targets mean for each row.
  struct Scoring {
    bool freeze = false;          // a row that is broken is left as it is
    bool reference_wrap = false;  // the loss before the first is taken to be 0
  };
  void score(const LossValue& value, const Scoring& scoring) const;
  // Keeps what the score says; dx, the newest gradient times 1 / scale, is empty after the last
  // step.
  void keep(const Tensor& dx, float scale) const;

  // What iteration `iteration` of `steps`, counted from 1, ends with where it is a checkpoint of
  // l-inf and l2.
  void checkpoint(int iteration, int steps, float rho) const;
  // Rows whose checkpoint says so go back to their best iterate.
  void restart() const;
};

}  // namespace saddle
