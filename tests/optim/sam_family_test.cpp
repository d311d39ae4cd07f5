// The SAM family on linear regression: what each member is where its numbers are special, where it
// moves w_hat, and what it asks for.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <string>

#include "tests/optim/sam_descent.h"
#include "tests/support/devices.h"
#include "tests/support/expect_near.h"
#include "tests/support/regression.h"

namespace saddle {
namespace {

using namespace testing_support;

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
