// DeepFool on models whose boundary is known.
#include "attacks/deepfool.h"

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

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr double kRounding = 1e-6;

DeepFoolOptions in(Norm norm, int steps = 50) {
  DeepFoolOptions options;
  options.norm = norm;
  options.steps = steps;
  return options;
}

class DeepFoolAttack : public ::testing::TestWithParam<std::string> {
 protected:
  Device& device() const { return device_named(GetParam()); }
};

INSTANTIATE_TEST_SUITE_P(Devices, DeepFoolAttack, ::testing::ValuesIn(device_names()),
                         [](const auto& info) { return std::string(info.param); });

TEST_P(DeepFoolAttack, passes_lin2s_boundary_by_its_overshoot_in_one_step) {
  PassCounts counts;
  const Batch batch = single_image(device(), grey());
  const MinimalNorm l2 = DeepFool(lin2(device()), in(Norm::l2)).nearest(batch, &counts);
  const MinimalNorm linf = DeepFool(lin2(device()), in(Norm::linf)).nearest(batch);

  const double distance = .2 / std::sqrt(14.) + 1e-4;
  expect_near(l2.distances.item(), 1.02 * distance, kRounding, "l2");
  expect_near(linf.distances.item(), 1.02 * (1. / 30 + 1e-4), kRounding, "linf");
  const Floats got = l2.images.to_host<float>();
  for (std::size_t i = 0; i < 4; ++i) {
    expect_near(got[i] - .5, -1.02 * distance / std::sqrt(14.) * lin_weights()[i], kRounding,
                std::to_string(i));
  }
  EXPECT_LT(lin_margin(got), 0);
  EXPECT_EQ(counts.forward, 2);
}

TEST_P(DeepFoolAttack, of_four_classes_goes_to_the_nearest) {
  const Batch batch = single_image(device(), grey());

  expect_near(DeepFool(lin4(device()), in(Norm::l2)).nearest(batch).distances.item(),
              1.02 * (.2 / std::sqrt(14.) + 1e-4), kRounding, "l2");
}

// Where pixels cannot follow, each step covers only a share of the way that is left. The steps must
// not shrink with it until rounding decides.
TEST_P(DeepFoolAttack, crosses_the_boundary_also_where_the_pixel_range_holds_it_back) {
  const Batch batch = single_image(device(), {.01f, .01f, .95f, .5f});
  ASSERT_GT(lin_margin(batch.inputs.to_host<float>()), 0);

  for (Norm norm : {Norm::l2, Norm::linf}) {
    const MinimalNorm found = DeepFool(lin2(device()), in(norm)).nearest(batch);
    EXPECT_LT(lin_margin(found.images.to_host<float>()), -1e-5);
  }
}

TEST_P(DeepFoolAttack, discards_what_is_farther_than_eps) {
  DeepFoolOptions options = in(Norm::l2);
  const Batch batch = single_image(device(), grey());
  options.eps = .0546f;
  EXPECT_EQ(DeepFool(lin2(device()), options)(batch, 1).to_host<float>(), grey());
  options.eps = .0547f;
  EXPECT_NE(DeepFool(lin2(device()), options)(batch, 1).to_host<float>(), grey());
}

TEST_P(DeepFoolAttack, of_a_constant_model_is_the_clean_image) {
  for (Norm norm : {Norm::l2, Norm::linf}) {
    const MinimalNorm found =
        DeepFool(constant_model(device()), in(norm, 5)).nearest(single_image(device(), grey()));
    EXPECT_EQ(found.images.to_host<float>(), grey());
    EXPECT_EQ(found.distances.item(), kInfinity);
  }
}

TEST_P(DeepFoolAttack, leaves_a_clean_error_as_it_is_at_distance_0) {
  const MinimalNorm found =
      DeepFool(lin2(device()), in(Norm::l2)).nearest(single_image(device(), grey(), 1));

  EXPECT_EQ(found.images.to_host<float>(), grey());
  EXPECT_EQ(found.distances.item(), 0.f);
}

constexpr std::int64_t kExamples = 23, kChannels = 4, kColumns = 3 * 5 * kChannels;

Rows all_rows() {
  Rows which;
  for (std::int32_t i = 0; i < kExamples; ++i) which.push_back((i * 10 + 4) % kExamples);
  return which;
}

Batch examples(const LogitsFunction& model, Device& device, const Rows& which) {
  Batch batch = random_examples(device, which, kExamples, 3, 5, kChannels);
  batch.targets = predict(logits_of(model, batch.inputs));
  return batch;
}

TEST_P(DeepFoolAttack, does_not_depend_on_who_else_is_in_the_batch) {
  const LogitsFunction model = bit_stable_model(device(), kChannels);
  const Batch together = examples(model, device(), all_rows());
  for (Norm norm : {Norm::l2, Norm::linf}) {
    DeepFool attack(model, in(norm, 20));
    const Floats images = attack(together, 1).to_host<float>();
    for (std::int32_t row = 0; row < kExamples; ++row) {
      const auto first = images.begin() + row * kColumns;
      EXPECT_EQ(bits_of({first, first + kColumns}),
                bits_of(attack(select(together, Rows{row}), 1).to_host<float>()))
          << "row " << row;
    }
  }
}

TEST_P(DeepFoolAttack, breaks_just_those_whose_distance_it_tells) {
  const LogitsFunction model = bit_stable_model(device(), kChannels);
  const Batch batch = examples(model, device(), all_rows());
  const MinimalNorm found = DeepFool(model, in(Norm::l2)).nearest(batch);

  const Floats distances = found.distances.to_host<float>();
  Rows unbroken;
  for (std::size_t i = 0; i < distances.size(); ++i) {
    if (distances[i] == kInfinity) unbroken.push_back(static_cast<std::int32_t>(i));
  }
  EXPECT_EQ(rows_predicted_right(logits_of(model, found.images), batch.targets), unbroken);
  EXPECT_LT(unbroken.size(), distances.size());
}

TEST(deepfool, refuses_options_that_make_no_sense) {
  const auto refusal = [](const DeepFoolOptions& options) {
    return message_of<Error>([&] { DeepFool(lin2(cpu_device()), options); });
  };
  EXPECT_CONTAINS(refusal(in(Norm::l1)), "deepfool: works in l2 and linf, l1 was asked for");
  EXPECT_CONTAINS(refusal(in(Norm::l2, -1)), "deepfool: steps -1 is negative");
  DeepFoolOptions options;
  options.overshoot = -.1f;
  EXPECT_CONTAINS(refusal(options), "deepfool: overshoot -0.1 must be finite");
  options = {};
  options.eps = -1;
  EXPECT_CONTAINS(refusal(options), "deepfool: eps -1 must not be negative");
}

}  // namespace
}  // namespace saddle
