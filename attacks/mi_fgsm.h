// MI-FGSM: FGSM in small steps with momentum, made to transfer from one model to another.
//
//   m <- decay m + g / mean |g|;   x_adv <- Project(x_adv + alpha sign(m))      `steps` times
// Source: Dong et al. 2018, "Boosting adversarial attacks with momentum" (they divide by ||g||_1,
// which for equal decay gives the same directions). A gradient of zero adds nothing, where dividing
// would give NaN. l-inf, from the image itself; the last iterate is the answer; every row is
// attacked.
#pragma once

#include <cstdint>

#include "attacks/attack.h"
#include "attacks/pgd.h"

namespace saddle {

struct MiFgsmOptions {
  float eps = default_eps(Norm::linf);  // radius, pixel range [0, 1]
  float alpha = eps / 4;                // step size
  int steps = 10;
  float decay = 1.f;  // of the momentum
};

// What is taken where only the radius is said: alpha is a quarter of it.
MiFgsmOptions default_mi_fgsm(double eps);

// Throws Error where a number is negative or not finite, alpha is 0 and there are steps and a
// radius, or eps is over 1.
void check(const MiFgsmOptions& options);

class MiFgsm {
 public:
  // Throws Error as check() does.
  MiFgsm(LogitsFunction logits, const MiFgsmOptions& options);

  // The adversarial images [N, H, W, C], in [0, 1] and within eps. Nothing is drawn: `seed` is
  // there for the shape that all attacks have.
  Tensor operator()(const Batch& batch, std::uint64_t seed, PassCounts* counts = nullptr);

 private:
  LogitsFunction logits_;
  MiFgsmOptions options_;
};

}  // namespace saddle
