// What sets single members of the SAM family apart: GSAM's and LookSAM's second gradient, ESAM's
// choice of tensors and examples, SSAM's masks, AWP.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <string>
#include <vector>

#include "tests/optim/sam_descent.h"
#include "tests/support/devices.h"
#include "tests/support/expect_near.h"
#include "tests/support/regression.h"

namespace saddle {
namespace {

using namespace testing_support;
using Values = std::vector<double>;

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

}  // namespace
}  // namespace saddle
