#include "attacks/pixle.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "attacks/open_rows.h"
#include "attacks/rows.h"
#include "core/replay.h"
#include "kernels/pixle.h"

namespace saddle {
namespace {

// Rows under attack, on the device.
struct State {
  Batch batch;                       // with attempts
  Tensor base, best, proposal;       // f32 [N, H, W, C]
  Tensor odds;                       // f32 [N]
  Tensor improved, done, proposals;  // i32 [N]

  std::int64_t rows() const { return batch.targets.count(); }
  std::int64_t columns() const { return base.count() / rows(); }
};

State new_state(const Batch& batch) {
  Device& device = batch.inputs.device();
  const std::int64_t n = batch.targets.count();
  State state{batch,
              batch.inputs.clone(),
              batch.inputs.clone(),
              batch.inputs.clone(),
              Tensor::filled(device, {n}, -std::numeric_limits<float>::infinity()),
              zero_counts(device, n),
              zero_counts(device, n),
              zero_counts(device, n)};
  if (!state.batch.attempts) state.batch.attempts = zero_counts(device, n);
  return state;
}

State select(const State& state, const Tensor& rows) {
  return {select(state.batch, rows),     select_rows(state.base, rows),
          select_rows(state.best, rows), select_rows(state.proposal, rows),
          select_rows(state.odds, rows), select_rows(state.improved, rows),
          select_rows(state.done, rows), select_rows(state.proposals, rows)};
}

// The least and greatest extent in pixels of an image that is `whole` of them.
struct Extents {
  std::int32_t least, greatest;
};

Extents in_pixels(const PatchExtent& extent, std::int64_t whole) {
  const auto pixels = [&](double value) {
    if (extent.unit == PatchExtent::Unit::share) {
      value = std::nearbyint(value * static_cast<double>(whole));
    }
    return static_cast<std::int32_t>(std::clamp(value, 1., static_cast<double>(whole)));
  };
  return {pixels(extent.least), pixels(extent.greatest)};
}

// One attack on one batch.
class PixleRun {
 public:
  PixleRun(const LogitsFunction& logits, const PixleOptions& options, std::uint64_t seed,
           const Shape& images)
      : logits_(logits),
        options_(options),
        seed_(seed),
        height_(images[1]),
        width_(images[2]),
        channels_(images[3]),
        heights_(in_pixels(options.height, height_)),
        widths_(in_pixels(options.width, width_)),
        longest_(std::int64_t{heights_.greatest} * widths_.greatest) {
    const std::int64_t proposals =
        std::int64_t{options.max_iterations} *
        (options.algorithm == PixleAlgorithm::restart ? options.restarts : 1);
    require(proposals <= std::numeric_limits<std::uint32_t>::max() / longest_, "pixle: ", proposals,
            " proposals of patches of up to ", longest_,
            " pixels are more than there are numbers to draw. Ask for fewer");
  }

  void score_clean(const State& state) const { judge(state, 1); }

  void propose_and_judge(const State& state) const {
    Tensor(state.proposal).copy_from(state.base);
    Device& device = state.base.device();
    const Tensor destination(device, {state.rows(), longest_}, DType::i32),
        source(device, {state.rows(), longest_}, DType::i32);
    PixleDraw draw{state.batch.inputs.array(),
                   state.base.array(),
                   state.batch.indices.array<std::int32_t>(),
                   state.batch.attempts.array<std::int32_t>(),
                   state.proposals.array<std::int32_t>(),
                   destination.array<std::int32_t>(),
                   source.array<std::int32_t>(),
                   seed_,
                   height_,
                   width_,
                   channels_,
                   {widths_.least, widths_.greatest},
                   {heights_.least, heights_.greatest},
                   longest_,
                   options_.mapping};
    launch(device, draw, state.rows(), longest_);
    launch(device,
           PixlePaste{state.batch.inputs.array(), destination.array<std::int32_t>(),
                      source.array<std::int32_t>(), state.proposal.array(), height_ * width_,
                      channels_, longest_},
           state.rows(), longest_);
    judge(state, 0);
    if (options_.algorithm == PixleAlgorithm::iterative) rebase(state);
  }

  // B <- the best image; where there is none, the restart algorithm goes on from the last proposal.
  void rebase(const State& state) const {
    launch(state.base.device(),
           PixleRebase{state.best.array(), state.proposal.array(),
                       state.improved.array<std::int32_t>(), state.base.array(), state.columns(),
                       options_.algorithm == PixleAlgorithm::restart ? 1 : 0},
           state.rows(), state.columns());
  }

 private:
  void judge(const State& state, std::int32_t clean) const {
    const Tensor z = logits_of(logits_, clean != 0 ? state.batch.inputs : state.proposal);
    launch(z.device(),
           PixleJudge{z.array(), state.batch.targets.array<std::int32_t>(), state.proposal.array(),
                      state.best.array(), state.odds.array(), state.improved.array<std::int32_t>(),
                      state.done.array<std::int32_t>(), state.proposals.array<std::int32_t>(),
                      z.shape()[1], state.columns(), clean},
           state.rows());
  }

  const LogitsFunction& logits_;
  const PixleOptions& options_;
  std::uint64_t seed_;
  std::int64_t height_, width_, channels_;
  Extents heights_, widths_;
  std::int64_t longest_;
};

void check(const PatchExtent& extent, const char* what) {
  const bool share = extent.unit == PatchExtent::Unit::share;
  require(extent.least >= (share ? 0. : 1.) && extent.greatest >= extent.least &&
              extent.greatest <= (share ? 1. : 65535.),
          "pixle: a patch ", what, " from ", extent.least, " to ", extent.greatest,
          share ? " of the image must lie in [0, 1], the least first"
                : " pixels must lie in [1, 65535], the least first");
}

}  // namespace

PixleOptions pixle_paper(PixlePaperReading reading) {
  PixleOptions options;
  switch (reading) {
    case PixlePaperReading::five_iterations: options.max_iterations = 5; break;
    case PixlePaperReading::five_restarts: options.restarts = 5; break;
    case PixlePaperReading::five_proposals_in_all:
      options.algorithm = PixleAlgorithm::iterative;
      options.max_iterations = 5;
      break;
  }
  return options;
}

void check(const PixleOptions& options) {
  check(options.width, "width");
  check(options.height, "height");
  require(options.restarts >= 0, "pixle: restarts ", options.restarts, " is negative");
  require(options.max_iterations >= 0, "pixle: max_iterations ", options.max_iterations,
          " is negative");
}

Pixle::Pixle(LogitsFunction logits, const PixleOptions& options)
    : logits_(std::move(logits)), options_(options) {
  check(options);
}

Tensor Pixle::operator()(const Batch& batch, std::uint64_t seed, PassCounts* counts) {
  check_batch(batch, "pixle");
  const Shape& shape = batch.inputs.shape();
  require(shape.rank() == 4, "pixle: images ", shape, " must be [N, H, W, C]");
  const Tensor answers = batch.inputs.clone();
  if (answers.count() == 0) return answers;
  Device& device = answers.device();
  const PixleRun run(logits_, options_, seed, shape);
  State state = new_state(batch);
  run.score_clean(state);
  OpenRows open(device, all_rows(state.rows()));
  PassCounts used;
  used.add_to_all(shape[0], {1, 0});
  const auto put_away = [&](const Leaving& leaving, const Tensor& images) {
    add_passes(used, leaving.rows, select_rows(state.proposals, leaving.numbers), {1, 0});
    put_rows(answers, row_numbers(device, leaving.rows), select_rows(images, leaving.numbers));
  };
  std::int64_t proposal = 0;
  Replay step;

  const int restarts = options_.algorithm == PixleAlgorithm::restart ? options_.restarts : 1;
  for (int restart = 0; restart < restarts && !open.empty(); ++restart) {
    for (int i = 0; i < options_.max_iterations && !open.empty(); ++i, ++proposal) {
      step(device, [&] { run.propose_and_judge(state); });
      if (!is_time_to_look(device, proposal)) continue;
      const std::optional<Leaving> leaving = open.leave(flags_of(state.done));
      if (!leaving) continue;
      put_away(*leaving, state.best);
      if (open.empty()) break;
      state = select(state, leaving->stay);
      step = Replay();
    }
    if (!open.empty() && options_.max_iterations > 0) run.rebase(state);
  }
  if (!open.empty()) put_away(open.leave_all(), state.base);
  if (counts) counts->add(all_rows(shape[0]), used);
  return answers;
}

}  // namespace saddle
