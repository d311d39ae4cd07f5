#include "apps/training/batch_step.h"

#include <algorithm>
#include <vector>

#include "apps/training/batches.h"
#include "attacks/rows.h"
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

// What a network for text reads besides a shift of embeddings; empty where inputs are images.
Tensor tokens_of(const Batch& batch) {
  return batch.inputs.dtype() == DType::i32 ? batch.inputs : Tensor();
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
  Batch of(const Batch& all) const {
    return {of(all.inputs),   of(all.targets), of(all.indices),
            of(all.attempts), of(all.aims),    {of(all.mixed.other), of(all.mixed.share)}};
  }
};

// L of one batch at its climbed inputs, as a function of the weights.
class BatchLoss {
 public:
  BatchLoss(const Model& model, const Task& task, const Parameters& weights, const Batch& batch,
            const Tensor& number, const StepOptions& options, const Tensor& sums)
      : model_(model), task_(task), batch_(batch), number_(number), options_(options), sums_(sums) {
    x_hat_ = climbed(weights);
  }

  // dL/dw at (w, x_hat)
  void gradient(const Parameters& w, const Tensor& g, const GradientRequest& request) {
    const std::vector<Piece> pieces = pieces_of(request.rows);
    const bool whole = pieces.size() == 1;
    const Tensor of_piece = whole ? g : Tensor::filled(g.device(), g.shape(), 0.f);
    for (const Piece& piece : pieces) {
      const float share = static_cast<float>(piece.share), keep = piece.first > 0 ? 1.f : 0.f;
      Tape tape;
      const Var x =
          tape.input(piece.of(x_hat_), task_.climb.along ? Gradient::wanted : Gradient::none);
      const LossValue value = loss_at(tape, w, of_piece, x, request.at, piece);
      if (request.at == GradientAt::weights) add_sums(value, piece, keep);
      if (request.losses) piece.of(request.losses).copy_from(value.losses);
      tape.backward(value.loss);
      if (!whole) {
        launch(g.device(), AddScaled{of_piece.array(), g.array(), share, keep}, g.count());
      }
      if (task_.climb.along) task_.climb.along(piece.of(batch_), x.gradient(), piece.first);
    }
  }

  void losses(const Parameters& w, const Tensor& to) {
    for (const Piece& piece : pieces_of({})) {
      Tape tape;
      const Var x = tape.input(piece.of(x_hat_), Gradient::none);
      piece.of(to).copy_from(loss_at(tape, w, {}, x, GradientAt::perturbed_weights, piece).losses);
    }
  }

  int forwards_in_training() const { return forwards_in_training_; }

 private:
  // Of all rows, or of those that are chosen.
  std::vector<Piece> pieces_of(const Tensor& rows) const {
    const std::int64_t count = rows ? rows.count() : batch_.indices.count();
    const std::int64_t most = ceil_divide(count, std::min(count, options_.pieces));
    std::vector<Piece> pieces;
    for (const auto [first, own] : batches_of(count, most, LastBatch::kept)) {
      pieces.push_back({first, own, static_cast<double>(own) / static_cast<double>(count),
                        rows ? rows.slice(first, {own}) : Tensor()});
    }
    return pieces;
  }

  // f_w in a mode of batch-norm. Its random layers, if there are any, draw anew at each call.
  LogitsFunction network_at(const Parameters& w, const Tensor& g, BatchNormMode mode,
                            const Batch& batch) {
    return [this, w, g, mode, batch](Tape& tape, const Var& x) {
      if (mode != BatchNormMode::frozen) ++forwards_in_training_;
      Pass pass{tape, w, g, model_.statistics, mode, model_.precision};
      pass.tokens = tokens_of(batch);
      if (options_.draws) {
        pass.random =
            PassRandom{options_.seed, number_, batch.indices, draws_++, options_.drop_path};
      }
      return model_.logits(pass, x);
    };
  }

  // With the gradient where g is given.
  LossValue loss_at(Tape& tape, const Parameters& w, const Tensor& g, const Var& x, GradientAt at,
                    const Piece& piece) {
    const Batch batch = piece.of(batch_);
    const BatchNormMode mode = batch_norm_mode(options_.sam_statistics, at);
    return task_.loss(tape, network_at(w, g, mode, batch), x, batch, LossReduction::mean);
  }

  // Adds those of a piece, `keep` 0: as the first.
  void add_sums(const LossValue& value, const Piece& piece, float keep) const {
    const auto add = [&](std::int64_t place, const Tensor& values, float factor) {
      launch(sums_.device(), SumAll{values.array(), sums_.slice(place, {1}).array(), factor, keep},
             1);
    };
    add(0, value.loss.value(), static_cast<float>(piece.share));
    add(1, value.right, 1);
    add(2,
        value.counted ? value.counted
                      : Tensor::filled(sums_.device(), {1}, static_cast<float>(piece.count)),
        1);
  }

  // x_hat, piece by piece.
  Tensor climbed(const Parameters& weights) {
    if (!task_.climb.before) return batch_.inputs;
    const std::vector<Piece> pieces = pieces_of({});
    if (pieces.size() == 1) return climbed(weights, batch_, 0);
    const Tensor inputs(batch_.inputs.device(), batch_.inputs.shape(), batch_.inputs.dtype());
    for (const Piece& piece : pieces) {
      piece.of(inputs).copy_from(climbed(weights, piece.of(batch_), piece.first));
    }
    return inputs;
  }
  Tensor climbed(const Parameters& weights, const Batch& batch, std::int64_t first) {
    const BatchNormMode mode = task_.climb.batch_norm;
    const LogitsFunction f = mode == BatchNormMode::frozen ? model_.evaluation(tokens_of(batch))
                                                           : network_at(weights, {}, mode, batch);
    return task_.climb.before(f, batch, number_, first);
  }

  const Model& model_;
  const Task& task_;
  const Batch& batch_;
  Tensor number_;
  const StepOptions& options_;
  Tensor sums_, x_hat_;
  std::uint32_t draws_ = 0;
  int forwards_in_training_ = 0;
};

}  // namespace

int step_on_batch(const Model& model, const Task& task, Minimiser& minimiser,
                  const Parameters& weights, const Batch& batch, const Tensor& number,
                  const StepOptions& options, const Tensor& sums) {
  BatchLoss loss(model, task, weights, batch, number, options, sums);
  minimiser.apply(weights, {[&](const Parameters& w, const Tensor& g,
                                const GradientRequest& request) { loss.gradient(w, g, request); },
                            [&](const Parameters& w, const Tensor& to) { loss.losses(w, to); },
                            batch.indices.count()});
  return loss.forwards_in_training();
}

}  // namespace saddle
