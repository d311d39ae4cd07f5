#include "attacks/square.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "attacks/open_rows.h"
#include "attacks/rows.h"
#include "core/replay.h"
#include "kernels/square.h"

namespace saddle {
namespace {

// p_init is halved after these iterations of 10000.
constexpr int kHalvings[] = {10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000};

double share_of_image(const SquareOptions& options, std::int64_t iteration) {
  const std::int64_t place =
      options.rescale_schedule
          ? static_cast<std::int64_t>(static_cast<double>(iteration) / options.queries * 10000)
          : iteration;
  double share = options.p_init;
  for (int last : kHalvings) share = place > last ? share / 2 : share;
  return share;
}

// 0 inside the middle of rows x columns, rising with the distance from it in either direction.
std::int64_t distance_from_centre(std::int64_t y, std::int64_t x, std::int64_t height,
                                  std::int64_t width) {
  return std::max(std::abs(y - height / 2), std::abs(x - width / 2));
}

// Sum over j from the distance to the centre on of 1 / (j + 1)^falloff, scaled to norm 1.
std::vector<double> box_pattern(std::int64_t height, std::int64_t width, int power) {
  const std::int64_t rings = std::max(height / 2, width / 2);
  std::vector<double> box;
  double sum = 0;
  for (std::int64_t y = 0; y < height; ++y) {
    for (std::int64_t x = 0; x < width; ++x) {
      double value = 0;
      for (std::int64_t j = distance_from_centre(y, x, height, width); j <= rings; ++j) {
        value += std::pow(static_cast<double>(j + 1), power == 2 ? -2. : -4.);
      }
      box.push_back(value);
      sum += power == 2 ? value * value : value;
    }
  }
  for (double& value : box) value /= power == 2 ? std::sqrt(sum) : sum;
  return box;
}

std::vector<float> transposed(const std::vector<float>& values, std::int64_t height,
                              std::int64_t width) {
  std::vector<float> turned;
  for (std::int64_t x = 0; x < width; ++x) {
    for (std::int64_t y = 0; y < height; ++y) {
      turned.push_back(values[static_cast<std::size_t>(y * width + x)]);
    }
  }
  return turned;
}

// What proposals read and all rows share.
struct Tables {
  SquareImages image;
  SquareBall ball;
  Tensor sides;              // i32 [queries]
  Tensor eta, eta_begins;    // l2, l1: the patterns; i32 [queries]: where each proposal's begins
  Tensor upright, sideways;  // l2, l1: a tile of the start
};

Tables make_tables(Device& device, const SquareOptions& options, const Shape& images) {
  Tables tables{{images[1], images[2], images[3]},
                {options.eps, options.norm == Norm::l1 ? 1 : 2},
                {},
                {},
                {},
                {},
                {}};
  const Rows sides = square_sides(options, images[1], images[2]);
  const auto on_device = [&](const auto& values) {
    return Tensor::from_host(device, {static_cast<std::int64_t>(values.size())}, values);
  };
  tables.sides = on_device(sides);
  if (options.norm == Norm::linf) return tables;

  std::vector<float> eta;
  std::map<std::int32_t, std::int32_t> begins;  // by side
  Rows eta_begins;
  for (std::int32_t side : sides) {
    if (!begins.contains(side)) {
      begins[side] = static_cast<std::int32_t>(eta.size());
      const std::vector<float> pattern = square_pattern(side, side, tables.ball.power);
      eta.insert(eta.end(), pattern.begin(), pattern.end());
    }
    eta_begins.push_back(begins[side]);
  }
  tables.eta = on_device(eta);
  tables.eta_begins = on_device(eta_begins);
  const std::int64_t height = images[1] / SquareStartTiles::kTiles,
                     width = images[2] / SquareStartTiles::kTiles;
  tables.upright = on_device(square_pattern(height, width, tables.ball.power));
  tables.sideways =
      on_device(transposed(square_pattern(width, height, tables.ball.power), width, height));
  return tables;
}

// Rows under attack, on the device.
struct State {
  Batch batch;            // with attempts
  Tensor best, proposal;  // f32 [N, H, W, C]
  Tensor margin, loss;    // f32 [N]
  Tensor queries;         // i32 [N]: made, and
  Tensor passes;          // i32 [N]: how many of them the model saw

  std::int64_t rows() const { return batch.targets.count(); }
};

State new_state(const Batch& batch) {
  Device& device = batch.inputs.device();
  const std::int64_t n = batch.targets.count();
  const float infinity = std::numeric_limits<float>::infinity();
  State state{batch,
              batch.inputs.clone(),
              batch.inputs.clone(),
              Tensor::filled(device, {n}, infinity),
              Tensor::filled(device, {n}, infinity),
              zero_counts(device, n),
              zero_counts(device, n)};
  if (!state.batch.attempts) {
    state.batch.attempts = zero_counts(device, n);
  }
  return state;
}

State select(const State& state, const Tensor& rows) {
  return {select(state.batch, rows),         select_rows(state.best, rows),
          select_rows(state.proposal, rows), select_rows(state.margin, rows),
          select_rows(state.loss, rows),     select_rows(state.queries, rows),
          select_rows(state.passes, rows)};
}

// One attack on one batch.
class SquareRun {
 public:
  SquareRun(const LogitsFunction& logits, const SquareOptions& options, const Tables& tables,
            std::uint64_t seed)
      : logits_(logits), options_(options), tables_(tables), seed_(seed) {}

  void start(const State& state) const {
    Device& device = state.best.device();
    const std::int64_t stripes = tables_.image.width * tables_.image.channels;
    if (options_.norm == Norm::linf) {
      launch(device,
             SquareStartLinf{state.batch.inputs.array(), state.proposal.array(), draws(state),
                             tables_.image, options_.eps},
             state.rows(), stripes);
    } else {
      launch(device,
             SquareStartTiles{state.batch.inputs.array(), state.proposal.array(),
                              tables_.upright.array(), tables_.sideways.array(), draws(state),
                              tables_.image, tables_.ball},
             state.rows());
    }
    judge(state);
  }

  void propose_and_judge(const State& state) const {
    Device& device = state.best.device();
    if (options_.norm == Norm::linf) {
      launch(device,
             SquareProposeLinf{state.batch.inputs.array(), state.best.array(), state.margin.array(),
                               state.queries.array<std::int32_t>(), state.proposal.array(),
                               draws(state), windows(), tables_.image, options_.eps},
             state.rows());
    } else {
      launch(device,
             SquareMoveMass{state.batch.inputs.array(), state.best.array(), state.margin.array(),
                            state.queries.array<std::int32_t>(), state.proposal.array(),
                            tables_.eta.array(), tables_.eta_begins.array<std::int32_t>(),
                            draws(state), windows(), tables_.image, tables_.ball},
             state.rows());
    }
    judge(state);
  }

 private:
  SquareDraws draws(const State& state) const {
    return {state.batch.indices.array<std::int32_t>(), state.batch.attempts.array<std::int32_t>(),
            seed_};
  }
  SquareWindows windows() const {
    return {tables_.sides.array<std::int32_t>(), options_.queries,
            options_.reference_windows ? 1 : 0};
  }
  void judge(const State& state) const {
    const Tensor z = logits_of(logits_, state.proposal);
    launch(z.device(),
           SquareJudge{z.array(), state.batch.targets.array<std::int32_t>(), state.proposal.array(),
                       state.best.array(), state.margin.array(), state.loss.array(),
                       state.queries.array<std::int32_t>(), state.passes.array<std::int32_t>(),
                       z.shape()[1], tables_.image.columns(), options_.queries,
                       options_.loss == SquareLoss::cross_entropy ? 1 : 0},
           state.rows());
  }

  const LogitsFunction& logits_;
  const SquareOptions& options_;
  const Tables& tables_;
  std::uint64_t seed_;
};

// The search on rows `right` of the batch that `images` came from, of which the state may hold some
// twice; the broken ones' best images go
// to `images`, and the rows are returned. `counts` is added to.
Rows search(const SquareRun& run, State state, const Rows& right, int proposals,
            const Tensor& images, PassCounts& counts) {
  Device& device = images.device();
  Rows broken;
  // Broken or spent; reads both back.
  const auto done = [&] {
    Flags flags = flags_up_to(state.margin, 0.f);
    const Rows queries = state.queries.to_host<std::int32_t>();
    for (std::size_t i = 0; i < flags.size(); ++i) {
      if (queries[i] > proposals) flags[i] = 1;
    }
    return flags;
  };
  const auto put_away = [&](const Leaving& leaving) {
    add_passes(counts, leaving.rows, select_rows(state.passes, leaving.numbers), {1, 0});
    const Flags success = flags_up_to(state.margin, 0.f);
    Rows places, numbers;
    for (std::size_t i = 0; i < leaving.rows.size(); ++i) {
      if (success[static_cast<std::size_t>(leaving.places[i])] == 0) continue;
      places.push_back(leaving.places[i]);
      numbers.push_back(leaving.rows[i]);
    }
    put_rows(images, row_numbers(device, numbers),
             select_rows(state.best, row_numbers(device, places)));
    broken.insert(broken.end(), numbers.begin(), numbers.end());
  };
  run.start(state);
  OpenRows open(device, right, state.rows());
  Replay step;
  for (int count = 0; count < proposals; ++count) {
    if (is_time_to_look(device, count)) {
      if (const std::optional<Leaving> leaving = open.leave(done())) {
        put_away(*leaving);
        if (open.empty()) return broken;
        state = select(state, leaving->stay);
        step = Replay();
      }
    }
    step(device, [&] { run.propose_and_judge(state); });
  }
  put_away(open.leave_all());
  return broken;
}

}  // namespace

void check(const SquareOptions& options) {
  require(std::isfinite(options.eps) && options.eps >= 0, "square: eps ", options.eps,
          " must be finite and not negative");
  require(options.norm != Norm::linf || options.eps <= 1, "square: eps ", options.eps,
          " exceeds the pixel range [0, 1]. Did you mean ", options.eps, "/255?");
  require(options.queries >= 0, "square: queries ", options.queries, " is negative");
  require(options.p_init > 0 && options.p_init <= 1, "square: p_init ", options.p_init,
          " must lie in (0, 1], it is a share of the image");
}

std::vector<std::int32_t> square_sides(const SquareOptions& options, std::int64_t height,
                                       std::int64_t width) {
  const bool mass = options.norm != Norm::linf;
  const auto most = static_cast<std::int32_t>(std::min(height, width));
  std::vector<std::int32_t> sides;
  for (int i = 0; i < options.queries; ++i) {
    const double pixels = share_of_image(options, i) * static_cast<double>(height * width);
    // Half to even, as Python's round.
    auto side = static_cast<std::int32_t>(std::nearbyint(std::sqrt(pixels)));
    side = std::max(side, mass ? 3 : 1);
    if (mass && side % 2 == 0) ++side;
    sides.push_back(std::min(side, most));
  }
  return sides;
}

std::vector<float> square_pattern(std::int64_t height, std::int64_t width, int power) {
  std::vector<double> both = box_pattern(height / 2, width, power);
  for (double value : box_pattern(height - height / 2, width, power)) both.push_back(-value);
  double sum = 0;
  for (double value : both) sum += power == 2 ? value * value : std::abs(value);
  const double norm = power == 2 ? std::sqrt(sum) : sum;
  std::vector<float> eta;
  for (double value : both) eta.push_back(static_cast<float>(value / norm));
  return eta;
}

Square::Square(LogitsFunction logits, const SquareOptions& options)
    : logits_(std::move(logits)), options_(options) {
  check(options);
}

Tensor Square::operator()(const Batch& batch, std::uint64_t seed, PassCounts* counts) {
  check_batch(batch, "square");
  const Shape& shape = batch.inputs.shape();
  require(shape.rank() == 4, "square: images ", shape, " must be [N, H, W, C]");
  require(options_.norm == Norm::linf || (shape[1] >= 5 && shape[2] >= 5), "square: images ", shape,
          " are too small for the l2 and l1 attacks, which tile them 5 x 5");
  const Tensor images = batch.inputs.clone();
  if (images.count() == 0) return images;
  Device& device = images.device();
  PassCounts used;
  used.add_to_all(shape[0], {1, 0});
  const Rows right = rows_predicted_right(logits_of(logits_, batch.inputs), batch.targets);
  if (!right.empty()) {
    const Tables tables = make_tables(device, options_, shape);
    const SquareRun run(logits_, options_, tables, seed);
    const std::int64_t size = padded(device, static_cast<std::int64_t>(right.size()));
    const Rows broken = search(run, new_state(select(batch, padded_list(right, size))), right,
                               options_.queries, images, used);
    // A tie breaks the margin but may still be predicted right.
    if (!broken.empty()) {
      const Batch found = select({images, batch.targets, batch.indices, {}}, broken);
      used.add(broken, Passes{1, 0});
      const Rows withstood =
          chosen(broken, rows_predicted_right(logits_of(logits_, found.inputs), found.targets));
      const Tensor clean = row_numbers(device, withstood);
      put_rows(images, clean, select_rows(batch.inputs, clean));
    }
  }
  if (counts) counts->add(all_rows(shape[0]), used);
  return images;
}

}  // namespace saddle
