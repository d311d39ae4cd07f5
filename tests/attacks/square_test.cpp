// Square on models whose best attack is known, and what it asks of the model on the way.
#include "attacks/square.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "attacks/row_lists.h"
#include "attacks/rows.h"
#include "kernels/square.h"
#include "tests/support/devices.h"
#include "tests/support/expect_near.h"
#include "tests/support/linear_models.h"
#include "tests/support/recording.h"
#include "tests/support/view.h"

namespace saddle {
namespace {

using namespace testing_support;
using Floats = std::vector<float>;

SquareOptions square_options(Norm norm, float eps, int queries) {
  SquareOptions options;
  options.norm = norm;
  options.eps = eps;
  options.queries = queries;
  return options;
}

// The first proposal of each new side, and the side.
std::vector<std::pair<int, int>> changes(const SquareOptions& options) {
  const std::vector<std::int32_t> sides = square_sides(options, 32, 32);
  std::vector<std::pair<int, int>> found;
  for (int i = 0; i < static_cast<int>(sides.size()); ++i) {
    const int side = sides[static_cast<std::size_t>(i)];
    if (found.empty() || found.back().second != side) found.emplace_back(i, side);
  }
  return found;
}

TEST(square_schedule, of_5000_queries_halves_the_windows_area_at_the_published_queries) {
  const std::vector<std::pair<int, int>> linf = {{0, 29},  {11, 20},  {51, 14},  {201, 10},
                                                 {501, 7}, {1001, 5}, {2001, 4}, {4001, 3}};
  const std::vector<std::pair<int, int>> l2 = {{0, 29},  {11, 21},  {51, 15}, {201, 11},
                                               {501, 7}, {1001, 5}, {4001, 3}};

  EXPECT_EQ(changes(square_options(Norm::linf, .1f, 5000)), linf);
  EXPECT_EQ(changes(square_options(Norm::l2, .1f, 5000)), l2);
}

TEST(square_schedule, rescaled_runs_through_all_sides) {
  SquareOptions linf = square_options(Norm::linf, .1f, 5000);
  SquareOptions l1 = square_options(Norm::l1, .1f, 5000);
  linf.rescale_schedule = l1.rescale_schedule = true;

  EXPECT_EQ(changes(linf), (std::vector<std::pair<int, int>>{{0, 29},
                                                             {6, 20},
                                                             {26, 14},
                                                             {101, 10},
                                                             {251, 7},
                                                             {501, 5},
                                                             {1001, 4},
                                                             {2001, 3},
                                                             {3001, 2},
                                                             {4001, 1}}));
  EXPECT_EQ(changes(l1),
            (std::vector<std::pair<int, int>>{
                {0, 29}, {6, 21}, {26, 15}, {101, 11}, {251, 7}, {501, 5}, {2001, 3}}));
}

TEST(square_schedule, keeps_the_window_inside_a_small_image) {
  for (std::int32_t side : square_sides(square_options(Norm::l2, .1f, 100), 6, 20)) {
    EXPECT_LE(side, 6);
  }
}

TEST(square_pattern, of_side_3_is_the_published_one) {
  const Floats eta = square_pattern(3, 3, 2);

  const Floats want = {.13608f,  .68041f,  .13608f,  -.12910f, -.12910f,
                       -.12910f, -.12910f, -.64550f, -.12910f};
  for (std::size_t i = 0; i < 9; ++i) {
    expect_near(eta[i], want[i], 5.1e-6, "eta[" + std::to_string(i) + "]");
  }
}

TEST(square_pattern, has_norm_1_and_for_an_even_height_sum_0) {
  for (int side = 3; side <= 29; ++side) {
    double squares = 0, absolute = 0, sum = 0, sum_l1 = 0;
    for (float value : square_pattern(side, side, 2))
      squares += double{value} * value, sum += value;
    for (float value : square_pattern(side, side, 1)) absolute += std::abs(value), sum_l1 += value;

    expect_near(squares, 1, 1e-6, "l2 norm, side " + std::to_string(side));
    expect_near(absolute, 1, 1e-6, "l1 norm, side " + std::to_string(side));
    if (side % 2 == 0) {
      expect_near(sum, 0, 1e-6, "l2 sum, side " + std::to_string(side));
      expect_near(sum_l1, 0, 1e-6, "l1 sum, side " + std::to_string(side));
    }
  }
}

// Of a model that nothing breaks: weights in [.1, 1] on 1 x 8 x 8, margin far above 0.
const Floats kWeights8 = random_values(64, 40, .1f, 1.f);
const Floats kGrey8(64, .5f);

class SquareOn : public ::testing::TestWithParam<std::string> {
 protected:
  Device& device() const { return device_named(GetParam()); }
};

INSTANTIATE_TEST_SUITE_P(Devices, SquareOn, ::testing::ValuesIn(device_names()),
                         [](const auto& info) { return std::string(info.param); });

TEST_P(SquareOn, breaks_the_linear_model_just_beyond_its_linf_distance_and_not_before) {
  const Batch batch = single_image(device(), grey());
  const LogitsFunction model = lin2(device());

  const Floats before =
      Square(model, square_options(Norm::linf, .033f, 60))(batch, 1).to_host<float>();
  const Floats beyond =
      Square(model, square_options(Norm::linf, .034f, 200))(batch, 1).to_host<float>();

  EXPECT_EQ(before, grey());
  EXPECT_LT(lin_margin(beyond), 0);
  for (std::size_t i = 0; i < 4; ++i) EXPECT_LE(std::abs(beyond[i] - grey()[i]), .034f + 1e-6f);
}

TEST_P(SquareOn, treats_a_row_alike_whoever_shares_its_batch_and_in_whatever_order) {
  for (Norm norm : {Norm::linf, Norm::l2, Norm::l1}) {
    const float eps = norm == Norm::linf ? .05f : norm == Norm::l2 ? .4f : 5.f;
    const LogitsFunction model = bit_stable_model(device(), 3);
    Square attack(model, square_options(norm, eps, 15));
    const auto attacked = [&](const std::vector<std::int32_t>& which) {
      return attack(random_examples(device(), which, 20, 7, 6, 3), 3).to_host<float>();
    };
    const Floats all = attacked({0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11});
    const Floats some = attacked({9, 2, 5});

    const std::ptrdiff_t size = 7 * 6 * 3;
    EXPECT_EQ(bits_of(Floats(some.begin(), some.begin() + size)),
              bits_of(Floats(all.begin() + 9 * size, all.begin() + 10 * size)));
    EXPECT_EQ(bits_of(Floats(some.begin() + size, some.begin() + 2 * size)),
              bits_of(Floats(all.begin() + 2 * size, all.begin() + 3 * size)));
    EXPECT_EQ(bits_of(Floats(some.begin() + 2 * size, some.end())),
              bits_of(Floats(all.begin() + 5 * size, all.begin() + 6 * size)));
  }
}

TEST_P(SquareOn, stays_in_its_ball_and_in_the_pixel_range) {
  const Batch batch = random_examples(device(), {0, 1, 2, 3, 4, 5}, 20, 7, 7, 3);
  const Floats x = batch.inputs.to_host<float>();
  const std::size_t size = 7 * 7 * 3;
  for (Norm norm : {Norm::linf, Norm::l2, Norm::l1}) {
    const double eps = norm == Norm::linf ? .1 : norm == Norm::l2 ? .7 : 8.;
    Square attack(bit_stable_model(device(), 3), square_options(norm, static_cast<float>(eps), 20));
    const Floats got = attack(batch, 5).to_host<float>();

    EXPECT_NE(got, x) << "not one example was broken";
    for (std::size_t row = 0; row < 6; ++row) {
      double linf = 0, squares = 0, l1 = 0;
      for (std::size_t i = row * size; i < (row + 1) * size; ++i) {
        EXPECT_TRUE(got[i] >= 0 && got[i] <= 1) << got[i];
        const double delta = std::abs(double{got[i]} - x[i]);
        linf = std::max(linf, delta), squares += delta * delta, l1 += delta;
      }
      const double length = norm == Norm::linf ? linf : norm == Norm::l2 ? std::sqrt(squares) : l1;
      EXPECT_LE(length, eps * (1 + 1e-5) + 1e-6) << "row " << row;
    }
  }
}

TEST_P(SquareOn, asks_of_an_unbreakable_model_one_clean_pass_the_start_and_every_query) {
  PassCounts counts;
  const Batch batch = repeated_image(device(), {8, 8, 1}, kGrey8, 1);
  Square attack(template_model(device(), 8, 1, kWeights8, 1000.f),
                square_options(Norm::l2, .3f, 37));

  const Floats got = attack(batch, 1, &counts).to_host<float>();

  EXPECT_EQ(got, kGrey8);
  EXPECT_EQ(counts.forward, 1 + 1 + 37);
  EXPECT_EQ(counts.backward, 0);
}

TEST_P(SquareOn, returns_a_clean_error_unchanged_after_one_pass) {
  PassCounts counts;
  Square attack(lin2(device()), square_options(Norm::linf, .1f, 50));

  const Floats got = attack(single_image(device(), grey(), 1), 1, &counts).to_host<float>();

  EXPECT_EQ(got, grey());
  EXPECT_EQ(counts.forward, 1);
}

TEST_P(SquareOn, stops_at_a_tie_and_returns_the_image_that_is_still_predicted_right) {
  PassCounts counts;
  const LogitsFunction tied = linear_model(device(), {0, 0, 0, 0}, {0, 0, -5, -6});
  Square attack(tied, square_options(Norm::linf, .1f, 50));

  const Floats got = attack(single_image(device(), grey()), 1, &counts).to_host<float>();

  EXPECT_EQ(got, grey());
  EXPECT_EQ(counts.forward, 1 + 1 + 1);  // clean, start, check
}

TEST_P(SquareOn, without_queries_returns_the_start_only_where_it_fools_the_model) {
  int fooled = 0;  // of 8 patterns of signs, 2 lower the margin by more than 0.2
  for (std::int32_t attempt = 0; attempt < 16; ++attempt) {
    Batch batch = single_image(device(), grey());
    batch.attempts = row_numbers(device(), {attempt});
    PassCounts counts;
    const Floats got = Square(lin2(device()), square_options(Norm::linf, .1f, 0))(batch, 1, &counts)
                           .to_host<float>();

    const bool moved = got != grey();
    EXPECT_EQ(moved, lin_margin(got) < 0);
    EXPECT_EQ(counts.forward, moved ? 3 : 2);
    fooled += moved ? 1 : 0;
  }
  EXPECT_GT(fooled, 0);
  EXPECT_LT(fooled, 16);
}

TEST(square, with_the_cross_entropy_loss_breaks_the_linear_model_too) {
  SquareOptions options = square_options(Norm::linf, .034f, 300);
  options.loss = SquareLoss::cross_entropy;

  const Floats got =
      Square(lin4(cpu_device()), options)(single_image(cpu_device(), grey()), 1).to_host<float>();

  EXPECT_LT(lin_margin(got), 0);
}

TEST(square, emulated_gives_the_bits_of_the_cpu) {
  for (Norm norm : {Norm::linf, Norm::l2, Norm::l1}) {
    const SquareOptions options = square_options(norm, norm == Norm::linf ? .05f : 1.f, 10);
    const auto on = [&](Device& device) {
      return Square(bit_stable_model(device, 3), options)(
                 random_examples(device, {0, 1, 2, 3}, 20, 9, 7, 3), 3)
          .to_host<float>();
    };

    EXPECT_EQ(bits_of(on(cpu_device())), bits_of(on(emulated_device())));
  }
}

double score8(const Floats& x) {
  double sum = 0;
  for (std::size_t i = 0; i < 64; ++i) sum += double{kWeights8[i]} * x[i];
  return sum;
}

struct Watched {
  std::vector<Floats> seen;  // clean, start, proposals
};

Watched watch(const SquareOptions& options, const Batch& batch) {
  Watched watched;
  const LogitsFunction model = template_model(cpu_device(), 8, 1, kWeights8, 1000.f);
  Square(recording(model, watched.seen), options)(batch, 7);
  return watched;
}

TEST(square, starts_from_stripes_of_plus_or_minus_eps) {
  const Watched watched =
      watch(square_options(Norm::linf, .1f, 0), repeated_image(cpu_device(), {8, 8, 1}, kGrey8, 3));

  const Floats& start = watched.seen.at(1);
  int up = 0;
  for (std::size_t i = 0; i < start.size(); ++i) {
    const std::size_t row = i / 64, column = i % 8;
    EXPECT_EQ(start[i], start[row * 64 + column]) << "rows of the image differ";
    expect_near(std::abs(double{start[i]} - .5), .1, 1e-7, "|delta|");
    up += start[i] > .5f ? 1 : 0;
  }
  EXPECT_GT(up, 0);
  EXPECT_LT(up, static_cast<int>(start.size()));
}

TEST(square, never_covers_the_last_row_and_column_in_the_windows_of_the_references_alone) {
  for (bool reference : {true, false}) {
    SquareOptions options = square_options(Norm::linf, .1f, 300);
    options.reference_windows = reference;
    const Watched watched = watch(options, repeated_image(cpu_device(), {8, 8, 1}, kGrey8, 1));

    bool changed = false;
    for (std::size_t call = 2; call < watched.seen.size(); ++call) {
      for (std::size_t i = 0; i < 64; ++i) {
        const bool edge = i / 8 == 7 || i % 8 == 7;
        changed = changed || (edge && watched.seen[call][i] != watched.seen[1][i]);
      }
    }
    EXPECT_EQ(changed, !reference);
  }
}

TEST(square, asks_in_order_for_the_published_proposals_that_are_not_the_best_image_itself) {
  const int queries = 200;
  const SquareOptions options = square_options(Norm::linf, .1f, queries);
  const Batch batch = repeated_image(cpu_device(), {8, 8, 1}, kGrey8, 1);
  std::vector<Floats> seen;
  PassCounts counts;
  Square(recording(template_model(cpu_device(), 8, 1, kWeights8, 1000.f), seen), options)(batch, 7,
                                                                                          &counts);

  const Tensor attempts = zero_counts(cpu_device(), 1);
  const SquareDraws draws{batch.indices.array<std::int32_t>(), attempts.array<std::int32_t>(), 7};
  const std::vector<std::int32_t> sides = square_sides(options, 8, 8);
  const SquareWindows windows{view(sides), queries, 0};
  Floats best = seen.at(1);
  std::size_t asked = 0, repeats = 0;
  for (int query = 0; query < queries; ++query) {
    const SquareWindow window =
        windows.first(draws.bits(Purpose::square_window, 0, query), {8, 8, 1}, query);
    const float step = .1f * draws.sign(Purpose::square_sign, 0, query);
    Floats proposal = best;
    for (std::int64_t i = 0; i < 64; ++i) {
      if (window.contains(i / 8, i % 8)) proposal[static_cast<std::size_t>(i)] = .5f + step;
    }
    if (proposal == best) {
      ++repeats;
      continue;
    }
    ASSERT_EQ(seen.at(2 + asked++), proposal) << "query " << query;
    if (score8(proposal) < score8(best) - 1e-4) best = proposal;  // well above the rounding of z
  }
  EXPECT_LE(seen.size(), 2 + asked + 1);  // a last call where the queries ended in a repetition
  EXPECT_EQ(counts.forward, static_cast<std::int64_t>(2 + asked));
  EXPECT_GT(repeats, 20u);
  EXPECT_LT(score8(best), score8(seen.at(1)));
}

TEST(square, reaches_the_optimum_of_a_linear_model_unless_windows_stop_short_of_the_edge) {
  // Smaller windows come late without rescaling.
  const double clean = score8(kGrey8);
  double optimum = 0;
  for (float w : kWeights8) optimum += .1 * w;
  for (bool reference : {true, false}) {
    SquareOptions options = square_options(Norm::linf, .1f, 5000);
    options.reference_windows = reference;
    for (std::int32_t attempt = 0; attempt < 8; ++attempt) {
      Batch batch = repeated_image(cpu_device(), {8, 8, 1}, kGrey8, 1);
      batch.attempts = row_numbers(cpu_device(), {attempt});
      double least = clean;
      for (const Floats& proposal : watch(options, batch).seen) {
        least = std::min(least, score8(proposal));
      }
      const double reached = (clean - least) / optimum;
      if (reference) {
        EXPECT_LT(reached, .99) << "attempt " << attempt;
        EXPECT_GT(reached, .4) << "attempt " << attempt;
      } else {
        EXPECT_GT(reached, .9999) << "attempt " << attempt;
      }
    }
  }
}

TEST(square, proposes_on_the_l2_sphere_and_in_the_l1_ball) {
  for (Norm norm : {Norm::l2, Norm::l1}) {
    const double eps = norm == Norm::l2 ? .5 : 3.;
    const Watched watched = watch(square_options(norm, static_cast<float>(eps), 200),
                                  repeated_image(cpu_device(), {8, 8, 1}, kGrey8, 2));

    for (std::size_t call = 1; call < watched.seen.size(); ++call) {
      for (std::size_t row = 0; row < 2; ++row) {
        double squares = 0, l1 = 0;
        for (std::size_t i = 0; i < 64; ++i) {
          const double delta = double{watched.seen[call][row * 64 + i]} - .5;
          squares += delta * delta, l1 += std::abs(delta);
        }
        const double length = norm == Norm::l2 ? std::sqrt(squares) : l1;
        EXPECT_LE(length, eps * (1 + 1e-5)) << "call " << call;
        // Grey leaves room on both sides: nothing is lost in the pixel range.
        EXPECT_GE(length, eps * (norm == Norm::l2 ? 1 - 1e-5 : .5)) << "call " << call;
      }
    }
  }
}

std::string refusal(const SquareOptions& options) {
  return message_of<Error>([&] { check(options); });
}

TEST(square, refuses_options_that_cannot_be) {
  EXPECT_CONTAINS(refusal(square_options(Norm::l2, -.1f, 10)), "square: eps -0.1 must be finite");
  EXPECT_CONTAINS(refusal(square_options(Norm::linf, 8, 10)), "Did you mean 8/255?");
  EXPECT_CONTAINS(refusal(square_options(Norm::linf, .1f, -1)), "square: queries -1 is negative");
  SquareOptions options;
  options.p_init = 0;
  EXPECT_CONTAINS(refusal(options), "square: p_init 0 must lie in (0, 1]");
}

TEST(square, refuses_images_too_small_for_tiles) {
  const Batch batch = single_image(cpu_device(), grey());

  EXPECT_CONTAINS(message_of<Error>([&] {
                    Square(lin2(cpu_device()), square_options(Norm::l2, .1f, 1))(batch, 1);
                  }),
                  "too small for the l2 and l1 attacks");
}

}  // namespace
}  // namespace saddle
