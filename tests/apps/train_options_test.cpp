// resolved(): the defaults of a training run, and what makes no sense together.
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/apps/training_runs.h"

namespace saddle {
namespace {

TrainOptions plain() {
  TrainOptions options;
  options.run.output = "run";
  return options;
}

TrainOptions adversarial(const std::string& norm = "linf") {
  TrainOptions options = plain();
  options.adversarial = "pgd";
  options.at_norm = norm;
  return options;
}

void expect_usage_error(const std::string& part, const std::function<void(TrainOptions&)>& change,
                        TrainOptions options = plain()) {
  change(options);
  try {
    resolved(options);
    ADD_FAILURE() << "expected a UsageError about " << part;
  } catch (const UsageError& error) {
    expect_part(part, error.what());
  }
}

TEST(train_options, default_to_the_papers_recipe) {
  const TrainOptions options = resolved(plain());

  EXPECT_EQ(options.model, "preact_resnet18");
  EXPECT_EQ(options.descent.optimizer, "sgd");
  EXPECT_EQ(options.descent.base_optimizer, "");
  EXPECT_EQ(options.adversarial, "none");
  EXPECT_EQ(options.epochs, 100);
  EXPECT_EQ(options.batch_size, 128);
  EXPECT_EQ(options.descent.lr, 0.1);
  EXPECT_EQ(options.descent.momentum, 0.9);
  EXPECT_EQ(options.descent.weight_decay, 5e-4);
  EXPECT_EQ(options.schedule, "step");
  EXPECT_EQ(augmentation_of(options).padding, 0);  // Fashion-MNIST, the default data set
  EXPECT_TRUE(augmentation_of(options).flip);
}

TEST(train_options, take_adams_learning_rate_from_the_optimiser_that_descends) {
  TrainOptions adam = plain(), adamw = plain(), sam = plain(), sam_adam = plain(), given = plain();
  adam.descent.optimizer = "adam";
  adamw.descent.optimizer = "adamw";
  sam.descent.optimizer = "sam";
  sam_adam.descent.optimizer = "sam";
  sam_adam.descent.base_optimizer = "adam";
  given.descent.optimizer = "adam";
  given.descent.lr = 0.5;

  EXPECT_EQ(resolved(adam).descent.lr, 1e-3);
  EXPECT_EQ(resolved(adamw).descent.lr, 1e-3);
  EXPECT_EQ(resolved(sam).descent.lr, 0.1);
  EXPECT_EQ(resolved(sam_adam).descent.lr, 1e-3);
  EXPECT_EQ(resolved(given).descent.lr, 0.5);
}

TEST(train_options, choose_radius_and_step_of_the_attack_by_norm) {
  const TrainOptions linf = resolved(adversarial()), l2 = resolved(adversarial("l2"));
  TrainOptions small = adversarial("l2");
  small.at_eps = 32. / 255;

  EXPECT_DOUBLE_EQ(*linf.at_eps, 8. / 255);
  EXPECT_DOUBLE_EQ(*linf.at_alpha, 2. / 255);
  EXPECT_EQ(linf.at_steps, 10);
  EXPECT_DOUBLE_EQ(*l2.at_eps, 128. / 255);
  EXPECT_DOUBLE_EQ(*l2.at_alpha, 15. / 255);
  EXPECT_DOUBLE_EQ(*resolved(small).at_alpha, 4. / 255);
}

TEST(train_options, take_one_long_step_from_a_random_start_in_fgsm_rs) {
  TrainOptions options = adversarial();
  options.adversarial = "fgsm_rs";
  const ClassificationOptions step = classification_options_of(resolved(options));

  EXPECT_EQ(step.adversarial->steps, 1);
  EXPECT_EQ(step.adversarial->start, Start::random);
  EXPECT_FLOAT_EQ(step.adversarial->eps, 8.f / 255);
  EXPECT_FLOAT_EQ(step.adversarial->alpha, 10.f / 255);
  expect_usage_error(
      "--at-steps 3: fgsm_rs takes one step", [](TrainOptions& o) { o.at_steps = 3; }, options);
}

TEST(train_options, resolved_twice_are_the_same) {
  const TrainOptions once = resolved(adversarial());
  EXPECT_EQ(to_json(resolved(once)), to_json(once));
}

TEST(train_options, need_an_output) {
  expect_usage_error("--output is required", [](TrainOptions& o) { o.run.output.clear(); });
}

TEST(train_options, need_epochs_and_a_batch) {
  expect_usage_error("--epochs", [](TrainOptions& o) { o.epochs = 0; });
  expect_usage_error("--batch-size", [](TrainOptions& o) { o.batch_size = 0; });
}

TEST(train_options, refuse_negative_rates) {
  expect_usage_error("--rho -0.1 is negative", [](TrainOptions& o) {
    o.descent.optimizer = "sam";
    o.descent.sharpness.rho = -0.1;
  });
  expect_usage_error("--lr -1 must be finite and not negative",
                     [](TrainOptions& o) { o.descent.lr = -1; });
  expect_usage_error("--weight-decay -1 must be finite and not",
                     [](TrainOptions& o) { o.descent.weight_decay = -1; });
}

TEST(train_options, refuse_smoothing_clipping_averaging_and_warm_up_that_cannot_be) {
  expect_usage_error("--label-smoothing", [](TrainOptions& o) { o.label_smoothing = 1; });
  expect_usage_error("--label-smoothing", [](TrainOptions& o) { o.label_smoothing = -0.1; });
  expect_usage_error("--clip-norm", [](TrainOptions& o) { o.descent.clip_norm = 0; });
  expect_usage_error("--mixup -1 must be", [](TrainOptions& o) { o.mixup = -1; });
  expect_usage_error("--cutmix nan must be", [](TrainOptions& o) { o.cutmix = NAN; });
  expect_usage_error("--accumulate 0 must be at least 1",
                     [](TrainOptions& o) { o.accumulate = 0; });
  expect_usage_error("--accumulate 129", [](TrainOptions& o) { o.accumulate = 129; });
  expect_usage_error("--ema", [](TrainOptions& o) { o.descent.ema = 1; });
  expect_usage_error("--ema", [](TrainOptions& o) { o.descent.ema = 0; });
  expect_usage_error("--warmup-epochs 100 must be below --epochs 100",
                     [](TrainOptions& o) { o.warmup_epochs = 100; });
}

TEST(train_options, keep_momentum_below_one) {
  expect_usage_error("--momentum", [](TrainOptions& o) { o.descent.momentum = 1; });
  expect_usage_error("--momentum", [](TrainOptions& o) { o.descent.momentum = -0.1; });
}

TEST(train_options, cannot_both_resume_and_overwrite) {
  expect_usage_error("--resume and --overwrite",
                     [](TrainOptions& o) { o.run.resume = o.run.overwrite = true; });
}

TEST(train_options, take_the_attacks_settings_only_with_the_attack) {
  expect_usage_error("need --adversarial pgd", [](TrainOptions& o) { o.at_eps = 0.1; });
  expect_usage_error("need --adversarial pgd", [](TrainOptions& o) { o.at_alpha = 0.1; });
  expect_usage_error("need --adversarial pgd", [](TrainOptions& o) { o.at_steps = 3; });
  expect_usage_error("need --adversarial pgd", [](TrainOptions& o) { o.at_norm = "linf"; });
  expect_usage_error("--at-bn needs --adversarial",
                     [](TrainOptions& o) { o.attack_batch_norm = "auto"; });
  expect_usage_error(
      "--at-bn: --adversarial free takes no passes",
      [](TrainOptions& o) {
        o.adversarial = "free";
        o.attack_batch_norm = "eval";
      },
      adversarial());
}

TEST(train_options, refuse_flags_of_the_sam_family_without_it) {
  expect_usage_error("--base-optimizer needs an optimiser of the SAM family, not adam",
                     [](TrainOptions& o) {
                       o.descent.optimizer = "adam";
                       o.descent.base_optimizer = "sgd";
                     });
  expect_usage_error("--sam-bn needs an optimiser of the SAM family, not sgd",
                     [](TrainOptions& o) { o.descent.sam_statistics = "both"; });
  expect_usage_error("--sam-bn is of batch-norm, deit_tiny has none", [](TrainOptions& o) {
    o.model = "deit_tiny";
    o.descent.optimizer = "sam";
    o.descent.sam_statistics = "first";
  });
  TrainOptions sam = plain();
  sam.descent.optimizer = "sam";
  EXPECT_EQ(resolved(sam).descent.base_optimizer, "sgd");
  EXPECT_EQ(resolved(sam).descent.sam_statistics, "both");
  EXPECT_EQ(to_json(resolved(resolved(sam))), to_json(resolved(sam)));
}

TEST(train_options, refuse_ssams_flags_of_the_other_mask) {
  TrainOptions ssam = plain();
  ssam.descent.optimizer = "ssam";
  expect_usage_error(
      "--ssam-drop-rate needs --ssam-mask dynamic",
      [](TrainOptions& o) { o.descent.sharpness.ssam_drop_rate = 0.3; }, ssam);
  expect_usage_error(
      "--ssam-samples needs --ssam-mask fisher",
      [](TrainOptions& o) {
        o.descent.sharpness.ssam_mask = "dynamic";
        o.descent.sharpness.ssam_samples = 5;
      },
      ssam);
  EXPECT_EQ(to_json(resolved(resolved(ssam))), to_json(resolved(ssam)));
}

TEST(train_options, refuse_momentum_where_there_is_none) {
  expect_usage_error("--momentum is SGD's, adam has none", [](TrainOptions& o) {
    o.descent.optimizer = "adam";
    o.descent.momentum = 0.9;
  });
  expect_usage_error("--momentum is SGD's, adamw has none", [](TrainOptions& o) {
    o.descent.optimizer = "sam";
    o.descent.base_optimizer = "adamw";
    o.descent.momentum = 0.5;
  });
  expect_usage_error("--nesterov does nothing with --momentum 0", [](TrainOptions& o) {
    o.descent.nesterov = true;
    o.descent.momentum = 0;
  });
}

TEST(train_options, refuse_flags_that_the_model_or_the_data_cannot_use) {
  expect_usage_error("--patch-size is of transformers, preact_resnet18 has no",
                     [](TrainOptions& o) { o.patch = 4; });
  expect_usage_error("--crop-padding does nothing with --no-augment", [](TrainOptions& o) {
    o.no_augment = true;
    o.crop_padding = 4;
  });
  expect_usage_error("--new-head needs --init-from", [](TrainOptions& o) { o.new_head = true; });
  expect_usage_error("--validation 0 must be at least 1",
                     [](TrainOptions& o) { o.validation = 0; });

  DatasetOptions data;
  data.broken_images = "skip";
  EXPECT_THROW(load_dataset(data, Split::test), UsageError);
  data.broken_images = "error";
  data.cache_directory = "somewhere";
  EXPECT_THROW(load_dataset(data, Split::test), UsageError);
}

TEST(train_options, refuse_a_network_that_cannot_be) {
  const TemporaryDirectory directory;
  TrainOptions options = small_run("sgd", directory.path());
  options.width = 1'000'000;
  EXPECT_THROW(train_small(options), UsageError);
  options = small_run("deit", directory.path());
  options.patch = 5;
  EXPECT_THROW(train_small(options), UsageError);
  EXPECT_EQ(names_in(directory.path()), std::vector<std::string>{});
}

TEST(train_options, choose_the_best_epoch_by_the_test_split_unless_images_are_held_out) {
  EXPECT_EQ(to_json(resolved(plain())).at("best_by"), "test accuracy");

  TrainOptions held = plain();
  held.validation = 100;
  EXPECT_EQ(to_json(resolved(held)).at("best_by"), "validation accuracy");

  TrainOptions robust = plain();
  robust.select = "robust";
  robust = resolved(robust);
  EXPECT_EQ(with_validation(robust, 60).validation, 6);
  EXPECT_EQ(with_validation(robust, 5).validation, 1);
  EXPECT_EQ(with_validation(robust, 60'000).validation, 1000);
  const nlohmann::json json = to_json(robust);
  EXPECT_EQ(json.at("best_by"), "robust validation accuracy");
  EXPECT_EQ(json.at("select_attack").at("steps"), 10);
  EXPECT_FLOAT_EQ(selecting_attack(robust)->eps, 8.f / 255);
  EXPECT_FLOAT_EQ(selecting_attack(robust)->alpha, 2.f / 255);
}

TEST(train_options, choose_robustly_within_the_radius_of_the_training) {
  TrainOptions options = adversarial("l2");
  options.at_eps = 0.25;
  options.select = "robust";
  const auto attack = selecting_attack(resolved(options));
  EXPECT_EQ(attack->norm, Norm::l2);
  EXPECT_FLOAT_EQ(attack->eps, 0.25f);
  EXPECT_FALSE(selecting_attack(resolved(adversarial())).has_value());

  TrainOptions clean = plain();
  clean.select = "robust";
  clean.at_norm = "l2";
  clean.at_eps = 0.5;
  EXPECT_FLOAT_EQ(selecting_attack(resolved(clean))->eps, 0.5f);
  expect_usage_error(
      "--at-eps", [](TrainOptions& o) { o.at_eps = -1; }, clean);
}

TEST(train_options, refuse_an_attack_that_cannot_be) {
  expect_usage_error(
      "--at-eps", [](TrainOptions& o) { o.at_eps = 8; }, adversarial());
  expect_usage_error(
      "--at-eps", [](TrainOptions& o) { o.at_eps = -0.1; }, adversarial("l2"));
  expect_usage_error(
      "--at-alpha", [](TrainOptions& o) { o.at_alpha = -0.1; }, adversarial());
  expect_usage_error(
      "--at-steps", [](TrainOptions& o) { o.at_steps = 0; }, adversarial());
}

TEST(train_options, take_trades_settings_from_its_authors_code) {
  TrainOptions options = adversarial();
  options.adversarial = "trades";
  const ClassificationOptions step = classification_options_of(resolved(options));
  EXPECT_FLOAT_EQ(step.trades_beta.value(), 6);
  EXPECT_FLOAT_EQ(step.adversarial->eps, 0.031f);
  EXPECT_FLOAT_EQ(step.adversarial->alpha, 0.007f);
  EXPECT_EQ(step.adversarial->steps, 10);
  EXPECT_EQ(step.adversarial->start, Start::near);
  EXPECT_EQ(step.attack_batch_norm, BatchNormMode::frozen);

  options.at_norm = "l2";
  options.at_steps = 5;
  const ClassificationOptions l2 = classification_options_of(resolved(options));
  EXPECT_FLOAT_EQ(l2.adversarial->eps, 128.f / 255);
  EXPECT_FLOAT_EQ(l2.adversarial->alpha, 2 * 128.f / 255 / 5);
  EXPECT_EQ(to_json(resolved(resolved(options))), to_json(resolved(options)));

  expect_usage_error("--trades-beta needs", [](TrainOptions& o) { o.trades_beta = 1; });
  expect_usage_error(
      "--trades-beta -1", [](TrainOptions& o) { o.trades_beta = -1; }, options);
}

TEST(train_options, let_free_training_step_by_eps_with_the_weights_alone) {
  TrainOptions options = adversarial();
  options.adversarial = "free";
  const TrainOptions free = resolved(options);
  EXPECT_EQ(replays(free), 8);
  EXPECT_EQ(replays(resolved(adversarial())), 1);
  EXPECT_TRUE(classification_options_of(free).free);
  EXPECT_FLOAT_EQ(classification_options_of(free).adversarial->eps, 8.f / 255);
  EXPECT_EQ(to_json(resolved(free)), to_json(free));

  expect_usage_error("--free-replays needs", [](TrainOptions& o) { o.free_replays = 2; });
  expect_usage_error(
      "--free-replays 0 must be", [](TrainOptions& o) { o.free_replays = 0; }, options);
  expect_usage_error(
      "--at-norm linf alone", [](TrainOptions& o) { o.at_norm = "l2"; }, options);
  expect_usage_error(
      "leave out --at-alpha", [](TrainOptions& o) { o.at_steps = 3; }, options);
  expect_usage_error(
      "cannot go with the SAM family", [](TrainOptions& o) { o.descent.optimizer = "sam"; },
      options);
}

TEST(train_options, know_nesterovs_momentum_for_sgd_alone) {
  expect_usage_error("--nesterov needs SGD", [](TrainOptions& o) {
    o.descent.nesterov = true;
    o.descent.optimizer = "adam";
  });
  expect_usage_error("--nesterov needs SGD", [](TrainOptions& o) {
    o.descent.nesterov = true;
    o.descent.optimizer = "sam";
    o.descent.base_optimizer = "adamw";
  });
}

TEST(train_options, refuse_a_crop_that_leaves_the_image) {
  const TemporaryDirectory directory;
  TrainOptions options = small_run("sgd", directory.path());
  options.crop_padding = 12;
  expect_error("--crop-padding 12 is not below 12", [&] { train_small(options); });
  options.crop_padding = std::int64_t{1} << 32;  // 0 as an int
  expect_error("--crop-padding 4294967296", [&] { train_small(options); });
  EXPECT_EQ(names_in(directory.path()), std::vector<std::string>{});

  options.crop_padding = 11;
  options.epochs = 1;
  train_small(options);
}

TEST(train_options, that_change_the_result_are_recorded) {
  const nlohmann::json before = to_json(resolved(plain()));
  const auto changed = [&](const std::function<void(TrainOptions&)>& change) {
    TrainOptions options = plain();
    change(options);
    return to_json(resolved(options)) != before;
  };
  EXPECT_TRUE(changed([](TrainOptions& o) { o.common.seed = 1; }));
  EXPECT_TRUE(changed([](TrainOptions& o) { o.dataset.name = "mnist"; }));
  EXPECT_TRUE(changed([](TrainOptions& o) { o.dataset.train_limit = 5; }));
  EXPECT_TRUE(changed([](TrainOptions& o) { o.width = 8; }));
  EXPECT_TRUE(changed([](TrainOptions& o) { o.epochs = 9; }));
  EXPECT_TRUE(changed([](TrainOptions& o) { o.descent.nesterov = true; }));
  EXPECT_TRUE(changed([](TrainOptions& o) { o.schedule = "cosine"; }));
  EXPECT_TRUE(changed([](TrainOptions& o) { o.warmup_epochs = 2; }));
  EXPECT_TRUE(changed([](TrainOptions& o) { o.label_smoothing = 0.1; }));
  EXPECT_TRUE(changed([](TrainOptions& o) { o.descent.clip_norm = 1; }));
  EXPECT_TRUE(changed([](TrainOptions& o) { o.descent.ema = 0.99; }));
  EXPECT_TRUE(changed([](TrainOptions& o) { o.no_augment = true; }));
  EXPECT_TRUE(changed([](TrainOptions& o) { o.no_shuffle = true; }));
  EXPECT_TRUE(changed([](TrainOptions& o) { o.crop_padding = 2; }));
  EXPECT_TRUE(changed([](TrainOptions& o) { o.init_from = "w.safetensors"; }));
  EXPECT_TRUE(changed([](TrainOptions& o) { o.descent.optimizer = "sam"; }));
  EXPECT_TRUE(changed([](TrainOptions& o) { o.descent.momentum = 0.5; }));
  EXPECT_TRUE(changed([](TrainOptions& o) { o.drop_last = true; }));
  EXPECT_TRUE(changed([](TrainOptions& o) { o.validation = 5; }));
  EXPECT_TRUE(changed([](TrainOptions& o) { o.select = "robust"; }));
  EXPECT_TRUE(changed([](TrainOptions& o) {
    o.init_from = "w.safetensors";
    o.new_head = true;
  }));
  EXPECT_FALSE(changed([](TrainOptions& o) { o.common.quiet = true; }));
  EXPECT_FALSE(changed([](TrainOptions& o) { o.run.output = "elsewhere"; }));
}

TEST(train_options, refuse_two_labels_under_attack) {
  expect_usage_error(
      "--mixup and --cutmix give an image two labels", [](TrainOptions& o) { o.mixup = 0.8; },
      adversarial());
}

TEST(train_options, know_stochastic_depth_in_transformers_alone) {
  expect_usage_error("--drop-path is of transformers, preact_resnet18 has no",
                     [](TrainOptions& o) { o.drop_path = 0.1; });
  expect_usage_error("--drop-path 1 must lie in [0, 1)", [](TrainOptions& o) {
    o.model = "deit_tiny";
    o.drop_path = 1;
  });
}

TEST(train_options, warm_awp_up_with_trades_and_demand_that_it_begins) {
  TrainOptions options = adversarial();
  options.descent.sharpness.awp = 0.005;
  EXPECT_FALSE(resolved(options).descent.sharpness.awp_warmup.has_value());
  options.adversarial = "trades";
  EXPECT_EQ(resolved(options).descent.sharpness.awp_warmup, 10);
  expect_usage_error(
      "--awp would not begin in 10 epochs after 10 without", [](TrainOptions& o) { o.epochs = 10; },
      options);
  expect_usage_error(
      "--awp-warmup needs --awp", [](TrainOptions& o) { o.descent.sharpness.awp_warmup = 3; },
      adversarial());
}

}  // namespace
}  // namespace saddle
