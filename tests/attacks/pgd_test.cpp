// FGSM and PGD on models whose best attack is known.
#include "attacks/pgd.h"

#include "attacks/row_lists.h"
#include "core/ops.h"
#include "kernels/elementwise.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "tests/support/devices.h"
#include "tests/support/expect_near.h"
#include "tests/support/random_values.h"

namespace saddle {
namespace {

using namespace testing_support;
using Floats = std::vector<float>;

// Images [N, 1, 1, 4] -> logits (w x - 1.8, 0): a 1x1 convolution, a pool over one pixel, and a
// linear layer for the bias.
LogitsFunction linear_model(const Floats& w) {
  return [w](Tape& tape, const Var& pixels) {
    Device& device = pixels.device();
    const auto constant = [&](const Shape& shape, const Floats& values) {
      return Var(Tensor::from_host(device, shape, values), Gradient::none);
    };
    Floats both = w;
    both.resize(8, 0.f);
    const Var products = convolution(tape, pixels, constant({2, 1, 1, 4}, both), {1, 0});
    return linear(tape, global_average_pool(tape, products), constant({2, 2}, {1, 0, 0, 1}),
                  constant({2}, {-1.8f, 0.f}));
  };
}

const Floats kWeights = {3, -1, 2, 0};  // norms: 6 (l1), sqrt(14) (l2)
const LogitsFunction kLin2 = linear_model(kWeights);
const LogitsFunction kConst = linear_model({0, 0, 0, 0});
const Floats kGrey = {.5f, .5f, .5f, .5f};

// The defaults of saddle-attack under this norm.
PgdOptions pgd_l1(float eps) { return {Norm::l1, eps, eps / 4, 50, Start::random}; }

// One image of class 0.
Batch single(const Floats& x, Device& device = cpu_device()) {
  const std::vector<std::int32_t> zero = {0};
  return {Tensor::from_host(device, {1, 1, 1, 4}, x), Tensor::from_host(device, {1}, zero),
          Tensor::from_host(device, {1}, zero)};
}

Floats attacked(const LogitsFunction& model, const Floats& x, const PgdOptions& options,
                Device& device = cpu_device(), std::uint64_t seed = 1) {
  return pgd(model, single(x, device), options, seed, 0).to_host<float>();
}

// z_0 - z_1 of LIN2 in double.
double margin(const Floats& x) {
  double z = -1.8;
  for (std::size_t i = 0; i < 4; ++i) z += double{kWeights[i]} * x[i];
  return z;
}

PgdOptions pgd_l2(float eps, Start start = Start::zero) {
  return {Norm::l2, eps, eps / 4, 10, start};
}
PgdOptions pgd_linf(float eps, Start start = Start::zero) {
  return {Norm::linf, eps, eps / 4, 10, start};
}

void expect_delta(const Floats& got, const Floats& x, const std::vector<double>& delta,
                  double bound) {
  for (std::size_t i = 0; i < 4; ++i) {
    expect_near(double{got[i]} - x[i], delta[i], bound, "delta[" + std::to_string(i) + "]");
  }
}

constexpr double kPixel = 2 * kFloatEps;  // rounding of x + delta, of numbers up to 1

class Pgd : public ::testing::TestWithParam<std::string> {
 protected:
  Device& device() const { return device_named(GetParam()); }
};

INSTANTIATE_TEST_SUITE_P(Devices, Pgd, ::testing::ValuesIn(device_names()),
                         [](const auto& info) { return std::string(info.param); });

TEST_P(Pgd, fgsm_moves_each_pixel_by_eps_against_the_margin_and_none_of_no_influence) {
  const Floats got = attacked(kLin2, kGrey, fgsm(.02f), device());

  expect_delta(got, kGrey, {-.02, .02, -.02, 0}, kPixel);
  EXPECT_EQ(got[3], .5f);
  expect_near(margin(got), .08, 6 * kPixel, "margin");
}

TEST_P(Pgd, fgsm_breaks_the_linear_model_just_beyond_its_distance) {
  EXPECT_GT(margin(attacked(kLin2, kGrey, fgsm(.033f), device())), 0);
  expect_near(margin(attacked(kLin2, kGrey, fgsm(.034f), device())), -.004, 6 * kPixel, "margin");
}

TEST_P(Pgd, l2_ends_at_eps_along_the_gradient) {
  const Floats got = attacked(kLin2, kGrey, pgd_l2(.05f), device());

  const double step = -.05 / std::sqrt(14.);
  expect_delta(got, kGrey, {3 * step, -step, 2 * step, 0}, 1e-6);  // ten steps, each rounded
  expect_near(margin(got), .2 - .05 * std::sqrt(14.), 6e-6, "margin");
}

TEST_P(Pgd, l2_breaks_the_linear_model_just_beyond_its_distance) {
  expect_near(margin(attacked(kLin2, kGrey, pgd_l2(.0534f), device())), .000195, 2e-6,
              "margin at .0534");
  expect_near(margin(attacked(kLin2, kGrey, pgd_l2(.0535f), device())), -.000179, 2e-6,
              "margin at .0535");
}

TEST_P(Pgd,
       linf_from_a_random_start_ends_in_the_corner_and_keeps_the_start_where_there_is_no_gradient) {
  PgdOptions options = pgd_linf(.02f, Start::random);
  const Floats got = attacked(kLin2, kGrey, options, device());
  options.steps = 0;
  const Floats begin = attacked(kLin2, kGrey, options, device());

  expect_delta(got, kGrey, {-.02, .02, -.02, double{begin[3]} - .5}, kPixel);
  EXPECT_EQ(got[3], begin[3]);
  EXPECT_NE(begin[3], .5f);
}

TEST_P(Pgd, of_a_constant_model_returns_the_image) {
  const Floats x = {0, .3f, 1, .7f};

  EXPECT_EQ(attacked(kConst, x, fgsm(.1f), device()), x);
  EXPECT_EQ(attacked(kConst, x, pgd_linf(.1f), device()), x);
  EXPECT_EQ(attacked(kConst, x, pgd_l2(.5f), device()), x);
}

TEST_P(Pgd, of_a_constant_model_returns_a_random_start_unmoved) {
  for (const PgdOptions& options : {pgd_linf(.1f, Start::random), pgd_l2(.5f, Start::random)}) {
    PgdOptions none = options;
    none.steps = 0;

    EXPECT_EQ(attacked(kConst, kGrey, options, device()), attacked(kConst, kGrey, none, device()));
    EXPECT_NE(attacked(kConst, kGrey, options, device()), kGrey);
  }
}

TEST_P(Pgd, moves_no_pixel_out_of_the_range) {
  const Floats x = {0, 1, .5f, .5f};  // the attack wants pixel 0 lower and pixel 1 higher
  for (const PgdOptions& options :
       {pgd_linf(.1f), pgd_l2(.3f), pgd_linf(.1f, Start::random), pgd_l2(.3f, Start::random)}) {
    const Floats got = attacked(kLin2, x, options, device());

    EXPECT_EQ(got[0], 0.f);
    EXPECT_EQ(got[1], 1.f);
    for (float pixel : got) EXPECT_TRUE(pixel >= 0 && pixel <= 1) << pixel;
  }
}

TEST_P(Pgd, with_eps_zero_returns_the_image) {
  const Floats x = {0, .3f, 1, .7f};
  for (Start start : {Start::zero, Start::random}) {
    EXPECT_EQ(attacked(kLin2, x, {Norm::linf, 0, .1f, 10, start}, device()), x);
    EXPECT_EQ(attacked(kLin2, x, {Norm::l2, 0, .1f, 10, start}, device()), x);
  }
}

TEST_P(Pgd, climbs_the_loss_it_is_given) {
  const PgdOptions options{Norm::linf, .1f, .1f, 1, Start::zero};
  const Batch batch = single(kGrey, device());
  const Tensor other = Tensor::from_host(device(), {1}, std::vector<std::int32_t>{1});
  const Loss towards_0 = [&](Tape& tape, const LogitsFunction& f, const Var& x, const Batch&,
                             LossReduction reduction) {
    return cross_entropy(tape, f(tape, x), other, reduction);
  };

  const Floats away = attacked(kLin2, kGrey, options, device());
  const Floats towards =
      pgd(kLin2, towards_0, batch, options, 1, zero_counts(device(), 1)).to_host<float>();

  for (std::size_t i = 0; i < 4; ++i) {
    expect_near(towards[i] - .5f, .5f - away[i], 1e-7, "pixel " + std::to_string(i));
  }
  EXPECT_GT(margin(towards), margin(kGrey));
}

TEST_P(Pgd, near_starts_a_thousandth_from_the_image_and_in_the_ball) {
  const Floats x(400, .5f);
  const std::vector<std::int32_t> zero = {0};
  const Batch batch = {Tensor::from_host(device(), {1, 10, 10, 4}, x),
                       Tensor::from_host(device(), {1}, zero),
                       Tensor::from_host(device(), {1}, zero)};
  const auto start = [&](Norm norm, float eps) {
    return pgd(kConst, batch, {norm, eps, 0, 0, Start::near}, 1, 0).to_host<float>();
  };
  double squares = 0;
  for (float value : start(Norm::linf, .1f)) squares += std::pow(value - .5, 2);
  expect_near(std::sqrt(squares / 400), .001, .0001, "standard deviation");  // of 400: 3.5 %
  for (float value : start(Norm::linf, .0005f)) EXPECT_LE(std::abs(value - .5f), .0005f + 1e-7f);
  squares = 0;
  for (float value : start(Norm::l2, .01f)) squares += std::pow(value - .5, 2);
  expect_near(std::sqrt(squares), .01, 1e-5, "l2 norm, which the noise exceeds");
}

// Of four pixels a step moves one, that of the largest gradient.
TEST_P(Pgd, l1_spends_the_budget_on_the_most_telling_pixel) {
  PgdOptions options = pgd_l1(.05f);
  options.start = Start::zero;

  const Floats got = attacked(kLin2, kGrey, options, device());

  expect_delta(got, kGrey, {-.05, 0, 0, 0}, 2 * kPixel);
  expect_near(margin(got), .2 - 3 * .05, 8 * kPixel, "margin");
}

TEST_P(Pgd, l1_goes_on_with_the_next_pixel_where_the_range_blocks_the_first) {
  const Floats x = {.02f, .5f, .5f, .5f};  // pixel 0 can fall by .02 only; then pixel 2 counts
  PgdOptions options = pgd_l1(.05f);
  options.start = Start::zero;

  const Floats got = attacked(kLin2, x, options, device());

  expect_delta(got, x, {-.02, 0, -.03, 0}, 4 * kPixel);
  EXPECT_EQ(got[0], 0.f);
}

TEST_P(Pgd, l1_from_a_random_start_stays_in_the_ball) {
  PgdOptions options = pgd_l1(.05f);
  for (int steps : {0, 1, 50}) {
    options.steps = steps;
    const Floats got = attacked(kLin2, kGrey, options, device());
    double sum = 0;
    for (std::size_t i = 0; i < 4; ++i) sum += std::abs(double{got[i]} - kGrey[i]);
    EXPECT_LE(sum, .05 * (1 + 1e-5) + 4 * kPixel) << steps << " steps";
    EXPECT_NE(got, kGrey) << steps << " steps";
  }
}

TEST_P(Pgd, l1_of_a_constant_model_or_of_eps_zero_returns_the_image) {
  const Floats x = {0, .3f, 1, .7f};
  PgdOptions options = pgd_l1(.1f);
  options.start = Start::zero;

  EXPECT_EQ(attacked(kConst, x, options, device()), x);
  options.eps = 0;
  options.steps = 5;
  options.start = Start::random;
  EXPECT_EQ(attacked(kLin2, x, options, device()), x);
}

TEST(pgd, lowers_the_linear_models_margin_further_for_every_larger_eps) {
  double linf_before = margin(kGrey), l2_before = margin(kGrey);
  for (int i = 1; i <= 20; ++i) {
    const float eps = .02f * static_cast<float>(i);
    const double linf = margin(attacked(kLin2, kGrey, pgd_linf(eps)));
    const double l2 = margin(attacked(kLin2, kGrey, pgd_l2(eps)));
    EXPECT_LT(linf, linf_before) << "eps " << eps;
    EXPECT_LT(l2, l2_before) << "eps " << eps;
    linf_before = linf, l2_before = l2;
  }
}

TEST(pgd, follows_the_label_of_each_example) {
  Batch batch = single(kGrey);
  batch.targets = Tensor::from_host(cpu_device(), {1},
                                    std::vector<std::int32_t>{1});  // wrong: the loss is z_0's

  const Floats got = pgd(kLin2, batch, fgsm(.02f), 1, 0).to_host<float>();

  expect_delta(got, kGrey, {.02, -.02, .02, 0}, kPixel);
}

TEST(pgd, draws_another_start_for_another_seed_or_attack_number) {
  const PgdOptions options{Norm::linf, .1f, .1f, 0, Start::random};
  const Floats first = pgd(kLin2, single(kGrey), options, 1, 0).to_host<float>();

  EXPECT_EQ(pgd(kLin2, single(kGrey), options, 1, 0).to_host<float>(), first);
  EXPECT_NE(pgd(kLin2, single(kGrey), options, 2, 0).to_host<float>(), first);
  EXPECT_NE(pgd(kLin2, single(kGrey), options, 1, 1).to_host<float>(), first);
}

TEST(pgd, begins_at_the_delta_it_is_given) {
  const Tensor delta = Tensor::from_host(cpu_device(), {1, 1, 1, 4}, Floats{.01f, 0, -.01f, .02f});
  const PgdOptions options{Norm::linf, .05f, .01f, 1, Start::random};

  const Floats got = pgd(kLin2, single(kGrey), options, 1, 0, nullptr, &delta).to_host<float>();

  expect_delta(got, kGrey, {0, .01, -.02, .02}, kPixel);
  EXPECT_EQ(delta.to_host<float>(), (Floats{.01f, 0, -.01f, .02f}));
}

TEST(pgd, counts_a_pass_forward_and_backward_for_each_step_and_example) {
  PassCounts counts;
  pgd(kLin2, single(kGrey), pgd_linf(.1f), 1, 0, &counts);
  pgd(kLin2, single(kGrey), fgsm(.1f), 1, 0, &counts);

  EXPECT_EQ(counts.forward, 11);
  EXPECT_EQ(counts.backward, 11);
}

TEST(pgd, leaves_the_batch_as_it_was) {
  const Batch batch = single(kGrey);
  pgd(kLin2, batch, pgd_linf(.1f), 1, 0);

  EXPECT_EQ(batch.inputs.to_host<float>(), kGrey);
}

TEST(input_gradient, is_of_the_sum_of_losses) {
  const Batch batch = single(kGrey);

  const Floats g =
      input_gradient(cross_entropy_loss(), kLin2, batch.inputs, batch).to_host<float>();

  // dCE/dx = (softmax - onehot) W = -(1 - p) w, with p = 1 / (1 + exp(-margin)).
  const double q = 1 - 1 / (1 + std::exp(-margin(kGrey)));
  for (std::size_t i = 0; i < 4; ++i) {
    expect_near(g[i], -q * kWeights[i], summation_bound(4, 3), "g[" + std::to_string(i) + "]");
  }
}

// Independence ------------------------------------------------------------------------------------

// Logits from our own kernels, whose bits do not depend on the batch: two channels, squashed by
// ReLUs so that the gradient changes along the way, and averaged.
Var bit_stable_model(Tape& tape, const Var& pixels) {
  Device& device = pixels.device();
  // Filled on the device: a model that copies from the host cannot be captured.
  const auto values = [&](float first, float second) {
    const Tensor pair = Tensor::filled(device, {2}, first);
    launch(device, Fill{pair.slice(1, {1}).array(), second}, 1);
    return pair;
  };
  const Var low = relu(tape, normalise(tape, pixels, values(.3f, .6f), values(4.f, 7.f)));
  const Var high = relu(tape, normalise(tape, pixels, values(.5f, .4f), values(3.f, 2.f)));
  return global_average_pool(tape, add(tape, low, high));
}

constexpr std::int64_t kExamples = 33, kColumns = 3 * 5 * 2;

// Examples of the data set, in the order of `which`.
Batch examples(Device& device, const std::vector<std::int32_t>& which) {
  const Floats images = random_values(kExamples * kColumns, 7, 0.f, 1.f);
  const std::vector<std::int32_t> labels = random_labels(kExamples, 8, 2);
  Floats chosen;
  std::vector<std::int32_t> chosen_labels;
  for (std::int32_t i : which) {
    chosen.insert(chosen.end(), images.begin() + i * kColumns, images.begin() + (i + 1) * kColumns);
    chosen_labels.push_back(labels[static_cast<std::size_t>(i)]);
  }
  const auto n = static_cast<std::int64_t>(which.size());
  return {Tensor::from_host(device, {n, 3, 5, 2}, chosen),
          Tensor::from_host(device, {n}, chosen_labels), Tensor::from_host(device, {n}, which)};
}

std::vector<std::int32_t> shuffled_examples() {
  std::vector<std::int32_t> which;
  for (std::int32_t i = 0; i < kExamples; ++i)
    which.push_back((i * 10 + 4) % kExamples);  // 10 is prime to 33
  return which;
}

void expect_independent_of_the_batch(Device& device, const PgdOptions& options) {
  const std::vector<std::int32_t> which = shuffled_examples();
  const Floats together =
      pgd(bit_stable_model, examples(device, which), options, 3, 1).to_host<float>();
  for (std::size_t place = 0; place < which.size(); ++place) {
    const Floats alone =
        pgd(bit_stable_model, examples(device, {which[place]}), options, 3, 1).to_host<float>();
    const auto first = together.begin() + static_cast<std::int64_t>(place) * kColumns;
    EXPECT_EQ(bits_of({first, first + kColumns}), bits_of(alone)) << "example " << which[place];
  }
}

TEST_P(Pgd, linf_of_an_example_does_not_depend_on_who_else_is_in_the_batch) {
  expect_independent_of_the_batch(device(), {Norm::linf, .1f, .03f, 5, Start::random});
}

TEST_P(Pgd, l2_of_an_example_does_not_depend_on_who_else_is_in_the_batch) {
  expect_independent_of_the_batch(device(), {Norm::l2, .5f, .2f, 5, Start::random});
}

TEST_P(Pgd, l1_of_an_example_does_not_depend_on_who_else_is_in_the_batch) {
  expect_independent_of_the_batch(device(), {Norm::l1, 2.f, .5f, 2, Start::random});
}

TEST_P(Pgd, draws_for_rows_of_another_attempt_what_another_attack_number_draws) {
  const PgdOptions options{Norm::linf, .1f, .03f, 2, Start::random};
  Batch tries = examples(device(), {5, 5, 5});
  tries.attempts = Tensor::from_host(device(), {3}, std::vector<std::int32_t>{2, 0, 7});

  const Floats together = pgd(bit_stable_model, tries, options, 3, 1).to_host<float>();

  for (std::int64_t row : {0, 1, 2}) {
    const std::uint32_t attempt = row == 0 ? 2 : row == 1 ? 0 : 7;
    const Floats alone =
        pgd(bit_stable_model, examples(device(), {5}), options, 3, attempt).to_host<float>();
    const auto first = together.begin() + row * kColumns;
    EXPECT_EQ(bits_of({first, first + kColumns}), bits_of(alone)) << "attempt " << attempt;
  }
}

// (The random start of l2 takes a logarithm and a cosine, which a GPU's library rounds its own
// way.)
TEST(pgd, gives_the_same_bits_on_every_device_for_a_model_that_does) {
  const auto found = [](Device& device, const PgdOptions& options) {
    return bits_of(
        pgd(bit_stable_model, examples(device, {0, 5, 7}), options, 3, 1).to_host<float>());
  };
  for (const std::string& name : device_names()) {
    for (const PgdOptions& options :
         {PgdOptions{Norm::linf, .1f, .03f, 5, Start::random},
          PgdOptions{Norm::l2, .1f, .03f, 5, name == "cuda" ? Start::zero : Start::random}}) {
      EXPECT_EQ(found(device_named(name), options), found(cpu_device(), options)) << name;
    }
  }
}

// The object keeps buffers and captured steps from batch to batch; the function keeps nothing.
void expect_object_and_function_agree(Device& device, const PgdOptions& options) {
  saddle::Pgd object(bit_stable_model, options);
  PassCounts counts, wanted;

  for (std::uint32_t attack = 0; attack < 3; ++attack) {
    for (const std::vector<std::int32_t>& which :
         {std::vector<std::int32_t>{0, 5, 7}, {2, 3, 4}, {6}, {1, 0, 2, 9}}) {
      const Batch batch = examples(device, which);
      EXPECT_EQ(bits_of(object(batch, 3, attack, &counts).to_host<float>()),
                bits_of(pgd(bit_stable_model, batch, options, 3, attack, &wanted).to_host<float>()))
          << "attack " << attack << ", " << which.size() << " examples";
    }
  }

  EXPECT_EQ(counts.forward, wanted.forward);
  EXPECT_EQ(counts.backward, wanted.backward);
}

TEST_P(Pgd, linf_on_many_batches_finds_what_it_finds_on_each) {
  expect_object_and_function_agree(device(), {Norm::linf, .1f, .03f, 5, Start::random});
}

TEST_P(Pgd, l2_on_many_batches_finds_what_it_finds_on_each) {
  expect_object_and_function_agree(device(), {Norm::l2, .5f, .2f, 5, Start::zero});
}

TEST(pgd, stays_within_eps_of_every_image) {
  const Batch batch = examples(cpu_device(), shuffled_examples());
  const Floats x = batch.inputs.to_host<float>();
  const Floats linf = pgd(bit_stable_model, batch, {Norm::linf, .1f, .03f, 10, Start::random}, 3, 1)
                          .to_host<float>();
  const Floats l2 =
      pgd(bit_stable_model, batch, {Norm::l2, .5f, .2f, 10, Start::random}, 3, 1).to_host<float>();

  for (std::int64_t example = 0; example < kExamples; ++example) {
    double largest = 0, square = 0;
    for (auto i = static_cast<std::size_t>(example * kColumns);
         i < static_cast<std::size_t>((example + 1) * kColumns); ++i) {
      largest = std::max(largest, std::abs(double{linf[i]} - x[i]));
      square += std::pow(double{l2[i]} - x[i], 2);
    }
    EXPECT_LE(largest, double{.1f} + kPixel) << "example " << example;
    EXPECT_LE(std::sqrt(square), .5 + summation_bound(kColumns, .5) + std::sqrt(kColumns) * kPixel)
        << "example " << example;
  }
}

TEST(pgd, of_no_examples_is_no_images) {
  const std::vector<std::int32_t> none;
  const Batch empty{Tensor(cpu_device(), {0, 3, 5, 2}), Tensor(cpu_device(), {0}, DType::i32),
                    Tensor(cpu_device(), {0}, DType::i32)};

  EXPECT_EQ(pgd(bit_stable_model, empty, pgd_linf(.1f), 1, 0).shape(), (Shape{0, 3, 5, 2}));
}

// Errors ------------------------------------------------------------------------------------------

std::string refusal(const PgdOptions& options) {
  return message_of<Error>([&] { attacked(kLin2, kGrey, options); });
}

constexpr float kNan = std::numeric_limits<float>::quiet_NaN(),
                kInfinity = std::numeric_limits<float>::infinity();

TEST(pgd, refuses_an_eps_that_is_negative_or_not_finite) {
  EXPECT_CONTAINS(refusal({Norm::linf, -.1f, .1f, 1, Start::zero}),
                  "pgd: eps -0.1 must be finite and not negative");
  EXPECT_CONTAINS(refusal({Norm::linf, kNan, .1f, 1, Start::zero}), "pgd: eps nan must be");
  EXPECT_CONTAINS(refusal({Norm::l2, kInfinity, .1f, 1, Start::zero}), "pgd: eps inf must be");
}

TEST(pgd, refuses_an_linf_eps_over_1_and_guesses_255ths) {
  EXPECT_CONTAINS(refusal({Norm::linf, 8.f, 2.f, 1, Start::zero}),
                  "exceeds the pixel range [0, 1]. Did you mean 8/255?");
  EXPECT_EQ(refusal({Norm::l2, 8.f, 2.f, 1, Start::zero}), "(nothing was thrown)");
}

TEST(pgd, refuses_an_alpha_that_is_negative_or_not_finite) {
  EXPECT_CONTAINS(refusal({Norm::linf, .1f, -.1f, 1, Start::zero}),
                  "pgd: alpha -0.1 must be finite and not negative");
  EXPECT_CONTAINS(refusal({Norm::l2, .1f, kNan, 1, Start::zero}), "pgd: alpha nan must be");
}

TEST(pgd, refuses_negative_steps) {
  EXPECT_CONTAINS(refusal({Norm::linf, .1f, .1f, -1, Start::zero}), "pgd: steps -1 is negative");
}

TEST(pgd, refuses_a_share_of_pixels_that_is_none) {
  PgdOptions options = pgd_l1(.1f);
  options.share = 0;
  EXPECT_CONTAINS(refusal(options), "pgd: share 0 is outside (0, 1]");
  options.share = 1.5f;
  EXPECT_CONTAINS(refusal(options), "pgd: share 1.5 is outside (0, 1]");
}

TEST(pgd, refuses_labels_that_do_not_match_the_images) {
  Batch batch = single(kGrey);
  batch.targets = Tensor::from_host(cpu_device(), {2}, std::vector<std::int32_t>{0, 1});

  EXPECT_CONTAINS(message_of<Error>([&] { pgd(kLin2, batch, fgsm(.1f), 1, 0); }),
                  "2 labels and 1 indices do not match");
}

TEST(pgd, refuses_a_start_of_another_shape) {
  const Tensor delta = Tensor::filled(cpu_device(), {3}, 0.f);

  EXPECT_CONTAINS(
      message_of<Error>([&] { pgd(kLin2, single(kGrey), fgsm(.1f), 1, 0, nullptr, &delta); }),
      "pgd: the start has shape [3], the images [1, 1, 1, 4]");
}

TEST(input_gradient, of_a_model_that_ignores_its_input_is_an_error) {
  const auto model = [](Tape&, const Var& pixels) {
    return Var(Tensor::filled(pixels.device(), {1, 2}, 0.f), Gradient::none);
  };
  const Batch batch = single(kGrey);

  EXPECT_CONTAINS(
      message_of<Error>([&] { input_gradient(cross_entropy_loss(), model, batch.inputs, batch); }),
      "gradient");
}

}  // namespace
}  // namespace saddle
