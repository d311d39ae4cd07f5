// Images that are held out choose the best epoch, and only that.
#include "apps/train/validation.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "tests/apps/training_runs.h"

namespace saddle {
namespace {

// The images of a set, sorted, with their labels.
std::vector<std::vector<int>> rows_of(const Dataset& data) {
  const std::size_t size = data.pixels.size() / data.labels.size();
  std::vector<std::vector<int>> rows;
  for (std::size_t n = 0; n < data.labels.size(); ++n) {
    const auto begin = data.pixels.begin() + static_cast<std::ptrdiff_t>(n * size);
    rows.emplace_back(begin, begin + static_cast<std::ptrdiff_t>(size));
    rows.back().push_back(data.labels[n]);
  }
  std::ranges::sort(rows);
  return rows;
}

TEST(held_out_images, are_a_part_of_the_whole_drawn_by_the_seed) {
  const Dataset all = training_data();
  const HeldOut parts = hold_out(all, 13, 5);

  EXPECT_EQ(parts.train.size(), 47);
  EXPECT_EQ(parts.validation.size(), 13);
  auto rows = rows_of(parts.train);
  for (const auto& row : rows_of(parts.validation)) rows.push_back(row);
  std::ranges::sort(rows);
  EXPECT_EQ(rows, rows_of(all));
  EXPECT_EQ(hold_out(all, 13, 5).validation.pixels, parts.validation.pixels);
  EXPECT_NE(hold_out(all, 13, 6).validation.pixels, parts.validation.pixels);
}

TEST(held_out_images, leave_some_to_train_on) {
  EXPECT_THROW(hold_out(training_data(), 60, 1), UsageError);
  EXPECT_THROW(hold_out(training_data(), 0, 1), UsageError);
  EXPECT_EQ(hold_out(training_data(), 59, 1).train.size(), 1);
}

void expect_best_by(const std::string& key, const TrainOptions& options) {
  const TrainResult result = train_small(options);

  double best = -1;
  std::size_t at = 0;
  const auto metrics = timeless_metrics(options.run.output);
  for (std::size_t i = 0; i < metrics.size(); ++i) {
    const double value = metrics[i].at(key);
    if (value > best) at = i;
    best = std::max(best, value);
  }
  EXPECT_EQ(result.best, best);
  const Model model =
      load_checkpoint(options.run.output + "/best.safetensors", cpu_device(), {}, {});
  const HeldOut parts = hold_out(training_data(), *with_validation(options, 60).validation, 5);
  const auto accuracy = validate(model, DeviceDataset(cpu_device(), parts.validation),
                                 selecting_attack(resolved(options)), 5);
  EXPECT_EQ(accuracy.clean, metrics[at].at("validation_accuracy"));
  EXPECT_EQ(accuracy.robust.value_or(accuracy.clean), best);
}

TEST(best_epoch, is_chosen_by_the_held_out_images) {
  const TemporaryDirectory directory;
  TrainOptions options = small_run("sgd", directory.path());
  options.validation = 15;
  expect_best_by("validation_accuracy", options);
  EXPECT_FALSE(timeless_metrics(directory.path())[0].contains("validation_robust_accuracy"));
}

TEST(best_epoch, is_chosen_by_their_robust_accuracy) {
  const TemporaryDirectory directory;
  TrainOptions options = small_run("sgd", directory.path());
  options.no_augment = true;
  options.width = 4;
  options.select = "robust";
  options.validation = 20;
  options.at_eps = 0.05;
  expect_best_by("validation_robust_accuracy", options);

  const auto last = timeless_metrics(directory.path()).back();
  EXPECT_LT(last.at("validation_robust_accuracy"), last.at("validation_accuracy"));
}

// So many images that bf16 and fp32 disagree about some.
TEST(validation, of_a_model_in_bf16_is_judged_in_fp32) {
  ModelDescription description;
  description.network = {"preact_resnet10", 2, 1, 12, 12, 4};
  description.mean = {.5f};
  description.std = {.25f};
  Model model(emulated_device(), description, 1, Precision::bf16);
  const DeviceDataset data(emulated_device(), quadrants(600, 3));
  const double in_bf16 = evaluate(model.evaluation(), data, 200).loss;
  const auto rough = validate(model, data, fgsm(1.f / 255), 5);
  model.precision = Precision::fp32;
  const auto exact = validate(model, data, fgsm(1.f / 255), 5);

  EXPECT_NE(in_bf16, evaluate(model.evaluation(), data, 200).loss);
  EXPECT_EQ(rough.clean, exact.clean);
  EXPECT_NEAR(*rough.robust, *exact.robust, 0.5);
}

TEST(best_epoch, by_robust_accuracy_survives_an_interruption) {
  const TemporaryDirectory directory;
  TrainOptions options = small_run("pgd", directory.path() / "whole");
  options.select = "robust";
  options.schedule = "constant";
  options.epochs = 3;
  train_small(options);

  options.run.output = (directory.path() / "resumed").string();
  options.epochs = 2;
  train_small(options);
  options.epochs = 3;
  options.run.resume = true;
  train_small(options);

  expect_equal_runs(directory.path() / "resumed", directory.path() / "whole");
}

}  // namespace
}  // namespace saddle
