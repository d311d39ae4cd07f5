#include "apps/train/batch_step.h"

#include <algorithm>
#include <vector>

#include "apps/train/batches.h"
#include "attacks/rows.h"
#include "kernels/pgd.h"
#include "kernels/reductions.h"
#include "kernels/weight_buffers.h"

namespace saddle {
namespace {

BatchNormMode batch_norm_mode(SamStatistics statistics, GradientAt at) {
  const bool at_weights = at == GradientAt::weights;
  const bool update = statistics == SamStatistics::both ||
                      (statistics == SamStatistics::first && at_weights) ||
                      (statistics == SamStatistics::second && !at_weights);
  return update ? BatchNormMode::update : BatchNormMode::batch_only;
}

// Neighbouring rows of a batch, or of a choice of its rows.
struct Piece {
  std::int64_t first, count;
  double share;  // of all the rows that are asked for
  Tensor chosen = {};

  Tensor of(const Tensor& all) const {
    if (!all) return {};
    if (chosen) return select_rows(all, chosen);
    std::vector<std::int64_t> extents(all.shape().begin(), all.shape().end());
    extents[0] = count;
    const std::int64_t row = all.shape()[0] > 0 ? all.count() / all.shape()[0] : 0;
    return all.slice(first * row, Shape(extents));
  }
};

// FreeAT: delta steps by alpha along the signs of g and back into the ball and the pixel range;
// returns x + delta. A step of 0 fits the delta of another batch to this one's images.
Tensor move_delta(const Tensor& pixels, const Tensor& delta, float alpha, float eps,
                  const Tensor& g) {
  const Tensor images(pixels.device(), pixels.shape());
  launch(pixels.device(),
         PgdStepLinf{delta.array(), g.array(), pixels.array(), images.array(), alpha, eps},
         images.count());
  return images;
}

// The loss of one batch as a function of the weights.
class BatchLoss {
 public:
  BatchLoss(const Classifier& model, const Parameters& weights, const StepBatch& batch,
            const StepOptions& options, std::uint64_t seed, const Tensor& sums)
      : model_(model), batch_(batch), options_(options), seed_(seed), sums_(sums) {
    images_ = attacked_images(weights);
  }

  void gradient(const Parameters& w, const Tensor& g, const GradientRequest& request) {
    const std::vector<Piece> pieces = pieces_of(request.rows);
    const bool whole = pieces.size() == 1;
    const Tensor of_piece = whole ? g : Tensor::filled(g.device(), g.shape(), 0.f);
    for (const Piece& piece : pieces) {
      const float share = static_cast<float>(piece.share), keep = piece.first > 0 ? 1.f : 0.f;
      Tape tape;
      const auto [loss, pixels] = loss_at(tape, w, of_piece, request.at, piece);
      if (request.at == GradientAt::weights) add_sums(loss, share, keep);
      if (request.losses) piece.of(request.losses).copy_from(loss.losses);
      tape.backward(loss.loss);
      if (!whole) {
        launch(g.device(), AddScaled{of_piece.array(), g.array(), share, keep}, g.count());
      }
      if (options_.free) {
        const float eps = options_.adversarial->eps;
        move_delta(piece.of(batch_.examples.images), piece.of(batch_.delta), eps, eps,
                   pixels.gradient());
      }
    }
  }

  void losses(const Parameters& w, const Tensor& to) {
    for (const Piece& piece : pieces_of({})) {
      Tape tape;
      piece.of(to).copy_from(
          loss_at(tape, w, {}, GradientAt::perturbed_weights, piece).loss.losses);
    }
  }

  int forwards_in_training() const { return forwards_in_training_; }

 private:
  struct Loss {
    CrossEntropy loss;
    Var pixels;  // of the piece's images
  };

  std::int64_t size() const { return batch_.examples.labels.count(); }

  // Of all rows, or of those that are chosen.
  std::vector<Piece> pieces_of(const Tensor& rows) const {
    const std::int64_t count = rows ? rows.count() : size();
    const std::int64_t most = ceil_divide(count, std::min(count, options_.pieces));
    std::vector<Piece> pieces;
    for (const auto [first, own] : batches_of(count, most, LastBatch::kept)) {
      pieces.push_back({first, own, static_cast<double>(own) / static_cast<double>(count),
                        rows ? rows.slice(first, {own}) : Tensor()});
    }
    return pieces;
  }

  // A pass whose random layers, if there are any, draw anew.
  Pass pass(Tape& tape, const Parameters& w, const Tensor& g, BatchNormMode mode,
            const Tensor& indices) {
    if (mode != BatchNormMode::frozen) ++forwards_in_training_;
    Pass made{tape, w, g, model_.statistics, mode, model_.precision};
    if (options_.drop_path > 0) {
      made.random = PassRandom{seed_, batch_.number, indices, draws_++, options_.drop_path};
    }
    return made;
  }

  // At w, with the gradient where g is given.
  Loss loss_at(Tape& tape, const Parameters& w, const Tensor& g, GradientAt at,
               const Piece& piece) {
    const BatchNormMode mode = batch_norm_mode(options_.sam_statistics, at);
    const Tensor labels = piece.of(batch_.examples.labels),
                 indices = piece.of(batch_.examples.indices);
    Var natural;
    if (options_.trades_beta) {
      natural = model_.logits(pass(tape, w, g, mode, indices),
                              tape.input(piece.of(batch_.examples.images), Gradient::none));
    }
    const Var pixels =
        tape.input(piece.of(images_), options_.free ? Gradient::wanted : Gradient::none);
    const Var logits = model_.logits(pass(tape, w, g, mode, indices), pixels);
    if (options_.trades_beta) {
      return {trades_loss(tape, natural, logits, labels, *options_.trades_beta, LossReduction::mean,
                          options_.label_smoothing),
              pixels};
    }
    const MixedLabels mixed{piece.of(batch_.mixed.other), piece.of(batch_.mixed.share)};
    return {
        cross_entropy(tape, logits, labels, LossReduction::mean, options_.label_smoothing, mixed),
        pixels};
  }

  void add_sums(const CrossEntropy& loss, float share, float keep) const {
    Device& device = sums_.device();
    launch(device, SumAll{loss.loss.value().array(), sums_.slice(0, {1}).array(), share, keep}, 1);
    launch(device, SumAll{loss.correct.array(), sums_.slice(1, {1}).array(), 1, keep}, 1);
  }

  Tensor attacked_images(const Parameters& weights) {
    const Tensor& clean = batch_.examples.images;
    if (options_.free) {
      return move_delta(clean, batch_.delta, 0, options_.adversarial->eps, batch_.delta);
    }
    if (!options_.adversarial) return clean;
    const std::vector<Piece> pieces = pieces_of({});
    if (pieces.size() == 1) return adversarial_images(weights, batch_.examples);
    const Tensor images(clean.device(), clean.shape());
    for (const Piece& piece : pieces) {
      piece.of(images).copy_from(adversarial_images(
          weights,
          {piece.of(clean), piece.of(batch_.examples.labels), piece.of(batch_.examples.indices)}));
    }
    return images;
  }

  // After PGD ascent on the loss at the current weights.
  Tensor adversarial_images(const Parameters& weights, const AttackBatch& batch) {
    const BatchNormMode mode = options_.attack_batch_norm;
    LogitsFunction logits = [&](Tape& tape, const Var& pixels) {
      return model_.logits(pass(tape, weights, {}, mode, batch.indices), pixels);
    };
    if (mode == BatchNormMode::frozen) logits = model_.evaluation();
    if (!options_.trades_beta) {
      return pgd(logits, batch, *options_.adversarial, seed_, batch_.number);
    }
    // Where the natural logits are fixed, the divergence is all of the loss that delta moves.
    const Tensor natural = logits_of(logits, batch.images);
    const auto divergence = [&](Tape& tape, const Var& z) {
      return trades_loss(tape, tape.input(natural, Gradient::none), z, batch.labels, 1,
                         LossReduction::sum)
          .loss;
    };
    return pgd(logits, divergence, batch, *options_.adversarial, seed_, batch_.number);
  }

  const Classifier& model_;
  const StepBatch& batch_;
  const StepOptions& options_;
  std::uint64_t seed_;
  Tensor sums_, images_;
  std::uint32_t draws_ = 0;
  int forwards_in_training_ = 0;
};

}  // namespace

int step_on_batch(const Classifier& model, Minimiser& minimiser, const Parameters& weights,
                  const StepBatch& batch, const StepOptions& options, std::uint64_t seed,
                  const Tensor& sums) {
  BatchLoss loss(model, weights, batch, options, seed, sums);
  minimiser.apply(weights, {[&](const Parameters& w, const Tensor& g,
                                const GradientRequest& request) { loss.gradient(w, g, request); },
                            [&](const Parameters& w, const Tensor& to) { loss.losses(w, to); },
                            batch.examples.labels.count()});
  return loss.forwards_in_training();
}

}  // namespace saddle
