// The losses that attacks on segmentation climb, by name, and what their papers run them with.
//
// Per pixel that has a class; p = softmax(z), "right" where the largest logit is the label's. The
// weights of CE = -log p_y are recomputed at every iterate, and no gradient flows through them.
//   ce        CE                                      (PGD, the paper)
//   segpgd    (1 - l) CE where right, l CE where wrong, l = (t - 1) / (2 T) in step t of T
//             (Gu et al. 2022)
//   cospgd    p_y / ||p|| CE                          (Agnihotri et al. 2024; softmax, as theirs)
//   mce       CE where right                          (Croce et al. 2024)
//   mce-bal   w_y CE where right, w_c proportional to 1 / (share of class c)      (the same)
//   jsd       Jensen-Shannon divergence of p and onehot(y), at most log 2         (the same)
//   msl       -z_y / ||z|| where right                (the same, first version)
//   cos       1 - z_y / ||z||                         (Halmosi et al. 2024)
// An image's loss is the sum over its pixels: attacks use its direction alone, so that no image
// depends on how many pixels another has.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "attacks/pgd_climb.h"

namespace saddle {

// The names above, in this order.
const std::vector<std::string>& pixel_loss_names();

// The loss of that name, for Batch::targets u8 [N, H, W]; `balance`, w of mce-bal, is f32 [K] on
// the model's device, and not used by the others. Throws Error for another name, and for mce-bal
// without weights.
StepLoss pixel_loss(const std::string& name, const Tensor& balance = {});

// The same to climb, while `losses` say the cross-entropy of each image (of msl, its own loss):
// what APGD tracks, whatever it climbs.
StepLoss tracked_pixel_loss(const std::string& name, const Tensor& balance = {});

// w_c = (1 / pixels_c) / sum_k (1 / pixels_k); 0 for a class without pixels, which no model can
// have learnt. Throws Error where no class has any.
std::vector<float> balance_of(std::span<const std::int64_t> pixels);

// How PGD is run on segmentation:
//   paper       l-inf 1/255, l2 1; alpha eps/4, 10 steps, random start (Wei et al.)
//   paper_more  l-inf 2/255, l2 1/2, as their code has besides
//   literature  l-inf 0.03, alpha 0.01, 10 steps, random start, in l2 on the sphere (CosPGD's code;
//               DDC-AT's). Number of steps there: 3 to 100. No l2 radius of its own
enum class PixelPreset { paper, paper_more, literature };
// With a radius of one's own alpha keeps its share of it. Throws Error for l1, and for
// `literature` in l2 without a radius.
PgdOptions pixel_pgd(PixelPreset preset, Norm norm, std::optional<double> eps = {});

}  // namespace saddle
