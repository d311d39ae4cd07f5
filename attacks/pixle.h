// Pixle: copying random pixels of an image to other places of it, by the model's answers alone.
//
//   restart algorithm    B <- x;  `restarts` times:  try `max_iterations` random patches of x, each
//                        written into B on its own; then B <- the best image so far
//   iterative algorithm  B <- x;  try `max_iterations` patches in all, B <- every improvement
// Best is the smallest probability of the label; the first misclassified image ends the search.
// There is no norm: the pixels changed are at most the accepted patches' areas. Pomponi,
// Scardapane, Uncini, "Pixle: a fast and effective black-box attack based on rearranging pixels",
// IJCNN 2022; defaults and details of torchattacks 3.5. Departures from it: rows and columns of
// destinations are not exchanged; one forward a proposal, not two; the probability is compared by
// its log-odds, which tell apart what rounds to 1.
#pragma once

#include <string>

#include "attacks/attack.h"
#include "kernels/pixle.h"

namespace saddle {

enum class PixleAlgorithm { restart, iterative };

// Least and greatest extent of a patch: pixels, or shares of the image (rounded; at least a pixel).
struct PatchExtent {
  enum class Unit { pixels, share };
  double least = 2, greatest = 10;
  Unit unit = Unit::pixels;
};

struct PixleOptions {
  PatchExtent width, height;
  PixelMapping mapping = PixelMapping::random;
  int restarts = 20;        // of the restart algorithm; the iterative one ignores it
  int max_iterations = 10;  // proposals of a restart, or in all
  PixleAlgorithm algorithm = PixleAlgorithm::restart;
};

// What the paper's "maximum of five iterations" may mean; it says no more.
enum class PixlePaperReading {
  five_iterations,        // 20 restarts of 5 proposals: the preset of the paper's table
  five_restarts,          // 5 restarts of 10 proposals
  five_proposals_in_all,  // the iterative algorithm with 5 proposals
};
PixleOptions pixle_paper(PixlePaperReading reading = PixlePaperReading::five_iterations);

// Throws Error where extents or counts are impossible.
void check(const PixleOptions& options);

// An attack on every example it is given: a clean error's first proposal normally ends its search.
class Pixle {
 public:
  // Throws Error as check() does.
  Pixle(LogitsFunction logits, const PixleOptions& options);
  // Images [N, H, W, C] whose pixels all occur in the image they come from. Forward passes counted
  // for a row: one clean, and one a proposal until the row is done.
  Tensor operator()(const Batch& batch, std::uint64_t seed, PassCounts* counts = nullptr);

 private:
  LogitsFunction logits_;
  PixleOptions options_;
};

}  // namespace saddle
