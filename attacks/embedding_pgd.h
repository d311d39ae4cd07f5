// EmbeddingPgd: PGD on the embeddings of a text, where words cannot be moved by a little.
//
//   repeat `steps` times   delta_t <- Project(delta_t + alpha g_t / ||g_t||),  g_t = dL/ddelta_t
// for each token t by itself, from delta = 0, where Project keeps ||delta_t|| <= eps in the space
// that the word embeddings lie in. The climb in x of adversarial training on text (Miyato, Dai and
// Goodfellow 2017; Zhu et al. 2020, "FreeLB", which takes one ball a sentence).
#pragma once

#include "core/loss.h"

namespace saddle {

struct EmbeddingPgdOptions {
  float eps = 0.1f, alpha = 0.05f;  // in the embeddings' own unit
  int steps = 3;
};

// Throws Error where eps or alpha is not positive and finite, or there is no step.
void check(const EmbeddingPgdOptions& options);

// delta, f32 [N, T, width], 0 at padding, of batch.inputs, i32 [N, T]. `f` takes such a shift of
// the batch's tokens (Pass::tokens). Options are as checked. Device work: may be captured.
Tensor embedding_pgd(const LogitsFunction& f, const Loss& loss, const Batch& batch,
                     std::int64_t width, const EmbeddingPgdOptions& options);

}  // namespace saddle
