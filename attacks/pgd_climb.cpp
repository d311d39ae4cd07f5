#include "attacks/pgd_climb.h"

#include <algorithm>
#include <optional>

#include "attacks/fewest_right_rows.h"
#include "attacks/pgd_iterate.h"

namespace saddle {
namespace {

// The loss, which shows every iterate that it is asked about to `rows`, where there are any.
Loss shown_to(const std::optional<FewestRightRows>& rows, const Loss& loss) {
  return [&rows, loss](Tape& tape, const LogitsFunction& f, const Var& x, const Batch& batch,
                       LossReduction reduction) {
    LossValue value = loss(tape, f, x, batch, reduction);
    if (rows) rows->see(x.value(), value);
    return value;
  };
}

// From where the iterate is.
Tensor climb_from(const PgdIterate& iterate, const LogitsFunction& logits, const PgdClimb& climb,
                  const Batch& batch, const PgdOptions& options) {
  std::optional<FewestRightRows> kept;
  if (climb.answer == PgdAnswer::fewest_right) kept.emplace(iterate.adversarial);
  const Tensor& answer = kept ? kept->answer() : iterate.adversarial;
  for (int done = 0; done < options.steps; ++done) {
    const Loss loss = shown_to(kept, climb.loss(done + 1, options.steps));
    const Tensor g = input_gradient(loss, logits, iterate.adversarial, batch);
    if (climb.observe) climb.observe(done, answer);
    ascend(batch, options, g, iterate);
  }
  if (kept) {
    const int steps = std::max(options.steps, 1);
    const Loss loss = shown_to(kept, climb.loss(steps, steps));
    Tape tape;
    loss(tape, logits, tape.input(iterate.adversarial, Gradient::none), batch, LossReduction::sum);
  }
  if (climb.observe) climb.observe(options.steps, answer);
  return answer;
}

}  // namespace

Tensor pgd(const LogitsFunction& logits, const PgdClimb& climb, const Batch& batch,
           const PgdOptions& options, std::uint64_t seed, std::uint32_t attack,
           PassCounts* counts) {
  check(options);
  check_pgd_batch(batch);
  require(!climb.start || climb.start->shape() == batch.inputs.shape(), "pgd: the start has shape ",
          climb.start ? climb.start->shape() : Shape(), ", the images ", batch.inputs.shape());
  if (batch.inputs.count() == 0) return batch.inputs.clone();
  const int forward = options.steps + (climb.answer == PgdAnswer::fewest_right ? 1 : 0);
  if (counts) counts->add_to_all(batch.inputs.shape()[0], {forward, options.steps});
  const std::vector number = {static_cast<std::int32_t>(attack)};
  return pgd(logits, climb, batch, options, seed,
             Tensor::from_host(batch.inputs.device(), {1}, number));
}

Tensor pgd(const LogitsFunction& logits, const PgdClimb& climb, const Batch& batch,
           const PgdOptions& options, std::uint64_t seed, const Tensor& attack) {
  const PgdIterate iterate = new_iterate(batch);
  if (climb.start) {
    start_from(batch, *climb.start, iterate);
  } else {
    begin(batch, options, seed, attack, iterate);
  }
  return climb_from(iterate, logits, climb, batch, options);
}

}  // namespace saddle
