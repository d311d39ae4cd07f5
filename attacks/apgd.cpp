#include "attacks/apgd.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "attacks/apgd_rows.h"
#include "attacks/open_rows.h"
#include "attacks/rows.h"
#include "core/replay.h"
#include "kernels/apgd.h"
#include "kernels/elementwise.h"
#include "kernels/l1_projection.h"
#include "kernels/philox.h"

namespace saddle {

void check(const ApgdOptions& options) {
  require(std::isfinite(options.eps) && options.eps >= 0, "apgd: eps ", options.eps,
          " must be finite and not negative");
  require(options.norm != Norm::linf || options.eps <= 1, "apgd: eps ", options.eps,
          " exceeds the pixel range [0, 1]. Did you mean ", options.eps, "/255?");
  require(options.steps >= 1, "apgd: steps ", options.steps, " is below 1");
  require(options.rho >= 0 && options.rho <= 1, "apgd: rho ", options.rho, " is outside [0, 1]");
  require(options.eot >= 1, "apgd: eot ", options.eot, " is below 1");
  require(options.targets >= 1, "apgd: targets ", options.targets, " is below 1");
  require(options.radius == ApgdRadius::fixed || options.norm == Norm::l1,
          "apgd: radii shrink in the l1 norm only");
}

struct Apgd::Phase {
  float eps;
  int steps;
  bool last;  // of the phases: the one whose misclassified iterates count
};

// Rows beyond those of the batch pad it to its size; they are marked as broken, so they rest.
struct Apgd::Iterates {
  ApgdRows rows;
  Tensor labels, targets;  // i32 [size]
  float eps = 0;
  bool aimed = false;  // at `targets`, and nothing less is a success
  Replay iteration;

  Iterates(Device& device, const Shape& shape)
      : rows(device, shape),
        labels(device, {shape[0]}, DType::i32),
        targets(device, {shape[0]}, DType::i32) {}
};

namespace {

Shape with_rows(const Shape& shape, std::int64_t rows) {
  std::vector<std::int64_t> extents(shape.begin(), shape.end());
  extents[0] = rows;
  return Shape(extents);
}

// x + the projection of delta on the l1 ball and the pixel range. delta is changed.
void project_l1(const Tensor& x, const Tensor& delta, const Tensor& adversarial, float eps) {
  const std::int64_t rows = x.shape()[0];
  launch(x.device(),
         L1Project{x.array(), delta.array(), adversarial.array(), x.count() / rows, eps}, rows);
}

// In how many pixels each row of a differs from that of b.
Tensor count_changed(const Tensor& a, const Tensor& b) {
  const std::int64_t rows = a.shape()[0];
  const Tensor count(a.device(), {rows});
  launch(a.device(), CountChanged{a.array(), b.array(), count.array(), a.count() / rows}, rows);
  return count;
}

// Of the first `rows` rows, those that are zero.
std::vector<std::int32_t> zero_rows(const Tensor& g, std::size_t rows) {
  const std::vector<float> largest = largest_entries(g).to_host<float>();
  std::vector<std::int32_t> zero;
  for (std::size_t row = 0; row < rows; ++row) {
    if (largest[row] == 0.f) zero.push_back(static_cast<std::int32_t>(row));
  }
  return zero;
}

}  // namespace

Apgd::Apgd(LogitsFunction logits, const ApgdOptions& options)
    : logits_(std::move(logits)), loss_(apgd_loss(options.loss)), options_(options) {
  check(options);
}

std::vector<Apgd::Phase> Apgd::phases() const {
  const int n = options_.steps;
  if (options_.radius == ApgdRadius::fixed) return {{options_.eps, n, true}};
  const int share = (3 * n + 9) / 10;  // ceil(0.3 n)
  const int second = std::min(share, n - share);
  return {{3 * options_.eps, share, false},
          {2 * options_.eps, second, false},
          {options_.eps, n - share - second, true}};
}

void Apgd::make_room(Device& device, const Shape& images, std::int64_t rows) {
  const Shape shape = with_rows(images, padded(device, rows));
  if (!at_ || &at_->rows.device() != &device || at_->rows.images.shape() != shape) {
    at_.reset();  // first, so that its memory can be used again
    at_ = std::make_shared<Iterates>(device, shape);
  }
}

Tensor Apgd::draw_start(const Batch& batch, std::uint64_t seed, float eps) const {
  Device& device = batch.inputs.device();
  const std::int64_t rows = batch.inputs.shape()[0], columns = batch.inputs.count() / rows;
  const Stream stream{seed, Purpose::apgd_start};
  const Array<const std::int32_t> example = batch.indices.array<std::int32_t>(),
                                  attempt = batch.attempts.array<std::int32_t>();
  Tensor start(device, batch.inputs.shape());
  if (options_.norm == Norm::linf) {
    launch(
        device,
        ApgdStartLinf{example, attempt, batch.inputs.array(), start.array(), stream, eps, columns},
        rows);
    return start;
  }
  launch(device, GaussianNoise{example, attempt, start.array(), stream, columns}, rows, columns);
  if (options_.norm == Norm::l2) {
    launch(device, ApgdStartL2{batch.inputs.array(), start.array(), eps, columns}, rows);
  } else {
    const Tensor noise = start;
    start = Tensor(device, batch.inputs.shape());
    project_l1(batch.inputs, noise, start, eps);
  }
  return start;
}

// Fills the rows for one phase from `start`, one row of it for each of the batch.
void Apgd::begin(const Batch& batch, const Tensor& targets, const Tensor& start,
                 const Phase& phase) {
  Device& device = batch.inputs.device();
  const std::int64_t rows = batch.inputs.shape()[0];
  make_room(device, batch.inputs.shape(), rows);
  Iterates& at = *at_;
  const Tensor taken = row_numbers(device, padded_list(all_rows(rows), at.rows.size()));
  at.rows.images.copy_from(select_rows(batch.inputs, taken));
  at.labels.copy_from(select_rows(batch.targets, taken));
  at.targets.copy_from(select_rows(targets ? targets : batch.targets, taken));
  at.rows.now.copy_from(select_rows(start, taken));
  at.rows.old.copy_from(at.rows.now);
  at.rows.adversarial.copy_from(at.rows.images);

  const std::int64_t columns = at.rows.columns();
  std::vector<float> changed(static_cast<std::size_t>(at.rows.size()), static_cast<float>(columns));
  float share = .2f;  // of the pixels that move in the first steps of l1
  const bool from_start = options_.radius == ApgdRadius::shrinking;
  if (from_start) changed = count_changed(at.rows.now, at.rows.images).to_host<float>();
  std::vector<float> state =
      at.rows.first_state(options_.norm == Norm::l1 ? phase.eps : 2 * phase.eps);
  for (std::size_t row = 0; row < changed.size(); ++row) {
    float* field = &state[row * kApgdFields];
    if (from_start) share = changed[row] / static_cast<float>(columns) / 1.5f;
    field[kApgdBroken] = row < static_cast<std::size_t>(rows) ? 0.f : 1.f;
    field[kApgdRank] = ApgdCheckpointL1::rank(share, columns);
    field[kApgdChanged] = changed[row];
  }
  at.rows.state.copy_from_host(state.data());
  const bool aimed = static_cast<bool>(batch.aims);
  // A captured step holds its radius and its loss.
  if (at.eps != phase.eps || at.aimed != aimed) at.iteration = Replay();
  at.eps = phase.eps;
  at.aimed = aimed;
}

// The loss at the newest iterate, and what follows from it for every row.
void Apgd::evaluate(Gradient gradient, const Phase& phase) {
  Iterates& at = *at_;
  Device& device = at.rows.device();
  const int draws = gradient == Gradient::wanted ? options_.eot : 1;
  Tensor dx;
  const bool aims = at.aimed || is_targeted(options_.loss);
  const Batch batch{at.rows.images, at.labels, {}, {}, aims ? at.targets : Tensor()};
  LossValue found;
  for (int draw = 0; draw < draws; ++draw) {
    Tape tape;
    const Var x = tape.input(at.rows.now, gradient);
    found = loss_(tape, logits_, x, batch, LossReduction::sum);
    if (gradient == Gradient::none) continue;
    tape.backward(found.loss);
    require(static_cast<bool>(x.gradient()), "apgd: the model's logits do not depend on its input");
    if (draw == 0) {
      dx = draws == 1 ? x.gradient() : x.gradient().clone();
    } else {
      launch(device, AddTo{x.gradient().array(), dx.array()}, dx.count());
    }
  }
  const bool freeze = phase.last && options_.answer == ApgdAnswer::misclassified;
  at.rows.score(found, {freeze, options_.reference_wrap});
  at.rows.keep(dx, 1.f / static_cast<float>(draws));
}

void Apgd::step(const Phase& phase) {
  const ApgdRows& at = at_->rows;
  if (options_.norm != Norm::l1) return at.step(options_.norm, phase.eps);
  // `old` is free for delta: l1 has no momentum.
  const auto field = [&](ApgdField name) {
    return Array<const float>(at.state.slice(name, {at.state.count() - name}).array());
  };
  launch(at.device(),
         SparseStep{at.g.array(), at.images.array(), at.now.array(), at.old.array(),
                    field(kApgdStep), field(kApgdRank), kApgdFields, at.columns(), 0},
         at.size());
  project_l1(at.images, at.old, at.now, phase.eps);
}

// `iteration` counts from 1.
void Apgd::checkpoint(const Phase& phase, int iteration) {
  const ApgdRows& at = at_->rows;
  if (options_.norm != Norm::l1) return at.checkpoint(iteration, phase.steps, options_.rho);
  if (iteration % std::max(static_cast<int>(.04 * phase.steps), 1) != 0) return;
  launch(at.device(),
         ApgdCheckpointL1{at.state.array(), count_changed(at.best, at.images).array(), phase.eps,
                          at.columns()},
         at.size());
  at.restart();
}

// What a row used in a phase that asked for the loss `losses` times. Each is a pass forward and
// backward for each draw, the last of a phase, after the last step, one forward pass.
Passes Apgd::passes_of(float losses, const Phase& phase) const {
  const auto asked = static_cast<std::int64_t>(losses);
  const bool last = asked == phase.steps + 1;
  const std::int64_t gradients = (last ? asked - 1 : asked) * options_.eot;
  return {gradients + (last ? 1 : 0), gradients};
}

// What these rows found is put into `answer`, and what they used into `counts`.
void Apgd::put_away(const Leaving& leaving, const Tensor& found, const Phase& phase,
                    const Tensor& answer, PassCounts& counts) const {
  const std::vector<float> state = at_->rows.state.to_host<float>();
  for (std::size_t i = 0; i < leaving.rows.size(); ++i) {
    const float* fields = &state[static_cast<std::size_t>(leaving.places[i]) * kApgdFields];
    counts.add(leaving.rows[i], passes_of(fields[kApgdCounted], phase));
  }
  put_rows(answer, row_numbers(at_->rows.device(), leaving.rows),
           select_rows(found, leaving.numbers));
}

// Goes on without the rows that are broken, where that is worth it.
void Apgd::drop_broken_rows(OpenRows& open, const Phase& phase, const Tensor& answer,
                            PassCounts& counts) {
  const std::shared_ptr<Iterates> from = at_;
  const std::vector<float> state = from->rows.state.to_host<float>();
  Flags broken;
  for (std::int64_t row = 0; row < from->rows.size(); ++row) {
    broken.push_back(state[static_cast<std::size_t>(row) * kApgdFields + kApgdBroken] != 0 ? 1 : 0);
  }
  const std::optional<Leaving> leaving = open.leave(broken);
  if (!leaving) return;
  put_away(*leaving, from->rows.adversarial, phase, answer, counts);
  if (open.empty()) return;
  const std::int64_t size = leaving->stay.count();
  const auto to =
      std::make_shared<Iterates>(from->rows.device(), with_rows(from->rows.images.shape(), size));
  for (Tensor ApgdRows::*part :
       {&ApgdRows::images, &ApgdRows::now, &ApgdRows::old, &ApgdRows::best, &ApgdRows::g,
        &ApgdRows::g_best, &ApgdRows::adversarial, &ApgdRows::state}) {
    to->rows.*part = select_rows(from->rows.*part, leaving->stay);
  }
  to->labels = select_rows(from->labels, leaving->stay);
  to->targets = select_rows(from->targets, leaving->stay);
  to->eps = from->eps;
  to->aimed = from->aimed;
  at_ = to;
}

// One phase on every row of the batch, whose clean predictions are right. Returns its answer, but
// the best iterates for a phase that another follows.
Tensor Apgd::run(const Batch& batch, const Tensor& targets, const Tensor& start, const Phase& phase,
                 PassCounts& counts) {
  Device& device = batch.inputs.device();
  const bool freeze = phase.last && options_.answer == ApgdAnswer::misclassified;
  const Tensor answer = batch.inputs.clone();
  begin(batch, targets, start, phase);
  OpenRows open(device, all_rows(batch.inputs.shape()[0]), at_->rows.size());
  const Gradient first = phase.steps > 0 ? Gradient::wanted : Gradient::none;
  evaluate(first, phase);
  if (phase.last && first == Gradient::wanted) {
    counts.zero_gradients = zero_rows(at_->rows.g, open.rows().size());
  }
  if (freeze) drop_broken_rows(open, phase, answer, counts);
  for (int i = 1; i <= phase.steps && !open.empty(); ++i) {
    // The last step needs no gradient.
    const Gradient gradient = i < phase.steps ? Gradient::wanted : Gradient::none;
    const auto iterate = [&] {
      step(phase);
      evaluate(gradient, phase);
    };
    // A model that draws random numbers may count its calls on the host, so it is not recorded.
    if (gradient == Gradient::wanted && options_.eot == 1) {
      at_->iteration(device, iterate);
    } else {
      iterate();
    }
    checkpoint(phase, i);
    if (freeze && is_time_to_look(device, i)) drop_broken_rows(open, phase, answer, counts);
  }
  if (!open.empty()) {
    put_away(open.leave_all(), freeze ? at_->rows.adversarial : at_->rows.best, phase, answer,
             counts);
  }
  return answer;
}

Tensor Apgd::operator()(const Batch& batch, std::uint64_t seed, PassCounts* counts) {
  check_batch(batch, "apgd");
  const Tensor answer = batch.inputs.clone();
  if (batch.inputs.count() == 0) return answer;
  Device& device = batch.inputs.device();
  const Tensor clean = logits_of(logits_, batch.inputs);
  if (counts) counts->add_to_all(batch.inputs.shape()[0], {1, 0});
  require(!batch.aims || options_.loss == ApgdLoss::ce,
          "apgd: only the cross-entropy can be aimed at a class");
  std::vector<std::int32_t> rows = rows_to_attack(clean, batch);
  if (options_.answer == ApgdAnswer::best_loss) {
    rows = all_rows(batch.inputs.shape()[0]);
  }
  if (rows.empty()) return answer;

  const Tensor taken = row_numbers(device, rows);
  const Batch part =
      select({batch.inputs, batch.targets, batch.indices, attempts_of(batch), batch.aims}, taken);
  const Tensor targets = is_targeted(options_.loss)
                             ? other_classes_at_rank(select_rows(clean, taken), part.targets,
                                                     part.attempts, options_.targets)
                             : part.aims;
  const std::vector<Phase> all = phases();
  Tensor iterate = draw_start(part, seed, all.front().eps);
  PassCounts used;  // by the part's rows
  for (const Phase& phase : all) {
    if (phase.eps < all.front().eps) {  // onto this phase's ball from a larger one
      const Tensor delta(device, iterate.shape());
      launch(device, Difference{part.inputs.array(), iterate.array(), delta.array()},
             delta.count());
      project_l1(part.inputs, delta, iterate, phase.eps);
    }
    iterate = run(part, targets, iterate, phase, used);
  }
  if (counts) counts->add(rows, used);
  put_rows(answer, taken, iterate);
  return answer;
}

}  // namespace saddle
