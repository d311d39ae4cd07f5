// The learning rate of each step of a segmentation training, which weights take a smaller one, and
// what config.json keeps of the settings.
#include <gtest/gtest.h>

#include <functional>
#include <nlohmann/json.hpp>
#include <set>

#include "tests/apps/data_files.h"
#include "tests/apps/segmentation_runs.h"
#include "tests/support/expect_near.h"

namespace saddle {
namespace {

// ---- the learning rate ----

SegmentTrainOptions long_run(const std::string& preset, const std::string& optimizer = "sgd") {
  SegmentTrainOptions options;
  options.data.name = "voc2012";
  options.run.output = "run";
  options.preset = preset;
  options.descent.optimizer = optimizer;
  return options;
}

// Of iteration i, counted from 1 as the reference does.
std::function<double(std::int64_t)> rates_of(const SegmentTrainOptions& options) {
  const auto rate = trainer_options_of(resolved(options), 10582).learning_rate;
  return [rate](std::int64_t iteration) { return rate({0, iteration - 1}); };
}

// 0.01 (1 - t / 30000)^0.9, worked out apart from the code.
TEST(segment_rate, is_polynomial_in_the_iterations_done) {
  const auto rate = rates_of(long_run("standard"));
  EXPECT_EQ(rate(1), 0.01);
  EXPECT_DOUBLE_EQ(rate(2), 0.01 * std::pow(29999. / 30000, 0.9));
  EXPECT_NEAR(rate(15001), 0.005358867312681, 1e-15);  // t = 15000: 0.01 / 2^0.9
  EXPECT_NEAR(rate(29999), 1.743885e-6, 1e-12);        // t = 29998: 0.01 15000^-0.9
  EXPECT_EQ(rate(30000), 1e-6);                        // 9.3e-7 but for the floor
}

TEST(segment_rate, is_one_iteration_late_with_the_official_preset) {
  const auto official = rates_of(long_run("official")), standard = rates_of(long_run("standard"));
  EXPECT_EQ(official(1), 0.01);
  EXPECT_EQ(official(2), 0.01);
  EXPECT_EQ(official(3), standard(2));
  EXPECT_NEAR(official(15002), 0.005358867312681, 1e-15);
  EXPECT_NEAR(official(30000), 1.743885e-6, 1e-12);
}

TEST(segment_rate, is_constant_until_sam_begins_with_the_official_preset) {
  const auto rate = rates_of(long_run("official", "sam"));
  EXPECT_EQ(rate(1), 0.01);
  EXPECT_EQ(rate(5000), 0.01);
  EXPECT_EQ(rate(10000), 0.01);
  EXPECT_NEAR(rate(10001), 0.006942844, 1e-9);  // 0.01 (20001 / 30000)^0.9
  EXPECT_DOUBLE_EQ(rate(10002), 0.01 * std::pow(20000. / 30000, 0.9));
}

TEST(segment_rate, is_not_held_back_by_sam_that_begins_late_without_a_restart) {
  SegmentTrainOptions options = long_run("standard", "sam");
  options.sam_start = 10000;
  const auto rate = rates_of(options), plain = rates_of(long_run("standard"));
  for (const std::int64_t iteration : {1, 5000, 10000, 10001, 30000}) {
    EXPECT_EQ(rate(iteration), plain(iteration)) << iteration;
  }
}

TEST(segment_rate, below_the_floor_stays_what_it_is) {
  SegmentTrainOptions options = long_run("standard");
  options.descent.lr = 1e-7;
  EXPECT_EQ(rates_of(options)(1), 1e-7);
  EXPECT_EQ(rates_of(options)(20000), 1e-7);
  options.descent.lr = 0;
  EXPECT_EQ(rates_of(options)(7), 0);
}

TEST(segment_rate, follows_other_schedules_by_the_step) {
  const auto rate = [](const std::string& schedule, std::int64_t iteration) {
    SegmentTrainOptions options = long_run("standard");
    options.schedule = schedule;
    return rates_of(options)(iteration);
  };
  EXPECT_EQ(rate("constant", 29000), 0.01);
  EXPECT_NEAR(rate("cosine", 15001), 0.005, 1e-15);
  EXPECT_EQ(rate("step", 22500), 0.01);
  EXPECT_DOUBLE_EQ(rate("step", 22501), 0.001);
  EXPECT_DOUBLE_EQ(rate("step", 27001), 0.0001);
}

TEST(segment_rate, counts_the_steps_of_full_batches_in_epochs) {
  SegmentTrainOptions options = small_segment_run("run");  // 4 epochs of 3 steps
  const TrainerOptions trainer = trainer_options_of(resolved(options), 14);
  EXPECT_DOUBLE_EQ(trainer.learning_rate({2, 6}), 0.05 * std::pow(0.5, 0.9));
  EXPECT_EQ(trainer.epochs, 4);
  EXPECT_EQ(trainer.last_batch, LastBatch::dropped);
  EXPECT_FALSE(trainer.steps.has_value());
}

TEST(segment_length, of_iterations_is_as_many_epochs_as_they_need) {
  SegmentTrainOptions options = small_segment_run("run");
  options.epochs.reset();
  const auto epochs = [&](std::int64_t iterations) {
    options.iterations = iterations;
    return trainer_options_of(resolved(options), 14).epochs;
  };
  EXPECT_EQ(epochs(1), 1);
  EXPECT_EQ(epochs(3), 1);
  EXPECT_EQ(epochs(4), 2);
  EXPECT_EQ(epochs(9), 3);
  EXPECT_EQ(epochs(10), 4);
}

TEST(segment_length, has_at_most_a_hundred_tests) {
  SegmentTrainOptions options = small_segment_run("run");
  const auto every = [&](std::int64_t epochs) {
    options.epochs = epochs;
    return trainer_options_of(resolved(options), 14).score_every;
  };
  EXPECT_EQ(every(1), 1);
  EXPECT_EQ(every(100), 1);
  EXPECT_EQ(every(101), 2);
  EXPECT_EQ(every(1000), 10);
  options.eval_every = 7;
  EXPECT_EQ(every(1000), 7);
}

// ---- the backbone's rate ----

// The weights after one step of plain descent at rate 1 on a gradient of 1 everywhere.
std::vector<float> stepped(const Network& network, double factor) {
  SegmentTrainOptions options = small_segment_run("run");
  options.backbone_lr_factor = factor;
  options.descent.momentum = 0;
  options.descent.weight_decay = 0;
  Device& device = cpu_device();
  Minimiser minimiser = minimiser_of(resolved(options), device, network, 1);
  const Parameters w{network.layout.weights.zeros(device), {}};
  minimiser.step(w, 1, {[](const Parameters&, const Tensor& g, const GradientRequest&) {
                   Tensor(g).copy_from(Tensor::filled(g.device(), g.shape(), 1.f));
                 }});
  return w.values.to_host<float>();
}

TEST(segment_minimiser, slows_exactly_the_weights_of_the_backbone) {
  for (const char* name : {"deeplabv3_mobilenetv2", "deeplabv3_resnet50"}) {
    NetworkOptions options = small_segmenter().network;
    options.model = name;
    const Network network = make_network(options);
    for (const double factor : {0.25, 0., 1.}) {
      const std::vector<float> w = stepped(network, factor);
      int of_backbone = 0, of_head = 0;
      for (const Slot& slot : network.layout.weights.slots()) {
        const bool backbone = slot.name.starts_with("backbone.");
        ++(backbone ? of_backbone : of_head);
        const std::vector<float> values = WeightLayout::to_file_order(slot, w);
        const float expected = backbone ? -static_cast<float>(factor) : -1.f;
        EXPECT_EQ(values, std::vector<float>(values.size(), expected)) << slot.name;
      }
      EXPECT_GT(of_backbone, 100);
      EXPECT_EQ(of_head, 23);
    }
  }
}

// ---- config.json ----

struct Row {
  const char* name;
  std::function<void(SegmentTrainOptions&)> change;
};

nlohmann::json json_of(const std::function<void(SegmentTrainOptions&)>& change,
                       const std::string& optimizer, const std::string& adversarial) {
  SegmentTrainOptions options = small_segment_run("run");
  options.descent.optimizer = optimizer;
  options.adversarial = adversarial;
  change(options);
  return to_json(resolved(options), square_training_data());
}

// Each of them, and the run as it is, must differ from all others.
void expect_all_recorded(const std::vector<Row>& rows, const std::string& optimizer,
                         const std::string& adversarial) {
  const nlohmann::json plain = json_of([](SegmentTrainOptions&) {}, optimizer, adversarial);
  std::set<std::string> seen = {plain.dump()};
  for (const Row& row : rows) {
    EXPECT_TRUE(seen.insert(json_of(row.change, optimizer, adversarial).dump()).second) << row.name;
  }
}

TEST(segment_config, records_whatever_changes_the_network_the_data_or_the_steps) {
  expect_all_recorded(
      {{"model", [](auto& o) { o.model = "deeplabv3_resnet50", o.mobilenet_padding = ""; }},
       {"width", [](auto& o) { o.width = 0.125; }},
       {"output_stride", [](auto& o) { o.output_stride = 4; }},
       {"rates", [](auto& o) { o.aspp_rates = "1,2,4"; }},
       {"channels", [](auto& o) { o.aspp_channels = 9; }},
       {"padding", [](auto& o) { o.mobilenet_padding = "before"; }},
       {"dropout", [](auto& o) { o.dropout = 0; }},
       {"backbone momentum", [](auto& o) { o.backbone_momentum = 0.1; }},
       {"frozen backbone", [](auto& o) { o.frozen_backbone = true; }},
       {"backbone rate", [](auto& o) { o.backbone_lr_factor = 0.1; }},
       {"optimizer", [](auto& o) { o.descent.optimizer = "adam"; }},
       {"lr", [](auto& o) { o.descent.lr = 0.02; }},
       {"momentum", [](auto& o) { o.descent.momentum = 0.5; }},
       {"nesterov", [](auto& o) { o.descent.nesterov = true; }},
       {"weight decay", [](auto& o) { o.descent.weight_decay = 0.1; }},
       {"clipping", [](auto& o) { o.descent.clip_norm = 1; }},
       {"ema", [](auto& o) { o.descent.ema = 0.9; }},
       {"epochs", [](auto& o) { o.epochs = 5; }},
       {"iterations", [](auto& o) { o.epochs.reset(), o.iterations = 12; }},
       {"batch size", [](auto& o) { o.batch_size = 6; }},
       {"eval every", [](auto& o) { o.eval_every = 2; }},
       {"schedule", [](auto& o) { o.schedule = "poly_official"; }},
       {"class weights", [](auto& o) { o.class_weights = "balanced"; }},
       {"accumulate", [](auto& o) { o.accumulate = 2; }},
       {"crop", [](auto& o) { o.crop = 24; }},
       {"scale", [](auto& o) { o.scale_low = 0.5, o.scale_high = 1; }},
       {"pad label", [](auto& o) { o.pad_label = 0; }},
       {"pad all sides", [](auto& o) { o.pad_all_sides = true; }},
       {"minmax", [](auto& o) { o.minmax = true; }},
       {"no augment", [](auto& o) { o.no_augment = true; }},
       {"no shuffle", [](auto& o) { o.no_shuffle = true; }},
       {"init from", [](auto& o) { o.init_from = "a"; }},
       {"new head", [](auto& o) { o.init_from = "a", o.new_head = true; }},
       {"init backbone", [](auto& o) { o.init_backbone = "a"; }},
       {"seed", [](auto& o) { o.common.seed = 6; }},
       {"precision", [](auto& o) { o.common.precision = "bf16"; }},
       {"preset", [](auto& o) { o.preset = "official"; }},
       {"data set", [](auto& o) { o.data.name = "voc2012"; }},
       {"split", [](auto& o) { o.data.test_split = "test"; }},
       {"train split", [](auto& o) { o.data.train_split = "trainval"; }},
       {"train limit", [](auto& o) { o.data.train_limit = 5; }},
       {"test limit", [](auto& o) { o.data.test_limit = 5; }},
       {"ignored label", [](auto& o) { o.data.ignore_label = 0; }},
       {"reduced label", [](auto& o) { o.data.reduce_zero_label = true; }},
       {"label map", [](auto& o) { o.data.label_map = "a"; }},
       {"mask colours", [](auto& o) { o.data.mask_colours = "a"; }},
       {"classes", [](auto& o) { o.data.classes_file = "a"; }},
       {"stanford's labels",
        [](auto& o) { o.data.name = "stanford-background", o.data.label_mode = "official9"; }},
       {"stanford's split",
        [](auto& o) { o.data.name = "stanford-background", o.data.split_seed = 3; }}},
      "sgd", "none");
}

TEST(segment_config, records_whatever_changes_sam_or_the_attack) {
  expect_all_recorded({{"rho", [](auto& o) { o.descent.sharpness.rho = 0.1; }},
                       {"base", [](auto& o) { o.descent.base_optimizer = "adam"; }},
                       {"statistics", [](auto& o) { o.descent.sam_statistics = "first"; }},
                       {"start", [](auto& o) { o.sam_start = 3; }},
                       {"restart", [](auto& o) { o.sam_start = 3, o.sam_start_restarts = true; }},
                       {"attack", [](auto& o) { o.adversarial = "segpgd"; }},
                       {"official", [](auto& o) { o.adversarial = "official"; }},
                       {"norm", [](auto& o) { o.at_norm = "l2"; }},
                       {"eps", [](auto& o) { o.at_eps = 0.1; }},
                       {"alpha", [](auto& o) { o.at_alpha = 0.1; }},
                       {"steps", [](auto& o) { o.at_steps = 3; }},
                       {"batch-norm", [](auto& o) { o.at_batch_norm = "train"; }},
                       {"half", [](auto& o) { o.at_half = true; }},
                       {"normalisation", [](auto& o) { o.seg_norm = "official"; }}},
                      "sam", "pgd");
}

TEST(segment_config, does_not_record_where_and_how_fast_a_run_is_made) {
  const auto json = [](const std::function<void(SegmentTrainOptions&)>& change) {
    return json_of(change, "sgd", "none");
  };
  const nlohmann::json plain = json([](auto&) {});
  EXPECT_EQ(json([](auto& o) { o.run.output = "other"; }), plain);
  EXPECT_EQ(json([](auto& o) { o.run.resume = true; }), plain);
  EXPECT_EQ(json([](auto& o) { o.common.threads = 7; }), plain);
  EXPECT_EQ(json([](auto& o) { o.common.quiet = false; }), plain);
  EXPECT_EQ(json([](auto& o) { o.data.directory = "d"; }), plain);
}

// A run that is gone on with may say what the run before took anyway.
TEST(segment_config, is_the_same_where_a_default_is_said) {
  const auto json = [](const std::function<void(SegmentTrainOptions&)>& change) {
    return json_of(change, "sam", "pgd");
  };
  const nlohmann::json plain = json([](auto&) {});
  EXPECT_EQ(json([](auto& o) { o.class_weights = "none"; }), plain);
  EXPECT_EQ(json([](auto& o) { o.sam_start = 0; }), plain);
  EXPECT_EQ(json([](auto& o) { o.pad_label = 255; }), plain);
  EXPECT_EQ(json([](auto& o) { o.schedule = "poly"; }), plain);
  EXPECT_EQ(json([](auto& o) { o.at_norm = "linf"; }), plain);
  EXPECT_EQ(json([](auto& o) { o.data.train_split = "train"; }), plain);
  EXPECT_EQ(json([](auto& o) { o.data.test_split = "val"; }), plain);
}

TEST(segment_config, of_options_resolved_twice_is_the_same) {
  for (const char* preset : {"standard", "fashion-scenes", "official"}) {
    for (const char* adversarial : {"none", "pgd", "segpgd", "official"}) {
      SegmentTrainOptions options = long_run(preset, "sam");
      options.adversarial = adversarial;
      const SegmentTrainOptions once = resolved(options);
      EXPECT_EQ(to_json(resolved(once), square_training_data()),
                to_json(once, square_training_data()))
          << preset << ' ' << adversarial;
    }
  }
}

}  // namespace
}  // namespace saddle
