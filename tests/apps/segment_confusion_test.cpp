// Confusion counts and their scores: worked examples, and numbers of an independent computation
// (tests/vectors/segmentation_scores.py).
#include "apps/segment/confusion.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/error.h"
#include "tests/support/expect_near.h"

namespace saddle {
namespace {

using namespace testing_support;
using Bytes8 = std::vector<std::uint8_t>;
constexpr std::uint8_t kVoid = kVoidLabel;
constexpr double kNear = 1e-13;  // some sums of quotients of small integers

Confusion counted(std::int64_t classes, const Bytes8& labels, const Bytes8& predictions) {
  Confusion confusion(classes);
  confusion.add(labels, predictions);
  return confusion;
}

// The pixels of segmentation_scores.py.
struct Pixels {
  std::vector<Bytes8> labels, predictions;  // of each image
};

Pixels random_pixels() {
  Pixels pixels;
  std::uint32_t word = 1;
  const auto below = [&](std::uint32_t n) {
    word = word * 1664525u + 1013904223u;
    return static_cast<std::uint8_t>((word >> 16) % n);
  };
  for (int image = 0; image < 5; ++image) {
    Bytes8 labels, predictions;
    for (int pixel = 0; pixel < 77; ++pixel) {
      std::uint8_t label = image % 2 == 0 ? below(5) : below(3);
      std::uint8_t prediction = below(3) != 0 && label != 4 ? label : below(6);
      if (label == 4 && prediction == 4) prediction = 5;
      if (image == 3 || below(8) == 0) {
        label = kVoid;
        prediction = below(7);
      }
      labels.push_back(label);
      predictions.push_back(prediction);
    }
    pixels.labels.push_back(labels);
    pixels.predictions.push_back(predictions);
  }
  return pixels;
}

std::vector<Confusion> random_images() {
  const Pixels pixels = random_pixels();
  std::vector<Confusion> images;
  for (std::size_t i = 0; i < pixels.labels.size(); ++i) {
    images.push_back(counted(7, pixels.labels[i], pixels.predictions[i]));
  }
  return images;
}

TEST(confusion, counts_pixels_by_label_and_prediction_and_leaves_void_out) {
  const Confusion counts = counted(3, {0, 0, 1, kVoid, 1, kVoid}, {0, 2, 1, 1, 1, kVoid});

  EXPECT_EQ(counts.counts(), (std::vector<std::int64_t>{1, 0, 1, 0, 2, 0, 0, 0, 0}));
  EXPECT_EQ(counts.at(0, 2), 1);
  EXPECT_EQ(counts.labelled(0), 2);
  EXPECT_EQ(counts.predicted(2), 1);
  EXPECT_EQ(counts.union_of(0), 2);
  EXPECT_EQ(counts.right(), 3);
  EXPECT_EQ(counts.pixels(), 4);
}

TEST(confusion, scores_of_two_classes_are_those_worked_out_by_hand) {
  const SegmentationScores scores = scores_of(Confusion(2, {3, 0, 1, 4}));

  EXPECT_DOUBLE_EQ(scores.class_iou[0], .75);
  EXPECT_DOUBLE_EQ(scores.class_iou[1], .8);
  EXPECT_DOUBLE_EQ(scores.miou, .775);
  EXPECT_DOUBLE_EQ(scores.pixel_accuracy, 7. / 8);
  EXPECT_DOUBLE_EQ(scores.mean_class_accuracy, (1 + .8) / 2);
  EXPECT_DOUBLE_EQ(scores.frequency_weighted_iou, 3. / 8 * .75 + 5. / 8 * .8);
}

TEST(confusion, a_prediction_of_the_labels_scores_one) {
  const SegmentationScores scores = scores_of(counted(4, {0, 2, 2, kVoid, 0}, {0, 2, 2, 3, 0}));

  EXPECT_EQ(scores.miou, 1);
  EXPECT_EQ(scores.miou_present, 1);
  EXPECT_EQ(scores.pixel_accuracy, 1);
  EXPECT_EQ(scores.mean_class_accuracy, 1);
  EXPECT_EQ(scores.frequency_weighted_iou, 1);
  EXPECT_TRUE(std::isnan(scores.class_iou[1]));  // in neither
  EXPECT_TRUE(std::isnan(scores.class_iou[3]));  // predicted where the label is void
}

TEST(confusion, a_class_that_is_only_predicted_counts_in_miou_but_not_among_those_present) {
  const SegmentationScores scores = scores_of(counted(3, {0, 0, 0, 0}, {0, 0, 0, 2}));

  EXPECT_EQ(scores.class_iou[2], 0);
  EXPECT_DOUBLE_EQ(scores.miou, .75 / 2);
  EXPECT_DOUBLE_EQ(scores.miou_present, .75);
  EXPECT_DOUBLE_EQ(scores.mean_class_accuracy, .75);
}

TEST(confusion, of_random_pixels_scores_as_an_independent_computation_does) {
  const SegmentationScores scores = scores_of(sum_of(random_images()));

  EXPECT_NEAR(scores.pixel_accuracy, 0.5955882352941176, kNear);
  EXPECT_NEAR(scores.mean_class_accuracy, 0.5755806306625979, kNear);
  EXPECT_NEAR(scores.miou, 0.3700276761422272, kNear);
  EXPECT_NEAR(scores.miou_present, 0.44403321137067264, kNear);
  EXPECT_NEAR(scores.frequency_weighted_iou, 0.4582405506531349, kNear);
  const std::vector<double> class_iou = {0.4659090909090909, 0.625, 0.6029411764705882,
                                         0.5263157894736842, 0,     0};
  ASSERT_EQ(scores.class_iou.size(), 7u);
  for (std::size_t c = 0; c < 6; ++c) EXPECT_NEAR(scores.class_iou[c], class_iou[c], kNear) << c;
  EXPECT_TRUE(std::isnan(scores.class_iou[6]));
}

TEST(confusion, miou_without_classes_is_the_mean_over_the_others) {
  // IoUs 3/4, 4/6, 0, and of a class that nobody has.
  const Confusion counts(4, {3, 0, 1, 0, 0, 4, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0});

  EXPECT_DOUBLE_EQ(miou_without(counts, {}), (.75 + 4. / 6) / 3);
  EXPECT_DOUBLE_EQ(miou_without(counts, std::vector<std::int64_t>{0}), 4. / 6 / 2);
  EXPECT_DOUBLE_EQ(miou_without(counts, std::vector<std::int64_t>{2, 3}), (.75 + 4. / 6) / 2);
  EXPECT_TRUE(std::isnan(miou_without(counts, std::vector<std::int64_t>{0, 1, 2})));
}

TEST(confusion, means_over_images_leave_out_those_without_a_class) {
  const ImageScores scores = image_scores_of(random_images());

  EXPECT_EQ(scores.images, 4);
  EXPECT_NEAR(scores.pixel_accuracy, 0.5950514371874642, kNear);
  EXPECT_NEAR(scores.miou, 0.4826370621122943, kNear);
}

TEST(confusion, what_is_predicted_at_void_pixels_changes_nothing) {
  const Pixels pixels = random_pixels();
  Bytes8 predictions = pixels.predictions[0];
  int changed = 0;
  for (std::size_t i = 0; i < predictions.size(); ++i) {
    if (pixels.labels[0][i] != kVoid) continue;
    predictions[i] = static_cast<std::uint8_t>((predictions[i] + 1) % 7);
    ++changed;
  }

  EXPECT_GT(changed, 3);
  EXPECT_EQ(counted(7, pixels.labels[0], predictions).counts(),
            counted(7, pixels.labels[0], pixels.predictions[0]).counts());
}

TEST(confusion, without_any_pixel_has_no_scores) {
  const SegmentationScores scores = scores_of(Confusion(3));
  const std::vector<Confusion> nothing(2, Confusion(3));

  EXPECT_TRUE(std::isnan(scores.pixel_accuracy));
  EXPECT_TRUE(std::isnan(scores.mean_class_accuracy));
  EXPECT_TRUE(std::isnan(scores.miou));
  EXPECT_TRUE(std::isnan(scores.miou_present));
  EXPECT_TRUE(std::isnan(scores.frequency_weighted_iou));
  EXPECT_EQ(image_scores_of(nothing).images, 0);
  EXPECT_TRUE(std::isnan(image_scores_of(nothing).miou));
}

TEST(confusion, pixels_of_no_class_are_refused) {
  const auto refusal = [](const Bytes8& labels, const Bytes8& predictions) {
    return message_of<Error>([&] { counted(3, labels, predictions); });
  };

  EXPECT_EQ(refusal({0, 3}, {0, 0}),
            "confusion: label 3 of pixel 1 is none of 3 classes and not 255 (void)");
  EXPECT_EQ(refusal({0, 1}, {0, 255}), "confusion: prediction 255 of pixel 1 is none of 3 classes");
  EXPECT_EQ(refusal({0, 1}, {0}), "confusion: 2 labels and 1 predictions");
}

TEST(confusion, counts_that_do_not_fit_are_refused) {
  EXPECT_EQ(message_of<Error>([] { Confusion(256); }), "confusion: 256 classes, expected 1 to 255");
  EXPECT_EQ(message_of<Error>([] {
              Confusion(2, {1, 2, 3});
            }),
            "confusion: 3 counts for 2 classes, expected 4");
  EXPECT_EQ(message_of<Error>([] { Confusion(1, {-1}); }), "confusion: a count is -1, below 0");
  EXPECT_EQ(message_of<Error>([] { Confusion(2) += Confusion(3); }),
            "confusion: 2 and 3 classes cannot be added");
  EXPECT_CONTAINS(message_of<Error>([] { sum_of({}); }), "a sum of no counts");
}

}  // namespace
}  // namespace saddle
