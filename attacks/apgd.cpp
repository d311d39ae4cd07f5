#include "attacks/apgd.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "attacks/rows.h"
#include "core/attack_ops.h"
#include "core/ops.h"
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

std::vector<int> apgd_checkpoints(int steps) {
  const auto share = [steps](double of) { return std::max(static_cast<int>(of * steps), 1); };
  std::vector<int> iterations;
  int window = share(.22);
  for (int at = window; at <= steps; at += window) {
    iterations.push_back(at);
    window = std::max(window - share(.03), share(.06));
  }
  return iterations;
}

struct Apgd::Phase {
  float eps;
  int steps;
  bool last;  // of the phases: the one whose misclassified iterates count
};

// Rows beyond `places` pad the batch to its size; they are marked as broken, so they rest.
struct Apgd::Rows {
  std::vector<std::int32_t> places;                       // which row of the batch each is
  Tensor images, now, old, best, g, g_best, adversarial;  // [size, H, W, C]
  Tensor labels, targets;                                 // i32 [size]
  Tensor state;                                           // [size, kApgdFields]
  float eps;
  Replay iteration;

  Rows(Device& device, const Shape& shape)
      : images(device, shape),
        now(device, shape),
        old(device, shape),
        best(device, shape),
        g(device, shape),
        g_best(device, shape),
        adversarial(device, shape),
        labels(device, {shape[0]}, DType::i32),
        targets(device, {shape[0]}, DType::i32),
        state(device, {shape[0], kApgdFields}),
        eps(0) {}

  Device& device() const { return images.device(); }
  std::int64_t size() const { return images.shape()[0]; }
  std::int64_t columns() const { return images.count() / size(); }
};

namespace {

bool targeted(ApgdLoss loss) {
  return loss == ApgdLoss::targeted_dlr || loss == ApgdLoss::targeted_ce;
}

// How many rows a batch has that must hold `rows`. Where steps are captured, sizes have three
// leading bits: few, so that captures and the library's plans are used again, and at most an eighth
// of the rows is padding.
std::int64_t padded(const Device& device, std::int64_t rows) {
  if (!device.captures()) return rows;
  std::int64_t unit = 1;
  while (rows > 8 * unit) unit *= 2;
  return ceil_divide(rows, unit) * unit;
}

// 0, 1, ..., rows - 1 and then 0 up to `size`.
std::vector<std::int32_t> padded_list(std::vector<std::int32_t> rows, std::int64_t size) {
  rows.resize(static_cast<std::size_t>(size), rows.front());
  return rows;
}

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

Loss loss_named(ApgdLoss name) {
  return [name](Tape& tape, const LogitsFunction& f, const Var& x, const Batch& batch,
                LossReduction reduction) {
    const Var logits = f(tape, x);
    switch (name) {
      case ApgdLoss::dlr: return dlr_loss(tape, logits, batch.targets);
      case ApgdLoss::targeted_dlr:
        return targeted_dlr_loss(tape, logits, batch.targets, batch.aims);
      case ApgdLoss::targeted_ce:
        return targeted_cross_entropy_loss(tape, logits, batch.targets, batch.aims);
      case ApgdLoss::ce: break;
    }
    return cross_entropy(tape, logits, batch.targets, reduction);
  };
}

}  // namespace

Apgd::Apgd(LogitsFunction logits, const ApgdOptions& options)
    : logits_(std::move(logits)), loss_(loss_named(options.loss)), options_(options) {
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
  if (!at_ || &at_->device() != &device || at_->images.shape() != shape) {
    at_.reset();  // first, so that its memory can be used again
    at_ = std::make_shared<Rows>(device, shape);
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
  Rows& at = *at_;
  at.places.resize(static_cast<std::size_t>(rows));
  std::iota(at.places.begin(), at.places.end(), 0);
  const Tensor taken = row_numbers(device, padded_list(at.places, at.size()));
  at.images.copy_from(select_rows(batch.inputs, taken));
  at.labels.copy_from(select_rows(batch.targets, taken));
  at.targets.copy_from(select_rows(targets ? targets : batch.targets, taken));
  at.now.copy_from(select_rows(start, taken));
  at.old.copy_from(at.now);
  at.adversarial.copy_from(at.images);

  const std::int64_t columns = at.columns();
  std::vector<float> changed(static_cast<std::size_t>(at.size()), static_cast<float>(columns));
  float share = .2f;  // of the pixels that move in the first steps of l1
  const bool from_start = options_.radius == ApgdRadius::shrinking;
  if (from_start) changed = count_changed(at.now, at.images).to_host<float>();
  std::vector<float> state(static_cast<std::size_t>(at.size()) * kApgdFields, 0.f);
  for (std::size_t row = 0; row < changed.size(); ++row) {
    float* field = &state[row * kApgdFields];
    if (from_start) share = changed[row] / static_cast<float>(columns) / 1.5f;
    field[kApgdStep] = options_.norm == Norm::l1 ? phase.eps : 2 * phase.eps;
    field[kApgdReducedAtCheck] = 1;
    field[kApgdBroken] = row < static_cast<std::size_t>(rows) ? 0.f : 1.f;
    field[kApgdRank] = ApgdCheckpointL1::rank(share, columns);
    field[kApgdChanged] = changed[row];
  }
  at.state.copy_from_host(state.data());
  if (at.eps != phase.eps) at.iteration = Replay();  // a captured step holds its radius
  at.eps = phase.eps;
}

// The loss at the newest iterate, and what follows from it for every row.
void Apgd::evaluate(Gradient gradient, const Phase& phase) {
  Rows& at = *at_;
  Device& device = at.device();
  const int draws = gradient == Gradient::wanted ? options_.eot : 1;
  Tensor dx;
  const Batch batch{at.images, at.labels, {}, {}, at.targets};
  LossValue found;
  for (int draw = 0; draw < draws; ++draw) {
    Tape tape;
    const Var x = tape.input(at.now, gradient);
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
  launch(device,
         ApgdScore{found.losses.array(), found.right.array(), at.state.array(), freeze ? 1 : 0,
                   options_.reference_wrap ? 1 : 0},
         at.size());
  launch(device,
         ApgdKeep{at.state.array(), at.now.array(),
                  dx ? Array<const float>(dx.array()) : Array<const float>{}, at.g.array(),
                  at.best.array(), at.g_best.array(), at.adversarial.array(),
                  1.f / static_cast<float>(draws), at.columns()},
         at.size(), at.columns());
}

void Apgd::step(const Phase& phase) {
  const Rows& at = *at_;
  Device& device = at.device();
  const std::int64_t rows = at.size(), columns = at.columns();
  if (options_.norm == Norm::linf) {
    launch(device,
           ApgdStepLinf{at.images.array(), at.g.array(), at.now.array(), at.old.array(),
                        at.state.array(), phase.eps, columns},
           rows, columns);
  } else if (options_.norm == Norm::l2) {
    launch(device,
           ApgdStepL2{at.images.array(), at.g.array(), at.now.array(), at.old.array(),
                      at.state.array(), phase.eps, columns},
           rows);
  } else {  // `old` is free for delta: l1 has no momentum
    const auto field = [&](ApgdField name) {
      return Array<const float>(at.state.slice(name, {at.state.count() - name}).array());
    };
    launch(device,
           SparseStep{at.g.array(), at.images.array(), at.now.array(), at.old.array(),
                      field(kApgdStep), field(kApgdRank), kApgdFields, columns, 0},
           rows);
    project_l1(at.images, at.old, at.now, phase.eps);
  }
}

// `iteration` counts from 1.
void Apgd::checkpoint(const Phase& phase, int iteration) {
  const Rows& at = *at_;
  Device& device = at.device();
  if (options_.norm == Norm::l1) {
    if (iteration % std::max(static_cast<int>(.04 * phase.steps), 1) != 0) return;
    launch(device,
           ApgdCheckpointL1{at.state.array(), count_changed(at.best, at.images).array(), phase.eps,
                            at.columns()},
           at.size());
  } else {
    const std::vector<int> iterations = apgd_checkpoints(phase.steps);
    const auto found = std::find(iterations.begin(), iterations.end(), iteration);
    if (found == iterations.end()) return;
    const int window = found == iterations.begin() ? iteration : iteration - *(found - 1);
    launch(device, ApgdCheckpoint{at.state.array(), static_cast<float>(window), options_.rho},
           at.size());
  }
  launch(device,
         ApgdRestart{at.state.array(), at.best.array(), at.g_best.array(), at.now.array(),
                     at.g.array(), at.columns()},
         at.size(), at.columns());
}

// What a row used in a phase. Each loss is a pass forward and backward for each draw, the last of a
// phase, after the last step, one forward pass.
void Apgd::count_row(const std::vector<float>& state, std::size_t row, const Phase& phase,
                     PassCounts& counts) const {
  const auto losses = static_cast<std::int64_t>(state[row * kApgdFields + kApgdCounted]);
  const bool last = losses == phase.steps + 1;
  const std::int64_t gradients = (last ? losses - 1 : losses) * options_.eot;
  counts.add(at_->places[row], {gradients + (last ? 1 : 0), gradients});
}

// Goes on with the rows that stand where a quarter of them is done; false where none stands. What
// the others found is put into `answer`, and what they used into `counts`.
bool Apgd::drop_broken_rows(const Tensor& answer, const Phase& phase, PassCounts& counts) {
  const std::shared_ptr<Rows> from = at_;
  Device& device = from->device();
  const std::vector<float> state = from->state.to_host<float>();
  std::vector<std::int32_t> standing, places;
  for (std::size_t row = 0; row < from->places.size(); ++row) {
    if (state[row * kApgdFields + kApgdBroken] != 0) continue;
    standing.push_back(static_cast<std::int32_t>(row));
    places.push_back(from->places[row]);
  }
  if (standing.empty()) return false;
  const auto count = static_cast<std::int64_t>(standing.size());
  const std::int64_t size = padded(device, count);
  if (4 * count > 3 * from->size() || size == from->size()) return true;

  for (std::size_t row = 0; row < from->places.size(); ++row) {
    if (state[row * kApgdFields + kApgdBroken] != 0) count_row(state, row, phase, counts);
  }
  put_rows(answer, row_numbers(device, from->places),
           from->adversarial.slice(
               0, with_rows(answer.shape(), static_cast<std::int64_t>(from->places.size()))));
  const auto to = std::make_shared<Rows>(device, with_rows(from->images.shape(), size));
  const Tensor taken = row_numbers(device, padded_list(standing, size));
  for (Tensor Rows::*part :
       {&Rows::images, &Rows::now, &Rows::old, &Rows::best, &Rows::g, &Rows::g_best,
        &Rows::adversarial, &Rows::labels, &Rows::targets, &Rows::state}) {
    *to.*part = select_rows(*from.*part, taken);
  }
  const Tensor padding = Tensor::filled(device, {1}, 1.f);
  for (std::int64_t row = count; row < size; ++row) {
    to->state.slice(row * kApgdFields + kApgdBroken, {1}).copy_from(padding);
  }
  to->places = places;
  to->eps = from->eps;
  at_ = to;
  return true;
}

// One phase on every row of the batch, whose clean predictions are right. Returns its answer, but
// the best iterates for a phase that another follows.
Tensor Apgd::run(const Batch& batch, const Tensor& targets, const Tensor& start, const Phase& phase,
                 PassCounts& counts) {
  Device& device = batch.inputs.device();
  const bool freeze = phase.last && options_.answer == ApgdAnswer::misclassified;
  const Tensor answer = batch.inputs.clone();
  begin(batch, targets, start, phase);
  const Gradient first = phase.steps > 0 ? Gradient::wanted : Gradient::none;
  evaluate(first, phase);
  if (phase.last && first == Gradient::wanted) {
    counts.zero_gradients = zero_rows(at_->g, at_->places.size());
  }
  // Where launches are asynchronous, looking at the rows is waiting for the device.
  const int looks_every = device.captures() ? 8 : 1;
  bool standing = !freeze || drop_broken_rows(answer, phase, counts);
  for (int i = 1; i <= phase.steps && standing; ++i) {
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
    if (freeze && i % looks_every == 0) standing = drop_broken_rows(answer, phase, counts);
  }
  const std::vector<float> state = at_->state.to_host<float>();
  for (std::size_t row = 0; row < at_->places.size(); ++row) count_row(state, row, phase, counts);
  const Tensor& found = freeze ? at_->adversarial : at_->best;
  put_rows(
      answer, row_numbers(device, at_->places),
      found.slice(0, with_rows(answer.shape(), static_cast<std::int64_t>(at_->places.size()))));
  return answer;
}

Tensor Apgd::operator()(const Batch& batch, std::uint64_t seed, PassCounts* counts) {
  check_batch(batch, "apgd");
  const Tensor answer = batch.inputs.clone();
  if (batch.inputs.count() == 0) return answer;
  Device& device = batch.inputs.device();
  const Tensor clean = logits_of(logits_, batch.inputs);
  if (counts) counts->add_to_all(batch.inputs.shape()[0], {1, 0});
  std::vector<std::int32_t> rows = rows_predicted_right(clean, batch.targets);
  if (options_.answer == ApgdAnswer::best_loss) {
    rows.resize(static_cast<std::size_t>(batch.inputs.shape()[0]));
    std::iota(rows.begin(), rows.end(), 0);
  }
  if (rows.empty()) return answer;

  const Tensor taken = row_numbers(device, rows);
  const Batch part =
      select({batch.inputs, batch.targets, batch.indices, attempts_of(batch)}, taken);
  const Tensor targets = targeted(options_.loss)
                             ? other_classes_at_rank(select_rows(clean, taken), part.targets,
                                                     part.attempts, options_.targets)
                             : Tensor();
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
