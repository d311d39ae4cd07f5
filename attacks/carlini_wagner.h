// Carlini and Wagner's attack in l2: the nearest misclassified image, by Adam on a soft constraint.
//
//   minimise over w  ||x' - x||_2^2 + c max(z_label - max over j != label of z_j, -kappa),
//   x' = (tanh(w) + 1) / 2,  w starts at atanh(0.999999 (2 x - 1))
// `searches` times, with c from a binary search an example: success halves the way down, failure
// goes up tenfold until something has succeeded. Of all iterates the nearest misclassified one (by
// kappa at least) is kept. Source: Carlini and Wagner 2017, "Towards evaluating the robustness of
// neural networks". Of a batch with aims it is max over j != aim of z_j - z_aim that falls, and
// only what is taken for its aim is a success. As in their code Adam starts anew in each search.
// There a search stops once the whole batch's objective has not fallen below 0.999999 of what it
// was `iterations` / 10 iterations ago; here only with `abort_early`, and each example by itself.
// That saves time and costs strength, for one example's objective rises for a while where Adam
// turns.
#pragma once

#include <limits>

#include "attacks/boundary.h"
#include "core/replay.h"

namespace saddle {

struct CarliniWagnerOptions {
  int searches = 9;       // values of c tried; 1 leaves it at `c`
  int iterations = 1000;  // of Adam in each search
  float c = 1e-3f;        // the first weight of the margin
  float lr = 0.01f;
  bool abort_early = false;
  float kappa = 0;  // margin by which an image must be misclassified, in logits
  float eps = std::numeric_limits<float>::infinity();  // what is farther is discarded
};

// Throws Error where searches or iterations are below 1, c or lr are not positive and finite, kappa
// is negative or not finite, or eps is negative or NaN.
void check(const CarliniWagnerOptions& options);

class CarliniWagner {
 public:
  // Throws Error as check() does.
  CarliniWagner(LogitsFunction logits, const CarliniWagnerOptions& options);

  // The adversarial images, [N, H, W, C]; where none was found, and where the prediction is wrong
  // already, the clean image. The attack draws nothing: seed and attempts do not matter.
  Tensor operator()(const Batch& batch, std::uint64_t seed, PassCounts* counts = nullptr);
  // The same with their l2 distances.
  MinimalNorm nearest(const Batch& batch, PassCounts* counts = nullptr);

 private:
  struct State;  // the rows of one search

  void search(const State& all, std::int64_t rows, Replay& whole, PassCounts& counts) const;
  void iterate(const State& state, int check_every) const;

  LogitsFunction logits_;
  CarliniWagnerOptions options_;
};

}  // namespace saddle
