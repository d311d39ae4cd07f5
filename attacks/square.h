// Square: random search in square windows, by the model's logits alone.
//
//   x_best <- stripes (l-inf) or tiles (l2, l1);  repeat: change one window of x_best, keep what
//   lowers the loss, stop when the margin z_y - max over j != y of z_j is no longer positive
// The window's side shrinks on a fixed schedule. Andriushchenko, Croce, Flammarion, Hein, "Square
// Attack", ECCV 2020; parameters of AutoAttack 'standard'. Departures from the reference code:
// windows and signs are drawn for each example, not shared by the batch; windows reach the last row
// and column (`reference_windows` restores the references' corners); the tiles of the start are
// five a side for any image of at least 5 x 5; restarts are rows of their own, told apart by
// Batch::attempts; an l-inf proposal that is the best image itself counts as a query, but the
// model is not asked again (on grey images that is every other one once the windows are small).
#pragma once

#include <vector>

#include "attacks/attack.h"
#include "attacks/pgd.h"

namespace saddle {

enum class SquareLoss { margin, cross_entropy };

struct SquareOptions {
  Norm norm = Norm::linf;
  float eps = default_eps(Norm::linf);  // radius, pixel range [0, 1]
  int queries = 5000;   // proposals an example; the start and the last check come on top
  float p_init = 0.8f;  // share of the image that the first windows cover
  SquareLoss loss = SquareLoss::margin;
  bool rescale_schedule = false;   // the schedule of 10000 queries, compressed to `queries`
  bool reference_windows = false;  // corners that never reach the last row and column
};

// Throws Error where eps, queries or p_init are impossible.
void check(const SquareOptions& options);

// The side of each proposal's window on images of height x width: odd for l2 and l1, at most the
// smaller extent.
std::vector<std::int32_t> square_sides(const SquareOptions& options, std::int64_t height,
                                       std::int64_t width);

// The pattern eta of the l2 (power 2) or l1 (power 1) attack, [height, width], of norm 1: two boxes
// of opposite sign, one above the other, each falling off from its centre as a sum of
// 1 / (j + 1)^(2 or 4).
std::vector<float> square_pattern(std::int64_t height, std::int64_t width, int power);

// An attack on examples that are predicted right; clean errors are returned unchanged, and so is an
// image that withstood.
class Square {
 public:
  // Throws Error as check() does.
  Square(LogitsFunction logits, const SquareOptions& options);
  // Adversarial images, [N, H, W, C], in [0, 1] and within eps. Forward passes counted for a row:
  // one clean, one for the start, one a proposal that differs from the best image until it is
  // broken, and one to check what was found.
  Tensor operator()(const Batch& batch, std::uint64_t seed, PassCounts* counts = nullptr);

 private:
  LogitsFunction logits_;
  SquareOptions options_;
};

}  // namespace saddle
