// PGD on segmentation: closed forms, what must not matter, and which iterate is the answer.
#include "attacks/pgd_climb.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "attacks/rows.h"
#include "tests/attacks/pixel_models.h"
#include "tests/support/devices.h"
#include "tests/support/expect_near.h"

namespace saddle {
namespace {

using namespace testing_support;
using Floats = std::vector<float>;

constexpr double kPixel = 2 * kFloatEps;  // rounding of x + delta, of numbers up to 1

PgdOptions linf(float eps, int steps, Start start = Start::random) {
  return {Norm::linf, eps, eps / 4, steps, start};
}
PgdOptions l2(float eps, int steps, Start start = Start::random) {
  return {Norm::l2, eps, eps / 4, steps, start};
}

class PgdClimbOn : public ::testing::TestWithParam<std::string> {
 protected:
  Device& device() const { return device_named(GetParam()); }
  StepLoss loss(const std::string& name) const { return pixel_loss(name, balance(device())); }
  Tensor attacked(const Batch& batch, const std::string& name, const PgdOptions& options) const {
    return pgd(bit_stable_pixels(device(), 3), PgdClimb{loss(name)}, batch, options, 1, 0);
  }
};

INSTANTIATE_TEST_SUITE_P(Devices, PgdClimbOn, ::testing::ValuesIn(device_names()),
                         [](const auto& info) { return std::string(info.param); });

// Two images of 3 x 2 grey pixels of class 0; the linear model's margin is 0.5.
Batch grey_scenes(Device& device) {
  return {Tensor::filled(device, {2, 3, 2, 3}, .5f),
          Tensor::from_host(device, {2, 3, 2}, Labels(12, 0)), row_numbers(device, {0, 1})};
}

TEST_P(PgdClimbOn, every_loss_leads_each_pixel_of_the_linear_model_to_its_corner) {
  constexpr float kEps = .05f;  // the margin falls by .2: all pixels stay right
  const Batch batch = grey_scenes(device());
  const Tensor weights = Tensor::from_host(device(), {2}, Floats{.3f, .7f});
  const Floats start =
      pgd(pixel_lin(device()), PgdClimb{pixel_loss("ce")}, batch, linf(kEps, 0), 1, 0)
          .to_host<float>();
  for (const std::string& name : pixel_loss_names()) {
    const Floats got =
        pgd(pixel_lin(device()), PgdClimb{pixel_loss(name, weights)}, batch, linf(kEps, 9), 1, 0)
            .to_host<float>();

    for (std::size_t i = 0; i < got.size(); i += 3) {
      expect_near(got[i], .45, kPixel, name + " red");
      expect_near(got[i + 1], .55, kPixel, name + " green");
      EXPECT_EQ(got[i + 2], start[i + 2]) << name << " blue, of no gradient";
    }
  }
}

TEST_P(PgdClimbOn, segpgd_of_one_step_is_a_step_on_the_pixels_that_are_right) {
  const Batch batch = random_scenes(device(), {0, 1, 2});

  EXPECT_EQ(bits_of(attacked(batch, "segpgd", linf(.1f, 1)).to_host<float>()),
            bits_of(attacked(batch, "mce", linf(.1f, 1)).to_host<float>()));
  EXPECT_NE(bits_of(attacked(batch, "segpgd", linf(.1f, 2)).to_host<float>()),
            bits_of(attacked(batch, "mce", linf(.1f, 2)).to_host<float>()));
}

TEST_P(PgdClimbOn, an_image_does_not_depend_on_who_else_is_in_the_batch) {
  const std::vector<std::int32_t> scenes = some_scenes(device());
  const Batch together = random_scenes(device(), scenes);
  for (const std::string& name : pixel_loss_names()) {
    for (const PgdOptions& options : {linf(.1f, 4), l2(.8f, 4)}) {
      const Floats all = attacked(together, name, options).to_host<float>();
      Floats single;
      for (std::int32_t i : scenes) {
        const Floats one = attacked(random_scenes(device(), {i}), name, options).to_host<float>();
        single.insert(single.end(), one.begin(), one.end());
      }

      EXPECT_EQ(bits_of(all), bits_of(single)) << name;
    }
  }
}

TEST_P(PgdClimbOn, the_label_of_a_void_pixel_does_not_matter) {
  const Batch batch = random_scenes(device(), {0, 1});
  Batch relabelled = batch;
  Labels labels = batch.targets.to_host<std::uint8_t>();
  ASSERT_GT(std::count(labels.begin(), labels.end(), kVoid), 3);
  std::replace(labels.begin(), labels.end(), kVoid, std::uint8_t{17});
  relabelled.targets = Tensor::from_host(device(), {2, 8, 6}, labels);

  for (const std::string& name : pixel_loss_names()) {
    EXPECT_EQ(bits_of(attacked(batch, name, l2(.8f, 3)).to_host<float>()),
              bits_of(attacked(relabelled, name, l2(.8f, 3)).to_host<float>()))
        << name;
  }
}

TEST_P(PgdClimbOn, an_image_of_void_alone_stays_where_it_starts) {
  Batch batch = random_scenes(device(), {3});
  batch.targets = Tensor::from_host(device(), {1, 8, 6}, Labels(48, kVoid));
  for (const std::string& name : pixel_loss_names()) {
    for (const PgdOptions& options : {linf(.1f, 3), l2(.8f, 3)}) {
      PgdOptions start = options;
      start.steps = 0;

      EXPECT_EQ(bits_of(attacked(batch, name, options).to_host<float>()),
                bits_of(attacked(batch, name, start).to_host<float>()))
          << name;
    }
  }
}

// Of each image.
std::vector<double> l2_norms(const Floats& moved, const Floats& images, std::size_t columns) {
  std::vector<double> norms(images.size() / columns, 0.);
  for (std::size_t i = 0; i < images.size(); ++i) {
    norms[i / columns] += std::pow(double{moved[i]} - images[i], 2);
  }
  for (double& norm : norms) norm = std::sqrt(norm);
  return norms;
}

TEST_P(PgdClimbOn, stays_in_the_ball_and_the_pixel_range) {
  const Batch batch = random_scenes(device(), {0, 1});
  const Floats images = batch.inputs.to_host<float>();
  for (const std::string& name : pixel_loss_names()) {
    const Floats far = attacked(batch, name, linf(.2f, 6)).to_host<float>();
    const Floats round = attacked(batch, name, l2(2.f, 6, Start::sphere)).to_host<float>();

    for (std::size_t i = 0; i < images.size(); ++i) {
      ASSERT_LE(std::abs(far[i] - images[i]), .2f + 1e-6f);
      ASSERT_TRUE(far[i] >= 0 && far[i] <= 1 && round[i] >= 0 && round[i] <= 1);
    }
    for (double norm : l2_norms(round, images, 144)) EXPECT_LE(norm, 2 * (1 + 1e-5));
  }
}

TEST_P(PgdClimbOn, the_sphere_is_where_it_says_and_its_directions_are_spread) {
  Batch batch = random_scenes(device(), {0, 1, 2, 3});
  batch.inputs = Tensor::filled(device(), {4, 8, 6, 3}, .5f);
  const Floats start = attacked(batch, "ce", l2(.7f, 0, Start::sphere)).to_host<float>();

  // Rounding of .5 + delta, 144 times.
  for (double norm : l2_norms(start, Floats(start.size(), .5f), 144)) {
    EXPECT_NEAR(norm, .7, 12 * kFloatEps + 1e-6);
  }
  double sum = 0, most = 0;
  for (float value : start) {
    sum += value - .5;
    most = std::max(most, std::abs(value - .5));
  }
  EXPECT_LT(std::abs(sum) / 576, .7 / 12 * 4 / 24);  // four standard deviations of the mean
  EXPECT_LT(most, .7 / 12 * 1.9);  // a cube's largest is 1.73 deviations from the mean; a Gaussian
}  // of 576 reaches 3

TEST_P(PgdClimbOn, observes_what_fewer_steps_would_have_answered) {
  const Batch batch = random_scenes(device(), {0, 1, 2});
  const LogitsFunction model = bit_stable_pixels(device(), 3);
  for (PgdAnswer answer : {PgdAnswer::last, PgdAnswer::fewest_right}) {
    std::vector<Floats> seen;
    PgdClimb climb{loss("ce"), answer};
    climb.observe = [&](int steps, const Tensor& images) {
      ASSERT_EQ(static_cast<std::size_t>(steps), seen.size());
      seen.push_back(images.to_host<float>());
    };
    pgd(model, climb, batch, linf(.1f, 4), 1, 0);
    climb.observe = {};

    ASSERT_EQ(seen.size(), 5u);
    for (int steps = 0; steps <= 4; ++steps) {
      EXPECT_EQ(bits_of(seen[static_cast<std::size_t>(steps)]),
                bits_of(pgd(model, climb, batch, linf(.1f, steps), 1, 0).to_host<float>()))
          << steps;
    }
  }
}

TEST_P(PgdClimbOn, fewest_right_answers_with_the_latest_iterate_that_leaves_the_fewest) {
  const Batch batch = random_scenes(device(), {0, 1, 2, 3, 4, 5, 6, 7});
  const LogitsFunction model = bit_stable_pixels(device(), 3);
  std::vector<Floats> iterates, right;
  PgdClimb climb{loss("segpgd")};
  climb.observe = [&](int, const Tensor& images) {
    iterates.push_back(images.to_host<float>());
    right.push_back(right_pixels(model, images, batch));
  };
  pgd(model, climb, batch, linf(.3f, 8), 1, 0);
  const PgdClimb best{loss("segpgd"), PgdAnswer::fewest_right};
  const Floats answer = pgd(model, best, batch, linf(.3f, 8), 1, 0).to_host<float>();

  int earlier = 0;
  for (std::size_t image = 0; image < 8; ++image) {
    std::size_t taken = 0;
    for (std::size_t step = 1; step < right.size(); ++step) {
      const bool done = right[taken][image] == 0;
      if (!done && right[step][image] <= right[taken][image]) taken = step;
    }
    earlier += taken + 1 < right.size();
    const auto from = static_cast<std::ptrdiff_t>(image * 144);
    EXPECT_TRUE(std::equal(answer.begin() + from, answer.begin() + from + 144,
                           iterates[taken].begin() + from))
        << image;
  }
  EXPECT_GT(earlier, 0) << "the last iterate is the answer of all: nothing was tried";
}

TEST_P(PgdClimbOn, counts_its_passes) {
  const Batch batch = random_scenes(device(), {0, 1});
  const LogitsFunction model = bit_stable_pixels(device(), 3);
  PassCounts last, fewest;

  pgd(model, PgdClimb{loss("ce")}, batch, linf(.1f, 4), 1, 0, &last);
  pgd(model, PgdClimb{loss("ce"), PgdAnswer::fewest_right}, batch, linf(.1f, 4), 1, 0, &fewest);

  EXPECT_EQ(last.forward, 8);
  EXPECT_EQ(fewest.forward, 10);
  EXPECT_EQ(fewest.backward, 8);
}

TEST_P(PgdClimbOn, on_one_loss_takes_the_steps_of_pgd) {
  const Batch scenes = random_scenes(device(), {0, 1});
  Batch batch = scenes;
  batch.targets = row_numbers(device(), {1, 2});
  const LogitsFunction pixels = bit_stable_pixels(device(), 3);
  const LogitsFunction model = [&](Tape& tape, const Var& x) {
    return global_average_pool(tape, pixels(tape, x));
  };
  const PgdClimb climb{[](int, int) { return climbed_loss(); }};

  for (const PgdOptions& options : {linf(.1f, 3), l2(.8f, 3)}) {
    EXPECT_EQ(bits_of(pgd(model, climb, batch, options, 5, 2).to_host<float>()),
              bits_of(pgd(model, batch, options, 5, 2).to_host<float>()));
  }
}

TEST(pgd_climb, says_what_does_not_fit) {
  const Batch batch = random_scenes(cpu_device(), {0, 1});
  const LogitsFunction model = bit_stable_pixels(cpu_device(), 3);
  const auto refusal = [&](const Batch& of, PgdClimb climb, const PgdOptions& options) {
    return message_of<Error>([&] { pgd(model, climb, of, options, 1, 0); });
  };
  Batch fewer = batch;
  fewer.targets = random_scenes(cpu_device(), {0}).targets;
  const Tensor start(cpu_device(), {1, 8, 6, 3});

  EXPECT_EQ(refusal(fewer, {pixel_loss("ce")}, linf(.1f, 1)),
            "pgd: [2, 8, 6, 3] images, 1 labels and 2 indices do not match");
  EXPECT_EQ(refusal(batch, {pixel_loss("ce"), PgdAnswer::last, {}, &start}, linf(.1f, 1)),
            "pgd: the start has shape [1, 8, 6, 3], the images [2, 8, 6, 3]");
  EXPECT_EQ(refusal(batch, {pixel_loss("ce")}, linf(.1f, 1, Start::sphere)),
            "pgd: only l2 starts on a sphere");
}

}  // namespace
}  // namespace saddle
