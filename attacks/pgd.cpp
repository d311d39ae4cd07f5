#include "attacks/pgd.h"

#include <algorithm>
#include <cmath>

#include "core/attack_ops.h"
#include "core/ops.h"
#include "core/replay.h"
#include "kernels/elementwise.h"
#include "kernels/l1_projection.h"
#include "kernels/pgd.h"
#include "kernels/philox.h"

namespace saddle {
namespace {

// delta and x + delta, which move together.
struct Iterate {
  Tensor delta, adversarial;
};

Iterate new_iterate(const Batch& batch) {
  Device& device = batch.inputs.device();
  return {Tensor(device, batch.inputs.shape()), Tensor(device, batch.inputs.shape())};
}

void project_l1(const Batch& batch, const PgdOptions& options, const Iterate& iterate) {
  const std::int64_t examples = batch.inputs.shape()[0];
  launch(batch.inputs.device(),
         L1Project{batch.inputs.array(), iterate.delta.array(), iterate.adversarial.array(),
                   batch.inputs.count() / examples, options.eps},
         examples);
}

// The pixels of the largest gradients move by alpha together.
void ascend_l1(const Batch& batch, const PgdOptions& options, const Tensor& g,
               const Iterate& iterate) {
  Device& device = batch.inputs.device();
  const std::int64_t examples = batch.inputs.shape()[0], columns = g.count() / examples;
  const auto moving =
      static_cast<std::int64_t>(std::round(options.share * static_cast<float>(columns)));
  const float rank = static_cast<float>(columns - std::max<std::int64_t>(moving, 1));
  launch(device,
         SparseStep{g.array(), batch.inputs.array(), iterate.adversarial.array(),
                    iterate.delta.array(), Tensor::filled(device, {1}, options.alpha).array(),
                    Tensor::filled(device, {1}, rank).array(), 0, columns, 1},
         examples);
  project_l1(batch, options, iterate);
}

void draw_start(const Batch& batch, const PgdOptions& options, std::uint64_t seed,
                const Tensor& attack, const Iterate& iterate) {
  Device& device = batch.inputs.device();
  const std::int64_t examples = batch.inputs.shape()[0], columns = batch.inputs.count() / examples;
  const Stream stream{seed, Purpose::attack_start};
  if (options.norm == Norm::linf) {
    launch(device,
           PgdStartLinf{batch.indices.array<std::int32_t>(), batch.inputs.array(),
                        iterate.delta.array(), iterate.adversarial.array(), stream,
                        attack.array<std::int32_t>(), options.eps, columns},
           examples, columns);
  } else if (options.norm == Norm::l1) {
    launch(device,
           GaussianNoise{batch.indices.array<std::int32_t>(), attack.array<std::int32_t>(),
                         iterate.delta.array(), stream, columns},
           examples, columns);
    project_l1(batch, options, iterate);
  } else {
    launch(device,
           PgdStartL2{batch.indices.array<std::int32_t>(),
                      batch.inputs.array(),
                      iterate.delta.array(),
                      iterate.adversarial.array(),
                      stream,
                      {seed, Purpose::attack_radius},
                      attack.array<std::int32_t>(),
                      options.eps,
                      columns},
           examples);
  }
}

void start_at_image(const Batch& batch, const Iterate& iterate) {
  launch(batch.inputs.device(), Fill{iterate.delta.array(), 0.f}, iterate.delta.count());
  Tensor(iterate.adversarial).copy_from(batch.inputs);
}

void start_from(const Batch& batch, const Tensor& delta, const Iterate& iterate) {
  Tensor(iterate.delta).copy_from(delta);
  launch(batch.inputs.device(),
         Add<float>{batch.inputs.array(), iterate.delta.array(), iterate.adversarial.array()},
         delta.count());
}

void ascend(const Batch& batch, const PgdOptions& options, const Tensor& g,
            const Iterate& iterate) {
  Device& device = batch.inputs.device();
  const std::int64_t examples = batch.inputs.shape()[0];
  if (options.norm == Norm::linf) {
    launch(device,
           PgdStepLinf{iterate.delta.array(), g.array(), batch.inputs.array(),
                       iterate.adversarial.array(), options.alpha, options.eps},
           g.count());
  } else if (options.norm == Norm::l1) {
    ascend_l1(batch, options, g, iterate);
  } else {
    launch(device,
           PgdStepL2{iterate.delta.array(), g.array(), batch.inputs.array(),
                     iterate.adversarial.array(), g.count() / examples, options.alpha, options.eps},
           examples);
  }
}

// A step of length 0 projects.
void start_near_image(const Batch& batch, const PgdOptions& options, std::uint64_t seed,
                      const Tensor& attack, const Iterate& iterate) {
  constexpr float kDeviation = 0.001f;
  Device& device = batch.inputs.device();
  const std::int64_t columns = batch.inputs.count() / batch.inputs.shape()[0];
  launch(device,
         GaussianNoise{batch.indices.array<std::int32_t>(),
                       attack.array<std::int32_t>(),
                       iterate.delta.array(),
                       {seed, Purpose::attack_start},
                       columns},
         batch.inputs.shape()[0], columns);
  launch(device,
         ScaleByScalar{iterate.delta.array(), Tensor::filled(device, {1}, kDeviation).array(),
                       iterate.delta.array()},
         iterate.delta.count());
  PgdOptions projection = options;
  projection.alpha = 0;
  ascend(batch, projection, iterate.delta, iterate);
}

}  // namespace

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
  require(options.share > 0 && options.share <= 1, "pgd: share ", options.share,
          " is outside (0, 1]");
}

namespace {

void check_batch(const Batch& batch) {
  require(batch.inputs.shape().rank() >= 1 && batch.targets.count() == batch.inputs.shape()[0] &&
              batch.indices.count() == batch.inputs.shape()[0],
          "pgd: ", batch.inputs.shape(), " images, ", batch.targets.count(), " labels and ",
          batch.indices.count(), " indices do not match");
  require(!batch.attempts || batch.attempts.count() == batch.inputs.shape()[0],
          "pgd: ", batch.attempts.count(), " attempt numbers for images ", batch.inputs.shape());
  require(!batch.aims || batch.aims.count() == batch.inputs.shape()[0], "pgd: ", batch.aims.count(),
          " targets for images ", batch.inputs.shape());
}

Tensor on_device(Device& device, std::uint32_t attack) {
  return Tensor::from_host(device, {1}, std::vector{static_cast<std::int32_t>(attack)});
}

void begin(const Batch& batch, const PgdOptions& options, std::uint64_t seed, const Tensor& attack,
           const Iterate& iterate) {
  const Tensor& number = batch.attempts ? batch.attempts : attack;
  switch (options.start) {
    case Start::zero: return start_at_image(batch, iterate);
    case Start::random: return draw_start(batch, options, seed, number, iterate);
    case Start::near: return start_near_image(batch, options, seed, number, iterate);
  }
}

void take_step(const LogitsFunction& logits, const Batch& batch, const PgdOptions& options,
               const Iterate& iterate) {
  ascend(batch, options, input_gradient(climbed_loss(), logits, iterate.adversarial, batch),
         iterate);
}

void count(const PgdOptions& options, const Batch& batch, PassCounts* counts) {
  if (counts) counts->add_to_all(batch.inputs.shape()[0], {options.steps, options.steps});
}

}  // namespace

Tensor pgd(const LogitsFunction& logits, const Loss& loss, const Batch& batch,
           const PgdOptions& options, std::uint64_t seed, const Tensor& attack) {
  const Iterate iterate = new_iterate(batch);
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
  check_batch(batch);
  require(!start || start->shape() == batch.inputs.shape(), "pgd: the start has shape ",
          start ? start->shape() : Shape(), ", the images ", batch.inputs.shape());
  if (batch.inputs.count() == 0) return batch.inputs.clone();
  count(options, batch, counts);
  if (!start) return pgd(logits, batch, options, seed, on_device(batch.inputs.device(), attack));
  const Iterate iterate = new_iterate(batch);
  start_from(batch, *start, iterate);
  for (int i = 0; i < options.steps; ++i) take_step(logits, batch, options, iterate);
  return iterate.adversarial;
}

struct Pgd::Captured {
  Batch batch;
  Iterate iterate;
  Replay step;
};

Pgd::Pgd(LogitsFunction logits, const PgdOptions& options)
    : logits_(std::move(logits)), options_(options) {
  check(options);
}

Tensor Pgd::operator()(const Batch& batch, std::uint64_t seed, std::uint32_t attack,
                       PassCounts* counts) {
  check_batch(batch);
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
