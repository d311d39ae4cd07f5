// What a network takes each pixel of a set for: counts and losses against a naive count, whatever
// the batches.
#include "apps/segment/evaluate_pixels.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "layers/model.h"
#include "tests/apps/data_files.h"
#include "tests/apps/segmentation_runs.h"
#include "tests/support/devices.h"
#include "tests/support/expect_near.h"

namespace saddle {
namespace {

using namespace testing_support;

// Three channels as the logits of three classes.
Var pixels_as_logits(Tape&, const Var& x) { return x; }

// Of image `i`, from its bytes: what is brightest is the class.
Confusion counted_by_hand(const SegmentationSet& set, std::int64_t i) {
  std::vector<std::int64_t> counts(9, 0);
  const auto pixels = set.pixels_of(i);
  const auto labels = set.labels_of(i);
  for (std::size_t at = 0; at < labels.size(); ++at) {
    if (labels[at] == 255) continue;
    const std::uint8_t* p = &pixels[3 * at];
    const int prediction = p[0] >= p[1] && p[0] >= p[2] ? 0 : p[1] >= p[2] ? 1 : 2;
    ++counts[3u * labels[at] + static_cast<std::size_t>(prediction)];
  }
  return {3, counts};
}

double mean_loss_by_hand(const SegmentationSet& set) {
  double sum = 0;
  std::int64_t pixels = 0;
  for (std::size_t at = 0; at < set.labels.size(); ++at) {
    if (set.labels[at] == 255) continue;
    const auto z = [&](std::size_t k) { return set.pixels[3 * at + k] / 255.; };
    sum += std::log(std::exp(z(0)) + std::exp(z(1)) + std::exp(z(2))) - z(set.labels[at]);
    ++pixels;
  }
  return sum / static_cast<double>(pixels);
}

TEST(evaluate_pixels, counts_as_a_naive_loop_over_bytes_does) {
  const SegmentationSet set = square_test_data();
  for (const std::string& name : device_names()) {
    const PixelEvaluation found =
        evaluate_pixels(pixels_as_logits, device_named(name), set, PixelRange::plain, 2);
    ASSERT_EQ(found.images.size(), 5u);
    for (std::int64_t i = 0; i < set.size(); ++i) {
      EXPECT_EQ(found.images[static_cast<std::size_t>(i)].counts(),
                counted_by_hand(set, i).counts())
          << name << ", image " << i;
    }
    // Sums of a thousand float losses near 1.
    expect_near(found.loss, mean_loss_by_hand(set), 1e-6, name);
  }
}

TEST(evaluate_pixels, counts_void_nowhere) {
  SegmentationSet set = square_test_data();
  const PixelEvaluation before =
      evaluate_pixels(pixels_as_logits, cpu_device(), set, PixelRange::plain, 4);
  EXPECT_EQ(before.images[1].pixels(), 23 * 40);  // 24 x 40 without its first row
  for (std::size_t at = 0; at < set.labels.size(); ++at) {
    if (set.labels[at] == 255) set.pixels[3 * at] ^= 0xff;
  }

  const PixelEvaluation after =
      evaluate_pixels(pixels_as_logits, cpu_device(), set, PixelRange::plain, 4);

  EXPECT_EQ(after.loss, before.loss);
  for (std::size_t i = 0; i < 5; ++i) {
    EXPECT_EQ(after.images[i].counts(), before.images[i].counts());
  }
}

TEST(evaluate_pixels, of_a_set_that_is_void_finds_nothing) {
  SegmentationSet set = square_test_data();
  std::ranges::fill(set.labels, std::uint8_t{255});
  const PixelEvaluation found =
      evaluate_pixels(pixels_as_logits, cpu_device(), set, PixelRange::plain, 4);
  EXPECT_EQ(found.loss, 0);
  EXPECT_EQ(sum_of(found.images).pixels(), 0);
}

TEST(evaluate_pixels, gives_the_same_bits_in_batches_of_any_size) {
  const SegmentationSet set = squares(9, 3, {{32, 32}, {24, 40}, {33, 31}});
  for (const char* name : {"deeplabv3_mobilenetv2", "deeplabv3_resnet50"}) {
    ModelDescription description = small_segmenter();
    description.network.model = name;
    const Model model(cpu_device(), description, 4);
    const auto evaluated = [&](std::int64_t batch) {
      return evaluate_pixels(model.evaluation({}, Batching::invariant), cpu_device(), set,
                             PixelRange::plain, batch);
    };
    const PixelEvaluation one = evaluated(1);
    std::int64_t predicted_other = 0;
    for (const std::int64_t batch : {2, 4, 100}) {
      const PixelEvaluation other = evaluated(batch);
      EXPECT_EQ(other.loss, one.loss) << name << ", batches of " << batch;
      for (std::size_t i = 0; i < one.images.size(); ++i) {
        EXPECT_EQ(other.images[i].counts(), one.images[i].counts()) << name << ", image " << i;
        for (int c = 1; c < 3; ++c) predicted_other += other.images[i].predicted(c);
      }
    }
    EXPECT_GT(predicted_other, 0) << "all pixels are ground: the counts tell nothing";
  }
}

TEST(evaluate_pixels, counts_what_the_networks_logits_say) {
  const SegmentationSet set = square_test_data();
  const Model model(cpu_device(), small_segmenter(), 4);
  const LogitsFunction f = model.evaluation();
  const PixelEvaluation found = evaluate_pixels(f, cpu_device(), set, PixelRange::stretched, 4);
  for (std::int32_t i = 0; i < set.size(); ++i) {
    const Batch batch = whole_images(cpu_device(), set, std::vector{i}, PixelRange::stretched);
    Tape tape;
    const auto z = f(tape, tape.input(batch.inputs, Gradient::none)).value().to_host<float>();
    std::vector<std::int64_t> counts(9, 0);
    const auto labels = set.labels_of(i);
    for (std::size_t at = 0; at < labels.size(); ++at) {
      if (labels[at] == 255) continue;
      const auto first = z.begin() + static_cast<long>(3 * at);
      ++counts[3u * labels[at] +
               static_cast<std::size_t>(std::max_element(first, first + 3) - first)];
    }
    EXPECT_EQ(found.images[static_cast<std::size_t>(i)].counts(), counts) << "image " << i;
  }
}

// `value` as a logit of class `c` of every pixel of images that are 24 pixels high, image1 and
// image4.
LogitsFunction spoilt(float value, std::int64_t c) {
  return [=](Tape& tape, const Var& x) {
    if (x.shape()[1] != 24) return x;
    std::vector<float> z = x.value().to_host<float>();
    for (std::size_t i = static_cast<std::size_t>(c); i < z.size(); i += 3) z[i] = value;
    return tape.input(Tensor::from_host(x.value().device(), x.shape(), z), Gradient::none);
  };
}

TEST(evaluate_pixels, refuses_logits_that_are_not_finite_and_names_the_image) {
  const SegmentationSet set = square_test_data();
  const float infinity = std::numeric_limits<float>::infinity();
  const auto refusal = [&](float value, std::int64_t c) {
    return error_of(
        [&] { evaluate_pixels(spoilt(value, c), cpu_device(), set, PixelRange::plain, 4); });
  };
  expect_part("squares: the loss of image image1 is ", refusal(NAN, 2));
  expect_part("squares: the loss of image image1 is ", refusal(infinity, 0));
  expect_part("squares: the loss of image image1 is inf", refusal(-infinity, 0));
}

TEST(evaluate_pixels, refuses_a_network_of_other_classes) {
  const SegmentationSet set = square_test_data();
  const Model model(cpu_device(), small_segmenter(4), 4);
  expect_error("3 classes, the model", [&] {
    evaluate_pixels(model.evaluation(), cpu_device(), set, PixelRange::plain, 4);
  });
}

// ---- the scores of an epoch ----

TEST(segmentation_scores, are_those_of_the_summed_counts_in_percent) {
  const SegmentationSet set = square_test_data();
  const Model model(cpu_device(), small_segmenter(), 4);
  const PixelEvaluation found =
      evaluate_pixels(model.evaluation(), cpu_device(), set, PixelRange::plain, 1);
  const SegmentationScores want = scores_of(sum_of(found.images));

  const Scores scores = segmentation_scores(set, PixelRange::plain, 4)(model);

  ASSERT_EQ(scores.values.size(), 4u);
  EXPECT_EQ(scores.values[0], (std::pair<std::string, double>{"test_miou", 100 * want.miou}));
  EXPECT_EQ(scores.values[1].first, "test_pixel_accuracy");
  EXPECT_EQ(scores.values[1].second, 100 * want.pixel_accuracy);
  EXPECT_EQ(scores.values[2].second, 100 * want.mean_class_accuracy);
  EXPECT_EQ(scores.values[3], (std::pair<std::string, double>{"test_loss", found.loss}));
}

}  // namespace
}  // namespace saddle
