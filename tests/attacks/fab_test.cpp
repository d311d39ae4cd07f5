// FAB and FAB-T on models whose nearest misclassified image is known.
#include "attacks/fab.h"
#include "kernels/array.h"
#include "kernels/fab.h"
#include "kernels/fab_projection.h"
#include "kernels/philox.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "attacks/rows.h"
#include "tests/support/devices.h"
#include "tests/support/expect_near.h"
#include "tests/support/linear_models.h"

namespace saddle {
namespace {

using namespace testing_support;
using Floats = std::vector<float>;
using Rows = std::vector<std::int32_t>;

constexpr double kLinf = 1. / 30, kL1 = .2 / 3;  // distances of LIN2's boundary from the grey image
const double kL2 = .2 / std::sqrt(14.);
constexpr double kRounding = 1e-6;  // of pixels around 1/2, over slopes of at least 1/3
constexpr float kInfinity = std::numeric_limits<float>::infinity();

FabOptions minimal(Norm norm, int steps, Boundary boundary = Boundary::nearest) {
  FabOptions options;
  options.norm = norm;
  options.steps = steps;
  options.boundary = boundary;
  options.targets = 3;
  options.accept = Accept::any_distance;
  return options;
}

FabOptions within(Norm norm, float eps, int steps, Boundary boundary = Boundary::nearest) {
  FabOptions options = minimal(norm, steps, boundary);
  options.eps = eps;
  options.accept = Accept::within_eps;
  return options;
}

class FabAttack : public ::testing::TestWithParam<std::string> {
 protected:
  Device& device() const { return device_named(GetParam()); }
  double distance(const LogitsFunction& model, const FabOptions& options) const {
    return Fab(model, options).nearest(single_image(device(), grey()), 1).distances.item();
  }
  Floats images(const LogitsFunction& model, const FabOptions& options) const {
    return Fab(model, options)(single_image(device(), grey()), 1).to_host<float>();
  }
};

INSTANTIATE_TEST_SUITE_P(Devices, FabAttack, ::testing::ValuesIn(device_names()),
                         [](const auto& info) { return std::string(info.param); });

// Linear models -----------------------------------------------------------------------------------

TEST_P(FabAttack, overshoots_lin2_by_eta_in_its_first_step) {
  expect_near(distance(lin2(device()), minimal(Norm::linf, 1)), 1.05 * kLinf, kRounding, "linf");
  expect_near(distance(lin2(device()), minimal(Norm::l2, 1)), 1.05 * kL2, kRounding, "l2");
  expect_near(distance(lin2(device()), minimal(Norm::l1, 1)), 1.05 * kL1, kRounding, "l1");
}

// 1e10 is also what says that nothing has been found.
TEST_P(FabAttack, finds_what_there_is_within_any_radius) {
  for (float eps : {1.f, 1e10f, 1e30f}) {
    EXPECT_LT(lin_margin(images(lin2(device()), within(Norm::l2, eps, 5))), 0) << eps;
    EXPECT_EQ(images(constant_model(device()), within(Norm::l2, eps, 5)), grey()) << eps;
  }
}

TEST_P(FabAttack, comes_to_1_005213_of_lin2s_distance_in_its_second_step_and_no_nearer) {
  for (int steps : {2, 7}) {
    expect_near(distance(lin2(device()), minimal(Norm::linf, steps)), 1.005213 * kLinf, kRounding,
                "linf");
    expect_near(distance(lin2(device()), minimal(Norm::l2, steps)), .0537309, kRounding, "l2");
    expect_near(distance(lin2(device()), minimal(Norm::l1, steps)), 1.005213 * kL1, kRounding,
                "l1");
  }
}

TEST_P(FabAttack, moves_lin2_along_its_exact_projection) {
  const Floats l2 = images(lin2(device()), minimal(Norm::l2, 3));
  const Floats linf = images(lin2(device()), minimal(Norm::linf, 3));
  const Floats l1 = images(lin2(device()), minimal(Norm::l1, 3));

  const std::vector<double> to_linf = {-kLinf, kLinf, -kLinf, 0}, to_l1 = {-kL1, 0, 0, 0};
  for (std::size_t i = 0; i < 4; ++i) {
    const std::string place = "[" + std::to_string(i) + "]";
    expect_near(l2[i] - .5, -1.005213 * .2 / 14 * lin_weights()[i], kRounding, "l2" + place);
    expect_near(linf[i] - .5, 1.005213 * to_linf[i], kRounding, "linf" + place);
    expect_near(l1[i] - .5, 1.005213 * to_l1[i], kRounding, "l1" + place);
  }
}

TEST_P(FabAttack, without_bias_to_the_image_and_backward_step_swings_about_the_boundary) {
  FabOptions options = minimal(Norm::l2, 1);
  options.beta = 1;
  options.alpha_max = 0;
  expect_near(distance(lin2(device()), options), 1.05 * kL2, kRounding, "after 1");
  options.steps = 3;
  expect_near(distance(lin2(device()), options), 1.000125 * kL2, kRounding, "after 3");
}

TEST_P(FabAttack, accepts_a_point_within_eps_and_discards_one_beyond) {
  EXPECT_EQ(images(lin2(device()), within(Norm::l2, .0537f, 10)), grey());
  const Floats broken = images(lin2(device()), within(Norm::l2, .0538f, 10));

  EXPECT_LT(lin_margin(broken), 0);
}

TEST_P(FabAttack, stops_at_the_first_point_within_eps) {
  // The first step ends 1.05 distances away, which is accepted; no later one is nearer.
  expect_near(distance(lin2(device()), within(Norm::l2, .06f, 10)), 1.05 * kL2, kRounding, "l2");
}

TEST_P(FabAttack, aimed_at_the_second_class_is_fab_where_that_class_is_nearest) {
  const FabOptions ranked = minimal(Norm::l2, 5, Boundary::ranked), nearest = minimal(Norm::l2, 5);

  EXPECT_EQ(images(lin4(device()), ranked), images(lin4(device()), nearest));
  EXPECT_EQ(images(lin4(device()), ranked), images(lin2(device()), nearest));
}

TEST_P(FabAttack, of_a_constant_model_is_the_clean_image) {
  for (Norm norm : {Norm::linf, Norm::l2, Norm::l1}) {
    for (Boundary boundary : {Boundary::nearest, Boundary::ranked}) {
      EXPECT_EQ(images(constant_model(device()), minimal(norm, 5, boundary)), grey());
      EXPECT_EQ(distance(constant_model(device()), minimal(norm, 5, boundary)), kInfinity);
    }
  }
}

TEST_P(FabAttack, leaves_a_clean_error_as_it_is_at_distance_0) {
  const Batch batch = single_image(device(), grey(), 1);
  const MinimalNorm found = Fab(lin2(device()), minimal(Norm::l2, 5)).nearest(batch, 1);

  EXPECT_EQ(found.images.to_host<float>(), grey());
  EXPECT_EQ(found.distances.item(), 0.f);
}

TEST_P(FabAttack, takes_a_nan_logit_for_no_success) {
  const LogitsFunction broken = linear_model(
      device(), lin_weights(), {-1.8f, std::numeric_limits<float>::quiet_NaN(), -5, -6});

  EXPECT_EQ(images(broken, minimal(Norm::l2, 3)), grey());
  EXPECT_EQ(distance(broken, minimal(Norm::l2, 3, Boundary::ranked)), kInfinity);
}

TEST_P(FabAttack, stays_in_the_box_and_lets_other_pixels_make_up_for_it) {
  // Pixels 0 and 1 cannot go the way the margin wants: only pixel 2 can move, by .7 / 2.
  const Floats x = {0, 1, .5f, .5f};
  const LogitsFunction model = linear_model(device(), lin_weights(), {.7f, 0});
  const MinimalNorm found =
      Fab(model, minimal(Norm::linf, 10)).nearest(single_image(device(), x), 1);

  const Floats got = found.images.to_host<float>();
  EXPECT_EQ(got[0], 0.f);
  EXPECT_EQ(got[1], 1.f);
  EXPECT_EQ(got[3], .5f);
  // Margin .7 - 1 + 1 = .7 at the image: .35 of pixel 2.
  expect_near(found.distances.item(), 1.005213 * .35, 1e-5, "linf");
}

// A model of several classes ----------------------------------------------------------------------

constexpr std::int64_t kExamples = 23, kHeight = 3, kWidth = 5, kChannels = 4;
constexpr std::int64_t kColumns = kHeight * kWidth * kChannels;

Rows all_rows() {
  Rows which;
  for (std::int32_t i = 0; i < kExamples; ++i) which.push_back((i * 10 + 4) % kExamples);
  return which;
}

// The examples, each labelled with what the model says of it (but for example 3), so that there is
// something to break.
Batch examples(const LogitsFunction& model, Device& device, const Rows& which) {
  Batch batch = random_examples(device, which, kExamples, kHeight, kWidth, kChannels);
  Rows labels = predict(logits_of(model, batch.inputs)).to_host<std::int32_t>();
  for (std::size_t i = 0; i < which.size(); ++i) {
    if (which[i] == 3) labels[i] = (labels[i] + 1) % static_cast<std::int32_t>(kChannels);
  }
  batch.targets = row_numbers(device, labels);
  return batch;
}

void expect_independent_of_the_batch(Device& device, const FabOptions& options) {
  const LogitsFunction model = bit_stable_model(device, kChannels);
  Fab attack(model, options);
  const Rows some = {4, 14, 1, 11, 21, 3, 18};  // 3 is wrong from the beginning
  const Batch together = with_attempts(examples(model, device, some), 0, 2);
  const MinimalNorm got = attack.nearest(together, 5);
  const Floats images = got.images.to_host<float>(), distances = got.distances.to_host<float>();

  const auto rows = static_cast<std::int32_t>(distances.size());
  for (std::int32_t row = 0; row < rows; ++row) {
    const MinimalNorm alone = attack.nearest(select(together, Rows{row}), 5);
    const auto first = images.begin() + row * kColumns;
    EXPECT_EQ(bits_of({first, first + kColumns}), bits_of(alone.images.to_host<float>()))
        << "row " << row;
    EXPECT_EQ(distances[static_cast<std::size_t>(row)], alone.distances.item()) << "row " << row;
  }
}

TEST_P(FabAttack, in_linf_does_not_depend_on_who_else_is_in_the_batch) {
  expect_independent_of_the_batch(device(), within(Norm::linf, .05f, 6));
}
TEST_P(FabAttack, in_l2_does_not_depend_on_who_else_is_in_the_batch) {
  expect_independent_of_the_batch(device(), within(Norm::l2, .3f, 6, Boundary::ranked));
}
TEST_P(FabAttack, in_l1_does_not_depend_on_who_else_is_in_the_batch) {
  expect_independent_of_the_batch(device(), within(Norm::l1, 2.f, 6));
}

// Verdicts of a fresh forward pass.
Rows still_right(const LogitsFunction& model, const Batch& batch, const Tensor& images) {
  return rows_predicted_right(logits_of(model, images), batch.targets);
}

TEST_P(FabAttack, breaks_within_eps_the_examples_that_lie_within_eps) {
  const LogitsFunction model = bit_stable_model(device(), kChannels);
  const Batch batch = examples(model, device(), all_rows());
  const float eps = .25f;
  const Floats nearest =
      Fab(model, minimal(Norm::l2, 12)).nearest(batch, 5).distances.to_host<float>();
  const Tensor images = Fab(model, within(Norm::l2, eps, 12))(batch, 5);

  Rows robust;
  for (std::size_t i = 0; i < nearest.size(); ++i) {
    if (nearest[i] > eps * (1 + 1e-6f)) robust.push_back(static_cast<std::int32_t>(i));
  }
  EXPECT_EQ(still_right(model, batch, images), robust);
  EXPECT_GT(robust.size(), 0u);
  EXPECT_LT(robust.size(), static_cast<std::size_t>(kExamples - 3));
}

TEST_P(FabAttack, tells_the_distance_of_the_misclassified_image_it_returns) {
  const LogitsFunction model = bit_stable_model(device(), kChannels);
  const Batch batch = examples(model, device(), all_rows());
  const MinimalNorm found = Fab(model, minimal(Norm::l2, 8)).nearest(batch, 5);

  const Floats x = batch.inputs.to_host<float>(), got = found.images.to_host<float>(),
               distances = found.distances.to_host<float>();
  for (std::size_t i = 0; i < distances.size(); ++i) {
    double square = 0;
    for (std::size_t j = i * kColumns; j < (i + 1) * kColumns; ++j) {
      square += std::pow(double{got[j]} - x[j], 2);
      EXPECT_GE(got[j], 0.f);
      EXPECT_LE(got[j], 1.f);
    }
    if (distances[i] == kInfinity) {
      EXPECT_EQ(square, 0) << "example " << i;
    } else {
      expect_near(distances[i], std::sqrt(square), summation_bound(kColumns, distances[i]),
                  "distance of " + std::to_string(i));
    }
  }
  Rows unbroken;
  for (std::size_t i = 0; i < distances.size(); ++i) {
    if (distances[i] == kInfinity) unbroken.push_back(static_cast<std::int32_t>(i));
  }
  EXPECT_EQ(still_right(model, batch, found.images), unbroken);
}

TEST(fab, never_comes_out_farther_for_more_steps) {
  Device& device = cpu_device();
  const LogitsFunction model = bit_stable_model(device, kChannels);
  const Batch batch = examples(model, device, all_rows());
  Floats before(kExamples, kInfinity);
  for (int steps = 0; steps <= 10; ++steps) {
    const Floats now =
        Fab(model, minimal(Norm::l2, steps)).nearest(batch, 5).distances.to_host<float>();
    for (std::size_t i = 0; i < now.size(); ++i) {
      EXPECT_LE(now[i], before[i]) << "example " << i << ", " << steps << " steps";
    }
    before = now;
  }
}

TEST(fab, finds_in_each_norm_what_is_no_nearer_than_the_closed_form) {
  // Linear logits: the distance is |f| / ||w||_q while the box does not matter.
  Device& device = cpu_device();
  const LogitsFunction model = linear_model(device, {1, -2, .5f, 3}, {-1.1f, 0, -3, -4});
  const Floats x = {.6f, .4f, .5f, .5f};
  const double f = .6 - .8 + .25 + 1.5 - 1.1;
  const auto found = [&](Norm norm) {
    return double{
        Fab(model, minimal(norm, 20)).nearest(single_image(device, x), 1).distances.item()};
  };

  EXPECT_NEAR(found(Norm::linf), 1.005213 * f / 6.5, 1e-6);
  EXPECT_NEAR(found(Norm::l2), 1.005213 * f / std::sqrt(14.25), 1e-6);
  EXPECT_NEAR(found(Norm::l1), 1.005213 * f / 3, 1e-6);
}

// Attempts ----------------------------------------------------------------------------------------

TEST_P(FabAttack, aims_attempt_a_at_the_class_of_rank_a_among_the_others) {
  // z = (.9 - x_0, .5, .2, x_1 - 1): classes 1 and 2 are reached by moving pixel 0, class 3 by
  // pixel 1 (and 0).
  const Var rows(Tensor::from_host(device(), {4, 1, 1, 4},
                                   Floats{-1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0}),
                 Gradient::none);
  const Var eye(
      Tensor::from_host(device(), {4, 4}, Floats{1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1}),
      Gradient::none);
  const Var bias(Tensor::from_host(device(), {4}, Floats{1.1f, .5f, .2f, -1.f}), Gradient::none);
  const LogitsFunction model = [=](Tape& tape, const Var& pixels) {
    return linear(tape, global_average_pool(tape, convolution(tape, pixels, rows, {1, 0})), eye,
                  bias);
  };
  const Batch batch = with_attempts(single_image(device(), grey()), 0, 3);

  const Floats got = Fab(model, minimal(Norm::l2, 1, Boundary::ranked))(batch, 1).to_host<float>();

  // Clean logits .6, .5, .2, -.5. Rank 0: x_0 by 1.05 (.1). Rank 1: class 2 at .4, passing class 1.
  expect_near(got[0] - .5, 1.05 * .1, kRounding, "rank 0, pixel 0");
  expect_near(got[4] - .5, 1.05 * .4, kRounding, "rank 1, pixel 0");
  // Rank 2: f = 1.1 over (1, 1): both pixels by .55, cut at .5 each; still 1.05 of the corner.
  expect_near(got[8] - .5, .5, kRounding, "rank 2, pixel 0");
  expect_near(got[9] - .5, .5, kRounding, "rank 2, pixel 1");
}

TEST_P(FabAttack, begins_the_first_try_at_the_image_and_others_at_random) {
  const LogitsFunction model = bit_stable_model(device(), kChannels);
  const Batch batch = with_attempts(examples(model, device(), {0}), 0, 4);
  FabOptions options = minimal(Norm::l2, 3, Boundary::ranked);
  options.targets = 2;
  const auto found = [&](std::uint64_t seed) {
    const Floats images = Fab(model, options)(batch, seed).to_host<float>();
    std::vector<Floats> tries;
    for (auto at = images.begin(); at != images.end(); at += kColumns) {
      tries.emplace_back(at, at + kColumns);
    }
    return tries;
  };
  const std::vector<Floats> first = found(1), second = found(2);

  EXPECT_EQ(first[0], second[0]);  // rank 0, from the image
  EXPECT_EQ(first[1], second[1]);  // rank 1, from the image
  EXPECT_NE(first[2], second[2]);  // rank 0, from a random point
  EXPECT_NE(first[2], first[0]);
}

TEST(fab, begins_a_restart_within_half_of_eps_and_the_box) {
  Device& device = cpu_device();
  const Floats x0 = random_values(3 * 33, 1, 0.f, 1.f);
  const Rows example = {0, 1, 2}, attempt = {1, 2, 3};
  Floats x1(x0.size());
  const auto array = [](auto& values) {
    return Array<std::remove_reference_t<decltype(values[0])>>{
        values.data(), static_cast<std::int64_t>(values.size())};
  };
  launch(device,
         FabStart<DistanceNorm::linf>{array(x0), array(example), array(attempt), array(x1),
                                      Stream{1, Purpose::fab_start}, 33, 1, .2f},
         3);

  for (std::size_t row = 0; row < 3; ++row) {
    float largest = 0;
    for (std::size_t i = row * 33; i < (row + 1) * 33; ++i) {
      largest = std::max(largest, std::abs(x1[i] - x0[i]));
      EXPECT_GE(x1[i], 0.f);
      EXPECT_LE(x1[i], 1.f);
    }
    EXPECT_LE(largest, .2f + 1e-6f);
    EXPECT_GE(largest, .1f);
  }
}

TEST(fab, refuses_more_target_classes_than_the_model_has) {
  Device& device = cpu_device();
  FabOptions options = minimal(Norm::l2, 1, Boundary::ranked);
  options.targets = 4;
  Fab attack(lin4(device), options);

  EXPECT_CONTAINS(message_of<Error>([&] { attack(single_image(device, grey()), 1); }),
                  "4 target classes asked for, the model has 3");
}

// Counts, many batches, errors --------------------------------------------------------------------

TEST(fab, counts_two_passes_forward_a_step_and_one_backward_a_class) {
  Device& device = cpu_device();
  PassCounts nearest, ranked;
  Fab(lin4(device), minimal(Norm::l2, 5))(single_image(device, grey()), 1, &nearest);
  Fab(lin4(device), minimal(Norm::l2, 5, Boundary::ranked))(single_image(device, grey()), 1,
                                                            &ranked);

  EXPECT_EQ(nearest.forward, 11);
  EXPECT_EQ(nearest.backward, 15);
  EXPECT_EQ(ranked.forward, 11);
  EXPECT_EQ(ranked.backward, 5);
}

TEST(fab, spends_nothing_on_examples_that_are_done_or_were_wrong) {
  Device& device = cpu_device();
  PassCounts done, wrong;
  Fab(lin4(device), within(Norm::l2, .06f, 50))(single_image(device, grey()), 1, &done);
  Fab(lin4(device), within(Norm::l2, .06f, 50))(single_image(device, grey(), 2), 1, &wrong);

  EXPECT_EQ(done.forward, 3);
  EXPECT_EQ(done.backward, 3);
  EXPECT_EQ(wrong.forward, 1);
  EXPECT_EQ(wrong.backward, 0);
}

TEST_P(FabAttack, finds_on_many_batches_what_it_finds_on_each) {
  const LogitsFunction model = bit_stable_model(device(), kChannels);
  const FabOptions options = within(Norm::l2, .3f, 23);
  Fab kept(model, options);
  for (const Rows& which :
       {Rows{0, 5, 7}, Rows{2, 3, 4}, Rows{6}, Rows{1, 0, 2, 9}, Rows{8, 9, 10}}) {
    const Batch batch = examples(model, device(), which);
    EXPECT_EQ(bits_of(kept(batch, 3).to_host<float>()),
              bits_of(Fab(model, options)(batch, 3).to_host<float>()));
  }
}

TEST(fab, of_no_examples_is_no_images) {
  Device& device = cpu_device();
  const Batch empty{Tensor(device, {0, 1, 1, 4}), Tensor(device, {0}, DType::i32),
                    Tensor(device, {0}, DType::i32)};

  EXPECT_EQ(Fab(lin4(device), minimal(Norm::l2, 5))(empty, 1).shape(), (Shape{0, 1, 1, 4}));
}

std::string refusal(const FabOptions& options) {
  return message_of<Error>([&] { Fab(lin2(cpu_device()), options); });
}

TEST(fab, refuses_options_that_make_no_sense) {
  FabOptions options;
  options.eps = -1;
  EXPECT_CONTAINS(refusal(options), "fab: eps -1 must be finite and not negative");
  options = {};
  options.norm = Norm::linf;
  options.eps = 8;
  EXPECT_CONTAINS(refusal(options), "Did you mean 8/255?");
  options = {};
  options.steps = -1;
  EXPECT_CONTAINS(refusal(options), "fab: steps -1 is negative");
  options = {};
  options.alpha_max = 1.5f;
  EXPECT_CONTAINS(refusal(options), "fab: alpha_max 1.5 is outside [0, 1]");
  options = {};
  options.eta = std::numeric_limits<float>::quiet_NaN();
  EXPECT_CONTAINS(refusal(options), "fab: eta nan must be finite");
  options = {};
  options.beta = -.1f;
  EXPECT_CONTAINS(refusal(options), "fab: beta -0.1 is outside [0, 1]");
  options = {};
  options.targets = 0;
  EXPECT_CONTAINS(refusal(options), "fab: targets 0 is below 1");
}

TEST(fab, refuses_a_model_of_one_class_and_labels_that_do_not_match) {
  Device& device = cpu_device();
  Batch batch = single_image(device, grey());
  Fab one(linear_model(device, lin_weights(), {0}), {}), two(lin2(device), {});

  EXPECT_CONTAINS(message_of<Error>([&] { one(batch, 1); }), "fab: logits [1, 1] must be");
  batch.targets = row_numbers(device, {0, 1});
  EXPECT_CONTAINS(message_of<Error>([&] { two(batch, 1); }), "fab: ");
}

}  // namespace
}  // namespace saddle
