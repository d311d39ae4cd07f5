#include "attacks/deepfool.h"

#include <cmath>
#include <numeric>

#include "attacks/rows.h"
#include "kernels/deepfool.h"
#include "kernels/elementwise.h"
#include "kernels/fab.h"
#include "kernels/fab_projection.h"

namespace saddle {

void check(const DeepFoolOptions& options) {
  require(options.norm != Norm::l1, "deepfool: works in l2 and linf, l1 was asked for");
  require(options.steps >= 0, "deepfool: steps ", options.steps, " is negative");
  require(std::isfinite(options.overshoot) && options.overshoot >= 0, "deepfool: overshoot ",
          options.overshoot, " must be finite and not negative");
  require(options.eps >= 0, "deepfool: eps ", options.eps, " must not be negative");
}

namespace {

// The rows that are still predicted right, r and x' of each.
struct Walk {
  std::vector<std::int32_t> rows;  // place of each in the batch
  std::vector<std::int32_t> open;  // those of them that are not done
  Tensor x0, x1, r, adversarial;   // [n, H, W, C]
  Tensor labels;                   // i32 [n]
  Tensor best;                     // [n]: distance of x' once it is misclassified
};

constexpr float kDone = 0.5f * kFarthest;  // any distance found is below

// Notes which rows are misclassified at x'.
void judge(const Walk& walk, const Tensor& z, Norm norm) {
  const Rival verdict = rival(z, walk.labels);
  with_distance_norm(norm, [&](auto p) {
    launch(
        z.device(),
        FabJudge<p()>{verdict.margin.array(), walk.labels.array<std::int32_t>(),
                      verdict.other.array<std::int32_t>(), walk.x0.array(), walk.x1.array(),
                      walk.adversarial.array(), walk.best.array(), columns_of(walk.x0), 1.f, kDone},
        walk.x0.shape()[0]);
  });
}

void step(const Walk& walk, const Linearised& plane, const DeepFoolOptions& options) {
  const auto launch_step = [&](auto p) {
    launch(walk.x0.device(),
           DeepFoolStep<p()>{walk.x0.array(), plane.w.array(), plane.f.array(), walk.best.array(),
                             walk.r.array(), walk.x1.array(), columns_of(walk.x0),
                             options.overshoot, kDone},
           walk.x0.shape()[0]);
  };
  if (options.norm == Norm::linf) {
    launch_step(std::integral_constant<DistanceNorm, DistanceNorm::linf>{});
  } else {
    launch_step(std::integral_constant<DistanceNorm, DistanceNorm::l2>{});
  }
}

// Puts away the rows that are done, where they are a quarter of all or all; the rest walks on.
void drop_done(Walk& walk, Findings& findings, float eps) {
  const std::vector<float> best = walk.best.to_host<float>();
  std::vector<std::int32_t> left, done, rows_left, rows_done;  // the rows in the batch
  for (std::size_t i = 0; i < best.size(); ++i) {
    const bool finished = best[i] <= kDone;
    (finished ? done : left).push_back(static_cast<std::int32_t>(i));
    (finished ? rows_done : rows_left).push_back(walk.rows[i]);
  }
  walk.open = rows_left;
  if (4 * done.size() < best.size()) return;
  Device& device = walk.x0.device();
  const Tensor gone = row_numbers(device, done), stay = row_numbers(device, left);
  findings.put(rows_done, select_rows(walk.adversarial, gone), select_rows(walk.best, gone), eps);
  walk = {rows_left,
          rows_left,
          select_rows(walk.x0, stay),
          select_rows(walk.x1, stay),
          select_rows(walk.r, stay),
          select_rows(walk.adversarial, stay),
          select_rows(walk.labels, stay),
          select_rows(walk.best, stay)};
}

Walk begin(const Batch& batch) {
  const Tensor& x = batch.inputs;
  std::vector<std::int32_t> rows(static_cast<std::size_t>(x.shape()[0]));
  std::iota(rows.begin(), rows.end(), 0);
  const Tensor r(x.device(), x.shape()), best(x.device(), {x.shape()[0]});
  launch(x.device(), Fill{r.array(), 0.f}, r.count());
  launch(x.device(), Fill{best.array(), kFarthest}, best.count());
  return {rows, rows, x, x.clone(), r, x.clone(), batch.targets, best};
}

}  // namespace

DeepFool::DeepFool(LogitsFunction logits, const DeepFoolOptions& options)
    : logits_(std::move(logits)), options_(options) {
  check(options);
}

Tensor DeepFool::operator()(const Batch& batch, std::uint64_t, PassCounts* counts) {
  return nearest(batch, counts).images;
}

MinimalNorm DeepFool::nearest(const Batch& batch, PassCounts* counts) {
  check_batch(batch, "deepfool");
  if (batch.inputs.count() == 0) {
    return {batch.inputs.clone(), Tensor(batch.inputs.device(), {batch.inputs.shape()[0]})};
  }
  Findings findings(batch);
  Walk walk = begin(batch);
  for (int i = 0;; ++i) {
    Tape tape;
    const Var x = tape.input(walk.x1, Gradient::wanted);
    const Var z = logits_(tape, x);
    check_classes(z.value(), "deepfool");
    if (counts) counts->add(walk.open, Passes{1, 0});
    judge(walk, z.value(), options_.norm);
    if (i == options_.steps) break;
    if (counts) counts->add(walk.open, Passes{0, z.shape()[1] - 1});
    step(walk, linearise_nearest(tape, x, z, walk.labels, options_.norm), options_);
    drop_done(walk, findings, options_.eps);
    if (walk.rows.empty()) return findings.result();
  }
  findings.put(walk.rows, walk.adversarial, walk.best, options_.eps);
  return findings.result();
}

}  // namespace saddle
