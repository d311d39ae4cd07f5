// A training step that is captured and replayed against one that is called anew, and in bf16
// against one in fp32.
#include "apps/training/training_step.h"

#include <gtest/gtest.h>

#include "tests/apps/training_runs.h"
#include "tests/support/devices.h"
#include "tests/support/expect_near.h"
#include "tests/support/random_values.h"

namespace saddle {
namespace {

using namespace testing_support;

struct Trained {
  std::vector<double> losses, correct;
  std::vector<float> weights, statistics, averaged, delta;
  std::vector<double> mean_weights;  // the average, written out in double
};

// Steps on batches of 16, 16, 16 and 12 for `epochs` epochs, the learning rate falling every step.
Trained train_steps(const std::string& device_name, const std::string& run, Precision precision,
                    int epochs) {
  Device& device = device_named(device_name);
  const TrainOptions options = resolved(small_run(run, "unused"));
  const Dataset images = training_data();
  const DeviceDataset data(device, images);
  Model model(device,
              {{"preact_resnet10", 4, 1, images.height, images.width, 4}, images.mean, images.std},
              7, precision);
  Minimiser minimiser = minimiser_of(options, device, model.network.layout.weights);
  AveragedModel averaged(model, static_cast<float>(options.descent.ema.value_or(0)));
  const Task task = task_of(options, data);
  TrainingStep step(model, minimiser, task, step_options_of(options), &averaged);
  Trained result;
  result.mean_weights = to_double(model.weights.to_host<float>());
  std::uint32_t number = 0;
  for (int epoch = 0; epoch < epochs; ++epoch) {
    step.begin_epoch(epoch_order(data.size(), 5, static_cast<std::uint32_t>(epoch)),
                     static_cast<std::uint32_t>(epoch));
    for (std::int64_t first = 0; first < data.size(); first += 16) {
      const double lr = *options.descent.lr / (1 + number);
      const BatchSums sums =
          step(first, std::min<std::int64_t>(16, data.size() - first), lr, number++).wait();
      result.losses.push_back(sums.loss);
      result.correct.push_back(sums.right);
      const std::vector<float> w = model.weights.to_host<float>();
      for (std::size_t i = 0; i < w.size(); ++i) {
        result.mean_weights[i] +=
            (1 - options.descent.ema.value_or(0)) * (w[i] - result.mean_weights[i]);
      }
    }
  }
  result.weights = model.weights.to_host<float>();
  result.statistics = model.statistics.to_host<float>();
  result.averaged = averaged.model.weights.to_host<float>();
  if (!task.kept.empty()) result.delta = task.kept.front().tensor.to_host<float>();
  return result;
}

class TrainingSteps : public testing::TestWithParam<const char*> {};

INSTANTIATE_TEST_SUITE_P(Runs, TrainingSteps,
                         testing::Values("sgd", "sam-adam", "pgd", "trades", "free", "averaged",
                                         "mixed", "pieces"),
                         [](const auto& info) {
                           std::string name = info.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

// The emulated device captures a step at its second batch of a size; the cpu calls each anew. Three
// epochs replay every size, with other rows, rates and random starts each time.
void expect_replayed_equals_called(const std::string& run) {
  const Trained called = train_steps("cpu", run, Precision::fp32, 3);
  const Trained replayed = train_steps("emulated", run, Precision::fp32, 3);

  EXPECT_EQ(replayed.losses, called.losses);
  EXPECT_EQ(replayed.correct, called.correct);
  EXPECT_EQ(bits_of(replayed.weights), bits_of(called.weights));
  EXPECT_EQ(bits_of(replayed.statistics), bits_of(called.statistics));
  EXPECT_EQ(bits_of(replayed.averaged), bits_of(called.averaged));
  EXPECT_EQ(bits_of(replayed.delta), bits_of(called.delta));
}

TEST_P(TrainingSteps, replayed_give_the_bits_of_steps_called_anew) {
  expect_replayed_equals_called(GetParam());
}

// LookSAM's steps are of two kinds, each captured by itself; ESAM's choose rows on the device.
TEST(training_steps, replayed_by_looksam_and_esam_give_the_bits_of_steps_called_anew) {
  expect_replayed_equals_called("looksam");
  expect_replayed_equals_called("esam");
}

TEST(training_steps, keep_the_moving_average_of_the_weights) {
  const Trained trained = train_steps("cpu", "averaged", Precision::fp32, 3);

  ASSERT_EQ(trained.averaged.size(), trained.mean_weights.size());
  for (std::size_t i = 0; i < trained.averaged.size(); ++i) {
    expect_near(trained.averaged[i], trained.mean_weights[i], 1e-5, "weight " + std::to_string(i));
  }
  EXPECT_NE(bits_of(trained.averaged), bits_of(trained.weights));
}

// bf16 keeps eight bits: a loss after a few steps may be off by some per cent, and training must go
// the same way.
TEST_P(TrainingSteps, in_bf16_follow_the_losses_of_fp32) {
  const Trained exact = train_steps("cpu", GetParam(), Precision::fp32, 1);

  for (const std::string& device : gpu_like_device_names()) {
    const Trained rounded = train_steps(device, GetParam(), Precision::bf16, 1);

    EXPECT_NE(rounded.losses, exact.losses) << "nothing was rounded on " << device;
    for (std::size_t step = 0; step < exact.losses.size(); ++step) {
      EXPECT_NEAR(rounded.losses[step], exact.losses[step], 0.05 * (1 + exact.losses[step]))
          << device << ", step " << step;
    }
  }
}

// On a GPU every sum of a library is another order's: losses agree to rounding, which training
// amplifies from step to step.
TEST_P(TrainingSteps, on_a_gpu_follow_the_losses_of_the_cpu) {
  if (cuda_device_count() == 0) GTEST_SKIP() << "no CUDA device";
  const Trained cpu = train_steps("cpu", GetParam(), Precision::fp32, 3);
  const Trained gpu = train_steps("cuda", GetParam(), Precision::fp32, 3);

  // A climb in x goes by signs of gradients, some of which rounding turns: weights that differ by
  // 1e-7 miss the tighter bounds on the CPU already.
  const bool climbs = std::string(GetParam()) == "pgd" || std::string(GetParam()) == "trades";
  const double first = climbs ? 1e-3 : 1e-5, later = climbs ? 5e-2 : 1e-2;
  EXPECT_NEAR(gpu.losses[0], cpu.losses[0], first * (1 + cpu.losses[0]));
  for (std::size_t step = 0; step < cpu.losses.size(); ++step) {
    EXPECT_NEAR(gpu.losses[step], cpu.losses[step], later * (1 + cpu.losses[step])) << step;
  }
}

// One step of plain SGD on the first 16 images, batch-norm's running statistics left alone.
struct OneStep {
  Device& device = cpu_device();
  Dataset images = training_data();
  DeviceDataset data{device, images};
  Model model{device,
              {{"preact_resnet10", 4, 1, images.height, images.width, 4}, images.mean, images.std},
              7};
  Batch batch = data.batch(0, 16);
  Tensor sums{device, {3}};

  ClassificationOptions options;
  StepOptions step;
  Task task;  // made when the step is taken, unless it is there
  int forwards = 0;
  OneStep() { step.sam_statistics = SamStatistics::none; }

  void make_task() { task = classification_task(data, options, 16); }
  double take() {
    const std::int64_t size = model.network.layout.weights.size();
    Minimiser minimiser(Sgd(device, size, {0, 0, false}), device, size, {});
    minimiser.prepare(0.1);
    if (!task.loss) make_task();
    forwards =
        step_on_batch(model, task, minimiser, {model.weights, {}}, batch,
                      Tensor::from_host(device, {1}, std::vector<std::int32_t>{0}), step, sums);
    return sums.to_host<float>()[0];
  }
  // dL/dx of the mean loss at the weights as they are, in train mode.
  std::vector<float> pixel_gradient() {
    Tape tape;
    const Var x = tape.input(batch.inputs, Gradient::wanted);
    const Var z = model.logits(
        {tape, {model.weights, {}}, {}, model.statistics, BatchNormMode::batch_only}, x);
    tape.backward(cross_entropy(tape, z, batch.targets, LossReduction::mean).loss);
    return x.gradient().to_host<float>();
  }
};

// A transformer has no batch-norm, whose statistics would be those of a piece.
struct Stepped {
  std::vector<float> weights, sums;
};
Stepped step_in_pieces(std::int64_t pieces, std::optional<PgdOptions> adversarial) {
  Device& device = cpu_device();
  const Dataset images = training_data();
  const DeviceDataset data(device, images);
  NetworkOptions network{"deit_tiny", 64, 1, images.height, images.width, 4, 6};
  Model model(device, {network, images.mean, images.std}, 7);
  Minimiser minimiser(Sgd(device, model.network.layout.weights.size(), {0, 0, false}), device,
                      model.network.layout.weights.size(), 0.05);
  StepOptions step;
  step.pieces = pieces;
  ClassificationOptions options;
  options.adversarial = adversarial;
  const Tensor sums(device, {3});
  minimiser.prepare(0.5);
  step_on_batch(model, classification_task(data, options, 16), minimiser, {model.weights, {}},
                data.batch(0, 16), Tensor::from_host(device, {1}, std::vector<std::int32_t>{0}),
                step, sums);
  return {model.weights.to_host<float>(), sums.to_host<float>()};
}

TEST(accumulation, of_pieces_steps_as_the_whole_batch_where_examples_do_not_mind_each_other) {
  for (const std::optional<PgdOptions>& adversarial :
       {std::optional<PgdOptions>{}, std::optional{PgdOptions{Norm::linf, 0.1f, 0.05f, 2}}}) {
    const Stepped whole = step_in_pieces(1, adversarial);

    for (const std::int64_t pieces : {2, 3, 16}) {  // 3: the last piece is smaller
      const Stepped parts = step_in_pieces(pieces, adversarial);

      EXPECT_NEAR(parts.sums[0], whole.sums[0], 1e-5) << pieces << " pieces";
      EXPECT_EQ(parts.sums[1], whole.sums[1]) << pieces << " pieces";
      for (std::size_t i = 0; i < whole.weights.size(); ++i) {
        ASSERT_NEAR(parts.weights[i], whole.weights[i], 1e-5) << pieces << " pieces, weight " << i;
      }
    }
  }
}

TEST(accumulation, shows_batch_norm_every_piece) {
  OneStep one;
  one.step.pieces = 3;
  one.take();
  EXPECT_EQ(one.forwards, 3);

  OneStep attacked;
  attacked.step.pieces = 2;
  attacked.options.adversarial = PgdOptions{Norm::linf, 0.1f, 0.05f, 4};
  attacked.take();
  EXPECT_EQ(attacked.forwards, 2 * (4 + 1));
}

TEST(free_training, moves_delta_by_eps_along_the_gradient_of_the_loss_it_descends) {
  OneStep one;
  const float eps = 8.f / 255;
  one.options.free = true;
  one.options.adversarial = PgdOptions{Norm::linf, eps, eps, 1};
  const std::vector<float> g = one.pixel_gradient(), x = one.batch.inputs.to_host<float>();

  one.take();

  const std::vector<float> delta = one.task.kept.front().tensor.to_host<float>();
  for (std::size_t i = 0; i < g.size(); ++i) {
    const float step = g[i] > 0 ? eps : g[i] < 0 ? -eps : 0.f;
    ASSERT_EQ(delta[i], std::min(std::max(step, -x[i]), 1.f - x[i])) << "pixel " << i;
  }
}

TEST(free_training, sees_the_images_at_the_delta_that_was_kept) {
  OneStep free, plain;
  free.options.free = true;
  free.options.adversarial = PgdOptions{Norm::linf, 0.1f, 0.1f, 1};
  const std::vector<float> x = plain.batch.inputs.to_host<float>();
  std::vector<float> delta = random_values(plain.batch.inputs.count(), 3, -0.1f, 0.1f), moved = x;
  for (std::size_t i = 0; i < x.size(); ++i)
    moved[i] = std::min(std::max(x[i] + delta[i], 0.f), 1.f);
  free.make_task();
  free.task.kept.front().tensor.copy_from_host(delta.data());
  plain.batch.inputs = Tensor::from_host(plain.device, plain.batch.inputs.shape(), moved);

  EXPECT_NEAR(free.take(), plain.take(), 1e-5);
  EXPECT_NE(moved, x);
}

TEST(trades_training, with_beta_zero_steps_as_on_the_clean_images) {
  OneStep plain, trades;
  trades.options.trades_beta = 0.f;
  trades.options.adversarial = PgdOptions{Norm::linf, 0.1f, 0.05f, 2, Start::near};
  trades.options.attack_batch_norm = BatchNormMode::frozen;

  EXPECT_NEAR(trades.take(), plain.take(), 1e-5);
  const std::vector<float> w = trades.model.weights.to_host<float>(),
                           want = plain.model.weights.to_host<float>();
  for (std::size_t i = 0; i < w.size(); ++i) ASSERT_NEAR(w[i], want[i], 1e-5) << "weight " << i;
}

TEST(trades_training, adds_beta_times_a_divergence_that_grows_with_the_radius) {
  const auto loss = [](float beta, float eps) {
    OneStep trades;
    trades.options.trades_beta = beta;
    trades.options.adversarial = PgdOptions{Norm::linf, eps, eps / 4, 10, Start::near};
    trades.options.attack_batch_norm = BatchNormMode::frozen;
    return trades.take();
  };
  const double clean = OneStep().take();

  const double narrow = loss(1, 0.02f) - clean, wide = loss(1, 0.1f) - clean;
  EXPECT_GT(narrow, 0);
  EXPECT_GT(wide, 2 * narrow);
  EXPECT_NEAR(loss(3, 0.1f) - clean, 3 * wide, 1e-4 * wide + 1e-5);
}

// The gradient of TRADES' loss at the model's weights with those parts of it that `paths` name kept
// and the logits of the others fixed.
enum class TradesPath { natural, adversarial, both };
std::vector<float> trades_gradient(TradesPath path) {
  OneStep at;
  const Tensor moved = Tensor::from_host(at.device, at.batch.inputs.shape(),
                                         random_values(at.batch.inputs.count(), 3, 0.f, 1.f));
  const Tensor g = at.model.network.layout.weights.zeros(at.device);
  Tape tape;
  const auto logits = [&](const Tensor& images, bool fixed) {
    const Pass pass{tape,
                    {at.model.weights, {}},
                    fixed ? Tensor() : g,
                    at.model.statistics,
                    BatchNormMode::batch_only};
    return at.model.logits(pass, tape.input(images, Gradient::none));
  };
  const Var natural = logits(at.batch.inputs, path == TradesPath::adversarial);
  const Var adversarial = logits(moved, path == TradesPath::natural);
  tape.backward(trades(tape, natural, adversarial, at.batch.targets, 6, LossReduction::mean).loss);
  return g.to_host<float>();
}

TEST(trades_training, descends_the_gradient_of_both_paths) {
  const std::vector<float> both = trades_gradient(TradesPath::both),
                           natural = trades_gradient(TradesPath::natural),
                           adversarial = trades_gradient(TradesPath::adversarial);

  double of_adversarial = 0;
  for (std::size_t i = 0; i < both.size(); ++i) {
    ASSERT_EQ(both[i], natural[i] + adversarial[i]) << "weight " << i;
    of_adversarial += std::abs(adversarial[i]);
  }
  EXPECT_GT(of_adversarial, 0.1);
}

TEST(training_step, refuses_rows_that_are_not_there_and_an_order_of_another_length) {
  const TrainOptions options = resolved(small_run("sgd", "unused"));
  const Dataset images = training_data();
  const DeviceDataset data(cpu_device(), images);
  Model model(cpu_device(), {{"preact_resnet10", 2, 1, 12, 12, 4}, images.mean, images.std}, 1);
  Minimiser minimiser = minimiser_of(options, cpu_device(), model.network.layout.weights);
  const Task task = task_of(options, data);
  TrainingStep step(model, minimiser, task, {});

  EXPECT_THROW(step.begin_epoch({0, 1, 2}, 0), Error);
  EXPECT_THROW(step(50, 11, 0.1, 0), Error);
  EXPECT_THROW(step(0, 0, 0.1, 0), Error);
}

}  // namespace
}  // namespace saddle
