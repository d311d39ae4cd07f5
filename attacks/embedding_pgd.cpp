#include "attacks/embedding_pgd.h"

#include <cmath>

#include "core/device.h"
#include "kernels/pgd.h"

namespace saddle {

void check(const EmbeddingPgdOptions& options) {
  require(options.eps > 0 && std::isfinite(options.eps), "embedding-pgd: eps ", options.eps,
          " must be positive");
  require(options.alpha > 0 && std::isfinite(options.alpha), "embedding-pgd: alpha ", options.alpha,
          " must be positive");
  require(options.steps >= 1, "embedding-pgd: ", options.steps, " steps, expected at least 1");
}

Tensor embedding_pgd(const LogitsFunction& f, const Loss& loss, const Batch& batch,
                     std::int64_t width, const EmbeddingPgdOptions& options) {
  const Shape& tokens = batch.inputs.shape();
  Device& device = batch.inputs.device();
  const Tensor delta = Tensor::filled(device, {tokens[0], tokens[1], width}, 0.f);
  for (int step = 0; step < options.steps; ++step) {
    const Tensor g = input_gradient(loss, f, delta, batch);
    launch(device, ShiftStepL2{delta.array(), g.array(), width, options.alpha, options.eps},
           tokens.count());
  }
  return delta;
}

}  // namespace saddle
