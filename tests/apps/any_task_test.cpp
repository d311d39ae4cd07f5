// The training loop on a task that has no images: rows of numbers and a linear classifier, against
// gradient descent written out in double.
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <vector>

#include "apps/training/run_config.h"
#include "apps/training/trainer.h"
#include "attacks/rows.h"
#include "core/file.h"
#include "tests/apps/data_files.h"
#include "tests/support/devices.h"
#include "tests/support/expect_near.h"
#include "tests/support/random_values.h"

namespace saddle {
namespace {

using namespace testing_support;
using Json = nlohmann::json;

constexpr std::int64_t kTableRows = 23, kFeatures = 5, kClasses = 3;

struct Table {
  std::vector<float> x = random_values(kTableRows * kFeatures, 3, -1.f, 1.f);
  std::vector<std::int32_t> y;
  Table() {
    for (std::int64_t row = 0; row < kTableRows; ++row)
      y.push_back(static_cast<std::int32_t>(row % 3));
  }
};

Network linear_network() {
  NetworkLayout layout;
  const Linear head(layout, "head", kFeatures, kClasses);
  NetworkOptions options;
  options.model = "linear";
  options.classes = kClasses;
  return {options, layout, [head](const Pass& pass, const Var& x) { return head(pass, x); }};
}

// How well a model knows the table; `goodness` stands in front where it is given.
std::function<Scores(const Model&)> scores_on(const Table& table,
                                              const std::function<double()>& goodness = nullptr) {
  return [&table, goodness](const Model& model) {
    const Tensor x = Tensor::from_host(model.device(), {kTableRows, kFeatures}, table.x);
    const auto found = predict(logits_of(model.evaluation(), x)).to_host<std::int32_t>();
    double right = 0;
    for (std::size_t row = 0; row < found.size(); ++row) right += found[row] == table.y[row];
    Scores scores;
    if (goodness) scores.values.push_back({"goodness", goodness()});
    scores.values.push_back({"table_accuracy", 100 * right / kTableRows});
    scores.line = "as told";
    return scores;
  };
}

Task table_task(Device& device, const Table& table) {
  const Tensor x = Tensor::from_host(device, {kTableRows, kFeatures}, table.x),
               y = Tensor::from_host(device, {kTableRows}, table.y);
  Task task;
  task.unit = "rows";
  task.examples = kTableRows;
  task.batch = [x, y](const Tensor& indices, const Tensor&) {
    return Batch{select_rows(x, indices), select_rows(y, indices), indices};
  };
  task.loss = task.likelihood = cross_entropy_loss();
  task.scores = scores_on(table);
  return task;
}

TrainerOptions trainer_options(const std::filesystem::path& output, std::int64_t epochs) {
  TrainerOptions options;
  options.epochs = epochs;
  options.batch_size = kTableRows;
  options.learning_rate = [](const Place&) { return 0.5; };
  options.output = output;
  options.quiet = true;
  return options;
}

Minimiser descent(Device& device, const Model& model, std::optional<double> rho) {
  const std::int64_t size = model.network.layout.weights.size();
  return Minimiser(Sgd(device, size, {rho ? 0.9 : 0, 0, false}), device, size, rho);
}

RunConfig run_config(std::int64_t epochs) {
  return {"test", {{"epochs", epochs}, {"schedule", "constant"}}, Json::object(), Json::object()};
}

// w [K, D] and bias [K] after `steps` of gradient descent on the mean cross-entropy of all rows.
std::vector<double> descended(std::vector<double> w, std::vector<double> bias, const Table& table,
                              int steps, double lr) {
  for (int step = 0; step < steps; ++step) {
    std::vector<double> dw(w.size(), 0), dbias(bias.size(), 0);
    for (std::size_t row = 0; row < kTableRows; ++row) {
      double z[kClasses], sum = 0;
      for (std::size_t k = 0; k < kClasses; ++k) {
        z[k] = bias[k];
        for (std::size_t j = 0; j < kFeatures; ++j)
          z[k] += w[k * kFeatures + j] * table.x[row * kFeatures + j];
        sum += std::exp(z[k]);
      }
      for (std::size_t k = 0; k < kClasses; ++k) {
        const double dz =
            (std::exp(z[k]) / sum - (table.y[row] == static_cast<std::int32_t>(k))) / kTableRows;
        dbias[k] += dz;
        for (std::size_t j = 0; j < kFeatures; ++j)
          dw[k * kFeatures + j] += dz * table.x[row * kFeatures + j];
      }
    }
    for (std::size_t i = 0; i < w.size(); ++i) w[i] -= lr * dw[i];
    for (std::size_t k = 0; k < bias.size(); ++k) bias[k] -= lr * dbias[k];
  }
  w.insert(w.end(), bias.begin(), bias.end());
  return w;
}

// Weight and bias, without the gap between their slots.
std::vector<double> values_of(const Model& model) {
  std::vector<double> all;
  for (const Slot& slot : model.network.layout.weights.slots()) {
    for (float value : view(model.weights, slot).to_host<float>()) all.push_back(value);
  }
  return all;
}

TEST(any_task, is_trained_as_gradient_descent_in_double) {
  const TemporaryDirectory directory;
  Device& device = cpu_device();
  const Table table;
  Model model(device, linear_network(), 3);
  const std::vector<double> start = values_of(model);
  Minimiser minimiser = descent(device, model, std::nullopt);

  const TrainResult result =
      run_training(trainer_options(directory.path() / "run", 7), table_task(device, table), model,
                   minimiser, run_config(7));

  const auto middle = start.begin() + kClasses * kFeatures;
  const std::vector<double> want =
      descended({start.begin(), middle}, {middle, start.end()}, table, 7, 0.5);
  const std::vector<double> got = values_of(model);
  for (std::size_t i = 0; i < want.size(); ++i)
    expect_near(got[i], want[i], 1e-5, "weight " + std::to_string(i));
  EXPECT_GT(result.score("table_accuracy"), 100. / kClasses);
  EXPECT_GT(result.score("rows_per_second"), 0);
}

// One step along the gradient's sign, as any task may climb in its inputs.
Climb sign_climb() {
  Climb climb;
  climb.before = [](const LogitsFunction& f, const Batch& batch, const Tensor&, std::int64_t) {
    std::vector<float> x = batch.inputs.to_host<float>();
    const std::vector<float> g =
        input_gradient(cross_entropy_loss(), f, batch.inputs, batch).to_host<float>();
    for (std::size_t i = 0; i < x.size(); ++i) x[i] += g[i] > 0 ? 0.1f : -0.1f;
    return Tensor::from_host(batch.inputs.device(), batch.inputs.shape(), x);
  };
  return climb;
}

std::vector<std::byte> last_after(const std::filesystem::path& output, std::int64_t epochs,
                                  RunDirectory::Open mode) {
  Device& device = cpu_device();
  const Table table;
  Task task = table_task(device, table);
  task.climb = sign_climb();
  Model model(device, linear_network(), 3);
  Minimiser minimiser = descent(device, model, 0.1);
  TrainerOptions options = trainer_options(output, epochs);
  options.batch_size = 5;
  options.ema = 0.8;
  options.mode = mode;
  run_training(options, task, model, minimiser, run_config(epochs));
  return read_file(output / "last.safetensors", 1 << 20);
}

TEST(any_task, climbs_in_both_arguments_and_is_resumed_bit_for_bit) {
  const TemporaryDirectory directory;
  const auto whole = last_after(directory.path() / "whole", 4, RunDirectory::Open::fresh);

  last_after(directory.path() / "parts", 2, RunDirectory::Open::fresh);
  const auto resumed = last_after(directory.path() / "parts", 4, RunDirectory::Open::resume);

  EXPECT_EQ(resumed, whole);
}

TEST(any_task, keeps_the_epoch_that_its_first_score_prefers) {
  const TemporaryDirectory directory;
  Device& device = cpu_device();
  const Table table;
  Task task = table_task(device, table);
  double falling = 10;
  task.scores = scores_on(table, [&] { return --falling; });
  Model model(device, linear_network(), 3);
  Minimiser minimiser = descent(device, model, std::nullopt);

  const TrainResult result = run_training(trainer_options(directory.path() / "run", 3), task, model,
                                          minimiser, run_config(3));

  EXPECT_EQ(result.best, 9);
  EXPECT_EQ(result.score("goodness"), 7);
  EXPECT_NE(read_file(directory.path() / "run/best.safetensors", 1 << 20),
            read_file(directory.path() / "run/last.safetensors", 1 << 20));
}

}  // namespace
}  // namespace saddle
