// The model's boundary as an attack of least distance sees it: a difference of two logits,
// linearised. Shared by FAB, DeepFool and Carlini-Wagner.
#pragma once

#include <type_traits>
#include <vector>

#include "attacks/attack.h"
#include "attacks/pgd.h"
#include "kernels/fab_projection.h"

namespace saddle {

// What an attack of least distance found for each row.
struct MinimalNorm {
  Tensor images;     // [N, H, W, C]: the nearest adversarial image found, else the clean one
  Tensor distances;  // [N]: its distance; 0 for a clean error, +infinity where none was found
};

// f and its gradient at the images: the boundary is { z : f + w (z - x) = 0 }.
struct Linearised {
  Tensor f;  // [N]
  Tensor w;  // [N, H, W, C]
};

// f = z_other - z_label of each row; one pass forward and backward.
Linearised linearise(const LogitsFunction& logits, const Tensor& images, const Tensor& labels,
                     const Tensor& other);

// Of a forward pass on `tape` from `pixels` to `z` [N, K]: for each row the class other than the
// label whose linearised boundary is nearest in `norm`, dist = |f| / ||w||_q (infinite where w =
// 0); the lower class among equals. K - 1 backward passes through the one forward pass; empties the
// tape.
Linearised linearise_nearest(Tape& tape, const Var& pixels, const Var& z, const Tensor& labels,
                             Norm norm);

// The strongest class but the label, i32 [N], and the margin z_label - z_other, f32 [N].
struct Rival {
  Tensor other, margin;
};
Rival rival(const Tensor& logits, const Tensor& labels);

// Throws Error, beginning with the attack's name, where the model has fewer than two classes.
void check_classes(const Tensor& logits, const char* attack);

// Pixels of an image.
std::int64_t columns_of(const Tensor& images);

// Calls function(std::integral_constant<DistanceNorm, P>) for the norm.
template <class Function>
void with_distance_norm(Norm norm, Function function) {
  if (norm == Norm::linf)
    return function(std::integral_constant<DistanceNorm, DistanceNorm::linf>{});
  if (norm == Norm::l2) return function(std::integral_constant<DistanceNorm, DistanceNorm::l2>{});
  function(std::integral_constant<DistanceNorm, DistanceNorm::l1>{});
}

// The verdict on a batch that is still to come: every row as if nothing had been found.
class Findings {
 public:
  explicit Findings(const Batch& batch);

  // Row i of these is row rows[i] of the batch. `best` is kFarthest where nothing was found; what
  // is farther than `radius` counts as not found.
  void put(const std::vector<std::int32_t>& rows, const Tensor& adversarial, const Tensor& best,
           float radius);
  // Clean errors are their own adversarial images.
  void put_clean_errors(const std::vector<std::int32_t>& attacked);

  MinimalNorm result() const;

 private:
  Tensor clean_, images_;
  std::vector<float> distances_;
};

}  // namespace saddle
