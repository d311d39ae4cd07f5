// Attacks on a segmentation set: an image's results are its own, whatever the batch, stay in the
// ball, and are those of the very steps that the command line names.
#include <gtest/gtest.h>

#include <numeric>

#include "layers/model.h"
#include "tests/apps/pixel_scenes.h"

namespace saddle {
namespace {

const std::vector<Size> kTwoSizes = {{32, 32}, {24, 33}};

double accuracy(const PixelResult& result) { return pixel_accuracy_of(sum_of(result.images)); }

std::int64_t right_pixels(const PixelResult& result, std::size_t image) {
  return result.images[image].right();
}

Model small_deeplab() {
  ModelDescription description;
  description.network.model = "deeplabv3_mobilenetv2";
  description.network.classes = kSceneClasses;
  description.network.deeplab = {0.0625, 8, {1, 2, 3}, 8, 0.1f, BlockPadding::inside};
  description.mean = {0.4f, 0.45f, 0.5f};
  description.std = {0.2f, 0.25f, 0.3f};
  return Model(cpu_device(), description, 4);
}

class AttackOfPixels : public testing::TestWithParam<std::string> {};

TEST_P(AttackOfPixels, gives_an_image_the_same_alone_and_in_company) {
  const SegmentationSet set = noise_scenes(5, kTwoSizes);
  const LogitsFunction f = linear_segmenter(kSceneClasses);

  const PixelResult alone = result_of(GetParam(), set, f, pixel_run(1, 5));
  const PixelResult together = result_of(GetParam(), set, f, pixel_run(8, 5));

  expect_same_results(together, alone);
  EXPECT_TRUE(together.finished());
}

TEST_P(AttackOfPixels, stays_in_its_ball_and_in_the_pixel_range) {
  const SegmentationSet set = noise_scenes(2, kTwoSizes);

  const PixelResult result =
      result_of(GetParam(), set, linear_segmenter(kSceneClasses), pixel_run(8, 2));

  for (std::size_t i = 0; i < 2; ++i) {
    const auto clean = set.pixels_of(static_cast<std::int64_t>(i));
    ASSERT_EQ(result.adversarial[i].size(), clean.size());
    double linf = 0, square = 0;
    for (std::size_t k = 0; k < clean.size(); ++k) {
      const float x = result.adversarial[i][k];
      ASSERT_TRUE(x >= 0 && x <= 1) << x;
      const double change = std::fabs(double{x} - static_cast<float>(clean[k]) / 255.f);
      linf = std::max(linf, change);
      square += change * change;
    }
    const double norm = result.ball.norm == Norm::linf ? linf : std::sqrt(square);
    EXPECT_LE(norm, result.ball.eps + 1e-6);
    EXPECT_GT(norm, result.ball.eps / 8);  // it moved
    EXPECT_NEAR(result.linf[i], linf, 1e-9);
    EXPECT_NEAR(result.l2[i], std::sqrt(square), 1e-9);
  }
}

TEST_P(AttackOfPixels, is_not_led_by_what_lies_under_void_pixels) {
  // Image 1 is all void, in a batch with others: it is attacked, and counts nowhere.
  const SegmentationSet whole = noise_scenes(3), part = without_labels_of(whole, 1);
  const LogitsFunction f = linear_segmenter(kSceneClasses);

  const PixelResult all = result_of(GetParam(), whole, f, pixel_run(8, 3));
  const PixelResult fewer = result_of(GetParam(), part, f, pixel_run(8, 3));

  EXPECT_EQ(fewer.images[0].counts(), all.images[0].counts());
  EXPECT_EQ(fewer.images[2].counts(), all.images[2].counts());
  EXPECT_EQ(fewer.adversarial[2], all.adversarial[2]);
  EXPECT_TRUE(fewer.finished());
  EXPECT_EQ(fewer.images[1].pixels(), 0);
  EXPECT_EQ(fewer.cross_entropy[1], 0.);
  EXPECT_EQ(image_scores_of(fewer.images).images, 2);
}

INSTANTIATE_TEST_SUITE_P(Each, AttackOfPixels,
                         testing::Values("fgsm", "pgd:eps=4/255", "pgd:norm=l2,eps=0.5,restarts=2",
                                         "pgd:loss=jsd,keep=best,steps=4", "segpgd:start=zero",
                                         "cospgd:norm=l2,start=sphere,steps=3",
                                         "apgd:steps=10,loss=mce", "apgd:norm=l2,steps=10",
                                         "noise:eps=4/255", "noise:norm=l2,restarts=2"));

TEST(RunPixelJob, gives_a_deep_network_the_same_in_any_batch) {
  const SegmentationSet set = noise_scenes(3, {{32, 32}});
  const Model model = small_deeplab();
  const LogitsFunction f = model.evaluation();

  const PixelResult alone = result_of("pgd:eps=8/255,steps=2", set, f, pixel_run(1, 3));
  const PixelResult together = result_of("pgd:eps=8/255,steps=2", set, f, pixel_run(8, 3));

  expect_same_results(together, alone);
  EXPECT_GT(alone.l2[0], 0.1);
}

TEST(RunPixelJob, breaks_more_pixels_than_noise_of_the_same_size) {
  const SegmentationSet set = noise_scenes(2);
  const LogitsFunction f = linear_segmenter(kSceneClasses);

  const double attacked = accuracy(result_of("pgd:eps=6/255", set, f));
  const double noisy = accuracy(result_of("noise:eps=6/255", set, f));

  EXPECT_LT(attacked, noisy - 0.05);
}

TEST(RunPixelJob, keeps_of_each_image_the_attempt_that_leaves_the_fewest_right) {
  const SegmentationSet set = noise_scenes(6);
  const LogitsFunction f = linear_segmenter(kSceneClasses);

  const PixelResult once = result_of("noise:eps=16/255", set, f, pixel_run(4, 6));
  const PixelResult thrice = result_of("noise:eps=16/255,restarts=3", set, f, pixel_run(4, 6));

  int improved = 0;
  for (std::size_t i = 0; i < 6; ++i) {
    EXPECT_LE(right_pixels(thrice, i), right_pixels(once, i));
    const bool better = right_pixels(thrice, i) < right_pixels(once, i);
    improved += better;
    // What is kept of an image is all of one attempt.
    EXPECT_EQ(thrice.adversarial[i] == once.adversarial[i], !better);
    EXPECT_EQ(thrice.l2[i] == once.l2[i], !better);
  }
  EXPECT_GT(improved, 0);
}

TEST(RunPixelJob, steps_by_a_quarter_of_the_radius_unless_told) {
  const SegmentationSet set = noise_scenes(1);
  const LogitsFunction f = linear_segmenter(kSceneClasses);

  EXPECT_NEAR(result_of("pgd:steps=1,start=zero", set, f).linf[0], 0.25 / 255, 1e-7);
  EXPECT_NEAR(result_of("segpgd:steps=1,start=zero,eps=8/255", set, f).linf[0], 2. / 255, 1e-7);
  EXPECT_NEAR(result_of("pgd:steps=1,start=zero,alpha=0.01,eps=8/255", set, f).linf[0], 0.01, 1e-7);
  // In l2 what the pixel range cuts off is little, but not nothing.
  EXPECT_NEAR(result_of("pgd:norm=l2,steps=1,start=zero", set, f).l2[0], 0.25, 0.01);
  EXPECT_NEAR(result_of("fgsm:eps=3/255", set, f).linf[0], 3. / 255, 1e-7);
}

TEST(RunPixelJob, counts_a_pass_a_step_and_image) {
  const SegmentationSet set = noise_scenes(3, kTwoSizes);
  const LogitsFunction f = linear_segmenter(kSceneClasses);
  const auto passes = [&](const std::string& spec) {
    const Passes used = result_of(spec, set, f, pixel_run(2)).passes;
    return std::pair(used.forward, used.backward);
  };

  EXPECT_EQ(passes("pgd:steps=5"), (std::pair<std::int64_t, std::int64_t>(15, 15)));
  EXPECT_EQ(passes("pgd:steps=5,restarts=2"), (std::pair<std::int64_t, std::int64_t>(30, 30)));
  EXPECT_EQ(passes("pgd:steps=5,keep=best"), (std::pair<std::int64_t, std::int64_t>(18, 15)));
  EXPECT_EQ(passes("fgsm"), (std::pair<std::int64_t, std::int64_t>(3, 3)));
  EXPECT_EQ(passes("noise"), (std::pair<std::int64_t, std::int64_t>(0, 0)));
}

TEST(RunPixelJob, stops_of_a_curve_are_runs_of_as_many_steps) {
  const SegmentationSet set = noise_scenes(3, kTwoSizes);
  const LogitsFunction f = linear_segmenter(kSceneClasses);
  const PixelRunOptions options = pixel_run(2, 3);

  const auto curve = results_of(pixel_job("pgd:steps=6", {1, 4}), set, f, options);

  ASSERT_EQ(curve.size(), 3u);
  for (const PixelResult& point : curve) {
    const PixelResult run = result_of(text("pgd:steps=", point.steps), set, f, options);
    EXPECT_EQ(counts_of(point.images), counts_of(run.images)) << point.steps;
    EXPECT_EQ(point.adversarial, run.adversarial) << point.steps;
    EXPECT_EQ(point.l2, run.l2) << point.steps;
    EXPECT_EQ(point.cross_entropy, run.cross_entropy) << point.steps;
    EXPECT_EQ(point.passes.forward, run.passes.forward) << point.steps;
    EXPECT_EQ(point.passes.backward, run.passes.backward) << point.steps;
  }
  EXPECT_EQ(curve[1].spec, "pgd:steps=6 after 4");
  EXPECT_FALSE(curve[1].at_end);
  EXPECT_TRUE(curve[2].at_end);
  EXPECT_LT(accuracy(curve[2]), accuracy(curve[0]));
}

TEST(RunPixelJob, stops_of_a_curve_keep_the_best_iterate_and_attempt_so_far) {
  const SegmentationSet set = noise_scenes(3, kTwoSizes);
  const LogitsFunction f = linear_segmenter(kSceneClasses);
  const std::string rest = ",loss=ce,keep=best,restarts=2,eps=4/255,alpha=3/255";

  const auto curve = results_of(pixel_job("pgd:steps=5" + rest, {2}), set, f);

  for (const PixelResult& point : curve) {
    const PixelResult run = result_of(text("pgd:steps=", point.steps, rest), set, f);
    EXPECT_EQ(counts_of(point.images), counts_of(run.images)) << point.steps;
    EXPECT_EQ(point.l2, run.l2) << point.steps;
    EXPECT_EQ(point.passes.forward, run.passes.forward) << point.steps;
    EXPECT_EQ(point.passes.backward, run.passes.backward) << point.steps;
  }
}

TEST(RunPixelJob, a_curve_does_not_change_its_end_where_the_loss_has_a_schedule) {
  const SegmentationSet set = noise_scenes(2);
  const LogitsFunction f = linear_segmenter(kSceneClasses);

  const auto curve = results_of(pixel_job("segpgd:steps=6", {1, 3}), set, f, pixel_run(2, 2));

  const PixelResult plain = result_of("segpgd:steps=6", set, f, pixel_run(2, 2));
  expect_same_results(curve.back(), plain);
}

TEST(RunPixelJob, what_void_pixels_show_changes_nothing_where_only_they_look_at_it) {
  SegmentationSet set = noise_scenes(2), other = set;
  for (std::size_t i = 0; i < set.images.size(); ++i) {
    std::uint8_t* pixels = other.pixels.data() + 3 * set.images[i].offset;
    ASSERT_EQ(other.labels[static_cast<std::size_t>(set.images[i].offset)], kVoidLabel);
    std::fill_n(pixels, 3 * set.images[i].width, std::uint8_t{9});
  }
  const LogitsFunction pointwise = linear_segmenter(kSceneClasses, 1);

  const PixelResult before = result_of("pgd:start=zero", set, pointwise, pixel_run(8, 2));
  const PixelResult after = result_of("pgd:start=zero", other, pointwise, pixel_run(8, 2));

  EXPECT_EQ(counts_of(after.images), counts_of(before.images));
  EXPECT_EQ(after.cross_entropy, before.cross_entropy);
  // No gradient reaches a pixel that only itself looks at.
  EXPECT_EQ(after.adversarial[0][0], 9.f / 255.f);
}

TEST(RunPixelJob, attacks_void_pixels_through_their_neighbours) {
  const SegmentationSet set = noise_scenes(1);

  const PixelResult result =
      result_of("pgd:start=zero", set, linear_segmenter(kSceneClasses), pixel_run(8, 1));

  EXPECT_NE(result.adversarial[0][0], static_cast<float>(set.pixels[0]) / 255.f);
}

TEST(RunPixelJob, keeps_the_images_that_are_asked_for_alone) {
  const SegmentationSet set = noise_scenes(4, kTwoSizes);

  const PixelResult result =
      result_of("noise", set, linear_segmenter(kSceneClasses), pixel_run(3, 2));

  EXPECT_FALSE(result.adversarial[0].empty());
  EXPECT_FALSE(result.adversarial[1].empty());
  EXPECT_TRUE(result.adversarial[2].empty());
  EXPECT_TRUE(result.adversarial[3].empty());
}

TEST(RunPixelJob, climbs_another_function_than_it_judges_where_told) {
  const SegmentationSet set = noise_scenes(2);
  const LogitsFunction f = linear_segmenter(kSceneClasses);
  PixelRunOptions blind = pixel_run();
  blind.climbed = constant_segmenter(kSceneClasses);

  const PixelResult result = result_of("pgd:start=zero", set, f, blind);

  EXPECT_EQ(result.linf[0], 0.);  // nothing to climb
  EXPECT_GT(accuracy(result), 0.8);
  EXPECT_LT(accuracy(result_of("pgd:start=zero", set, f)), accuracy(result));
}

PixelJob cheating(const std::function<float(float)>& change) {
  PixelJob job = pixel_job("pgd");
  job.attack.run = [change](const PixelAttackInput& input) {
    std::vector<float> x = input.batch.inputs.to_host<float>();
    for (float& value : x) value = change(value);
    return Tensor::from_host(cpu_device(), input.batch.inputs.shape(), x);
  };
  return job;
}

TEST(RunPixelJob, finds_out_attacks_that_leave_the_ball_or_the_pixel_range) {
  const SegmentationSet set = noise_scenes(1);
  const LogitsFunction f = linear_segmenter(kSceneClasses);

  expect_error("image scene-0 is at the distance 0.1", [&] {
    results_of(cheating([](float x) { return x < 0.5f ? x + 0.1f : x; }), set, f);
  });
  expect_error("attack pgd: image scene-0 has a pixel value of ",
               [&] { results_of(cheating([](float x) { return x - 1.f / 255; }), set, f); });
}

TEST(RunPixelJob, names_the_image_whose_loss_is_not_finite) {
  const SegmentationSet set = noise_scenes(1);
  const float infinity = std::numeric_limits<float>::infinity();
  const LogitsFunction broken = [infinity](Tape& tape, const Var& x) {
    const Tensor scale = Tensor::from_host(cpu_device(), {3}, std::vector<float>(3, 0.f)),
                 shift = Tensor::from_host(cpu_device(), {3}, std::vector<float>{infinity, 0, 0});
    return affine(tape, x, scale, shift, Activation::none);
  };

  expect_error("the loss of image scene-0 is ", [&] { result_of("noise", set, broken); });
}

}  // namespace
}  // namespace saddle
