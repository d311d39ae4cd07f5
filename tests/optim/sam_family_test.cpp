// The SAM family on linear regression: what each member is where its numbers are special, where it
// moves w_hat, and what it asks for.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <string>

#include "tests/support/devices.h"
#include "tests/support/expect_near.h"
#include "tests/support/regression.h"

namespace saddle {
namespace {

using namespace testing_support;
using Values = std::vector<double>;

constexpr double kLr = 0.05;

SharpnessOptions options_of(Sharpness method, double rho = 0.3) {
  SharpnessOptions options;
  options.method = method;
  options.rho = rho;
  options.gsam_rho_min = rho;
  options.lr_max = kLr;
  options.ssam_samples = Regression::kExamples;
  return options;
}

BaseOptimizer base_named(const std::string& name, Device& device, std::int64_t size) {
  if (name == "adam") return Adam(device, size, AdamOptions{});
  return Sgd(device, size, SgdOptions{0.9, 5e-4, false});
}

struct Descent {
  std::vector<float> w;
  std::vector<std::vector<float>> at;  // where gradients were asked for
};

// Steps from one start; SSAM's mask is renewed before the first.
Descent run(const SharpnessOptions& options, int steps = 6, const std::string& base = "sgd",
            Device& device = cpu_device(), const WeightLayout& layout = four_slots()) {
  Regression loss(layout);
  const std::vector<float> start = random_buffer(layout, 1);
  const Tensor w = Tensor::from_host(device, {layout.size()}, start);
  Minimiser minimiser(base_named(base, device, layout.size()), device, layout, options);
  minimiser.begin_epoch(0, Regression::kExamples, loss.of_example(start));
  for (int step = 0; step < steps; ++step) minimiser.step({w, {}}, kLr, loss.objective());
  return {w.to_host<float>(), loss.at};
}

double norm_of(const std::vector<float>& v, std::int64_t first = 0, std::int64_t count = -1) {
  double sum = 0;
  const auto end = count < 0 ? v.size() : static_cast<std::size_t>(first + count);
  for (auto i = static_cast<std::size_t>(first); i < end; ++i) sum += double{v[i]} * v[i];
  return std::sqrt(sum);
}

// w_hat - w of the first step.
std::vector<float> first_shift(const SharpnessOptions& options) {
  const Descent after = run(options, 1);
  std::vector<float> shift = after.at.at(1);
  for (std::size_t i = 0; i < shift.size(); ++i) shift[i] -= after.at[0][i];
  return shift;
}

// Every method with its numbers such that a radius of 0 leaves the base optimiser.
const std::map<std::string, SharpnessOptions>& methods() {
  static const std::map<std::string, SharpnessOptions> all = [] {
    std::map<std::string, SharpnessOptions> map = {
        {"sam", options_of(Sharpness::sam)},
        {"asam", options_of(Sharpness::asam)},
        {"asam_elementwise", options_of(Sharpness::asam_elementwise)},
        {"fisher_sam", options_of(Sharpness::fisher_sam)},
        {"sam_on", options_of(Sharpness::sam_on)},
        {"gsam", options_of(Sharpness::gsam)},
        {"looksam", options_of(Sharpness::looksam)},
        {"esam", options_of(Sharpness::esam)},
        {"ssam", options_of(Sharpness::ssam)},
        {"ssam_dynamic", options_of(Sharpness::ssam)},
        {"awp", options_of(Sharpness::awp)}};
    map["gsam"].gsam_alpha = 0;
    map["looksam"].looksam_alpha = 0;
    map["esam"].esam_gamma = 1;
    map["ssam_dynamic"].ssam_mask = SparseMask::dynamic;
    return map;
  }();
  return all;
}

std::vector<std::string> method_names() {
  std::vector<std::string> names;
  for (const auto& [name, options] : methods()) names.push_back(name);
  return names;
}

class SamFamily : public ::testing::TestWithParam<std::string> {
 protected:
  SharpnessOptions options() const { return methods().at(GetParam()); }
};

INSTANTIATE_TEST_SUITE_P(Methods, SamFamily, ::testing::ValuesIn(method_names()),
                         [](const auto& info) { return info.param; });

TEST_P(SamFamily, with_radius_zero_is_the_base_bit_for_bit) {
  SharpnessOptions zero = options();
  zero.rho = zero.gsam_rho_min = 0;

  for (const char* base : {"sgd", "adam"}) {
    EXPECT_EQ(bits_of(run(zero, 6, base).w), bits_of(run({}, 6, base).w)) << base;
    EXPECT_NE(bits_of(run(options(), 6, base).w), bits_of(run({}, 6, base).w)) << base;
  }
}

TEST_P(SamFamily, gives_the_same_bits_on_every_device) {
  EXPECT_EQ(bits_of(run(options(), 6, "sgd", emulated_device()).w), bits_of(run(options()).w));
}

TEST_P(SamFamily, keeps_the_gaps_between_slots_at_zero) {
  const WeightLayout layout = four_slots();
  const std::vector<float> w = run(options()).w;

  for (std::size_t i = 12; i < 16; ++i) EXPECT_EQ(w[i], 0.f) << i;
  for (std::size_t i = 21; i < 32; ++i) EXPECT_EQ(w[i], 0.f) << i;
}

TEST_P(SamFamily, rounds_w_and_w_hat_for_convolutions_in_bf16) {
  const WeightLayout layout = four_slots();
  Regression loss(layout);
  const Parameters w = with_precision(
      Tensor::from_host(emulated_device(), {layout.size()}, random_buffer(layout, 1)),
      Precision::bf16);
  Minimiser minimiser(base_named("sgd", emulated_device(), layout.size()), emulated_device(),
                      layout, options());
  Objective objective = loss.objective();
  const auto expect_rounded = [](const Parameters& at) {
    const std::vector<float> values = at.values.to_host<float>();
    const std::vector<Bfloat16> rounded = at.rounded.to_host<Bfloat16>();
    for (std::size_t i = 0; i < values.size(); ++i) {
      ASSERT_EQ(rounded[i].bits, Bfloat16(values[i]).bits) << i;
    }
  };
  objective.gradient = [&, inner = objective.gradient](const Parameters& at, const Tensor& g,
                                                       const GradientRequest& request) {
    expect_rounded(at);
    inner(at, g, request);
  };
  for (int step = 0; step < 3; ++step) minimiser.step(w, kLr, objective);

  expect_rounded(w);
}

// What a step costs on average, in passes over a whole batch.
struct PassesPerStep {
  double forward = 1, backward = 1;
};

PassesPerStep passes_per_step(const SharpnessOptions& options) {
  switch (options.method) {
    case Sharpness::none: return {1, 1};
    case Sharpness::looksam: return {1 + 1. / options.looksam_k, 1 + 1. / options.looksam_k};
    case Sharpness::esam: return {2 + options.esam_gamma, 1 + options.esam_gamma};
    default: return {2, 2};
  }
}

// Forward passes alone count too; a pass over some examples counts as their share.
TEST_P(SamFamily, takes_the_passes_of_its_paper) {
  const WeightLayout layout = four_slots();
  SharpnessOptions stated = options();
  stated.esam_gamma = 0.5;
  Regression loss(layout);
  const Tensor w = Tensor::from_host(cpu_device(), {layout.size()}, random_buffer(layout, 1));
  Minimiser minimiser(base_named("sgd", cpu_device(), layout.size()), cpu_device(), layout, stated);
  for (int step = 0; step < 10; ++step) minimiser.step({w, {}}, kLr, loss.objective());

  double share = 0;
  for (std::size_t examples : loss.examples) share += static_cast<double>(examples) / 11;
  const PassesPerStep passes = passes_per_step(stated);
  // ESAM keeps max(1, floor(gamma N) - 1) = 4 of 11, of which gamma = 0.5 is the idea.
  const double slack = stated.method == Sharpness::esam ? 0.5 - 4. / 11 + 1e-9 : 1e-9;
  EXPECT_NEAR(share / 10, passes.backward, slack);
  EXPECT_NEAR((share + loss.forwards_alone) / 10, passes.forward, slack);
}

// Where a member is SAM
// ----------------------------------------------------------------------------------------------

void expect_sam(const SharpnessOptions& options, const WeightLayout& layout = four_slots()) {
  EXPECT_EQ(bits_of(run(options, 6, "sgd", cpu_device(), layout).w),
            bits_of(run(options_of(Sharpness::sam), 6, "sgd", cpu_device(), layout).w));
}

TEST(sam_family, is_sam_for_fisher_sam_of_eta_zero) {
  SharpnessOptions options = options_of(Sharpness::fisher_sam);
  options.fisher_eta = 0;
  expect_sam(options);
}

TEST(sam_family, is_sam_for_gsam_of_alpha_zero) {
  SharpnessOptions options = options_of(Sharpness::gsam);
  options.gsam_alpha = 0;
  expect_sam(options);
}

TEST(sam_family, is_sam_for_looksam_that_looks_every_step) {
  SharpnessOptions options = options_of(Sharpness::looksam);
  options.looksam_k = 1;
  expect_sam(options);
}

TEST(sam_family, is_sam_for_esam_of_beta_and_gamma_one) {
  SharpnessOptions options = options_of(Sharpness::esam);
  options.esam_beta = options.esam_gamma = 1;
  expect_sam(options);
}

TEST(sam_family, is_sam_for_ssam_of_a_full_mask) {
  for (SparseMask mask : {SparseMask::fisher, SparseMask::dynamic}) {
    SharpnessOptions options = options_of(Sharpness::ssam);
    options.ssam_mask = mask;
    options.ssam_sparsity = 0;
    expect_sam(options);
  }
}

TEST(sam_family, is_sam_for_sam_on_where_all_parameters_are_a_normalisation_layers) {
  WeightLayout layout;
  layout.add("norm.weight", {7}, {}, SlotKind::norm_scale);
  layout.add("norm.bias", {7}, {}, SlotKind::norm_shift);
  expect_sam(options_of(Sharpness::sam_on), layout);
}

TEST(sam_family, is_sam_for_asam_where_all_parameters_are_biases) {
  WeightLayout layout;
  layout.add("linear.bias", {7}, {}, SlotKind::bias);
  expect_sam(options_of(Sharpness::asam), layout);
}

// Where w_hat goes: L = 1/2 (a x^2 + b y^2), x of kind weight, y a bias
// ----------------------------------------------------------------------------------------------

constexpr double kA = 3, kB = 0.5, kX = 0.8, kY = -1.5, kRho = 0.25;

// w_hat - w at (kX, kY), in double from what the kernels wrote.
std::pair<double, double> bowl_shift(SharpnessOptions options) {
  WeightLayout layout;
  layout.add("x", {1}, {});
  layout.add("y", {1}, {}, SlotKind::bias);
  std::vector<float> start(32, 0.f);
  start[0] = static_cast<float>(kX);
  start[16] = static_cast<float>(kY);
  const Tensor w = Tensor::from_host(cpu_device(), {32}, start);
  std::vector<std::vector<float>> at;
  const Objective bowl{[&](const Parameters& here, const Tensor& g, const GradientRequest&) {
    at.push_back(here.values.to_host<float>());
    std::vector<float> slope(32, 0.f);
    slope[0] = static_cast<float>(kA) * at.back()[0];
    slope[16] = static_cast<float>(kB) * at.back()[16];
    Tensor(g).copy_from_host(slope.data());
  }};
  options.rho = kRho;
  Minimiser(Sgd(cpu_device(), 32, {}), cpu_device(), layout, options).step({w, {}}, kLr, bowl);
  return {double{at.at(1)[0]} - start[0], double{at[1][16]} - start[16]};
}

// rho (dx gx, dy gy) / sqrt(dx gx^2 + dy gy^2)
void expect_bowl(const SharpnessOptions& options, double dx, double dy) {
  const auto [x, y] = bowl_shift(options);
  const double gx = kA * kX, gy = kB * kY, norm = std::sqrt(dx * gx * gx + dy * gy * gy);

  expect_near(x, kRho * dx * gx / norm, summation_bound(8, 2), "x");
  expect_near(y, kRho * dy * gy / norm, summation_bound(8, 2), "y");
}

TEST(w_hat, of_sam_is_rho_along_the_gradient) { expect_bowl(options_of(Sharpness::sam), 1, 1); }

TEST(w_hat, of_asam_is_scaled_by_the_square_of_w_plus_eta_but_not_in_biases) {
  SharpnessOptions options = options_of(Sharpness::asam);
  options.asam_eta = 0.2;
  expect_bowl(options, std::pow(kX + 0.2, 2), 1);
}

TEST(w_hat, of_elementwise_asam_is_scaled_by_the_square_of_w_in_biases_too) {
  expect_bowl(options_of(Sharpness::asam_elementwise), kX * kX, kY * kY);
}

TEST(w_hat, of_fisher_sam_is_scaled_by_the_inverse_fisher_diagonal) {
  SharpnessOptions options = options_of(Sharpness::fisher_sam);
  options.fisher_eta = 2;
  expect_bowl(options, 1 / (1 + 2 * std::pow(kA * kX, 2)), 1 / (1 + 2 * std::pow(kB * kY, 2)));
}

TEST(w_hat, of_sam_on_leaves_all_but_normalisation_layers_and_moves_rho_in_those) {
  const std::vector<float> shift = first_shift(options_of(Sharpness::sam_on, 0.3));

  EXPECT_EQ(norm_of(shift, 0, 16), 0.);
  EXPECT_EQ(norm_of(shift, 48, 16), 0.);
  EXPECT_NEAR(norm_of(shift, 16, 32), 0.3, 1e-5);
}

// ReLU(w1) w2: rescaling to (c w1, w2 / c) is the same function.
double perturbed_product(Sharpness method, double c, SlotKind second) {
  WeightLayout layout;
  layout.add("w1", {1}, {});
  layout.add("w2", {1}, {}, second);
  std::vector<float> start(32, 0.f);
  start[0] = static_cast<float>(0.7 * c);
  start[16] = static_cast<float>(0.9 / c);
  const Tensor w = Tensor::from_host(cpu_device(), {32}, start);
  double product = 0;
  const Objective loss{[&](const Parameters& here, const Tensor& g, const GradientRequest&) {
    const std::vector<float> at = here.values.to_host<float>();
    product = double{at[0]} * at[16];
    std::vector<float> slope(32, 0.f);
    slope[0] = static_cast<float>((product - 2) * at[16]);
    slope[16] = static_cast<float>((product - 2) * at[0]);
    Tensor(g).copy_from_host(slope.data());
  }};
  SharpnessOptions options = options_of(method, 0.2);
  options.asam_eta = 0;
  Minimiser(Sgd(cpu_device(), 32, {}), cpu_device(), layout, options).step({w, {}}, kLr, loss);
  return product;
}

TEST(asam, does_not_see_a_rescaled_pair_of_layers_but_sam_does) {
  for (Sharpness method : {Sharpness::asam, Sharpness::asam_elementwise}) {
    const double plain = perturbed_product(method, 1, SlotKind::weight);
    EXPECT_NEAR(perturbed_product(method, 8, SlotKind::weight), plain, 1e-6);
  }
  EXPECT_GT(std::abs(perturbed_product(Sharpness::sam, 8, SlotKind::weight) -
                     perturbed_product(Sharpness::sam, 1, SlotKind::weight)),
            0.1);
}

TEST(asam, differs_from_its_elementwise_form_in_biases) {
  EXPECT_GT(std::abs(perturbed_product(Sharpness::asam, 8, SlotKind::bias) -
                     perturbed_product(Sharpness::asam_elementwise, 8, SlotKind::bias)),
            0.01);
}

// Two gradients
// ----------------------------------------------------------------------------------------------

double dot(const std::vector<float>& a, const std::vector<float>& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += double{a[i]} * b[i];
  return sum;
}

std::vector<float> full_gradient(const std::vector<float>& w) {
  std::vector<std::int32_t> rows;
  for (std::int32_t n = 0; n < Regression::kExamples; ++n) rows.push_back(n);
  return Regression(four_slots()).gradient(w, rows);
}

// One step of plain SGD from `before`, so that (before - after) / lr is what it stepped with.
void expect_descent(const Descent& after, const std::vector<float>& before,
                    const Values& direction) {
  for (std::size_t i = 0; i < before.size(); ++i) {
    const double decayed = direction[i] + 5e-4 * before[i];
    expect_near(after.w[i], before[i] - kLr * decayed, summation_bound(64, 2),
                "w[" + std::to_string(i) + "]");
  }
}

TEST(gsam, steps_with_g_hat_less_alpha_of_what_g_has_orthogonal_to_it) {
  SharpnessOptions options = options_of(Sharpness::gsam);
  options.gsam_alpha = 0.4;
  const Descent after = run(options, 1);

  const std::vector<float> g = full_gradient(after.at[0]), g_hat = full_gradient(after.at[1]);
  const double along = dot(g, g_hat) / dot(g_hat, g_hat);
  Values want;
  for (std::size_t i = 0; i < g.size(); ++i) {
    want.push_back(g_hat[i] - 0.4 * (double{g[i]} - along * g_hat[i]));
  }
  expect_descent(after, after.at[0], want);
}

TEST(gsam, has_a_radius_that_falls_with_the_learning_rate_from_rho_to_rho_min) {
  const WeightLayout layout = four_slots();
  for (const auto& [lr, rho] : std::map<double, double>{{0.1, 0.4}, {0.05, 0.3}, {0., 0.2}}) {
    SharpnessOptions options = options_of(Sharpness::gsam, 0.4);
    options.gsam_rho_min = 0.2;
    options.lr_max = 0.1;
    Regression loss(layout);
    const Tensor w = Tensor::from_host(cpu_device(), {layout.size()}, random_buffer(layout, 1));
    Minimiser(base_named("sgd", cpu_device(), layout.size()), cpu_device(), layout, options)
        .step({w, {}}, lr, loss.objective());

    std::vector<float> shift = loss.at.at(1);
    for (std::size_t i = 0; i < shift.size(); ++i) shift[i] -= loss.at[0][i];
    EXPECT_NEAR(norm_of(shift), rho, 1e-5) << "lr " << lr;
  }
}

TEST(looksam, steps_between_looks_with_g_plus_what_the_last_look_kept) {
  SharpnessOptions options = options_of(Sharpness::looksam);
  options.looksam_k = 3;
  const Descent one = run(options, 1), two = run(options, 2);
  ASSERT_EQ(two.at.size(), 3u);

  const std::vector<float> g = full_gradient(two.at[0]), g_hat = full_gradient(two.at[1]),
                           next = full_gradient(two.at[2]);
  Values kept;
  for (std::size_t i = 0; i < g.size(); ++i) {
    kept.push_back(g_hat[i] - dot(g_hat, g) / dot(g, g) * g[i]);
  }
  const std::vector<float> kept_values(kept.begin(), kept.end());
  const double scale = options.looksam_alpha * norm_of(next) / norm_of(kept_values);
  // The momentum is 0.9 of the first step's direction, (start - w) / lr.
  for (std::size_t i = 0; i < g.size(); ++i) {
    const double momentum = (double{two.at[0][i]} - one.w[i]) / kLr;
    const double direction = next[i] + scale * kept[i] + 5e-4 * one.w[i] + 0.9 * momentum;
    // g_v is a small difference of large gradients, blown up by ||g|| / ||g_v||.
    EXPECT_NEAR(two.w[i], one.w[i] - kLr * direction, 2e-5) << i;
  }
}

TEST(looksam, keeps_its_orthogonal_gradient_in_its_state) {
  const WeightLayout layout = four_slots();
  Regression loss(layout);
  const Tensor w = Tensor::from_host(cpu_device(), {layout.size()}, random_buffer(layout, 1));
  Minimiser minimiser(base_named("sgd", cpu_device(), layout.size()), cpu_device(), layout,
                      options_of(Sharpness::looksam));
  minimiser.step({w, {}}, kLr, loss.objective());

  const std::vector<NamedState> state = minimiser.state();
  ASSERT_EQ(state.size(), 2u);
  EXPECT_EQ(state[1].name, "looksam.g_v");
  const std::vector<float> kept = state[1].tensor.to_host<float>(), g = full_gradient(loss.at[0]);
  EXPECT_GT(norm_of(kept), 1e-3);
  EXPECT_NEAR(dot(kept, g), 0, 1e-5);
}

// ESAM
// ----------------------------------------------------------------------------------------------

TEST(esam, keeps_one_example_less_than_gamma_n_but_at_least_one) {
  EXPECT_EQ(examples_kept(128, 0.5), 63);
  EXPECT_EQ(examples_kept(11, 0.5), 4);
  EXPECT_EQ(examples_kept(3, 0.5), 1);
  EXPECT_EQ(examples_kept(1, 0.), 1);
}

TEST(esam, descends_on_the_examples_whose_loss_rose_most) {
  SharpnessOptions options = options_of(Sharpness::esam);
  const Descent after = run(options, 1);

  const Regression loss(four_slots());
  const std::vector<float> before = loss.losses(after.at[0]), hat = loss.losses(after.at[1]);
  std::vector<std::int32_t> rows = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
  const auto rise = [&](std::int32_t n) {
    return hat[static_cast<std::size_t>(n)] - before[static_cast<std::size_t>(n)];
  };
  std::sort(rows.begin(), rows.end(), [&](auto a, auto b) { return rise(a) > rise(b); });
  rows.resize(4);
  const std::vector<float> g = loss.gradient(after.at[1], rows);
  expect_descent(after, after.at[0], Values(g.begin(), g.end()));
}

TEST(esam, perturbs_every_tensor_in_its_first_step_and_a_share_of_beta_later) {
  SharpnessOptions options = options_of(Sharpness::esam, 0.1);
  const Descent after = run(options, 200);

  std::set<int> counts;
  double moved = 0;
  for (std::size_t step = 0; step < 200; ++step) {
    int of_step = 0;
    for (std::int64_t slot = 0; slot < 4; ++slot) {
      std::vector<float> shift = after.at[2 * step + 1];
      for (std::size_t i = 0; i < shift.size(); ++i) shift[i] -= after.at[2 * step][i];
      of_step += norm_of(shift, slot * 16, 16) > 0;
    }
    if (step == 0) {
      EXPECT_EQ(of_step, 4);
    }
    counts.insert(of_step);
    moved += of_step;
  }
  EXPECT_GE(counts.size(), 3u);
  // 800 draws of 0.6: three standard deviations of the share are 0.052.
  EXPECT_NEAR(moved / 800, 0.6, 0.055);
}

TEST(esam, moves_rho_over_beta_in_the_tensors_it_perturbs) {
  EXPECT_NEAR(norm_of(first_shift(options_of(Sharpness::esam, 0.3))), 0.3 / 0.6, 1e-5);
}

// SSAM
// ----------------------------------------------------------------------------------------------

std::vector<float> mask_of(const Minimiser& minimiser) {
  for (const NamedState& state : minimiser.state()) {
    if (state.name == "ssam.mask") return state.tensor.to_host<float>();
  }
  return {};
}

TEST(ssam, by_fisher_perturbs_the_weights_of_largest_squared_gradients) {
  SharpnessOptions options = options_of(Sharpness::ssam);
  options.ssam_sparsity = 0.6;
  const Descent after = run(options, 1);
  const std::vector<float> shift = first_shift(options);

  Values fisher(64, 0.);
  for (std::int32_t n = 0; n < Regression::kExamples; ++n) {
    const std::vector<float> g = Regression(four_slots()).gradient(after.at[0], {n});
    for (std::size_t i = 0; i < g.size(); ++i) fisher[i] += double{g[i]} * g[i];
  }
  // 25 weights: floor(0.4 x 25) = 10 live.
  std::multiset<double> live, masked;
  for (std::size_t i = 0; i < 64; ++i) (shift[i] != 0.f ? live : masked).insert(fisher[i]);
  EXPECT_EQ(live.size(), 10u);
  EXPECT_GT(*live.begin(), *masked.rbegin());
  EXPECT_LT(norm_of(shift), 0.3);
}

TEST(ssam, by_fisher_is_the_base_until_it_has_a_mask) {
  const WeightLayout layout = four_slots();
  Regression loss(layout);
  const Tensor w = Tensor::from_host(cpu_device(), {layout.size()}, random_buffer(layout, 1));
  Minimiser minimiser(base_named("sgd", cpu_device(), layout.size()), cpu_device(), layout,
                      options_of(Sharpness::ssam));
  minimiser.step({w, {}}, kLr, loss.objective());

  EXPECT_EQ(bits_of(loss.at[1]), bits_of(loss.at[0]));
}

TEST(ssam, dynamic_drops_the_weights_of_least_gradient_and_draws_as_many) {
  const WeightLayout layout = four_slots();
  SharpnessOptions options = options_of(Sharpness::ssam);
  options.ssam_mask = SparseMask::dynamic;
  options.ssam_sparsity = 0.4;
  options.ssam_epochs = 1'000'000;  // so that the share dropped is still 0.5
  Regression loss(layout);
  const Tensor w = Tensor::from_host(cpu_device(), {layout.size()}, random_buffer(layout, 1));
  Minimiser minimiser(base_named("sgd", cpu_device(), layout.size()), cpu_device(), layout,
                      options);
  minimiser.begin_epoch(0, 0, {});
  const std::vector<float> first = mask_of(minimiser);
  minimiser.step({w, {}}, kLr, loss.objective());
  minimiser.begin_epoch(4, 0, {});
  EXPECT_EQ(mask_of(minimiser), first);
  minimiser.begin_epoch(5, 0, {});
  const std::vector<float> second = mask_of(minimiser);

  EXPECT_EQ(std::count(first.begin(), first.end(), 1.f), 15);
  int kept = 0, grown = 0;
  double least_kept = 1e9, most_dropped = 0;
  const std::vector<float> g = full_gradient(loss.at[1]);
  for (std::size_t i = 0; i < first.size(); ++i) {
    const double size = std::abs(double{g[i]});
    kept += first[i] != 0.f && second[i] != 0.f;
    grown += first[i] == 0.f && second[i] != 0.f;
    if (first[i] != 0.f && second[i] != 0.f) least_kept = std::min(least_kept, size);
    if (first[i] != 0.f && second[i] == 0.f) most_dropped = std::max(most_dropped, size);
  }
  EXPECT_EQ(kept, 7);
  EXPECT_EQ(grown, 7);
  EXPECT_GE(least_kept, most_dropped);
}

// AWP
// ----------------------------------------------------------------------------------------------

TEST(awp, moves_each_tensor_of_rank_above_one_by_gamma_of_its_norm) {
  const std::vector<float> shift = first_shift(options_of(Sharpness::awp, 0.01)),
                           w = random_buffer(four_slots(), 1);

  EXPECT_NEAR(norm_of(shift, 0, 16), 0.01 * norm_of(w, 0, 16), 1e-6);
  EXPECT_EQ(norm_of(shift, 16, 48), 0.);
}

// The authors perturb what has a rank above 1 and "weight" in its name: a transformer's cls_token
// and pos_embed have the rank alone.
TEST(awp, leaves_tokens_and_positions_where_they_are) {
  WeightLayout layout;
  layout.add("linear.weight", {3, 4}, {});
  layout.add("pos_embed", {1, 3, 4}, {}, SlotKind::token);

  const Descent after = run(options_of(Sharpness::awp, 0.01), 1, "sgd", cpu_device(), layout);

  std::vector<float> shift = after.at.at(1);
  for (std::size_t i = 0; i < shift.size(); ++i) shift[i] -= after.at[0][i];
  EXPECT_GT(norm_of(shift, 0, 16), 0.);
  EXPECT_EQ(norm_of(shift, 16, 16), 0.);
}

TEST(awp, steps_at_the_perturbed_weights_and_comes_back) {
  const double gamma = 0.2;
  const Descent after = run(options_of(Sharpness::awp, gamma), 1);

  const std::vector<float>&w = after.at[0], &w_hat = after.at[1], g = full_gradient(w_hat);
  for (std::size_t i = 0; i < w.size(); ++i) {
    // w' = w - lr (g' + lambda (w + v))
    const double want = w[i] - kLr * (g[i] + 5e-4 * w_hat[i]);
    expect_near(after.w[i], want, summation_bound(16, 2), "w[" + std::to_string(i) + "]");
  }
}

TEST(awp, leaves_a_tensor_without_gradient_where_it_is) {
  const WeightLayout layout = four_slots();
  const std::vector<float> start = random_buffer(layout, 1);
  const Tensor w = Tensor::from_host(cpu_device(), {layout.size()}, start);
  const Objective flat{[](const Parameters&, const Tensor& g, const GradientRequest&) {
    Tensor(g).copy_from_host(std::vector<float>(64, 0.f).data());
  }};
  Minimiser(Sgd(cpu_device(), layout.size(), {0, 0, false}), cpu_device(), layout,
            options_of(Sharpness::awp))
      .step({w, {}}, kLr, flat);

  EXPECT_EQ(bits_of(w.to_host<float>()), bits_of(start));
}

TEST(awp, in_its_warm_up_is_the_base_optimiser_bit_for_bit) {
  const WeightLayout layout = four_slots();
  const auto after = [&](SharpnessOptions options, std::int64_t epochs) {
    Regression loss(layout);
    const Tensor w = Tensor::from_host(cpu_device(), {layout.size()}, random_buffer(layout, 1));
    Minimiser minimiser(base_named("sgd", cpu_device(), layout.size()), cpu_device(), layout,
                        options);
    for (std::int64_t epoch = 0; epoch < epochs; ++epoch) {
      minimiser.begin_epoch(epoch, 0, {});
      minimiser.step({w, {}}, kLr, loss.objective());
    }
    return bits_of(w.to_host<float>());
  };
  SharpnessOptions warmed = options_of(Sharpness::awp, 0.1);
  warmed.awp_warmup = 2;

  EXPECT_EQ(after(warmed, 2), after(options_of(Sharpness::none), 2));
  EXPECT_NE(after(warmed, 3), after(options_of(Sharpness::none), 3));
  EXPECT_NE(after(options_of(Sharpness::awp, 0.1), 1), after(options_of(Sharpness::none), 1));
}

// Wrong options
// ----------------------------------------------------------------------------------------------

std::string refusal(const std::function<void(SharpnessOptions&)>& spoil, Sharpness method) {
  SharpnessOptions options = options_of(method);
  spoil(options);
  return message_of<Error>(
      [&] { Minimiser(base_named("sgd", cpu_device(), 64), cpu_device(), four_slots(), options); });
}

TEST(sam_family, names_the_number_that_is_out_of_range) {
  using O = SharpnessOptions;
  EXPECT_CONTAINS(refusal([](O& o) { o.asam_eta = -1; }, Sharpness::asam), "asam: eta is -1");
  EXPECT_CONTAINS(refusal([](O& o) { o.esam_beta = 0; }, Sharpness::esam), "esam: beta is 0");
  EXPECT_CONTAINS(refusal([](O& o) { o.esam_gamma = 1.5; }, Sharpness::esam), "lie in [0, 1]");
  EXPECT_CONTAINS(refusal([](O& o) { o.gsam_rho_min = 1; }, Sharpness::gsam), "gsam: rho_min is 1");
  EXPECT_CONTAINS(refusal([](O& o) { o.looksam_k = 0; }, Sharpness::looksam), "at least 1");
  EXPECT_CONTAINS(refusal([](O& o) { o.ssam_sparsity = 2; }, Sharpness::ssam), "sparsity is 2");
  EXPECT_CONTAINS(refusal([](O& o) { o.rho = std::nan(""); }, Sharpness::awp), "awp: gamma is nan");
}

TEST(sam_on, refuses_a_network_without_normalisation) {
  WeightLayout layout;
  layout.add("linear.weight", {4, 4}, {});
  EXPECT_CONTAINS(message_of<Error>([&] {
                    Minimiser(base_named("sgd", cpu_device(), 16), cpu_device(), layout,
                              options_of(Sharpness::sam_on));
                  }),
                  "no normalisation layer to perturb. Use sam");
}

}  // namespace
}  // namespace saddle
