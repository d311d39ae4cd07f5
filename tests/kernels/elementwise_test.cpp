// The flat and grid kernels without structure, and the optimisers' steps, against loops in double.
#include "kernels/elementwise.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "kernels/adam.h"
#include "kernels/batch_norm.h"
#include "kernels/images.h"
#include "kernels/sam.h"
#include "kernels/sgd.h"
#include "tests/support/expect_near.h"
#include "tests/support/random_values.h"
#include "tests/support/view.h"

namespace saddle {
namespace {

using namespace testing_support;

template <class Kernel>
void for_all(const Kernel& kernel, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) kernel(i);
}
template <class Kernel>
void for_all(const Kernel& kernel, std::int64_t rows, std::int64_t columns) {
  for (std::int64_t row = 0; row < rows; ++row) {
    for (std::int64_t column = 0; column < columns; ++column) kernel(row, column);
  }
}

class Elementwise : public ::testing::TestWithParam<std::int64_t> {
 protected:
  const std::int64_t n = GetParam();
  const std::vector<float> a = random_values(n, 1), b = random_values(n, 2);
  std::vector<float> y = random_values(n, 3);
  std::string place(std::size_t i) const { return "element " + std::to_string(i); }
};

INSTANTIATE_TEST_SUITE_P(Sizes, Elementwise, ::testing::Values(0, 1, 31, 32, 33, 1025));

TEST_P(Elementwise, fill_writes_the_value) {
  for_all(Fill{view(y), 2.5f}, n);

  EXPECT_EQ(y, std::vector<float>(a.size(), 2.5f));
}

// One rounding: the float sum itself is the only right answer.
TEST_P(Elementwise, add_is_the_rounded_sum) {
  for_all(Add<float>{view(a), view(b), view(y)}, n);

  for (std::size_t i = 0; i < y.size(); ++i)
    EXPECT_EQ(y[i], float(double{a[i]} + b[i])) << place(i);
}

TEST_P(Elementwise, add_to_adds_to_what_was_there) {
  const std::vector<float> before = y;
  for_all(AddTo{view(a), view(y)}, n);

  for (std::size_t i = 0; i < y.size(); ++i)
    EXPECT_EQ(y[i], float(double{before[i]} + a[i])) << place(i);
}

TEST_P(Elementwise, scale_by_scalar_is_the_rounded_product) {
  const std::vector<float> factor = {0.3f};
  for_all(ScaleByScalar{view(a), view(factor), view(y)}, n);

  for (std::size_t i = 0; i < y.size(); ++i)
    EXPECT_EQ(y[i], float(double{a[i]} * 0.3f)) << place(i);
}

TEST_P(Elementwise, relu_passes_values_and_gradients_only_where_x_is_positive) {
  std::vector<float> dx = y;
  for_all(Activate<float>{view(a), view(y), kRelu}, n);
  for_all(ActivateBackward<float>{view(a), view(b), view(dx), kRelu}, n);

  for (std::size_t i = 0; i < y.size(); ++i) {
    EXPECT_EQ(y[i], a[i] > 0 ? a[i] : 0.f) << place(i);
    EXPECT_EQ(dx[i], a[i] > 0 ? b[i] : 0.f) << place(i);
  }
}

// PyTorch's relu6 and hardtanh pass the gradient between their ends alone.
TEST(activate, relu6_passes_no_gradient_at_0_at_6_and_beyond) {
  const std::vector<float> x = {-1.f, 0.f, 0.5f, 5.75f, 6.f, 7.f}, dy(6, 1.f);
  std::vector<float> y(6), dx(6), from_y(6);
  for_all(Activate<float>{view(x), view(y), kRelu6}, 6);
  for_all(ActivateBackward<float>{view(x), view(dy), view(dx), kRelu6}, 6);
  for_all(ActivateBackward<float>{view(y), view(dy), view(from_y), kRelu6}, 6);

  EXPECT_EQ(y, (std::vector<float>{0, 0, 0.5f, 5.75f, 6, 6}));
  EXPECT_EQ(dx, (std::vector<float>{0, 0, 1, 1, 0, 0}));
  EXPECT_EQ(from_y, dx);
}

TEST(activate, keeps_a_nan_so_that_it_shows) {
  const std::vector<float> x = {NAN};
  for (const Limits& limits : {kNoLimits, kRelu, kRelu6}) {
    std::vector<float> y(1);
    for_all(Activate<float>{view(x), view(y), limits}, 1);
    EXPECT_TRUE(std::isnan(y[0]));
  }
}

TEST_P(Elementwise, scale_columns_multiplies_every_column_by_its_own_number) {
  const std::vector<float> x = random_values(3 * n, 5);
  y = x;
  for_all(ScaleColumns{view(a), view(y), n}, 3, n);

  for (std::size_t i = 0; i < y.size(); ++i) {
    EXPECT_EQ(y[i], float(double{x[i]} * a[i % a.size()])) << place(i);
  }
}

TEST_P(Elementwise, scale_rows_multiplies_every_row_by_its_own_number) {
  const std::vector<float> scale = {0.3f, -2.f, 0.f};
  const std::vector<float> x = random_values(3 * n, 5);
  y = x;
  for_all(ScaleRows{view(scale), view(y), n}, 3, n);

  for (std::size_t i = 0; i < y.size(); ++i) {
    EXPECT_EQ(y[i], float(double{x[i]} * scale[i / a.size()])) << place(i);
  }
}

TEST_P(Elementwise, convolution_epilogue_adds_residual_and_bias_and_then_takes_the_maximum) {
  const std::vector<float> x = random_values(3 * n, 5), residual = random_values(3 * n, 6);
  std::vector<float> all = x, relu_alone = x, residual_alone = x;
  for_all(ConvolutionEpilogue<float>{view(residual), view(a), view(all), n, kRelu}, 3, n);
  for_all(ConvolutionEpilogue<float>{{}, {}, view(relu_alone), n, kRelu}, 3, n);
  for_all(ConvolutionEpilogue<float>{view(residual), {}, view(residual_alone), n, kNoLimits}, 3, n);

  for (std::size_t i = 0; i < x.size(); ++i) {
    const float bias = a[i % a.size()];
    EXPECT_EQ(all[i], std::max(float(double{x[i]} + residual[i]) + bias, 0.f)) << place(i);
    EXPECT_EQ(relu_alone[i], std::max(x[i], 0.f)) << place(i);
    EXPECT_EQ(residual_alone[i], float(double{x[i]} + residual[i])) << place(i);
  }
}

// So that a folded network computes what the frozen one does.
TEST_P(Elementwise, fold_batch_norm_gives_the_bits_of_frozen_statistics) {
  const std::vector<float> mean = random_values(n, 5), var = random_values(n, 6, 0.1f, 2.f);
  std::vector<float> unused = y, scale = y, shift = y, folded_scale = y, folded_shift = y;
  for_all(BatchNormFrozen{view(a), view(b), view(mean), view(var), view(unused), view(unused),
                          view(scale), view(shift), 1e-5f},
          n);
  for_all(FoldBatchNorm{view(a), view(b), view(mean), view(var), view(folded_scale),
                        view(folded_shift), 1e-5f},
          n);

  EXPECT_EQ(bits_of(folded_scale), bits_of(scale));
  EXPECT_EQ(bits_of(folded_shift), bits_of(shift));
}

TEST_P(Elementwise, sam_perturb_keeps_a_rounded_copy_where_it_is_given_one) {
  const std::vector<float> square_norm = {7.f}, rho = {0.1f};
  std::vector<Bfloat16> copy(a.size(), Bfloat16(9.f));
  for_all(SamPerturb{view(a), view(b), view(rho), view(square_norm), view(y), view(copy), {}}, n);

  for (std::size_t i = 0; i < y.size(); ++i) {
    EXPECT_EQ(copy[i].bits, Bfloat16(y[i]).bits) << place(i);
  }
}

TEST(relu_kernel, has_gradient_zero_at_zero_and_lets_a_nan_show) {
  const std::vector<float> x = {0.f, -0.f, std::nanf("")}, dy = {1.f, 1.f, 1.f};
  std::vector<float> y(3), dx(3);
  for_all(Activate<float>{view(x), view(y), kRelu}, 3);
  for_all(ActivateBackward<float>{view(x), view(dy), view(dx), kRelu}, 3);

  EXPECT_EQ(dx[0], 0.f);
  EXPECT_EQ(dx[1], 0.f);
  EXPECT_TRUE(std::isnan(y[2]));
}

// g + lambda w, mu b + d, then w: three short sums of the terms below.
double sgd_magnitude(const SgdStep& step, double w, double g, double b) {
  const double d = std::abs(g) + step.weight_decay * std::abs(w);
  return std::abs(w) + step.lr[0] * (1 + step.momentum) * (d + step.momentum * std::abs(b));
}

void expect_sgd_step(std::int64_t n, float nesterov) {
  const std::vector<float> g = random_values(n, 1), w_before = random_values(n, 2),
                           b_before = random_values(n, 3);
  std::vector<float> w = w_before, b = b_before;
  const std::vector<float> lr = {0.1f};
  const SgdStep step{view(w), view(g), view(b), {}, view(lr), 0.9f, 5e-4f, nesterov};
  for_all(step, n);

  for (std::size_t i = 0; i < w.size(); ++i) {
    const double d = g[i] + double{step.weight_decay} * w_before[i];
    const double want_b = double{step.momentum} * b_before[i] + d;
    const double direction = nesterov != 0.f ? d + step.momentum * want_b : want_b;
    const double magnitude = sgd_magnitude(step, w_before[i], g[i], b_before[i]);
    expect_near(b[i], want_b, summation_bound(3, magnitude / step.lr[0]),
                "b[" + std::to_string(i) + "]");
    expect_near(w[i], w_before[i] - step.lr[0] * direction, summation_bound(4, magnitude),
                "w[" + std::to_string(i) + "]");
  }
}

TEST_P(Elementwise, sgd_step_is_the_formula) { expect_sgd_step(n, 0.f); }

TEST_P(Elementwise, sgd_step_with_nesterov_is_the_formula) { expect_sgd_step(n, 1.f); }

void expect_adam_step(std::int64_t n, float coupled_decay, float decoupled_factor) {
  const std::vector<float> g = random_values(n, 1), w_before = random_values(n, 2),
                           m_before = random_values(n, 3),
                           v_before = random_values(n, 4, 0.1f, 1.f);
  std::vector<float> w = w_before, m = m_before, v = v_before;
  AdamStep step{};
  step.w = view(w), step.g = view(g), step.m = view(m), step.v = view(v);
  step.beta1 = 0.875f, step.beta2 = 0.9921875f;  // exact, and so are 1 - beta
  step.one_minus_beta1 = 0.125f, step.one_minus_beta2 = 0.0078125f;
  step.eps = 1e-8f;
  step.coupled_decay = coupled_decay;
  const AdamRates rates{decoupled_factor, 0.01f, 0.5f};
  const std::vector<float> of_step = {rates.decoupled_factor, rates.corrected_lr,
                                      rates.root_correction};
  step.rates = view(of_step);
  for_all(step, n);

  for (std::size_t i = 0; i < w.size(); ++i) {
    const double decayed = double{w_before[i]} * decoupled_factor;
    const double d = g[i] + coupled_decay * decayed;
    const double mean = step.beta1 * double{m_before[i]} + (1. - step.beta1) * d;
    const double square = step.beta2 * double{v_before[i]} + (1. - step.beta2) * d * d;
    const double want = decayed - rates.corrected_lr * mean /
                                      (std::sqrt(square) / rates.root_correction + step.eps);
    const double d_magnitude = std::abs(g[i]) + coupled_decay * std::abs(decayed);
    const double mean_magnitude = std::abs(m_before[i]) + d_magnitude;
    const std::string at = "[" + std::to_string(i) + "]";
    expect_near(m[i], mean, summation_bound(3, mean_magnitude), "m" + at);
    expect_near(v[i], square, summation_bound(3, v_before[i] + d_magnitude * d_magnitude),
                "v" + at);
    const double step_magnitude = rates.corrected_lr * mean_magnitude / std::sqrt(square);
    expect_near(w[i], want, summation_bound(4, std::abs(decayed) + step_magnitude), "w" + at);
  }
}

TEST_P(Elementwise, adam_step_with_coupled_decay_is_the_formula) {
  expect_adam_step(n, 0.01f, 1.f);
}

TEST_P(Elementwise, adam_step_with_decoupled_decay_is_the_formula) {
  expect_adam_step(n, 0.f, 0.99f);
}

TEST_P(Elementwise, sam_perturb_moves_along_g_by_rho_over_its_norm) {
  const std::vector<float> square_norm = {7.f}, rho = {0.1f};
  for_all(SamPerturb{view(a), view(b), view(rho), view(square_norm), view(y), {}, {}}, n);

  for (std::size_t i = 0; i < y.size(); ++i) {
    const double moved = double{0.1f} / (std::sqrt(7.) + 1e-12) * b[i];
    expect_near(y[i], a[i] + moved, summation_bound(2, std::abs(a[i]) + std::abs(moved)), place(i));
  }
}

TEST_P(Elementwise, sam_perturb_with_zero_gradient_leaves_w_hat_at_w) {
  const std::vector<float> zero(a.size(), 0.f), square_norm = {0.f}, rho = {0.1f};
  for_all(SamPerturb{view(a), view(zero), view(rho), view(square_norm), view(y), {}, {}}, n);

  EXPECT_EQ(bits_of(y), bits_of(a));
}

TEST_P(Elementwise, add_bias_adds_the_columns_bias_to_every_row) {
  const std::vector<float> x = random_values(3 * n, 5);
  y = x;
  for_all(AddBias<float>{view(a), view(y), n}, 3, n);

  for (std::size_t i = 0; i < y.size(); ++i) {
    EXPECT_EQ(y[i], float(double{x[i]} + a[i % a.size()])) << place(i);
  }
}

TEST_P(Elementwise, normalise_subtracts_the_mean_and_divides_by_the_deviation_of_the_channel) {
  const std::vector<float> x = random_values(3 * n, 5), inverse_std = random_values(n, 6, 1.f, 5.f);
  std::vector<float> dx = x;
  y = x;
  for_all(Normalise<float>{view(x), view(a), view(inverse_std), view(y), n}, 3, n);
  for_all(NormaliseBackward<float>{view(x), view(inverse_std), view(dx), n}, 3, n);

  for (std::size_t i = 0; i < y.size(); ++i) {
    const std::size_t c = i % a.size();
    const double magnitude = (std::abs(double{x[i]}) + std::abs(a[c])) * inverse_std[c];
    expect_near(y[i], (double{x[i]} - a[c]) * inverse_std[c], summation_bound(2, magnitude),
                place(i));
    EXPECT_EQ(dx[i], float(double{x[i]} * inverse_std[c])) << place(i);
  }
}

TEST_P(Elementwise, gather_labels_picks_the_examples) {
  const std::vector<std::int32_t> labels = {4, 1, 3, 0, 2}, example = random_labels(n, 7, 5);
  std::vector<std::int32_t> label(example.size(), -1);
  for_all(GatherLabels{view(labels), view(example), view(label)}, n);

  for (std::size_t i = 0; i < label.size(); ++i)
    EXPECT_EQ(label[i], labels[example[i]]) << place(i);
}

}  // namespace
}  // namespace saddle
