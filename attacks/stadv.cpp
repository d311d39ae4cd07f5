#include "attacks/stadv.h"

#include <cmath>
#include <limits>

#include "attacks/open_rows.h"
#include "attacks/rows.h"
#include "core/attack_ops.h"
#include "core/ops.h"
#include "core/replay.h"
#include "kernels/gradient_scale.h"
#include "kernels/warp.h"

namespace saddle {
namespace {

// Rows under attack, on the device.
struct State {
  Batch batch;              // with attempts
  Tensor flow, m, v;        // f32 [N, H, W, 2]
  Tensor kept;              // f32 [N, H, W, C]
  Tensor kept_loss;         // f32 [N]: +infinity where nothing is kept
  Tensor to_one;            // f32 [N]: the unit of the row's gradients; 0 until it is known
  Tensor done, iterations;  // i32 [N]

  std::int64_t rows() const { return batch.targets.count(); }
};

State new_state(const Batch& batch) {
  Device& device = batch.inputs.device();
  const Shape& shape = batch.inputs.shape();
  const Shape flow{shape[0], shape[1], shape[2], 2};
  State state{batch,
              Tensor::filled(device, flow, 0.f),
              Tensor::filled(device, flow, 0.f),
              Tensor::filled(device, flow, 0.f),
              batch.inputs.clone(),
              Tensor::filled(device, {shape[0]}, std::numeric_limits<float>::infinity()),
              Tensor::filled(device, {shape[0]}, 0.f),
              zero_counts(device, shape[0]),
              zero_counts(device, shape[0])};
  if (!state.batch.attempts) state.batch.attempts = zero_counts(device, shape[0]);
  return state;
}

State select(const State& state, const Tensor& rows) {
  return {select(state.batch, rows),          select_rows(state.flow, rows),
          select_rows(state.m, rows),         select_rows(state.v, rows),
          select_rows(state.kept, rows),      select_rows(state.kept_loss, rows),
          select_rows(state.to_one, rows),    select_rows(state.done, rows),
          select_rows(state.iterations, rows)};
}

// lr / (1 - 0.9^t) and sqrt(1 - 0.999^t) for t = 1, 2, ...: [iterations, 2]
Tensor adam_rates(Device& device, const StadvOptions& options) {
  std::vector<float> rates;
  for (int t = 1; t <= options.iterations; ++t) {
    rates.push_back(static_cast<float>(options.lr / (1 - std::pow(0.9, t))));
    rates.push_back(static_cast<float>(std::sqrt(1 - std::pow(0.999, t))));
  }
  return Tensor::from_host(device, {options.iterations, 2}, rates);
}

// One attack on one batch.
class StadvRun {
 public:
  StadvRun(const LogitsFunction& logits, const StadvOptions& options, Device& device)
      : logits_(logits), options_(options), rates_(adam_rates(device, options)) {}

  void start(const State& state, std::uint64_t seed) const {
    if (options_.start == StadvStart::zero) return;
    const std::int64_t columns = state.flow.count() / state.rows();
    launch(state.flow.device(),
           StadvDrawFlow{state.batch.indices.array<std::int32_t>(),
                         state.batch.attempts.array<std::int32_t>(), state.flow.array(), seed,
                         columns, options_.bound},
           state.rows(), columns);
  }

  // One iteration: loss and gradient at the flow, what to keep of it, and a step.
  void descend(const State& state) const {
    Tape tape;
    const Var flow = tape.input(state.flow, Gradient::wanted);
    const Var warped = warp(tape, state.batch.inputs, flow, options_.border);
    const Var z = logits_(tape, warped);
    const LossValue margin = hinged_margin(tape, z, state.batch.targets, options_.kappa);
    const LossValue roughness =
        flow_roughness(tape, flow, lambda_of(options_), options_.smoothness);
    tape.backward(add(tape, margin.loss, roughness.loss));
    record(state, z.value(), margin.losses, roughness.losses, warped.value());
    const std::int64_t columns = state.flow.count() / state.rows();
    const Tensor& g = flow.gradient();
    launch(g.device(), ScaleToFirst{g.array(), state.to_one.array(), columns}, state.rows());
    launch(g.device(),
           StadvStep{state.flow.array(), state.m.array(), state.v.array(), g.array(),
                     state.done.array<std::int32_t>(), state.iterations.array<std::int32_t>(),
                     rates_.array(), columns, options_.bound},
           state.rows(), columns);
  }

  // The images that the flows make, as they are after the last step.
  Tensor warped(const State& state) const {
    Tape tape;
    const Var flow = tape.input(state.flow, Gradient::none);
    return warp(tape, state.batch.inputs, flow, options_.border).value();
  }

  // Scores `images`, the last iterate, like those of the iterations.
  void score(const State& state, const Tensor& images) const {
    Tape tape;
    const Var flow = tape.input(state.flow, Gradient::none);
    const Var z = logits_(tape, tape.input(images, Gradient::none));
    record(state, z.value(), hinged_margin(tape, z, state.batch.targets, options_.kappa).losses,
           flow_roughness(tape, flow, lambda_of(options_), options_.smoothness).losses, images);
  }

 private:
  void record(const State& state, const Tensor& z, const Tensor& margin, const Tensor& roughness,
              const Tensor& images) const {
    launch(
        z.device(),
        StadvRecord{z.array(), state.batch.targets.array<std::int32_t>(), margin.array(),
                    roughness.array(), images.array(), state.kept.array(), state.kept_loss.array(),
                    state.done.array<std::int32_t>(), state.iterations.array<std::int32_t>(),
                    z.shape()[1], images.count() / state.rows(), options_.keep},
        state.rows());
  }

  const LogitsFunction& logits_;
  const StadvOptions& options_;
  Tensor rates_;
};

// Of the rows that leave last, whose places count from 0.
template <class Condition>
Rows places_where(const Leaving& last, const Condition& holds) {
  Rows places = last.places;
  std::erase_if(places, [&](std::int32_t i) { return !holds(static_cast<std::size_t>(i)); });
  return places;
}

bool is_finite_and_positive(float value) { return std::isfinite(value) && value > 0; }

}  // namespace

float lambda_of(const StadvOptions& options) {
  return options.lambda ? *options.lambda : 0.0025f / options.bound;
}

void check(const StadvOptions& options) {
  require(options.bound > 0, "stadv: bound ", options.bound,
          " must be positive. Normalised units: 2 is the whole width");
  require(options.start == StadvStart::zero || std::isfinite(options.bound),
          "stadv: a random start needs a finite bound");
  require(options.iterations >= 0, "stadv: iterations ", options.iterations, " is negative");
  require(is_finite_and_positive(options.lr), "stadv: lr ", options.lr,
          " must be finite and positive");
  require(!options.lambda || (std::isfinite(*options.lambda) && *options.lambda >= 0),
          "stadv: lambda ", options.lambda.value_or(0.f), " must be finite and not negative");
  require(options.kappa >= 0, "stadv: kappa ", options.kappa, " must not be negative");
}

Stadv::Stadv(LogitsFunction logits, const StadvOptions& options)
    : logits_(std::move(logits)), options_(options) {
  check(options);
}

Tensor Stadv::operator()(const Batch& batch, std::uint64_t seed, PassCounts* counts) {
  check_batch(batch, "stadv");
  require(batch.inputs.shape().rank() == 4, "stadv: images ", batch.inputs.shape(),
          " must be [N, H, W, C]");
  const Tensor answers = batch.inputs.clone();
  if (answers.count() == 0) return answers;
  Device& device = answers.device();
  const StadvRun run(logits_, options_, device);
  State state = new_state(batch);
  run.start(state, seed);
  OpenRows open(device, all_rows(state.rows()));
  PassCounts used;
  Replay step;
  for (int iteration = 0; iteration < options_.iterations && !open.empty(); ++iteration) {
    step(device, [&] { run.descend(state); });
    if (options_.keep != StadvKeep::first_success || !is_time_to_look(device, iteration)) continue;
    const std::optional<Leaving> leaving = open.leave(flags_of(state.done));
    if (!leaving) continue;
    add_passes(used, leaving->rows, select_rows(state.iterations, leaving->numbers), {1, 1});
    put_rows(answers, row_numbers(device, leaving->rows),
             select_rows(state.kept, leaving->numbers));
    if (open.empty()) break;
    state = select(state, leaving->stay);
    step = Replay();
  }
  if (!open.empty()) {
    const Leaving last = open.leave_all();
    add_passes(used, last.rows, select_rows(state.iterations, last.numbers), {1, 1});
    const Tensor warped = run.warped(state);
    if (options_.keep != StadvKeep::last) {
      const Flags done = flags_of(state.done);
      used.add(chosen(last.rows, places_where(last, [&](std::size_t i) { return done[i] == 0; })),
               Passes{1, 0});
      run.score(state, warped);
    }
    put_rows(answers, row_numbers(device, last.rows), select_rows(warped, last.numbers));
    const std::vector<float> losses = state.kept_loss.to_host<float>();
    const Rows kept = places_where(last, [&](std::size_t i) { return std::isfinite(losses[i]); });
    put_rows(answers, row_numbers(device, chosen(last.rows, kept)),
             select_rows(state.kept, row_numbers(device, kept)));
  }
  if (counts) counts->add(all_rows(answers.shape()[0]), used);
  return answers;
}

}  // namespace saddle
