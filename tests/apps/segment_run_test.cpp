// What a whole training of a segmentation network does and leaves behind.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>

#include "core/json_text.h"
#include "tests/apps/segmentation_runs.h"
#include "tests/apps/training_runs.h"

namespace saddle {
namespace {

namespace fs = std::filesystem;

std::string usage_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const UsageError& error) {
    EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos);
    return error.what();
  }
  ADD_FAILURE() << "expected a UsageError";
  return "";
}

nlohmann::json config_of(const fs::path& run) { return parse_json(contents(run / "config.json")); }

TEST(segment_run, learns_the_squares) {
  const TemporaryDirectory directory;
  SegmentTrainOptions options = small_segment_run(directory.path());
  options.no_augment = true;
  options.output_stride = 4;
  options.width = 0.125;
  options.aspp_channels = 16;
  options.dropout = 0;
  options.backbone_momentum = 0.1;
  options.descent.optimizer = "adam";
  options.descent.lr = 0.01;
  options.epochs = 20;

  const TrainResult result = train(resolved(options), squares(28, 1), square_test_data());

  // To take all for ground is an mIoU of 27.4.
  EXPECT_GT(result.best, 35);
  const auto metrics = timeless_metrics(directory.path());
  ASSERT_EQ(metrics.size(), 20u);
  EXPECT_LT(double{metrics.back().at("train_loss")},
            0.5 * double{metrics.front().at("train_loss")});
}

TEST(segment_run, writes_the_metrics_of_each_epoch) {
  const TemporaryDirectory directory;
  const TrainResult result = train_small(small_segment_run(directory.path()));

  const auto metrics = timeless_metrics(directory.path());  // without seconds and images_per_second
  ASSERT_EQ(metrics.size(), 4u);
  std::set<std::string> keys;
  for (const auto& [key, value] : metrics[0].items()) keys.insert(key);
  EXPECT_EQ(keys, (std::set<std::string>{"epoch", "iteration", "lr", "train_loss",
                                         "train_pixel_accuracy", "test_loss", "test_pixel_accuracy",
                                         "test_mean_class_accuracy", "test_miou"}));
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(metrics[i].at("epoch"), i + 1);
    EXPECT_EQ(metrics[i].at("iteration"), 3 * (i + 1));  // 14 images: the last two are left out
  }
  EXPECT_EQ(metrics[3].at("lr"), 0.05 * std::pow(1 - 11. / 12, 0.9));
  EXPECT_EQ(metrics[3].at("test_miou"), result.score("test_miou"));
  EXPECT_EQ(
      names_in(directory.path()),
      (std::vector<std::string>{"best.safetensors", "config.json", "events.out.tfevents.0.saddle",
                                "last.safetensors", "metrics.jsonl", "state.safetensors"}));
}

TEST(segment_run, ends_within_an_epoch_where_iterations_do) {
  const TemporaryDirectory directory;
  SegmentTrainOptions options = small_segment_run(directory.path());
  options.epochs.reset();
  options.iterations = 8;
  options.eval_every = 2;
  train_small(options);

  const auto metrics = timeless_metrics(directory.path());
  ASSERT_EQ(metrics.size(), 2u);
  EXPECT_EQ(metrics[0].at("epoch"), 2);
  EXPECT_EQ(metrics[0].at("iteration"), 6);
  EXPECT_EQ(metrics[1].at("epoch"), 3);
  EXPECT_EQ(metrics[1].at("iteration"), 8);
  const SafetensorsFile last = SafetensorsFile::load(directory.path() / "last.safetensors");
  const std::string counter = "classifier.classifier.2.num_batches_tracked";
  EXPECT_EQ(last.read_i64(counter), std::vector<std::int64_t>{8});
}

TEST(segment_run, of_full_batches_is_the_run_on_the_images_that_fill_them) {
  // Without a shuffle the last two of 14 images are never seen.
  const TemporaryDirectory directory;
  SegmentTrainOptions options = small_segment_run(directory.path() / "all");
  options.no_shuffle = true;
  options.epochs = 2;
  train_small(options);
  SegmentationSet twelve = square_training_data();
  twelve.images.resize(12);
  options.run.output = (directory.path() / "twelve").string();
  train(resolved(options), twelve, square_test_data());

  EXPECT_TRUE(tensors_of(directory.path() / "all/last.safetensors") ==
              tensors_of(directory.path() / "twelve/last.safetensors"));
}

TEST(segment_run, records_settings_and_the_classes_of_the_data) {
  const TemporaryDirectory directory;
  SegmentTrainOptions options = small_segment_run(directory.path());
  options.epochs = 1;
  train_small(options);

  const auto config = config_of(directory.path());
  EXPECT_EQ(config.at("settings"), to_json(resolved(options), square_training_data()));
  EXPECT_EQ(config.at("settings").at("best_by"), "test mIoU");
  EXPECT_EQ(config.at("inputs").at("train_data"), fingerprint_of(square_training_data()));
  EXPECT_EQ(config.at("inputs").at("test_data"), fingerprint_of(square_test_data()));
  EXPECT_EQ(config.at("warnings"), nlohmann::json::array());
}

TEST(segment_fingerprint, knows_pixels_labels_sizes_and_names) {
  const std::string of_set = fingerprint_of(square_test_data());
  EXPECT_EQ(fingerprint_of(square_test_data()), of_set);
  const auto changed = [](const std::function<void(SegmentationSet&)>& change) {
    SegmentationSet set = square_test_data();
    change(set);
    return fingerprint_of(set);
  };
  EXPECT_NE(changed([](auto& set) { set.pixels[5] ^= 1; }), of_set);
  EXPECT_NE(changed([](auto& set) { set.labels[50] ^= 1; }), of_set);
  EXPECT_NE(changed([](auto& set) { std::swap(set.images[1].height, set.images[1].width); }),
            of_set);
  EXPECT_NE(changed([](auto& set) { set.class_names[1] = "zebra"; }), of_set);
  EXPECT_NE(changed([](auto& set) { set.mean[0] = 0.41f; }), of_set);
}

// ---- bits ----

TEST(segment_run, a_second_time_gives_the_same_bytes) {
  const TemporaryDirectory directory;
  SegmentTrainOptions options = small_segment_run(directory.path() / "one");
  options.descent.optimizer = "sam";
  options.adversarial = "official";
  options.accumulate = 2;
  options.epochs = 2;
  train_small(options);
  options.run.output = (directory.path() / "again").string();
  train_small(options);

  expect_equal_runs(directory.path() / "again", directory.path() / "one");
}

TEST(segment_run, of_the_emulated_device_learns_what_the_cpu_learns) {
  const TemporaryDirectory directory;
  SegmentTrainOptions options = small_segment_run(directory.path() / "cpu");
  options.crop = 16;
  options.output_stride = 4;
  options.epochs.reset();
  options.iterations = 3;
  const SegmentationSet data = squares(4, 1), test = squares(1, 2, {{16, 16}});
  train(resolved(options), data, test);
  options.run.output = (directory.path() / "emulated").string();
  options.common.device = "emulated";
  train(resolved(options), data, test);

  const auto cpu = timeless_metrics(directory.path() / "cpu"),
             emulated = timeless_metrics(directory.path() / "emulated");
  ASSERT_EQ(emulated.size(), cpu.size());
  EXPECT_NEAR(double{emulated.back().at("train_loss")}, double{cpu.back().at("train_loss")}, 1e-3);
  EXPECT_NEAR(double{emulated.back().at("test_loss")}, double{cpu.back().at("test_loss")}, 1e-3);
}

// ---- every way to train ----

class SegmentRuns : public testing::TestWithParam<std::string> {};

INSTANTIATE_TEST_SUITE_P(Optimizers, SegmentRuns,
                         testing::Values("adam", "adamw", "sam", "asam", "asam_elementwise", "esam",
                                         "looksam", "fisher_sam", "ssam", "sam_on", "gsam"));

TEST_P(SegmentRuns, take_a_step_in_pieces_with_an_attack) {
  const TemporaryDirectory directory;
  SegmentTrainOptions options = small_segment_run(directory.path());
  options.descent.optimizer = GetParam();
  options.adversarial = "official";
  options.batch_size = 12;
  options.accumulate = 2;
  options.epochs = 1;
  if (GetParam() == "ssam") options.descent.sharpness.ssam_samples = 5;

  const TrainResult result = train_small(options);

  EXPECT_TRUE(std::isfinite(result.score("train_loss")));
  EXPECT_TRUE(std::isfinite(result.score("test_loss")));
}

TEST(segment_run, perturbs_weights_by_awp) {
  const TemporaryDirectory directory;
  SegmentTrainOptions options = small_segment_run(directory.path());
  options.adversarial = "pgd";
  options.at_steps = 1;
  options.descent.sharpness.awp = 0.01;
  options.epochs = 1;
  EXPECT_TRUE(std::isfinite(train_small(options).score("test_loss")));
}

// ---- refusals and warnings ----

TEST(segment_run, on_too_few_images_or_too_small_crops_is_refused_before_it_begins) {
  const TemporaryDirectory directory;
  const fs::path run = directory.path() / "run";
  const auto refusal = [&](const std::function<void(SegmentTrainOptions&)>& change,
                           std::int64_t images = 14) {
    SegmentTrainOptions options = small_segment_run(run);
    change(options);
    const std::string message =
        usage_of([&] { train(resolved(options), squares(images, 1), square_test_data()); });
    EXPECT_FALSE(fs::exists(run));
    return message;
  };
  expect_part("--batch-size 4 is over the 3 training images: no batch is full",
              refusal([](auto&) {}, 3));
  expect_part("--crop: crops of 8 x 8 have features of 1 x 1, fewer than 2 x 2. Take larger crops",
              refusal([](auto& o) { o.crop = 8; }));
  expect_part("padded with label 7, expected a class, 0 to 2",
              refusal([](auto& o) { o.pad_label = 7; }));
  expect_part("width 0.01 leaves no channels", refusal([](auto& o) { o.width = 0.01; }));
  expect_part("width 5 is outside 0 to 4", refusal([](auto& o) { o.width = 5; }));
}

TEST(segment_run, whose_rates_leave_the_features_says_so) {
  const TemporaryDirectory directory;
  SegmentTrainOptions options = small_segment_run(directory.path());
  options.aspp_rates = "2,4,9";
  options.epochs = 1;
  testing::internal::CaptureStderr();
  train_small(options);
  const std::string told = testing::internal::GetCapturedStderr();

  const std::string remark =
      "2 of the --aspp-rates 2, 4, 9 are not below 4, the side of the features of a training crop";
  expect_part(remark, told);
  EXPECT_EQ(std::count(told.begin(), told.end(), '\n'), 1);
  const auto warnings = config_of(directory.path()).at("warnings");
  ASSERT_EQ(warnings.size(), 1u);
  expect_part(remark, warnings[0]);
}

TEST(segment_run, tested_on_other_classes_or_on_nothing_is_refused) {
  const TemporaryDirectory directory;
  const SegmentTrainOptions options = resolved(small_segment_run(directory.path() / "run"));
  SegmentationSet other = square_test_data();
  other.classes = 4;
  expect_error("squares: 3 classes are trained on, 4 tested",
               [&] { train(options, square_training_data(), other); });
  SegmentationSet blank = square_test_data();
  std::ranges::fill(blank.labels, std::uint8_t{255});
  blank.census = {};
  blank.census[255] = static_cast<std::int64_t>(blank.labels.size());
  expect_error("no pixel of the images that are tested on has a class",
               [&] { train(options, square_training_data(), blank); });
  expect_error("no pixel of the images that are trained on has a class",
               [&] { train(options, blank, square_test_data()); });
  EXPECT_FALSE(fs::exists(directory.path() / "run"));
}

TEST(segment_run, leaves_two_images_to_every_network_in_training) {
  const auto refusal = [&](const std::function<void(SegmentTrainOptions&)>& change) {
    SegmentTrainOptions options = small_segment_run("run");
    change(options);
    return usage_of([&] { resolved(options); });
  };
  const auto halves = [](std::int64_t batch, std::int64_t pieces, const std::string& batch_norm) {
    return [=](SegmentTrainOptions& o) {
      o.adversarial = "pgd";
      o.at_steps = 1;
      o.at_half = true;
      o.at_batch_norm = batch_norm;
      o.batch_size = batch;
      o.accumulate = pieces;
    };
  };
  const std::string why = "--at-half";
  expect_part(why, refusal(halves(3, 1, "train")));
  expect_part(why, refusal(halves(6, 2, "train")));
  const auto accepted = [&](const std::function<void(SegmentTrainOptions&)>& change) {
    SegmentTrainOptions options = small_segment_run("run");
    change(options);
    EXPECT_NO_THROW(resolved(options));
  };
  accepted(halves(4, 1, "train"));
  accepted(halves(8, 2, "train"));
  accepted(halves(2, 1, "eval"));

  // Of N examples ESAM's second pass sees gamma N less one.
  const auto esam = [](std::int64_t batch, std::int64_t pieces) {
    return [=](SegmentTrainOptions& o) {
      o.descent.optimizer = "esam";
      o.batch_size = batch;
      o.accumulate = pieces;
    };
  };
  expect_part("--esam-gamma", refusal(esam(4, 1)));
  expect_part("--esam-gamma", refusal(esam(5, 2)));
  accepted(esam(6, 1));
  accepted(esam(8, 2));  // three, which stay together
  accepted(esam(10, 2));
}

}  // namespace
}  // namespace saddle
