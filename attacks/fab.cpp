#include "attacks/fab.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "attacks/open_rows.h"
#include "attacks/rows.h"
#include "core/replay.h"
#include "kernels/elementwise.h"
#include "kernels/fab.h"
#include "kernels/fab_projection.h"
#include "kernels/philox.h"

namespace saddle {

void check(const FabOptions& options) {
  require(std::isfinite(options.eps) && options.eps >= 0, "fab: eps ", options.eps,
          " must be finite and not negative");
  require(options.norm != Norm::linf || options.eps <= 1, "fab: eps ", options.eps,
          " exceeds the pixel range [0, 1]. Did you mean ", options.eps, "/255?");
  require(options.steps >= 0, "fab: steps ", options.steps, " is negative");
  require(options.alpha_max >= 0 && options.alpha_max <= 1, "fab: alpha_max ", options.alpha_max,
          " is outside [0, 1]");
  require(
      std::isfinite(options.eta) && options.eta > 0, "fab: eta ", options.eta,
      " must be finite and positive: it is the share of the way to the boundary that is walked");
  require(options.beta >= 0 && options.beta <= 1, "fab: beta ", options.beta, " is outside [0, 1]");
  require(options.targets >= 1, "fab: targets ", options.targets, " is below 1");
}

// All that a step reads and writes, at fixed addresses.
struct Fab::State {
  Tensor x0, x1, adversarial;  // [n, H, W, C]
  Tensor labels, targets;      // i32 [n]
  Tensor best;                 // [n]
  Tensor steps;                // i32 [n]: made until the row was done
  Replay replay;

  std::int64_t count() const { return x0.shape()[0]; }
};

Fab::Fab(LogitsFunction logits, const FabOptions& options)
    : logits_(std::move(logits)), options_(options) {
  check(options);
  options_.eps = std::min(options.eps, 0.5f * kFarthest);  // what was found is always nearer
  const bool bounded = options.accept == Accept::within_eps;
  accepted_ = bounded ? options_.eps * (1 + 1e-6f) : std::numeric_limits<float>::infinity();
  stop_ = bounded ? accepted_ : -1.f;
}

Tensor Fab::operator()(const Batch& batch, std::uint64_t seed, PassCounts* counts) {
  return nearest(batch, seed, counts).images;
}

std::shared_ptr<Fab::State> Fab::state_for(const Batch& batch, const Tensor& targets,
                                           std::uint64_t seed) {
  Device& device = batch.inputs.device();
  const Shape& shape = batch.inputs.shape();
  const std::int64_t rows = shape[0];
  if (!full_ || full_->x0.shape() != shape || &full_->x0.device() != &device) {
    full_ = std::make_shared<State>(State{Tensor(device, shape),
                                          Tensor(device, shape),
                                          Tensor(device, shape),
                                          Tensor(device, {rows}, DType::i32),
                                          Tensor(device, {rows}, DType::i32),
                                          Tensor(device, {rows}),
                                          Tensor(device, {rows}, DType::i32),
                                          {}});
  }
  State& state = *full_;
  state.x0.copy_from(batch.inputs);
  state.adversarial.copy_from(batch.inputs);
  state.labels.copy_from(batch.targets);
  state.targets.copy_from(targets);
  launch(device, Fill{state.best.array(), kFarthest}, rows);
  state.steps.copy_from(zero_counts(device, rows));
  const int targets_tried = options_.boundary == Boundary::ranked ? options_.targets : 1;
  with_distance_norm(options_.norm, [&](auto p) {
    launch(device,
           FabStart<p()>{state.x0.array(), batch.indices.array<std::int32_t>(),
                         batch.attempts.array<std::int32_t>(), state.x1.array(),
                         Stream{seed, Purpose::fab_start}, columns_of(state.x0), targets_tried,
                         0.5f * options_.eps},
           rows);
  });
  return full_;
}

Linearised Fab::boundary(const State& state) const {
  if (options_.boundary == Boundary::ranked) {
    return linearise(logits_, state.x1, state.labels, state.targets);
  }
  Tape tape;
  const Var x = tape.input(state.x1, Gradient::wanted);
  const Var z = logits_(tape, x);
  return linearise_nearest(tape, x, z, state.labels, options_.norm);
}

void Fab::step(const State& state) const {
  Device& device = state.x0.device();
  const std::int64_t rows = state.count(), columns = columns_of(state.x0);
  launch(device, CountOpen{state.best.array(), state.steps.array<std::int32_t>(), stop_}, rows);
  const Linearised plane = boundary(state);
  const Tensor delta(device, {2, rows, columns}), norm(device, {2, rows});
  with_distance_norm(options_.norm, [&](auto p) {
    launch(device,
           ProjectOnHyperplane<p()>{state.x1.array(), state.x0.array(), plane.w.array(),
                                    plane.f.array(), delta.array(), norm.array(), rows, columns},
           2 * rows);
  });
  launch(device,
         FabMove{state.x0.array(), delta.array(), norm.array(), state.best.array(),
                 state.x1.array(), rows, columns, options_.alpha_max, options_.eta, stop_},
         rows, columns);

  const Rival verdict = rival(logits_of(logits_, state.x1), state.labels);
  with_distance_norm(options_.norm, [&](auto p) {
    launch(
        device,
        FabJudge<p()>{verdict.margin.array(), state.labels.array<std::int32_t>(),
                      verdict.other.array<std::int32_t>(), state.x0.array(), state.x1.array(),
                      state.adversarial.array(), state.best.array(), columns, options_.beta, stop_},
        rows);
  });
}

std::shared_ptr<Fab::State> Fab::selected(const State& state, const Tensor& rows) {
  return std::make_shared<State>(State{select_rows(state.x0, rows),
                                       select_rows(state.x1, rows),
                                       select_rows(state.adversarial, rows),
                                       select_rows(state.labels, rows),
                                       select_rows(state.targets, rows),
                                       select_rows(state.best, rows),
                                       select_rows(state.steps, rows),
                                       {}});
}

Passes Fab::passes_of_a_step() const {
  return {2, options_.boundary == Boundary::ranked ? 1 : classes_ - 1};
}

MinimalNorm Fab::nearest(const Batch& batch, std::uint64_t seed, PassCounts* counts) {
  check_batch(batch, "fab");
  if (batch.inputs.count() == 0) {
    return {batch.inputs.clone(), Tensor(batch.inputs.device(), {batch.inputs.shape()[0]})};
  }
  Device& device = batch.inputs.device();
  const Tensor clean = logits_of(logits_, batch.inputs);
  check_classes(clean, "fab");
  classes_ = clean.shape()[1];
  PassCounts used;
  used.add_to_all(batch.inputs.shape()[0], {1, 0});

  Findings findings(batch);
  const std::vector<std::int32_t> right = rows_predicted_right(clean, batch.targets);
  if (!right.empty()) {
    const std::int64_t size = padded(device, static_cast<std::int64_t>(right.size()));
    const Tensor rows = row_numbers(device, padded_list(right, size));
    const Batch attacked =
        select({batch.inputs, batch.targets, batch.indices, attempts_of(batch)}, rows);
    const Tensor targets = options_.boundary == Boundary::ranked
                               ? other_classes_at_rank(select_rows(clean, rows), attacked.targets,
                                                       attacked.attempts, options_.targets)
                               : attacked.targets;  // not looked at
    std::shared_ptr<State> state = state_for(attacked, targets, seed);
    OpenRows open(device, right, size);
    const auto put_away = [&](const Leaving& leaving) {
      findings.put(leaving.rows, select_rows(state->adversarial, leaving.numbers),
                   select_rows(state->best, leaving.numbers), accepted_);
      add_passes(used, leaving.rows, select_rows(state->steps, leaving.numbers),
                 passes_of_a_step());
    };
    for (int i = 0; i < options_.steps && !open.empty(); ++i) {
      state->replay(device, [&] { step(*state); });
      if (stop_ < 0 || !is_time_to_look(device, i)) continue;
      const std::optional<Leaving> leaving = open.leave(flags_up_to(state->best, stop_));
      if (!leaving) continue;
      put_away(*leaving);
      if (!open.empty()) state = selected(*state, leaving->stay);
    }
    if (!open.empty()) put_away(open.leave_all());
  }
  if (counts) counts->add(all_rows(batch.inputs.shape()[0]), used);
  findings.put_clean_errors(right);
  return findings.result();
}

}  // namespace saddle
