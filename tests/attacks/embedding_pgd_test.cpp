#include "attacks/embedding_pgd.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/ops.h"
#include "core/sequences.h"
#include "tests/support/devices.h"
#include "tests/support/expect_near.h"
#include "tests/support/random_values.h"

namespace saddle {
namespace {

using namespace testing_support;

constexpr std::int64_t kTexts = 3, kLongest = 4, kWidth = 5;

// A linear model of shifts: logits (0, a . delta) of each text, over its tokens alone.
struct LinearShift {
  Device& device;
  Batch batch;
  Tensor slopes;  // [2, T D], the first row 0

  explicit LinearShift(Device& device_) : device(device_) {
    constexpr std::int32_t kPad = kNoToken;
    batch.inputs =
        Tensor::from_host(device, {kTexts, kLongest},
                          std::vector<std::int32_t>{2, 7, 3, kPad, 2, 3, kPad, kPad, 2, 5, 6, 3});
    batch.targets = Tensor::from_host(device, {kTexts}, std::vector<std::int32_t>{0, 1, 0});
    batch.indices = Tensor::from_host(device, {kTexts}, std::vector<std::int32_t>{4, 5, 6});
    std::vector<float> values(kLongest * kWidth, 0.f);
    const std::vector<float> drawn = random_values(kLongest * kWidth, 3);
    values.insert(values.end(), drawn.begin(), drawn.end());
    slopes = Tensor::from_host(device, {2, kLongest * kWidth}, values);
  }
  LogitsFunction f() const {
    return [this](Tape& tape, const Var& delta) {
      const Var flat = reshape(tape, delta, {delta.shape()[0], kLongest * kWidth});
      return linear(tape, flat, Var(slopes, Gradient::none),
                    Var(Tensor::filled(device, {2}, 0.f), Gradient::none));
    };
  }
  double loss(const Tensor& delta) const {
    Tape tape;
    return cross_entropy_loss()(tape, f(), tape.input(delta, Gradient::none), batch,
                                LossReduction::sum)
        .loss.value()
        .item();
  }
  std::vector<float> climb(const EmbeddingPgdOptions& options) const {
    return embedding_pgd(f(), cross_entropy_loss(), batch, kWidth, options).to_host<float>();
  }
};

double norm_of(const std::vector<float>& delta, std::size_t token) {
  double sum = 0;
  for (std::size_t i = token * kWidth; i < (token + 1) * kWidth; ++i) {
    sum += double{delta[i]} * delta[i];
  }
  return std::sqrt(sum);
}

// On a linear model the gradient's direction never changes: each token goes straight to the
// sphere along its own slope, up or down with the label.
TEST(embedding_pgd, takes_each_token_of_a_linear_model_to_its_sphere) {
  const LinearShift model(cpu_device());
  const std::vector<float> slope = random_values(kLongest * kWidth, 3);

  const std::vector<float> delta = model.climb({0.3f, 0.1f, 5});

  for (std::size_t token = 0; token < kTexts * kLongest; ++token) {
    EXPECT_NEAR(norm_of(delta, token), 0.3, 1e-6) << token;
    const double sign = token / kLongest == 1 ? -1 : 1, length = norm_of(slope, token % kLongest);
    for (std::size_t i = 0; i < kWidth; ++i) {
      EXPECT_NEAR(delta[token * kWidth + i],
                  sign * 0.3 * slope[token % kLongest * kWidth + i] / length, 1e-6);
    }
  }
}

TEST(embedding_pgd, goes_as_far_as_its_steps_where_the_ball_is_larger) {
  const std::vector<float> delta = LinearShift(cpu_device()).climb({10.f, 0.1f, 3});

  EXPECT_NEAR(norm_of(delta, 0), 0.3, 1e-6);
}

TEST(embedding_pgd, never_lowers_the_loss_of_a_linear_model) {
  const LinearShift model(cpu_device());
  double before = model.loss(Tensor::filled(cpu_device(), {kTexts, kLongest, kWidth}, 0.f));
  for (int steps = 1; steps <= 4; ++steps) {
    const double after = model.loss(Tensor::from_host(cpu_device(), {kTexts, kLongest, kWidth},
                                                      model.climb({0.25f, 0.1f, steps})));
    EXPECT_GE(after, before) << steps;
    before = after;
  }
}

TEST(embedding_pgd, gives_the_same_on_every_device) {
  const std::vector<float> here = LinearShift(cpu_device()).climb({0.3f, 0.1f, 3});
  for (const std::string& name : gpu_like_device_names()) {
    const std::vector<float> there = LinearShift(device_named(name)).climb({0.3f, 0.1f, 3});
    for (std::size_t i = 0; i < here.size(); ++i) EXPECT_NEAR(there[i], here[i], 1e-6) << name;
  }
}

TEST(embedding_pgd, refuses_options_that_move_nothing) {
  const auto message = [](const EmbeddingPgdOptions& o) {
    return message_of<Error>([&] { check(o); });
  };
  EXPECT_CONTAINS(message({0.f, 0.1f, 1}), "embedding-pgd: eps 0 must be positive");
  EXPECT_CONTAINS(message({0.1f, NAN, 1}), "embedding-pgd: alpha nan must be positive");
  EXPECT_CONTAINS(message({0.1f, 0.1f, 0}), "embedding-pgd: 0 steps, expected at least 1");
}

}  // namespace
}  // namespace saddle
