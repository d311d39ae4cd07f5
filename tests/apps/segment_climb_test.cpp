// The climb in x of adversarial training, in closed form where there is one.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "core/ops.h"
#include "tests/apps/segmentation_runs.h"
#include "tests/support/devices.h"
#include "tests/support/expect_near.h"
#include "tests/support/temporary_directory.h"

namespace saddle {
namespace {

using namespace testing_support;

constexpr std::uint64_t kSeed = 7;

// A model on 24 x 24 crops of 4 images, and the task that attacks them.
struct Attacked {
  Device& device;
  SegmentationSet set = squares(4, 3, {{24, 24}});
  Model model;
  CropBatches crops;
  Task task;
  Batch batch;

  static CropRecipe recipe() {
    CropRecipe crop;
    crop.height = crop.width = 24;
    return crop;
  }
  static ModelDescription normalising_by(const std::vector<float>& mean,
                                         const std::vector<float>& std) {
    ModelDescription description = small_segmenter();
    description.mean = mean;
    description.std = std;
    return description;
  }
  Attacked(Device& device_, const PixelClimbOptions& climb,
           const std::vector<float>& mean = {0.4f, 0.45f, 0.5f},
           const std::vector<float>& std = {0.2f, 0.25f, 0.3f})
      : device(device_),
        model(device, normalising_by(mean, std), 4),
        crops(device, set, recipe(), PixelRange::plain, kSeed, 4),
        task(segmentation_task(crops, 4, {}, climb, kSeed, Tensor::from_host(device, {3}, mean),
                               Tensor::from_host(device, {3}, std))) {
    const std::vector<std::int32_t> indices = {2, 0, 3, 1};
    task.prepare({indices, 0, 0});
    batch = task.batch(Tensor::from_host(device, {4}, indices), {});
  }

  // With statistics of their own, which batch-norm in training moves.
  LogitsFunction network(BatchNormMode mode) {
    return [this, mode, statistics = model.statistics.clone()](Tape& tape, const Var& x) {
      return model.logits({tape, {model.weights, {}}, {}, statistics, mode}, x);
    };
  }
  // The same weights behind no normalisation at all.
  LogitsFunction bare_network(BatchNormMode mode) {
    const auto bare = std::make_shared<Model>(device, make_network(small_segmenter().network), 4);
    bare->weights.copy_from(model.weights);
    return [bare, mode, statistics = model.statistics.clone()](Tape& tape, const Var& x) {
      return bare->logits({tape, {bare->weights, {}}, {}, statistics, mode}, x);
    };
  }
  Tensor climbed(const LogitsFunction& f, std::int32_t step = 0) {
    return task.climb.before(f, batch, Tensor::from_host(device, {1}, std::vector{step}), 0);
  }
  // Of the cross-entropies' sum over the pixels that have a class.
  std::vector<float> gradient(const LogitsFunction& f) {
    Tape tape;
    const Var x = tape.input(batch.inputs, Gradient::wanted);
    tape.backward(pixel_cross_entropy(tape, f(tape, x), batch.targets, LossReduction::sum).loss);
    return x.gradient().to_host<float>();
  }
};

PixelClimbOptions official_climb() {
  SegmentTrainOptions options = small_segment_run("run");
  options.adversarial = "official";
  return *climb_of(resolved(options));
}

float sign_of(float g) { return g > 0 ? 1.f : g < 0 ? -1.f : 0.f; }

// The share of the values that are x + eps sign(g), within [0, 1].
double one_step_share(const std::vector<float>& got, const std::vector<float>& x,
                      const std::vector<float>& g, float eps) {
  std::int64_t equal = 0;
  for (std::size_t i = 0; i < g.size(); ++i) {
    const double want = std::clamp(double{x[i]} + double{eps} * sign_of(g[i]), 0., 1.);
    equal += std::abs(got[i] - want) <= 2 * kFloatEps ? 1 : 0;
  }
  return static_cast<double>(equal) / static_cast<double>(g.size());
}

TEST(official_climb, is_one_step_of_eps_along_the_sign_of_the_unnormalised_networks_gradient) {
  const PixelClimbOptions options = official_climb();
  for (const std::string& name : device_names()) {
    // Numbers that scale and shift back without rounding: the gradients are the same to the bit.
    Attacked attacked(device_named(name), options, {0, 0, 0}, {0.25f, 0.5f, 0.125f});
    const std::vector<float> x = attacked.batch.inputs.to_host<float>();

    const std::vector<float> x_hat =
        attacked.climbed(attacked.network(options.batch_norm)).to_host<float>();

    const std::vector<float> g = attacked.gradient(attacked.bare_network(options.batch_norm));
    EXPECT_EQ(one_step_share(x_hat, x, g, 64.f / 255), 1) << name;
    EXPECT_GT(std::ranges::count_if(g, [](float value) { return value != 0; }), 6000);
  }
}

// Rounding turns the sign of some gradients near 0, and opens and closes ReLUs near theirs.
TEST(official_climb, undoes_any_mean_and_deviation_but_for_rounding) {
  const PixelClimbOptions options = official_climb();
  Attacked attacked(cpu_device(), options);
  const std::vector<float> x = attacked.batch.inputs.to_host<float>();
  const std::vector<float> x_hat =
      attacked.climbed(attacked.network(options.batch_norm)).to_host<float>();
  const std::vector<float> g = attacked.gradient(attacked.bare_network(options.batch_norm));
  EXPECT_GT(one_step_share(x_hat, x, g, 64.f / 255), 0.98);
}

TEST(climb, with_correct_normalisation_follows_the_networks_own_gradient) {
  PixelClimbOptions options = official_climb();
  options.unnormalised = false;
  Attacked attacked(cpu_device(), options);
  const std::vector<float> x = attacked.batch.inputs.to_host<float>();
  const LogitsFunction own = attacked.network(options.batch_norm);

  const std::vector<float> x_hat = attacked.climbed(own).to_host<float>();

  const std::vector<float> g = attacked.gradient(own);
  EXPECT_EQ(one_step_share(x_hat, x, g, 64.f / 255), 1);
  // The two gradients are not alike, or the test of the official climb tells nothing.
  const std::vector<float> other = attacked.gradient(attacked.bare_network(options.batch_norm));
  int different = 0;
  for (std::size_t i = 0; i < g.size(); ++i) different += g[i] * other[i] < 0 ? 1 : 0;
  EXPECT_GT(different, static_cast<int>(g.size()) / 20);
}

TEST(climb, of_half_of_a_batch_leaves_the_other_half_as_it_is) {
  for (const bool unnormalised : {false, true}) {
    PixelClimbOptions options = official_climb();
    options.unnormalised = unnormalised;
    options.batch_norm = BatchNormMode::frozen;  // so that images do not see each other
    Attacked whole(cpu_device(), options);
    options.half = true;
    Attacked half(cpu_device(), options);
    const std::vector<float> x = half.batch.inputs.to_host<float>();
    const auto middle = static_cast<long>(x.size() / 2);

    const auto of_half = half.climbed(half.network(options.batch_norm)).to_host<float>();

    const auto of_all = whole.climbed(whole.network(options.batch_norm)).to_host<float>();
    EXPECT_TRUE(std::equal(of_half.begin() + middle, of_half.end(), x.begin() + middle));
    EXPECT_TRUE(std::equal(of_half.begin(), of_half.begin() + middle, of_all.begin()));
    EXPECT_FALSE(std::equal(of_half.begin(), of_half.begin() + middle, x.begin()));
    EXPECT_EQ(half.batch.inputs.to_host<float>(), x) << "the batch itself is as it was";
  }
}

TEST(climb, stays_in_the_ball_and_the_range_and_starts_anew_in_each_step) {
  SegmentTrainOptions run = small_segment_run("run");
  run.adversarial = "pgd";
  run.at_eps = 8. / 255;
  run.at_steps = 2;
  const PixelClimbOptions options = *climb_of(resolved(run));
  Attacked attacked(cpu_device(), options);
  const LogitsFunction f = attacked.network(options.batch_norm);
  const std::vector<float> x = attacked.batch.inputs.to_host<float>();

  const std::vector<float> first = attacked.climbed(f, 0).to_host<float>();

  for (std::size_t i = 0; i < x.size(); ++i) {
    EXPECT_LE(std::abs(first[i] - x[i]), 8.f / 255 + 1e-6f);
    EXPECT_TRUE(first[i] >= 0 && first[i] <= 1);
  }
  EXPECT_NE(first, x);
  EXPECT_EQ(attacked.climbed(f, 0).to_host<float>(), first);
  EXPECT_NE(attacked.climbed(f, 1).to_host<float>(), first);
}

// The gradient of an image is its own: sums, not means over the batch.
TEST(climb, of_an_image_does_not_depend_on_the_others) {
  SegmentTrainOptions run = small_segment_run("run");
  run.adversarial = "pgd";
  run.at_norm = "l2";
  run.at_steps = 2;
  const PixelClimbOptions options = *climb_of(resolved(run));
  Attacked attacked(cpu_device(), options);
  const LogitsFunction f = attacked.network(options.batch_norm);
  const std::vector<float> together = attacked.climbed(f).to_host<float>();
  const std::vector<std::int32_t> alone = {3};
  attacked.task.prepare({alone, 0, 0});
  attacked.batch = attacked.task.batch(Tensor::from_host(attacked.device, {1}, alone), {});

  const std::vector<float> single = attacked.climbed(f).to_host<float>();

  EXPECT_TRUE(std::equal(single.begin(), single.end(),
                         together.begin() + static_cast<long>(2 * single.size())));
}

TEST(climb, of_void_alone_stays_at_the_image) {
  Attacked attacked(cpu_device(), official_climb());
  attacked.batch.targets.copy_from(
      Tensor::from_host(attacked.device, {4, 24, 24}, std::vector<std::uint8_t>(4 * 24 * 24, 255)));
  EXPECT_EQ(attacked.climbed(attacked.network(BatchNormMode::frozen)).to_host<float>(),
            attacked.batch.inputs.to_host<float>());
}

// ---- the loss that weights descend on ----

TEST(pixel_loss, weighs_classes_as_pytorch_does) {
  // Logits of 2 pixels of each of 2 images, three classes; the mean is sum w CE / sum w.
  const std::vector<float> z = {1, 0, 0, 0, 2, 0, 0, 0, 3, 1, 1, 0};
  Device& device = cpu_device();
  const Batch batch{Tensor::from_host(device, {2, 1, 2, 3}, z),
                    Tensor::from_host(device, {2, 1, 2}, std::vector<std::uint8_t>{0, 2, 255, 1}),
                    Tensor::from_host(device, {2}, std::vector{0, 1})};
  const std::vector<double> w = {0.5, 2, 3};
  const auto ce = [&](std::size_t pixel, std::size_t label) {
    double sum = 0;
    for (std::size_t k = 0; k < 3; ++k) sum += std::exp(double{z[3 * pixel + k]});
    return std::log(sum) - z[3 * pixel + label];
  };
  const double want = (w[0] * ce(0, 0) + w[2] * ce(1, 2) + w[1] * ce(3, 1)) / (w[0] + w[2] + w[1]);

  Tape tape;
  const LogitsFunction as_it_is = [](Tape&, const Var& x) { return x; };
  const Loss loss =
      pixel_cross_entropy_loss(Tensor::from_host(device, {3}, std::vector{0.5f, 2.f, 3.f}));
  const LossValue value =
      loss(tape, as_it_is, tape.input(batch.inputs, Gradient::none), batch, LossReduction::mean);

  expect_near(value.loss.value().to_host<float>()[0], want, 1e-6, "loss");
}

// The loss of a first step on four whole images, at weights that are drawn alike here and there.
TEST(balanced_classes, weigh_pixels_by_the_inverse_of_their_classes_shares) {
  const TemporaryDirectory directory;
  const SegmentationSet set = square_training_data();
  const auto first_loss = [&](const std::string& weights) {
    SegmentTrainOptions options = small_segment_run(directory.path() / weights);
    options.class_weights = weights;
    options.no_augment = options.no_shuffle = true;
    options.dropout = 0;
    options.epochs.reset();
    options.iterations = 1;
    return train(resolved(options), set, square_test_data()).score("train_loss");
  };
  const Model model(cpu_device(), small_segmenter(), 5);
  const Batch batch = whole_images(cpu_device(), set, std::vector{0, 1, 2, 3}, PixelRange::plain);
  Tape tape;
  const std::vector<float> z =
      model
          .logits({tape, {model.weights, {}}, {}, model.statistics.clone(), BatchNormMode::update},
                  tape.input(batch.inputs, Gradient::none))
          .value()
          .to_host<float>();
  double sum = 0, weights = 0, plain_sum = 0, pixels = 0;
  for (std::size_t i = 0; i < 4 * 32 * 32; ++i) {
    if (set.labels[i] == 255) continue;
    double exponentials = 0;
    for (std::size_t k = 0; k < 3; ++k) exponentials += std::exp(double{z[3 * i + k]});
    const double loss = std::log(exponentials) - z[3 * i + set.labels[i]];
    const double w = 1. / static_cast<double>(set.census[set.labels[i]]);
    sum += w * loss, weights += w, plain_sum += loss, pixels += 1;
  }

  expect_near(first_loss("none"), plain_sum / pixels, 1e-5, "loss");
  expect_near(first_loss("balanced"), sum / weights, 1e-5, "weighted loss");
  EXPECT_GT(std::abs(sum / weights - plain_sum / pixels), 0.01);
}

}  // namespace
}  // namespace saddle
