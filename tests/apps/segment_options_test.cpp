// resolved(): the defaults of each preset of saddle-segment train, and what makes no sense.
#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "apps/common/command_line.h"
#include "tests/apps/data_files.h"
#include "tests/apps/segmentation_runs.h"

namespace saddle {
namespace {

using Change = std::function<void(SegmentTrainOptions&)>;

SegmentTrainOptions of_set(const std::string& name) {
  SegmentTrainOptions options;
  options.data.name = name;
  options.run.output = "run";
  return options;
}

SegmentTrainOptions changed(const Change& change, const std::string& set = "voc2012") {
  SegmentTrainOptions options = of_set(set);
  change(options);
  return options;
}

void expect_usage_error(const std::string& part, const Change& change,
                        const std::string& set = "voc2012") {
  try {
    resolved(changed(change, set));
    ADD_FAILURE() << "expected a UsageError about " << part;
  } catch (const UsageError& error) {
    expect_part(part, error.what());
    EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos);
  }
}

// ---- presets ----

TEST(segment_options, take_the_standard_recipe_for_photographs) {
  const SegmentTrainOptions o = resolved(of_set("voc2012"));

  EXPECT_EQ(o.preset, "standard");
  EXPECT_EQ(o.model, "deeplabv3_mobilenetv2");
  EXPECT_EQ(o.width, 1);
  EXPECT_EQ(o.output_stride, 16);
  EXPECT_EQ(o.aspp_rates, "6,12,18");
  EXPECT_EQ(o.aspp_channels, 256);
  EXPECT_EQ(o.dropout, 0.1);
  EXPECT_EQ(o.backbone_momentum, 0.01);
  EXPECT_EQ(o.mobilenet_padding, "before");
  EXPECT_EQ(o.descent.optimizer, "sgd");
  EXPECT_EQ(o.descent.lr, 0.01);
  EXPECT_EQ(o.descent.momentum, 0.9);
  EXPECT_EQ(o.descent.weight_decay, 1e-4);
  EXPECT_EQ(o.iterations, 30000);
  EXPECT_FALSE(o.epochs.has_value());
  EXPECT_EQ(o.batch_size, 16);
  EXPECT_EQ(o.schedule, "poly");
  EXPECT_EQ(o.pad_label, 255);
  EXPECT_FALSE(o.pad_all_sides);
  EXPECT_EQ(pixel_range_of(o), PixelRange::plain);
  EXPECT_FALSE(climb_of(o).has_value());
}

TEST(segment_options, take_a_narrow_network_for_fashion_scenes) {
  const SegmentTrainOptions o = resolved(of_set("fashion-scenes"));

  EXPECT_EQ(o.preset, "fashion-scenes");
  EXPECT_EQ(o.width, 0.5);
  EXPECT_EQ(o.output_stride, 8);
  EXPECT_EQ(o.aspp_rates, "2,4,6");
  EXPECT_EQ(o.aspp_channels, 64);
  EXPECT_EQ(o.mobilenet_padding, "inside");
  EXPECT_EQ(o.descent.lr, 0.1);
  EXPECT_EQ(o.epochs, 10);
  EXPECT_FALSE(o.iterations.has_value());
  EXPECT_EQ(o.schedule, "poly");
  EXPECT_EQ(o.pad_label, 255);

  SegmentTrainOptions adam = of_set("fashion-scenes");
  adam.descent.optimizer = "adam";
  EXPECT_EQ(resolved(adam).descent.lr, 2e-3);
}

TEST(segment_options, take_the_papers_quirks_with_the_official_preset) {
  const SegmentTrainOptions o =
      resolved(changed([](SegmentTrainOptions& options) { options.preset = "official"; }));

  EXPECT_EQ(o.width, 1);
  EXPECT_EQ(o.output_stride, 16);
  EXPECT_EQ(o.aspp_rates, "6,12,18");
  EXPECT_EQ(o.mobilenet_padding, "before");
  EXPECT_EQ(o.descent.lr, 0.01);
  EXPECT_EQ(o.iterations, 30000);
  EXPECT_EQ(o.schedule, "poly_official");
  EXPECT_EQ(o.pad_label, 0);
  EXPECT_TRUE(o.pad_all_sides);
  EXPECT_EQ(pixel_range_of(o), PixelRange::stretched);
  EXPECT_FALSE(o.sam_start.has_value());
}

TEST(segment_options, begin_sam_at_iteration_10000_with_the_official_preset) {
  const Change sam = [](SegmentTrainOptions& options) {
    options.preset = "official";
    options.descent.optimizer = "sam";
  };
  const SegmentTrainOptions o = resolved(changed(sam));
  EXPECT_EQ(o.descent.sharpness.rho, 0.02);
  EXPECT_EQ(o.sam_start, 10000);
  EXPECT_TRUE(o.sam_start_restarts);

  const SegmentTrainOptions given = resolved(changed([&](SegmentTrainOptions& options) {
    sam(options);
    options.sam_start = 500;
  }));
  EXPECT_EQ(given.sam_start, 500);
  EXPECT_FALSE(given.sam_start_restarts);

  const SegmentTrainOptions standard =
      resolved(changed([](SegmentTrainOptions& options) { options.descent.optimizer = "sam"; }));
  EXPECT_EQ(standard.sam_start, 0);
  EXPECT_EQ(standard.descent.sharpness.rho, 0.02);
}

TEST(segment_options, train_adam_at_a_constant_rate_without_decay_as_the_paper) {
  const SegmentTrainOptions o = resolved(changed([](SegmentTrainOptions& options) {
    options.preset = "official";
    options.descent.optimizer = "adam";
  }));
  EXPECT_EQ(o.descent.lr, 5e-4);
  EXPECT_EQ(o.descent.weight_decay, 0);
  EXPECT_EQ(o.schedule, "constant");
}

TEST(segment_options, dilate_as_many_pixels_of_the_image_at_every_output_stride) {
  const auto rates = [](std::int64_t stride) {
    return resolved(changed([&](SegmentTrainOptions& o) { o.output_stride = stride; })).aspp_rates;
  };
  EXPECT_EQ(rates(16), "6,12,18");
  EXPECT_EQ(rates(8), "12,24,36");
  EXPECT_EQ(rates(4), "24,48,72");

  const auto rates_of_scenes = [](std::int64_t stride) {
    return resolved(changed([&](SegmentTrainOptions& o) {
             o.preset = "fashion-scenes";
             o.output_stride = stride;
           }))
        .aspp_rates;
  };
  EXPECT_EQ(rates_of_scenes(16), "1,2,3");
  EXPECT_EQ(rates_of_scenes(8), "2,4,6");
  EXPECT_EQ(rates_of_scenes(4), "4,8,12");
}

TEST(segment_options, say_nothing_of_mobilenets_padding_with_another_backbone) {
  const SegmentTrainOptions o =
      resolved(changed([](SegmentTrainOptions& options) { options.model = "deeplabv3_resnet50"; }));
  EXPECT_EQ(o.mobilenet_padding, "");
}

// ---- the attack ----

TEST(segment_options, climb_by_one_step_of_eps_from_the_image_as_the_paper) {
  const auto climb =
      climb_of(resolved(changed([](SegmentTrainOptions& o) { o.adversarial = "official"; })));
  ASSERT_TRUE(climb.has_value());
  EXPECT_EQ(climb->attack.norm, Norm::linf);
  EXPECT_EQ(climb->attack.eps, 64.f / 255);
  EXPECT_EQ(climb->attack.alpha, 64.f / 255);
  EXPECT_EQ(climb->attack.steps, 1);
  EXPECT_EQ(climb->attack.start, Start::zero);
  EXPECT_TRUE(climb->unnormalised);
  EXPECT_EQ(climb->batch_norm, BatchNormMode::update);
  EXPECT_FALSE(climb->half);
  EXPECT_FALSE(climb->segpgd);
}

TEST(segment_options, climb_by_steps_that_reach_the_border_of_the_ball) {
  const auto climb = [](const std::string& name, std::optional<std::int64_t> steps,
                        const std::string& norm) {
    return *climb_of(resolved(changed([&](SegmentTrainOptions& o) {
      o.adversarial = name;
      o.at_steps = steps;
      o.at_norm = norm;
    })));
  };
  const PixelClimbOptions five = climb("pgd", {}, "");
  EXPECT_EQ(five.attack.eps, 4.f / 255);
  EXPECT_EQ(five.attack.steps, 5);
  EXPECT_FLOAT_EQ(five.attack.alpha, 0.3f * 4 / 255);  // 1.5 eps / 5 is over eps / 4
  EXPECT_EQ(five.attack.start, Start::random);
  EXPECT_FALSE(five.unnormalised);
  EXPECT_EQ(five.batch_norm, BatchNormMode::frozen);
  EXPECT_FALSE(five.segpgd);
  EXPECT_FLOAT_EQ(climb("pgd", 10, "linf").attack.alpha, 1.f / 255);  // eps / 4 is over 0.15 eps
  const PixelClimbOptions l2 = climb("segpgd", 3, "l2");
  EXPECT_EQ(l2.attack.norm, Norm::l2);
  EXPECT_FLOAT_EQ(l2.attack.eps, 128.f / 255);
  EXPECT_FLOAT_EQ(l2.attack.alpha, 64.f / 255);
  EXPECT_TRUE(l2.segpgd);
}

TEST(segment_options, mix_the_attacks_settings_freely) {
  const auto climb = climb_of(resolved(changed([](SegmentTrainOptions& o) {
    o.adversarial = "pgd";
    o.at_eps = 8. / 255;
    o.at_alpha = 1. / 255;
    o.at_batch_norm = "train";
    o.seg_norm = "official";
    o.at_half = true;
  })));
  EXPECT_FLOAT_EQ(climb->attack.eps, 8.f / 255);
  EXPECT_FLOAT_EQ(climb->attack.alpha, 1.f / 255);
  EXPECT_EQ(climb->batch_norm, BatchNormMode::update);
  EXPECT_TRUE(climb->unnormalised);
  EXPECT_TRUE(climb->half);
}

// ---- refusals ----

TEST(segment_options, need_an_output_and_one_way_to_go_on) {
  expect_usage_error("--output is required", [](auto& o) { o.run.output.clear(); });
  expect_usage_error("--resume and --overwrite contradict",
                     [](auto& o) { o.run.resume = o.run.overwrite = true; });
}

TEST(segment_options, refuse_networks_that_there_are_not) {
  expect_usage_error("--output-stride 12: take 4, 8 or 16", [](auto& o) { o.output_stride = 12; });
  expect_usage_error("--output-stride 32: take 4, 8 or 16", [](auto& o) { o.output_stride = 32; });
  expect_usage_error("--aspp-rates '6,12': expected three integers",
                     [](auto& o) { o.aspp_rates = "6,12"; });
  expect_usage_error("--aspp-rates '6,12,18,24': expected three",
                     [](auto& o) { o.aspp_rates = "6,12,18,24"; });
  expect_usage_error("--aspp-rates", [](auto& o) { o.aspp_rates = "6,x,18"; });
  expect_usage_error("--aspp-rates", [](auto& o) { o.aspp_rates = "6,12,0"; });
  expect_usage_error("--aspp-channels 0 must be at least 1", [](auto& o) { o.aspp_channels = 0; });
  expect_usage_error("--width 0 must be positive", [](auto& o) { o.width = 0; });
  expect_usage_error("--width nan must be positive", [](auto& o) { o.width = NAN; });
  expect_usage_error("--dropout 1 must lie in [0, 1)", [](auto& o) { o.dropout = 1; });
  expect_usage_error("--bn-momentum-backbone 1.5 must lie in [0, 1]",
                     [](auto& o) { o.backbone_momentum = 1.5; });
  expect_usage_error("--backbone-lr-factor -1 must be", [](auto& o) { o.backbone_lr_factor = -1; });
  expect_usage_error("--mobilenet-padding: deeplabv3_resnet50 has no such blocks", [](auto& o) {
    o.model = "deeplabv3_resnet50";
    o.mobilenet_padding = "inside";
  });
}

TEST(segment_options, refuse_starts_of_sam_that_mean_nothing) {
  expect_usage_error("--sam-start-iteration needs an optimiser of the SAM family",
                     [](auto& o) { o.sam_start = 5; });
  expect_usage_error("--sam-start-restart needs --sam-start-iteration", [](auto& o) {
    o.descent.optimizer = "sam";
    o.sam_start_restarts = true;
  });
  expect_usage_error("--sam-start-restart is of SGD's momentum", [](auto& o) {
    o.descent.optimizer = "sam";
    o.descent.base_optimizer = "adam";
    o.sam_start = 5;
    o.sam_start_restarts = true;
  });
  expect_usage_error("SAM would never begin in 40 iterations", [](auto& o) {
    o.descent.optimizer = "sam";
    o.sam_start = 40;
    o.iterations = 40;
  });
  SegmentTrainOptions by_epochs = small_segment_run("run");
  by_epochs.descent.optimizer = "sam";
  by_epochs.sam_start = 12;
  try {
    trainer_options_of(resolved(by_epochs), 14);  // 4 epochs of 3 steps
    ADD_FAILURE() << "SAM begins after the end";
  } catch (const UsageError& error) {
    expect_part("--sam-start-iteration 12: SAM would never begin in 12 iterations", error.what());
  }
  by_epochs.sam_start = 11;
  EXPECT_NO_THROW(trainer_options_of(resolved(by_epochs), 14));
}

TEST(segment_options, take_the_attacks_settings_only_with_an_attack) {
  const std::string needs = " needs --adversarial pgd, segpgd or official";
  expect_usage_error("--at-norm" + needs, [](auto& o) { o.at_norm = "l2"; });
  expect_usage_error("--at-eps" + needs, [](auto& o) { o.at_eps = 0.1; });
  expect_usage_error("--at-alpha" + needs, [](auto& o) { o.at_alpha = 0.1; });
  expect_usage_error("--at-steps" + needs, [](auto& o) { o.at_steps = 2; });
  expect_usage_error("--at-bn" + needs, [](auto& o) { o.at_batch_norm = "eval"; });
  expect_usage_error("--at-half" + needs, [](auto& o) { o.at_half = true; });
  expect_usage_error("--seg-norm" + needs, [](auto& o) { o.seg_norm = "official"; });
  expect_usage_error("--awp needs --adversarial", [](auto& o) { o.descent.sharpness.awp = 0.01; });
}

TEST(segment_options, refuse_attacks_that_leave_the_pixel_range_or_move_nothing) {
  const auto attack = [](const Change& change) {
    return [change](SegmentTrainOptions& o) {
      o.adversarial = "pgd";
      change(o);
    };
  };
  expect_usage_error("--at-eps, --at-alpha: pgd: eps 8 exceeds the pixel range",
                     attack([](auto& o) { o.at_eps = 8; }));
  expect_usage_error("--at-eps, --at-alpha: pgd: eps -1", attack([](auto& o) { o.at_eps = -1; }));
  expect_usage_error("--at-eps, --at-alpha: pgd: alpha 0 moves nothing",
                     attack([](auto& o) { o.at_alpha = 0; }));
  expect_usage_error("--at-steps 0 must lie in [1, 1e+06]",
                     attack([](auto& o) { o.at_steps = 0; }));
  expect_usage_error("--at-steps",
                     attack([](auto& o) { o.at_steps = (std::int64_t{1} << 32) + 1; }));
}

TEST(segment_options, need_a_length_and_batches_that_batch_norm_can_work_on) {
  expect_usage_error("--epochs and --iterations both say how long", [](auto& o) {
    o.epochs = 3;
    o.iterations = 3;
  });
  expect_usage_error("--iterations 0 must be at least 1", [](auto& o) { o.iterations = 0; });
  expect_usage_error("--epochs 0 must be at least 1", [](auto& o) { o.epochs = 0; });
  expect_usage_error("--eval-every 0 must be at least 1", [](auto& o) { o.eval_every = 0; });
  expect_usage_error("--batch-size 1 must be at least 2", [](auto& o) { o.batch_size = 1; });
  const std::string why = "each piece of a batch needs two images at least";
  expect_usage_error(why, [](auto& o) { o.accumulate = 9; });
  expect_usage_error(why, [](auto& o) { o.accumulate = std::int64_t{5} << 60; });
  EXPECT_NO_THROW(resolved(changed([](auto& o) { o.accumulate = 8; })));
}

TEST(segment_options, refuse_crops_that_there_are_not) {
  expect_usage_error("--crop 0 must be at least 1", [](auto& o) { o.crop = 0; });
  expect_usage_error("--pad-label 256: expected 0 to 255", [](auto& o) { o.pad_label = 256; });
  expect_usage_error("--pad-label -1 must be", [](auto& o) { o.pad_label = -1; });
  const std::string both = "--scale-low and --scale-high belong together, the lower first";
  expect_usage_error(both, [](auto& o) { o.scale_low = 0.5; });
  expect_usage_error(both, [](auto& o) { o.scale_high = 0.5; });
  expect_usage_error(both, [](auto& o) {
    o.scale_low = 2;
    o.scale_high = 0.5;
  });
}

TEST(segment_options, take_stanfords_only_with_stanford) {
  expect_usage_error("--label-mode belongs to stanford-background",
                     [](auto& o) { o.data.label_mode = "official9"; });
  expect_usage_error("--split-seed belongs to stanford-background",
                     [](auto& o) { o.data.split_seed = 1; });
  expect_usage_error("--ignore-label 256 must", [](auto& o) { o.data.ignore_label = 256; });
}

TEST(segment_options, let_one_file_say_how_the_backbone_begins) {
  expect_usage_error("--new-head needs --init-from", [](auto& o) { o.new_head = true; });
  expect_usage_error("--init-backbone and --init-from both say", [](auto& o) {
    o.init_from = "a";
    o.init_backbone = "b";
  });
}

}  // namespace
}  // namespace saddle
