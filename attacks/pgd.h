// FGSM and PGD: gradient ascent on the loss with respect to the pixels, within a ball.
//
//   repeat `steps` times   delta <- Project(delta + alpha step(dL/ddelta))
// where step is the sign (l-inf), the normalised gradient (l2) or the sign in the few pixels of the
// largest gradient, divided by their number (l1), and Project keeps ||delta|| <= eps and x + delta
// in [0, 1] (l1: the exact projection; pixels that the range blocks are no candidates). The last
// iterate is the answer. Loss: the sum of the examples' cross-entropies. Sources: Goodfellow et al.
// 2015 (FGSM), Madry et al. 2018 (PGD); where the batch has targets, the sum of log p(target)
// instead; parameters of the paper's tables: eps 1/255, alpha eps/4 (l-inf) and eps 32/255, alpha
// eps/8 (l2), 10 steps, random start.
#pragma once

#include <map>
#include <memory>

#include "attacks/attack.h"

namespace saddle {

enum class Norm { linf, l2, l1 };
enum class Start {
  zero,
  random,  // l-inf: uniform in the cube; l2: uniform direction, uniform radius; l1: a projected
           // Gaussian
  near,    // l-inf and l2: 0.001 N(0, I), as TRADES starts where its loss has no gradient
  sphere,  // l2: uniform in the cube, then scaled to length eps, as CosPGD's code starts
};

// The radius where none is asked for, pixel range [0, 1]: the paper's, and for l1 RobustBench's.
constexpr double default_eps(Norm norm) {
  if (norm == Norm::l1) return 12;
  return norm == Norm::l2 ? 32. / 255 : 1. / 255;
}

struct PgdOptions {
  Norm norm = Norm::linf;
  float eps = default_eps(Norm::linf);  // radius, pixel range [0, 1]
  float alpha = 0.25f / 255;            // step size
  int steps = 10;
  Start start = Start::random;
  float share = 0.05f;  // l1: of the pixels that a step moves
};

// FGSM is one step of alpha = eps from the image itself.
PgdOptions fgsm(float eps);

// What is taken where only norm and radius are said: alpha eps / 4 (l-inf), eps / 8 (l2), 10 steps,
// as in the paper; in l1, ours, eps / 4 and 50 steps.
PgdOptions default_pgd(Norm norm, double eps);

// Throws Error where eps, alpha or steps are negative or not finite, alpha is 0 and there are steps
// and a radius, eps is over 1 (l-inf), share outside (0, 1], or the norm has no such start.
void check(const PgdOptions& options);

// The adversarial images, [N, H, W, C], in [0, 1] and within eps of batch.inputs. `attack` numbers
// the random starts apart (restarts, training steps), unless batch.attempts does; `counts` is added
// to. `start`, where given, is the starting delta instead of a drawn one.
Tensor pgd(const LogitsFunction& logits, const Batch& batch, const PgdOptions& options,
           std::uint64_t seed, std::uint32_t attack, PassCounts* counts = nullptr,
           const Tensor* start = nullptr);

// The same with the attack's number read on the device, i32 [1], so that the whole attack can be
// captured. Options are as checked by `check`, the batch is not empty.
Tensor pgd(const LogitsFunction& logits, const Batch& batch, const PgdOptions& options,
           std::uint64_t seed, const Tensor& attack);

// The same climbing another loss.
Tensor pgd(const LogitsFunction& logits, const Loss& loss, const Batch& batch,
           const PgdOptions& options, std::uint64_t seed, const Tensor& attack);

// PGD on many batches of one model: as pgd(), with the step captured once for each batch size where
// the device gains by it.
class Pgd {
 public:
  // Throws Error as check() does.
  Pgd(LogitsFunction logits, const PgdOptions& options);
  Tensor operator()(const Batch& batch, std::uint64_t seed, std::uint32_t attack,
                    PassCounts* counts = nullptr);

 private:
  struct Captured;  // the buffers that a captured step works on
  LogitsFunction logits_;
  PgdOptions options_;
  std::map<std::int64_t, std::shared_ptr<Captured>> captured_;  // by batch size
};

// What is climbed: the cross-entropy, or where the batch has aims log p(aim), which leads to them.
Loss climbed_loss();

}  // namespace saddle
