#include "attacks/mi_fgsm.h"

#include <cmath>
#include <utility>

#include "attacks/pgd.h"
#include "attacks/rows.h"
#include "core/replay.h"
#include "kernels/mi_fgsm.h"

namespace saddle {

void check(const MiFgsmOptions& options) {
  require(std::isfinite(options.eps) && options.eps >= 0, "mifgsm: eps ", options.eps,
          " must be finite and not negative");
  require(options.eps <= 1, "mifgsm: eps ", options.eps,
          " exceeds the pixel range [0, 1]. Did you mean ", options.eps, "/255?");
  require(std::isfinite(options.alpha) && options.alpha >= 0, "mifgsm: alpha ", options.alpha,
          " must be finite and not negative");
  require(options.steps >= 0, "mifgsm: steps ", options.steps, " is negative");
  require(options.alpha > 0 || options.eps == 0 || options.steps == 0,
          "mifgsm: alpha 0 moves nothing, it must be positive");
  require(std::isfinite(options.decay) && options.decay >= 0, "mifgsm: decay ", options.decay,
          " must be finite and not negative");
}

MiFgsmOptions default_mi_fgsm(double eps) {
  return {static_cast<float>(eps), static_cast<float>(eps / 4)};
}

MiFgsm::MiFgsm(LogitsFunction logits, const MiFgsmOptions& options)
    : logits_(std::move(logits)), options_(options) {
  check(options);
}

Tensor MiFgsm::operator()(const Batch& batch, std::uint64_t, PassCounts* counts) {
  check_batch(batch, "mifgsm");
  const Tensor adversarial = batch.inputs.clone();
  if (batch.inputs.count() == 0) return adversarial;
  Device& device = batch.inputs.device();
  const std::int64_t examples = batch.inputs.shape()[0], columns = batch.inputs.count() / examples;
  const Tensor m = Tensor::filled(device, batch.inputs.shape(), 0.f);
  Replay step;
  for (int i = 0; i < options_.steps; ++i) {
    step(device, [&] {
      const Tensor g = input_gradient(climbed_loss(), logits_, adversarial, batch);
      launch(device,
             MiFgsmStep{batch.inputs.array(), g.array(), m.array(), adversarial.array(),
                        options_.alpha, options_.eps, options_.decay, columns},
             examples);
    });
  }
  if (counts) counts->add_to_all(examples, {options_.steps, options_.steps});
  return adversarial;
}

}  // namespace saddle
