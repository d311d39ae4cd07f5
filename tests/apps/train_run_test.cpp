// What a whole training does: it learns, SAM with radius 0 is its base, and a run that diverges
// says where.
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "apps/common/evaluate.h"
#include "core/json_text.h"
#include "tests/apps/training_runs.h"

namespace saddle {
namespace {

TEST(training, learns_the_quadrants) {
  const TemporaryDirectory directory;
  TrainOptions options = small_run("sgd", directory.path());
  options.no_augment = true;
  options.width = 4;

  const TrainResult result = train_small(options);

  // Four classes: guessing gives 25 %.
  EXPECT_GE(result.best, 80);
  const auto metrics = timeless_metrics(directory.path());
  ASSERT_EQ(metrics.size(), 6u);
  EXPECT_LT(metrics.back().at("train_loss"), metrics.front().at("train_loss"));
  EXPECT_EQ(metrics.back().at("test_accuracy"), result.score("test_accuracy"));
}

TEST(training, keeps_the_epoch_with_the_best_test_accuracy) {
  const TemporaryDirectory directory;
  const TrainResult result = train_small(small_run("sgd", directory.path()));

  double best = 0;
  for (const auto& epoch : timeless_metrics(directory.path()))
    best = std::max(best, double{epoch.at("test_accuracy")});
  EXPECT_EQ(result.best, best);
  const Model model = load_checkpoint(directory.path() / "best.safetensors", cpu_device(), {}, {});
  const DeviceDataset data(cpu_device(), test_data());
  EXPECT_EQ(evaluate(model.evaluation(), data, 33).accuracy, best);
}

TEST(training, records_every_settings_value) {
  const TemporaryDirectory directory;
  TrainOptions options = small_run("sgd", directory.path());
  options.epochs = 1;
  train_small(options);

  const auto config = parse_json(contents(directory.path() / "config.json"));
  EXPECT_EQ(config.at("settings"), to_json(resolved(options)));
  EXPECT_EQ(config.at("environment").at("device"), "cpu");
}

TEST(training, keeps_what_the_data_warned_of) {
  const TemporaryDirectory directory;
  TrainOptions options = small_run("sgd", directory.path());
  options.epochs = 1;
  Dataset training = training_data(), test = test_data();
  training.warnings = {"3 files are left out"};
  test.warnings = {"1 file is left out"};
  train(resolved(options), training, test);

  const auto config = parse_json(contents(directory.path() / "config.json"));
  EXPECT_EQ(config.at("warnings"), (nlohmann::json{"3 files are left out", "1 file is left out"}));
}

TEST(training, with_sam_of_radius_zero_is_its_base_optimiser) {
  const TemporaryDirectory directory;
  train_small(small_run("sgd", directory.path() / "sgd"));
  TrainOptions options = small_run("sgd", directory.path() / "sam");
  options.descent.optimizer = "sam";
  options.descent.sharpness.rho = 0;
  options.descent.sam_statistics = "first";
  train_small(options);

  auto sgd = tensors_of(directory.path() / "sgd/last.safetensors");
  auto sam = tensors_of(directory.path() / "sam/last.safetensors");
  const auto is_counter = [](const auto& entry) {
    return entry.first.ends_with("num_batches_tracked");
  };
  EXPECT_EQ(std::erase_if(sgd, is_counter), 9u);
  std::erase_if(sam, is_counter);  // counts both of SAM's forwards
  EXPECT_TRUE(sgd == sam);
  EXPECT_EQ(timeless_metrics(directory.path() / "sgd"), timeless_metrics(directory.path() / "sam"));
}

TEST(training, with_sam_of_a_radius_is_not_its_base_optimiser) {
  const TemporaryDirectory directory;
  train_small(small_run("sgd", directory.path() / "sgd"));
  TrainOptions options = small_run("sgd", directory.path() / "sam");
  options.descent.optimizer = "sam";
  options.descent.sam_statistics = "first";
  train_small(options);

  EXPECT_NE(tensors_of(directory.path() / "sgd/last.safetensors").at("conv1.weight"),
            tensors_of(directory.path() / "sam/last.safetensors").at("conv1.weight"));
}

TEST(training, of_a_model_that_there_cannot_be_is_the_command_lines_fault) {
  const TemporaryDirectory directory;
  TrainOptions options = small_run("sgd", directory.path() / "run");
  options.width = 5000;

  EXPECT_THROW(train_small(options), UsageError);
  EXPECT_FALSE(std::filesystem::exists(directory.path() / "run"));
}

TEST(divergence, names_epoch_and_step) {
  const TemporaryDirectory directory;
  TrainOptions options = small_run("sgd", directory.path());
  options.descent.lr = 1e38;

  const std::string message = error_of([&] { train_small(options); });

  expect_part("training diverged", message);
  expect_part("in epoch 1, step ", message);
  expect_part("Lower --lr", message);
  EXPECT_FALSE(std::filesystem::exists(directory.path() / "last.safetensors"));
}

TEST(divergence, in_the_last_step_of_an_epoch_is_found_before_it_is_saved) {
  const TemporaryDirectory directory;
  TrainOptions options = small_run("sgd", directory.path());
  options.descent.lr = 1e38;
  options.batch_size = 60;  // one step an epoch: its loss, taken before the step, is finite

  const std::string message = error_of([&] { train_small(options); });

  expect_part("training diverged: in epoch 1, after step 1", message);
  EXPECT_EQ(names_in(directory.path()), std::vector<std::string>{"config.json"});
}

TEST(divergence, keeps_the_epochs_before) {
  const TemporaryDirectory directory;
  TrainOptions options = small_run("sgd", directory.path());
  options.epochs = 2;
  train_small(options);
  const std::string last = contents(directory.path() / "last.safetensors");

  // The run goes on from a state whose momentum is near the end of float: the next epoch must
  // diverge.
  const SafetensorsFile state = SafetensorsFile::load(directory.path() / "state.safetensors");
  auto position = parse_json(state.metadata().at("position"));
  std::vector<float> momentum = state.read_f32("optimizer.momentum");
  for (float& value : momentum) value = 3e38f;
  std::vector<NamedTensor> tensors;
  for (const auto& [name, tensor] : state.tensors()) {
    const Bytes bytes =
        name == "optimizer.momentum" ? std::as_bytes(std::span(momentum)) : tensor.bytes;
    tensors.push_back({name, tensor.dtype, tensor.shape, bytes});
  }
  position["epochs_done"] = 1;
  position["metrics"].erase(1);
  save_safetensors(directory.path() / "state.safetensors", tensors,
                   {{"position", json_text(position)}});
  const std::string before = contents(directory.path() / "state.safetensors");
  options.run.resume = true;
  const std::string message = error_of([&] { train_small(options); });

  expect_part("in epoch 2, step ", message);
  expect_part("keeps the 1 epochs before", message);
  EXPECT_EQ(contents(directory.path() / "last.safetensors"), last);
  EXPECT_EQ(contents(directory.path() / "state.safetensors"), before);
  load_checkpoint(directory.path() / "last.safetensors", cpu_device(), {}, {});
}

}  // namespace
}  // namespace saddle
