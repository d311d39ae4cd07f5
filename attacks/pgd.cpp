#include "attacks/pgd.h"

#include <cmath>

namespace saddle {
namespace {

// delta and x + delta, which move together.
struct Iterate {
  Tensor delta, adversarial;
};

Iterate draw_start(const AttackBatch& batch, const PgdOptions& options, std::uint64_t seed,
                   std::uint32_t attack) {
  Device& device = batch.images.device();
  const Shape& shape = batch.images.shape();
  const std::int64_t examples = shape[0],
                     columns = batch.images.count() / std::max<std::int64_t>(examples, 1);
  const Iterate iterate{Tensor(device, shape), Tensor(device, shape)};
  const Stream stream{seed, Purpose::attack_start, attack};
  if (options.norm == Norm::linf) {
    launch(device,
           PgdStartLinf{batch.indices.array<std::int32_t>(), batch.images.array(),
                        iterate.delta.array(), iterate.adversarial.array(), stream, options.eps,
                        columns},
           examples, columns);
  } else {
    launch(device,
           PgdStartL2{batch.indices.array<std::int32_t>(),
                      batch.images.array(),
                      iterate.delta.array(),
                      iterate.adversarial.array(),
                      stream,
                      {seed, Purpose::attack_radius, attack},
                      options.eps,
                      columns},
           examples);
  }
  return iterate;
}

Iterate start_from(const AttackBatch& batch, const Tensor& delta) {
  Device& device = batch.images.device();
  const Iterate iterate{delta.clone(), Tensor(device, batch.images.shape())};
  launch(device, Add{batch.images.array(), iterate.delta.array(), iterate.adversarial.array()},
         delta.count());
  return iterate;
}

void ascend(const AttackBatch& batch, const PgdOptions& options, const Tensor& g,
            const Iterate& iterate) {
  Device& device = batch.images.device();
  const std::int64_t examples = batch.images.shape()[0];
  if (options.norm == Norm::linf) {
    launch(device,
           PgdStepLinf{iterate.delta.array(), g.array(), batch.images.array(),
                       iterate.adversarial.array(), options.alpha, options.eps},
           g.count());
  } else {
    launch(device,
           PgdStepL2{iterate.delta.array(), g.array(), batch.images.array(),
                     iterate.adversarial.array(), g.count() / examples, options.alpha, options.eps},
           examples);
  }
}

}  // namespace

PgdOptions fgsm(float eps) { return {Norm::linf, eps, eps, 1, Start::zero}; }

void check(const PgdOptions& options) {
  require(std::isfinite(options.eps) && options.eps >= 0, "pgd: eps ", options.eps,
          " must be finite and not negative");
  require(options.norm != Norm::linf || options.eps <= 1, "pgd: eps ", options.eps,
          " exceeds the pixel range [0, 1]. Did you mean ", options.eps, "/255?");
  require(std::isfinite(options.alpha) && options.alpha >= 0, "pgd: alpha ", options.alpha,
          " must be finite and not negative");
  require(options.steps >= 0, "pgd: steps ", options.steps, " is negative");
}

Tensor input_gradient(const LogitsFunction& logits, const Tensor& images, const Tensor& labels) {
  Tape tape;
  const Var x = tape.input(images, Gradient::wanted);
  tape.backward(cross_entropy(tape, logits(tape, x), labels, LossReduction::sum).loss);
  require(static_cast<bool>(x.gradient()), "pgd: the model's logits do not depend on its input");
  return x.gradient();
}

Tensor pgd(const LogitsFunction& logits, const AttackBatch& batch, const PgdOptions& options,
           std::uint64_t seed, std::uint32_t attack, PassCounts* counts, const Tensor* start) {
  check(options);
  require(batch.images.shape().rank() >= 1 && batch.labels.count() == batch.images.shape()[0] &&
              batch.indices.count() == batch.images.shape()[0],
          "pgd: ", batch.images.shape(), " images, ", batch.labels.count(), " labels and ",
          batch.indices.count(), " indices do not match");
  require(!start || start->shape() == batch.images.shape(), "pgd: the start has shape ",
          start ? start->shape() : Shape(), ", the images ", batch.images.shape());
  if (batch.images.count() == 0) return batch.images.clone();
  Iterate iterate;
  if (start) {
    iterate = start_from(batch, *start);
  } else if (options.start == Start::random) {
    iterate = draw_start(batch, options, seed, attack);
  } else {
    iterate = {Tensor::filled(batch.images.device(), batch.images.shape(), 0.f),
               batch.images.clone()};
  }
  for (int step = 0; step < options.steps; ++step) {
    ascend(batch, options, input_gradient(logits, iterate.adversarial, batch.labels), iterate);
  }
  if (counts) {
    const std::int64_t passes = options.steps * batch.images.shape()[0];
    counts->forward += passes;
    counts->backward += passes;
  }
  return iterate.adversarial;
}

}  // namespace saddle
