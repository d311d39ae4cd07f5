#include "attacks/pgd.h"

#include <cmath>

#include "attacks/pgd_iterate.h"
#include "core/attack_ops.h"
#include "core/ops.h"
#include "core/replay.h"

namespace saddle {

Loss climbed_loss() {
  return [](Tape& tape, const LogitsFunction& f, const Var& x, const Batch& batch,
            LossReduction reduction) {
    if (!batch.aims) return cross_entropy(tape, f(tape, x), batch.targets, reduction);
    return targeted_cross_entropy_loss(tape, f(tape, x), batch.targets, batch.aims);
  };
}

PgdOptions fgsm(float eps) { return {Norm::linf, eps, eps, 1, Start::zero}; }
PgdOptions default_pgd(Norm norm, double eps) {
  PgdOptions options;
  options.norm = norm;
  options.eps = static_cast<float>(eps);
  options.alpha = static_cast<float>(eps / (norm == Norm::l2 ? 8 : 4));
  if (norm == Norm::l1) options.steps = 50;
  return options;
}

void check(const PgdOptions& options) {
  require(std::isfinite(options.eps) && options.eps >= 0, "pgd: eps ", options.eps,
          " must be finite and not negative");
  require(options.norm != Norm::linf || options.eps <= 1, "pgd: eps ", options.eps,
          " exceeds the pixel range [0, 1]. Did you mean ", options.eps, "/255?");
  require(std::isfinite(options.alpha) && options.alpha >= 0, "pgd: alpha ", options.alpha,
          " must be finite and not negative");
  require(options.steps >= 0, "pgd: steps ", options.steps, " is negative");
  require(options.alpha > 0 || options.eps == 0 || options.steps == 0,
          "pgd: alpha 0 moves nothing, it must be positive");
  require(options.norm != Norm::l1 || options.start != Start::near,
          "pgd: l1 has no start near the image");
  require(options.norm == Norm::l2 || options.start != Start::sphere,
          "pgd: only l2 starts on a sphere");
  require(options.share > 0 && options.share <= 1, "pgd: share ", options.share,
          " is outside (0, 1]");
}

namespace {

Tensor on_device(Device& device, std::uint32_t attack) {
  return Tensor::from_host(device, {1}, std::vector{static_cast<std::int32_t>(attack)});
}

void take_step(const LogitsFunction& logits, const Batch& batch, const PgdOptions& options,
               const PgdIterate& iterate) {
  ascend(batch, options, input_gradient(climbed_loss(), logits, iterate.adversarial, batch),
         iterate);
}

void count(const PgdOptions& options, const Batch& batch, PassCounts* counts) {
  if (counts) counts->add_to_all(batch.inputs.shape()[0], {options.steps, options.steps});
}

}  // namespace

Tensor pgd(const LogitsFunction& logits, const Loss& loss, const Batch& batch,
           const PgdOptions& options, std::uint64_t seed, const Tensor& attack) {
  const PgdIterate iterate = new_iterate(batch);
  begin(batch, options, seed, attack, iterate);
  for (int i = 0; i < options.steps; ++i) {
    ascend(batch, options, input_gradient(loss, logits, iterate.adversarial, batch), iterate);
  }
  return iterate.adversarial;
}

Tensor pgd(const LogitsFunction& logits, const Batch& batch, const PgdOptions& options,
           std::uint64_t seed, const Tensor& attack) {
  return pgd(logits, climbed_loss(), batch, options, seed, attack);
}

Tensor pgd(const LogitsFunction& logits, const Batch& batch, const PgdOptions& options,
           std::uint64_t seed, std::uint32_t attack, PassCounts* counts, const Tensor* start) {
  check(options);
  check_pgd_batch(batch);
  require(!start || start->shape() == batch.inputs.shape(), "pgd: the start has shape ",
          start ? start->shape() : Shape(), ", the images ", batch.inputs.shape());
  if (batch.inputs.count() == 0) return batch.inputs.clone();
  count(options, batch, counts);
  if (!start) return pgd(logits, batch, options, seed, on_device(batch.inputs.device(), attack));
  const PgdIterate iterate = new_iterate(batch);
  start_from(batch, *start, iterate);
  for (int i = 0; i < options.steps; ++i) take_step(logits, batch, options, iterate);
  return iterate.adversarial;
}

struct Pgd::Captured {
  Batch batch;
  PgdIterate iterate;
  Replay step;
};

Pgd::Pgd(LogitsFunction logits, const PgdOptions& options)
    : logits_(std::move(logits)), options_(options) {
  check(options);
}

Tensor Pgd::operator()(const Batch& batch, std::uint64_t seed, std::uint32_t attack,
                       PassCounts* counts) {
  check_pgd_batch(batch);
  Device& device = batch.inputs.device();
  if (!device.captures() || batch.inputs.count() == 0) {
    return pgd(logits_, batch, options_, seed, attack, counts);
  }
  std::shared_ptr<Captured>& at = captured_[batch.inputs.shape()[0]];
  const bool aimed = static_cast<bool>(batch.aims);
  if (!at || at->batch.inputs.shape() != batch.inputs.shape() ||
      static_cast<bool>(at->batch.aims) != aimed) {
    at = std::make_shared<Captured>(Captured{{batch.inputs.clone(),
                                              batch.targets.clone(),
                                              batch.indices.clone(),
                                              {},
                                              aimed ? batch.aims.clone() : Tensor()},
                                             new_iterate(batch),
                                             {}});
  }
  at->batch.inputs.copy_from(batch.inputs);
  at->batch.targets.copy_from(batch.targets);
  at->batch.indices.copy_from(batch.indices);
  if (aimed) at->batch.aims.copy_from(batch.aims);
  at->batch.attempts = batch.attempts;  // read before the captured step alone
  begin(at->batch, options_, seed, on_device(device, attack), at->iterate);
  for (int i = 0; i < options_.steps; ++i) {
    at->step(device, [&] { take_step(logits_, at->batch, options_, at->iterate); });
  }
  count(options_, batch, counts);
  return at->iterate.adversarial.clone();
}

}  // namespace saddle
