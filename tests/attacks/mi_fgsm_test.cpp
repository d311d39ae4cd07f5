// MI-FGSM on models whose best attack is known.
#include "attacks/mi_fgsm.h"

#include <gtest/gtest.h>

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

class MiFgsmOn : public ::testing::TestWithParam<std::string> {
 protected:
  Device& device() const { return device_named(GetParam()); }
  Floats attacked(const LogitsFunction& model, const Floats& x,
                  const MiFgsmOptions& options) const {
    return MiFgsm(model, options)(single_image(device(), x), 1).to_host<float>();
  }
};

INSTANTIATE_TEST_SUITE_P(Devices, MiFgsmOn, ::testing::ValuesIn(device_names()),
                         [](const auto& info) { return std::string(info.param); });

TEST_P(MiFgsmOn, ends_in_the_linear_models_corner) {
  const Floats got = attacked(lin2(device()), grey(), {.02f, .005f, 10, 1.f});

  const std::vector<double> delta = {-.02, .02, -.02, 0};
  for (std::size_t i = 0; i < 4; ++i) {
    expect_near(double{got[i]} - grey()[i], delta[i], 4 * kFloatEps, "delta " + std::to_string(i));
  }
}

TEST_P(MiFgsmOn, of_a_constant_model_returns_the_image) {
  const Floats x = {0, .3f, 1, .7f};

  EXPECT_EQ(attacked(constant_model(device()), x, {}), x);
}

TEST_P(MiFgsmOn, moves_no_pixel_out_of_the_range) {
  const Floats got = attacked(lin2(device()), {0, 1, .5f, .5f}, {.1f, .03f, 10, 1.f});

  EXPECT_EQ(got[0], 0.f);
  EXPECT_EQ(got[1], 1.f);
}

TEST_P(MiFgsmOn, of_an_example_does_not_depend_on_who_else_is_in_the_batch) {
  MiFgsm attack(bit_stable_model(device(), 3), {.1f, .03f, 5, .9f});
  const Batch batch = random_examples(device(), {4, 0, 6, 2}, 7, 3, 5, 3);
  const Tensor together = attack(batch, 1);

  const Tensor alone = attack(select(batch, std::vector<std::int32_t>{2}), 1);

  EXPECT_EQ(bits_of(select_rows(together, row_numbers(device(), {2})).to_host<float>()),
            bits_of(alone.to_host<float>()));
}

TEST_P(MiFgsmOn, counts_a_pass_forward_and_backward_for_each_step) {
  PassCounts counts;
  MiFgsm(lin2(device()), {})(single_image(device(), grey()), 1, &counts);

  EXPECT_EQ(counts.forward, 10);
  EXPECT_EQ(counts.backward, 10);
}

TEST(mi_fgsm, refuses_options_that_are_impossible) {
  const auto refusal = [](const MiFgsmOptions& options) {
    return message_of<Error>([&] { check(options); });
  };

  EXPECT_CONTAINS(refusal({8, 2, 10, 1}), "mifgsm: eps 8 exceeds the pixel range");
  EXPECT_CONTAINS(refusal({-1, 2, 10, 1}), "mifgsm: eps -1 must be finite and not negative");
  EXPECT_CONTAINS(refusal({.1f, -2, 10, 1}), "mifgsm: alpha -2 must be finite");
  EXPECT_CONTAINS(refusal({.1f, .1f, -10, 1}), "mifgsm: steps -10 is negative");
  EXPECT_CONTAINS(refusal({.1f, .1f, 10, -1}), "mifgsm: decay -1 must be finite");
}

}  // namespace
}  // namespace saddle
