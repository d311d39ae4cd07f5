#include "attacks/shrinking_apgd.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "attacks/apgd_rows.h"
#include "attacks/fewest_right_rows.h"
#include "attacks/open_rows.h"
#include "attacks/pgd_iterate.h"
#include "attacks/row_lists.h"
#include "attacks/rows.h"
#include "kernels/apgd.h"
#include "kernels/l1_projection.h"
#include "kernels/pgd.h"
#include "kernels/philox.h"

namespace saddle {

void check(const ShrinkingApgdOptions& options) {
  require(options.norm != Norm::l1, "shrinking apgd: it knows l-inf and l2");
  require(std::isfinite(options.eps) && options.eps >= 0, "shrinking apgd: eps ", options.eps,
          " must be finite and not negative");
  require(options.norm != Norm::linf || options.eps <= 1, "shrinking apgd: eps ", options.eps,
          " exceeds the pixel range [0, 1]. Did you mean ", options.eps, "/255?");
  require(options.steps >= 1, "shrinking apgd: steps ", options.steps, " is below 1");
  require(options.rho >= 0 && options.rho <= 1, "shrinking apgd: rho ", options.rho,
          " is outside [0, 1]");
}

std::vector<ShrinkingPhase> shrinking_phases(const ShrinkingApgdOptions& options) {
  const int share = static_cast<int>(.3 * options.steps);
  return {{2 * options.eps, share},
          {1.5f * options.eps, share},
          {options.eps, options.steps - 2 * share}};
}

namespace {

// Uniform in the cube of the radius (l-inf) or on its sphere (l2), then within [0, 1].
Tensor draw_start(const Batch& batch, Norm norm, float eps, std::uint64_t seed,
                  std::uint32_t attack) {
  Device& device = batch.inputs.device();
  const std::int64_t rows = batch.inputs.shape()[0], columns = batch.inputs.count() / rows;
  const Stream stream{seed, Purpose::apgd_start};
  const Array<const std::int32_t> example = batch.indices.array<std::int32_t>();
  const Tensor number = batch.attempts
                            ? batch.attempts
                            : row_numbers(device, Rows(static_cast<std::size_t>(rows),
                                                       static_cast<std::int32_t>(attack)));
  const Array<const std::int32_t> attempt = number.array<std::int32_t>();
  Tensor start(device, batch.inputs.shape());
  if (norm == Norm::linf) {
    const Tensor delta(device, batch.inputs.shape());
    launch(device,
           PgdStartLinf{example, batch.inputs.array(), delta.array(), start.array(), stream,
                        attempt, eps, columns},
           rows, columns);
  } else {
    launch(device, GaussianNoise{example, attempt, start.array(), stream, columns}, rows, columns);
    launch(device, ApgdStartL2{batch.inputs.array(), start.array(), eps, columns}, rows);
  }
  return start;
}

// The images, back in a ball around the batch's and in [0, 1].
Tensor projected(const Tensor& images, const Batch& batch, Norm norm, float eps) {
  const PgdIterate iterate = new_iterate(batch);
  launch(images.device(), Difference{batch.inputs.array(), images.array(), iterate.delta.array()},
         images.count());
  project(batch, norm, eps, iterate);
  return iterate.adversarial;
}

// One phase on a batch.
class PhaseRun {
 public:
  PhaseRun(const LogitsFunction& logits, const StepLoss& loss, const Batch& batch,
           const ShrinkingApgdOptions& options, const ShrinkingPhase& phase, const Tensor& start)
      : logits_(logits),
        loss_(loss),
        batch_(batch),
        options_(options),
        phase_(phase),
        rows_(batch.inputs.device(), batch.inputs.shape()),
        kept_(start) {
    rows_.images = batch.inputs;
    rows_.now.copy_from(start);
    rows_.old.copy_from(start);
    rows_.state.copy_from_host(rows_.first_state(2 * phase.eps).data());
  }

  void run() {
    evaluate(0);
    for (int i = 1; i <= phase_.steps; ++i) {
      if (is_time_to_look(rows_.device(), i) && is_done()) return;
      rows_.step(options_.norm, phase_.eps);
      evaluate(i);
      rows_.checkpoint(i, phase_.steps, options_.rho);
    }
  }

  PhaseReport report(const Tensor& start) const {
    return {phase_, start, kept_.answer(), kept_.fewest(), field(kApgdBestLoss)};
  }

  // As a row was evaluated until it was done: the last time, after the last step, without a
  // gradient.
  void count(PassCounts& counts) const {
    const std::vector<float> evaluated = field(kApgdCounted).to_host<float>();
    for (std::size_t row = 0; row < evaluated.size(); ++row) {
      const auto forward = static_cast<std::int64_t>(evaluated[row]);
      counts.add(static_cast<std::int32_t>(row),
                 {forward, std::min<std::int64_t>(forward, phase_.steps)});
    }
  }

 private:
  // Losses, and before the last step the gradient, at the iterate after `done` steps.
  void evaluate(int done) {
    const bool last = done == phase_.steps;
    const int steps = std::max(phase_.steps, 1);
    const Loss loss = loss_(std::min(done + 1, steps), steps);
    Tape tape;
    const Var x = tape.input(rows_.now, last ? Gradient::none : Gradient::wanted);
    const LossValue value = loss(tape, logits_, x, batch_, LossReduction::sum);
    if (!last) {
      tape.backward(value.loss);
      require(static_cast<bool>(x.gradient()),
              "shrinking apgd: the model's logits do not depend on its input");
    }
    kept_.see(rows_.now, value);
    rows_.score(value, {.freeze = true});
    rows_.keep(last ? Tensor() : x.gradient(), 1.f);
  }

  bool is_done() const {
    const Flags done = flags_from(field(kApgdBroken), 1.f);
    return std::all_of(done.begin(), done.end(), [](auto flag) { return flag != 0; });
  }

  // Of all rows, [N].
  Tensor field(ApgdField name) const {
    const std::vector<float> state = rows_.state.to_host<float>();
    std::vector<float> values;
    for (std::size_t row = 0; row < state.size(); row += kApgdFields) {
      values.push_back(state[row + name]);
    }
    return Tensor::from_host(rows_.device(), {rows_.size()}, values);
  }

  const LogitsFunction& logits_;
  const StepLoss& loss_;
  const Batch& batch_;
  ShrinkingApgdOptions options_;
  ShrinkingPhase phase_;
  ApgdRows rows_;
  FewestRightRows kept_;
};

}  // namespace

Tensor shrinking_apgd(const LogitsFunction& logits, const ShrinkingClimb& climb, const Batch& batch,
                      const ShrinkingApgdOptions& options, std::uint64_t seed, std::uint32_t attack,
                      PassCounts* counts) {
  check(options);
  check_pgd_batch(batch);
  require(!climb.start || climb.start->shape() == batch.inputs.shape(),
          "shrinking apgd: the start has shape ", climb.start ? climb.start->shape() : Shape(),
          ", the images ", batch.inputs.shape());
  if (batch.inputs.count() == 0) return batch.inputs.clone();
  const std::vector<ShrinkingPhase> phases = shrinking_phases(options);
  const float widest = phases.front().eps;
  Tensor found = climb.start ? *climb.start : draw_start(batch, options.norm, widest, seed, attack);
  for (const ShrinkingPhase& phase : phases) {
    const Tensor start =
        phase.eps < widest ? projected(found, batch, options.norm, phase.eps) : found;
    PhaseRun run(logits, climb.loss, batch, options, phase, start);
    run.run();
    if (counts) run.count(*counts);
    const PhaseReport report = run.report(start);
    if (climb.observe) climb.observe(report);
    found = report.answer;
  }
  return found;
}

std::vector<PixelSuiteMember> pixel_suite(const std::string& name) {
  if (name == "sea") return {{"mce-bal", 300}, {"mce", 300}, {"jsd", 300}};
  if (name == "sea-cheap") return {{"mce-bal", 100}, {"mce", 100}, {"jsd", 100}};
  if (name == "sea-v1") return {{"mce", 300}, {"segpgd", 300}, {"jsd", 300}, {"msl", 300}};
  fail("pixel suite '", name, "' is unknown. Choose one of sea, sea-cheap, sea-v1");
}

}  // namespace saddle
