#include "attacks/fab.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "attacks/row_lists.h"
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
  std::vector<std::int32_t> rows;  // place of each row in the batch
  Tensor x0, x1, adversarial;      // [n, H, W, C]
  Tensor labels, targets;          // i32 [n]
  Tensor best;                     // [n]
  Tensor steps;                    // i32 [n]: made until the row was done
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
    full_ = std::make_shared<State>(State{{},
                                          Tensor(device, shape),
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

// Goes on with the rows that are not done, once these are a quarter fewer; the others' findings are
// put away, and what they used is counted. Null where no row is left.
std::shared_ptr<Fab::State> Fab::compacted(const std::shared_ptr<State>& state, Findings& findings,
                                           PassCounts& counts) const {
  const std::vector<float> best = state->best.to_host<float>();
  std::vector<std::int32_t> left, done, rows_left, rows_done;
  for (std::size_t i = 0; i < best.size(); ++i) {
    const bool finished = best[i] <= stop_;
    (finished ? done : left).push_back(static_cast<std::int32_t>(i));
    (finished ? rows_done : rows_left).push_back(state->rows[i]);
  }
  if (4 * done.size() < best.size()) return state;
  Device& device = state->x0.device();
  const Tensor gone = row_numbers(device, done);
  findings.put(rows_done, select_rows(state->adversarial, gone), select_rows(state->best, gone),
               accepted_);
  add_passes(counts, rows_done, select_rows(state->steps, gone), passes_of_a_step());
  if (left.empty()) return nullptr;
  const Tensor stay = row_numbers(device, left);
  return std::make_shared<State>(State{rows_left,
                                       select_rows(state->x0, stay),
                                       select_rows(state->x1, stay),
                                       select_rows(state->adversarial, stay),
                                       select_rows(state->labels, stay),
                                       select_rows(state->targets, stay),
                                       select_rows(state->best, stay),
                                       select_rows(state->steps, stay),
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
    const Tensor rows = row_numbers(device, right);
    const Batch attacked =
        select({batch.inputs, batch.targets, batch.indices, attempts_of(batch)}, rows);
    const Tensor targets = options_.boundary == Boundary::ranked
                               ? other_classes_at_rank(select_rows(clean, rows), attacked.targets,
                                                       attacked.attempts, options_.targets)
                               : attacked.targets;  // not looked at
    std::shared_ptr<State> state = state_for(attacked, targets, seed);
    state->rows = right;
    // Asking who is done waits for the device, which costs a GPU more than a few idle rows.
    const int check_every = device.captures() ? 10 : 1;
    for (int i = 0; i < options_.steps && state; ++i) {
      state->replay(device, [&] { step(*state); });
      if (stop_ >= 0 && (i + 1) % check_every == 0) state = compacted(state, findings, used);
    }
    if (state) {
      findings.put(state->rows, state->adversarial, state->best, accepted_);
      add_passes(used, state->rows, state->steps, passes_of_a_step());
    }
  }
  if (counts) counts->add(all_rows(batch.inputs.shape()[0]), used);
  findings.put_clean_errors(right);
  return findings.result();
}

}  // namespace saddle
