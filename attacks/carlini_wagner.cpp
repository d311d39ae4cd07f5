#include "attacks/carlini_wagner.h"

#include <algorithm>
#include <cmath>

#include "attacks/open_rows.h"
#include "attacks/rows.h"
#include "core/attack_ops.h"
#include "kernels/carlini_wagner.h"
#include "kernels/l1_projection.h"
#include "kernels/fab.h"

namespace saddle {

void check(const CarliniWagnerOptions& options) {
  require(options.searches >= 1, "cw: searches ", options.searches, " is below 1");
  require(options.iterations >= 1, "cw: iterations ", options.iterations, " is below 1");
  require(std::isfinite(options.c) && options.c > 0, "cw: c ", options.c,
          " must be positive and finite");
  require(std::isfinite(options.lr) && options.lr > 0, "cw: lr ", options.lr,
          " must be positive and finite");
  require(std::isfinite(options.kappa) && options.kappa >= 0, "cw: kappa ", options.kappa,
          " must be finite and not negative");
  require(options.eps >= 0, "cw: eps ", options.eps, " must not be negative");
}

struct CarliniWagner::State {
  Tensor x0, labels;                    // [n, H, W, C], i32 [n]
  Tensor adversarial, best;             // [n, H, W, C], [n]
  Tensor c, low, high;                  // [n]
  Tensor succeeded, stopped, previous;  // [n]
  Tensor w, x1, mean, square;           // [n, H, W, C]
  Tensor iteration;                     // i32 [1]
  bool aimed;                           // `labels` are the classes aimed at

  CarliniWagnerRows rows() const {
    return {c.array(),         low.array(),     high.array(),
            succeeded.array(), stopped.array(), previous.array()};
  }
  // A copy of these rows alone; the iteration stays shared.
  State of(const Tensor& numbers) const {
    const auto take = [&](const Tensor& tensor) { return select_rows(tensor, numbers); };
    return {take(x0),   take(labels),    take(adversarial), take(best),     take(c), take(low),
            take(high), take(succeeded), take(stopped),     take(previous), take(w), take(x1),
            take(mean), take(square),    iteration,         aimed};
  }
};

CarliniWagner::CarliniWagner(LogitsFunction logits, const CarliniWagnerOptions& options)
    : logits_(std::move(logits)), options_(options) {
  check(options);
}

Tensor CarliniWagner::operator()(const Batch& batch, std::uint64_t, PassCounts* counts) {
  return nearest(batch, counts).images;
}

namespace {

// What is to fall, z_from - z_to: the label's logit against the strongest other one, or that
// against the logit of the class aimed at.
struct Falling {
  Tensor margin;    // f32 [n]
  Tensor from, to;  // i32 [n]
};

Falling falling_logit(const Tensor& z, const Tensor& labels, bool aimed) {
  const Rival verdict = rival(z, labels);
  if (!aimed) return {verdict.margin, labels, verdict.other};
  const Tensor margin(z.device(), verdict.margin.shape());
  const Tensor zero = Tensor::filled(z.device(), margin.shape(), 0.f);
  launch(z.device(), Difference{verdict.margin.array(), zero.array(), margin.array()},
         margin.count());
  return {margin, verdict.other, labels};
}

}  // namespace

void CarliniWagner::iterate(const State& state, int check_every) const {
  Device& device = state.x0.device();
  const std::int64_t rows = state.x0.shape()[0], columns = columns_of(state.x0);
  Tape tape;
  const Var x = tape.input(state.x1, Gradient::wanted);
  const Var z = logits_(tape, x);
  const Falling falling = falling_logit(z.value(), state.labels, state.aimed);
  const Tensor weight(device, {rows});
  launch(device,
         CarliniWagnerJudge{falling.margin.array(), falling.from.array<std::int32_t>(),
                            falling.to.array<std::int32_t>(), state.x0.array(), state.x1.array(),
                            state.iteration.array<std::int32_t>(), state.rows(),
                            state.adversarial.array(), state.best.array(), weight.array(), columns,
                            check_every, options_.kappa},
         rows);
  tape.backward(logit_difference(tape, z, falling.from, falling.to, weight).sum);
  launch(device,
         CarliniWagnerStep{state.x0.array(), x.gradient().array(), state.stopped.array(),
                           state.iteration.array<std::int32_t>(), state.w.array(), state.x1.array(),
                           state.mean.array(), state.square.array(), columns, options_.lr},
         rows, columns);
  launch(device, CountUp{state.iteration.array<std::int32_t>()}, 1);
}

namespace {

Tensor full(Device& device, std::int64_t rows, float value) {
  return Tensor::filled(device, {rows}, value);
}

}  // namespace

// One value of c for each of the first `rows` of `all`, which are not padding; those that stop
// leave. `counts` is by them.
void CarliniWagner::search(const State& all, std::int64_t rows, Replay& whole,
                           PassCounts& counts) const {
  Device& device = all.x0.device();
  launch(device,
         CarliniWagnerStart{all.x0.array(), all.w.array(), all.x1.array(), all.mean.array(),
                            all.square.array()},
         all.x0.count());
  Tensor(all.iteration).copy_from_host(std::vector<std::int32_t>{0}.data());

  const int check_every =
      options_.abort_early ? std::max(options_.iterations / 10, 1) : options_.iterations;
  State now = all;
  OpenRows open(device, all_rows(rows), all.x0.shape()[0]);  // of `all`
  Replay of_fewer;
  Replay* replay = &whole;  // of all rows, which serves every search
  const auto put_away = [&](const Leaving& leaving) {
    const Tensor left = row_numbers(device, leaving.rows);
    for (Tensor State::*part : {&State::adversarial, &State::best, &State::succeeded}) {
      put_rows(all.*part, left, select_rows(now.*part, leaving.numbers));
    }
  };
  for (int i = 0; i < options_.iterations && !open.empty(); ++i) {
    (*replay)(device, [&] { iterate(now, check_every); });
    counts.add(open.open(), Passes{1, 1});
    if (i == 0 || i % check_every != 0) continue;
    const std::optional<Leaving> leaving = open.leave(flags_from(now.stopped, 1.f));
    if (!leaving) continue;
    put_away(*leaving);
    if (open.empty()) return;
    now = now.of(leaving->stay);
    of_fewer = Replay();
    replay = &of_fewer;
  }
  put_away(open.leave_all());
}

MinimalNorm CarliniWagner::nearest(const Batch& batch, PassCounts* counts) {
  check_batch(batch, "cw");
  Device& device = batch.inputs.device();
  if (batch.inputs.count() == 0) {
    return {batch.inputs.clone(), Tensor(device, {batch.inputs.shape()[0]})};
  }
  const Tensor clean = logits_of(logits_, batch.inputs);
  check_classes(clean, "cw");
  if (counts) counts->add_to_all(batch.inputs.shape()[0], {1, 0});

  Findings findings(batch);
  const std::vector<std::int32_t> standing = rows_to_attack(clean, batch);
  if (!standing.empty()) {
    const auto rows = static_cast<std::int64_t>(standing.size());
    const std::int64_t n = padded(device, rows);
    const Batch attacked = select(batch, padded_list(standing, n));
    const Shape& shape = attacked.inputs.shape();
    const State state{attacked.inputs,
                      attacked.aims ? attacked.aims : attacked.targets,
                      attacked.inputs.clone(),
                      full(device, n, kFarthest),
                      full(device, n, options_.c),
                      full(device, n, 0.f),
                      full(device, n, kUnboundedWeight),
                      full(device, n, 0.f),
                      full(device, n, 0.f),
                      full(device, n, kNoObjective),
                      Tensor(device, shape),
                      Tensor(device, shape),
                      Tensor(device, shape),
                      Tensor(device, shape),
                      Tensor(device, {1}, DType::i32),
                      static_cast<bool>(attacked.aims)};
    Replay whole;
    PassCounts used;  // by the attacked rows
    for (int i = 0; i < options_.searches; ++i) {
      search(state, rows, whole, used);
      launch(device, CarliniWagnerSearch{state.rows()}, n);
    }
    if (counts) counts->add(standing, used);
    const Tensor not_padding = row_numbers(device, all_rows(rows));
    findings.put(standing, select_rows(state.adversarial, not_padding),
                 select_rows(state.best, not_padding), options_.eps);
  }
  findings.put_clean_errors(standing);
  return findings.result();
}

}  // namespace saddle
