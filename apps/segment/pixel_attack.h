// PixelAttack: an attack on segmentation as a command line names it, and the register of those
// there are.
//
//   segpgd:norm=l2,eps=1,steps=100     NAME[:key=value,...], as for saddle-attack
// Names, keys and suites are those of the command line. One image is one example: its own random
// start, gradient and norm, whoever else is in the batch.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "apps/attacking/spec.h"
#include "attacks/attack.h"
#include "attacks/pgd_climb.h"
#include "attacks/verdict.h"

namespace saddle {

// f of pixels that are fed to its network as they are, which the paper's code does in attacks: f
// normalises by mean and std, f32 [channels], what this has stretched the other way.
LogitsFunction unnormalised(const LogitsFunction& f, const Tensor& mean, const Tensor& std);

// What an attack is given, besides its own settings.
struct PixelAttackInput {
  const LogitsFunction& logits;
  const Batch& batch;  // of images of one size; targets u8 [N, H, W]
  Tensor balance;      // f32 [classes], for losses that weigh classes; else not looked at
  std::uint32_t attempt = 0;
  PassCounts* counts = nullptr;
  // Is told what the answer would be after so many steps, where the attack can say.
  std::function<void(int steps, const Tensor& answer)> observe = {};
};

struct PixelAttack {
  std::string name, spec;  // "segpgd", "segpgd:eps=1/255"
  std::string loss;        // that is climbed; empty: none is
  Ball ball;
  int steps = 0;
  std::int64_t restarts = 1;  // of each image the attempt that leaves the fewest pixels right
  bool weighs_classes = false;
  bool observes = false;  // whether it says what its answer would be after fewer steps
  // The adversarial images [N, H, W, C].
  std::function<Tensor(const PixelAttackInput& input)> run;
};

// Throws UsageError for a name or key that is not there (listing those that are) and for a value
// that does not work.
PixelAttack make_pixel_attack(const AttackSpec& spec, std::uint64_t seed);

// Every attack with its keys, their defaults and its source, for --list-attacks.
std::string describe_pixel_attacks();

// The specs of a suite; `eps` is the radius of those that name none. Throws UsageError for another
// name, and for an eps that does not apply.
//   paper       PGD as the paper's Tables 8 and 9: l-inf 1/255 and l2 1
//   paper-more  with the radii of its code besides: l-inf 2/255 and l2 1/2
//   sea, sea-cheap, sea-v1   ensembles of APGD in shrinking balls (attacks/shrinking_apgd.h),
//               l-inf, eps 4/255 unless given
std::vector<std::string> pixel_suite_specs(const std::string& name,
                                           const std::optional<double>& eps);

}  // namespace saddle
