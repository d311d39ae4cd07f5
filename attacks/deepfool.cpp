#include "attacks/deepfool.h"

#include <cmath>

#include "attacks/open_rows.h"
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
  Tensor x0, x1, r, adversarial;  // [n, H, W, C]
  Tensor labels;                  // i32 [n]
  Tensor best;                    // [n]: distance of x' once it is misclassified
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

Walk select(const Walk& walk, const Tensor& rows) {
  return {select_rows(walk.x0, rows),     select_rows(walk.x1, rows),
          select_rows(walk.r, rows),      select_rows(walk.adversarial, rows),
          select_rows(walk.labels, rows), select_rows(walk.best, rows)};
}

Walk begin(const Batch& batch) {
  const Tensor& x = batch.inputs;
  const Tensor r(x.device(), x.shape()), best(x.device(), {x.shape()[0]});
  launch(x.device(), Fill{r.array(), 0.f}, r.count());
  launch(x.device(), Fill{best.array(), kFarthest}, best.count());
  return {x, x.clone(), r, x.clone(), batch.targets, best};
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
  OpenRows open(batch.inputs.device(), all_rows(batch.inputs.shape()[0]));
  const auto put_away = [&](const Leaving& leaving) {
    findings.put(leaving.rows, select_rows(walk.adversarial, leaving.numbers),
                 select_rows(walk.best, leaving.numbers), options_.eps);
  };
  for (int i = 0;; ++i) {
    Tape tape;
    const Var x = tape.input(walk.x1, Gradient::wanted);
    const Var z = logits_(tape, x);
    check_classes(z.value(), "deepfool");
    if (counts) counts->add(open.open(), Passes{1, 0});
    judge(walk, z.value(), options_.norm);
    if (i == options_.steps) break;
    if (counts) counts->add(open.open(), Passes{0, z.shape()[1] - 1});
    step(walk, linearise_nearest(tape, x, z, walk.labels, options_.norm), options_);
    const std::optional<Leaving> leaving = open.leave(flags_up_to(walk.best, kDone));
    if (!leaving) continue;
    put_away(*leaving);
    if (open.empty()) return findings.result();
    walk = select(walk, leaving->stay);
  }
  put_away(open.leave_all());
  return findings.result();
}

}  // namespace saddle
