// The same bits: from run to run, for any number of threads in the engine's own kernels, and for an
// example whatever batch it is in.
#include <gtest/gtest.h>

#include <cmath>

#include "apps/common/evaluate.h"
#include "kernels/elementwise.h"
#include "kernels/pgd.h"
#include "kernels/philox.h"
#include "kernels/reductions.h"
#include "tests/apps/training_runs.h"
#include "tests/support/random_values.h"
#include "tests/support/thread_count.h"

namespace saddle {
namespace {

using testing_support::random_labels;
using testing_support::random_values;

void expect_equal_repetition(const std::string& name) {
  const TemporaryDirectory directory;

  train_small(small_run(name, directory.path() / "one"));
  train_small(small_run(name, directory.path() / "two"));

  expect_equal_runs(directory.path() / "one", directory.path() / "two");
}

TEST(determinism, two_sgd_runs_give_equal_bytes) { expect_equal_repetition("sgd"); }
TEST(determinism, two_sam_over_adam_runs_give_equal_bytes) { expect_equal_repetition("sam-adam"); }
TEST(determinism, two_adversarial_runs_give_equal_bytes) { expect_equal_repetition("pgd"); }

TEST(determinism, two_runs_on_mixed_images_give_equal_bytes) { expect_equal_repetition("mixed"); }
TEST(determinism, two_runs_of_a_transformer_give_equal_bytes) { expect_equal_repetition("deit"); }

TEST(determinism, another_seed_gives_another_run) {
  const TemporaryDirectory directory;
  TrainOptions options = small_run("sgd", directory.path() / "five");
  options.epochs = 1;
  train_small(options);
  options.common.seed = 6;
  options.run.output = (directory.path() / "six").string();
  train_small(options);

  EXPECT_NE(contents(directory.path() / "five/last.safetensors"),
            contents(directory.path() / "six/last.safetensors"));
}

// ---- threads ----

std::string raw_bytes(const std::vector<Tensor>& tensors) {
  std::string bytes;
  for (const Tensor& tensor : tensors) {
    const std::size_t end = bytes.size();
    bytes.resize(end + tensor.bytes());
    tensor.copy_to_host(bytes.data() + end);
  }
  return bytes;
}

// Runs `run`, which returns everything it computed, with 1, 2 and 3 threads.
void expect_same_bits_for_any_thread_count(const std::function<std::vector<Tensor>()>& run) {
  const ThreadCount restore;
  set_threads(1);
  const std::string one = raw_bytes(run());
  set_threads(2);
  ASSERT_EQ(threads(), 2);
  const std::string two = raw_bytes(run());
  set_threads(3);
  const std::string three = raw_bytes(run());

  EXPECT_TRUE(one == two);
  EXPECT_TRUE(one == three);
}

// Primes above the 8192 elements from which a launch uses several threads; no multiple of 2, 3 or a
// vector.
constexpr std::int64_t kCount = 20011, kRows = 2003, kColumns = 13;

Tensor random(const Shape& shape, std::uint64_t seed, float low = -1.f, float high = 1.f) {
  return Tensor::from_host(cpu_device(), shape, random_values(shape.count(), seed, low, high));
}

Tensor labels(std::int64_t count, std::int32_t classes) {
  return Tensor::from_host(cpu_device(), {count}, random_labels(count, 3, classes));
}

TEST(threads, do_not_change_the_elementwise_kernels) {
  const Tensor a = random({kCount}, 1), b = random({kCount}, 2), factor = random({1}, 3);

  expect_same_bits_for_any_thread_count([&] {
    const Tensor filled(cpu_device(), {kCount}), sum(cpu_device(), {kCount}),
        scaled(cpu_device(), {kCount}), relu(cpu_device(), {kCount}), drelu(cpu_device(), {kCount}),
        added = a.clone();
    launch(cpu_device(), Fill{filled.array(), 0.1f}, kCount);
    launch(cpu_device(), Add<float>{a.array(), b.array(), sum.array()}, kCount);
    launch(cpu_device(), AddTo{b.array(), added.array()}, kCount);
    launch(cpu_device(), ScaleByScalar{a.array(), factor.array(), scaled.array()}, kCount);
    launch(cpu_device(), Activate<float>{a.array(), relu.array(), kRelu}, kCount);
    launch(cpu_device(), ActivateBackward<float>{a.array(), b.array(), drelu.array(), kRelu},
           kCount);
    return std::vector<Tensor>{filled, sum, added, scaled, relu, drelu};
  });
}

TEST(threads, do_not_change_the_sums) {
  const Tensor x = random({kCount}, 1), rows = random({kRows, kColumns}, 2),
               bias = random({kColumns}, 3);

  expect_same_bits_for_any_thread_count([&] {
    const Tensor total(cpu_device(), {1}), columns(cpu_device(), {kColumns}), biased = rows.clone();
    launch(cpu_device(), SumAll{x.array(), total.array(), 0.5f, 0.f}, 1);
    launch(cpu_device(), ColumnSum<float>{rows.array(), columns.array(), kRows, kColumns},
           kColumns);
    launch(cpu_device(), AddBias<float>{bias.array(), biased.array(), kColumns}, kRows, kColumns);
    return std::vector<Tensor>{square_norm(x), total, columns, biased};
  });
}

// Forward and backward, the gradient of x meeting one from a second path.
std::vector<Tensor> batch_norm_results(BatchNormMode mode, Activation activation) {
  Tape tape;
  const Var x = tape.input(random({7, 17, 17, kColumns}, 1), Gradient::wanted);
  const Var gamma = tape.input(random({kColumns}, 2), Gradient::wanted);
  const Var beta = tape.input(random({kColumns}, 3), Gradient::wanted);
  const Tensor mean = random({kColumns}, 4), var = random({kColumns}, 5, 0.5f, 2.f);
  const Var y = batch_norm(tape, x, {gamma, beta, mean, var, mode, activation});
  const Var pooled = global_average_pool(tape, add(tape, y, x));
  const LossValue loss = cross_entropy(tape, pooled, labels(7, kColumns), LossReduction::mean);
  tape.backward(loss.loss);
  return {y.value(), mean, var, x.gradient(), gamma.gradient(), beta.gradient()};
}

TEST(threads, do_not_change_batch_norm_in_training) {
  expect_same_bits_for_any_thread_count(
      [] { return batch_norm_results(BatchNormMode::update, Activation::relu); });
}

TEST(threads, do_not_change_batch_norm_without_running_statistics) {
  expect_same_bits_for_any_thread_count(
      [] { return batch_norm_results(BatchNormMode::batch_only, Activation::none); });
}

TEST(threads, do_not_change_batch_norm_in_evaluation) {
  expect_same_bits_for_any_thread_count(
      [] { return batch_norm_results(BatchNormMode::frozen, Activation::relu); });
}

TEST(threads, do_not_change_pooling_and_normalisation) {
  const Tensor images = random({17, 23, 23, 3}, 1), mean = random({3}, 2),
               inverse = random({3}, 3, 1.f, 4.f);

  expect_same_bits_for_any_thread_count([&] {
    Tape tape;
    const Var x = tape.input(images, Gradient::wanted);
    const Var y = normalise(tape, x, mean, inverse);
    const LossValue loss = cross_entropy(tape, global_average_pool(tape, relu(tape, y)),
                                         labels(17, 3), LossReduction::sum);
    tape.backward(loss.loss);
    return std::vector<Tensor>{y.value(), loss.loss.value(), x.gradient()};
  });
}

TEST(threads, do_not_change_the_loss) {
  constexpr std::int64_t kExamples = 8209;  // one index an example, so it takes many
  const Tensor z = random({kExamples, 5}, 1, -9.f, 9.f);

  expect_same_bits_for_any_thread_count([&] {
    Tape tape;
    const Var logits = tape.input(z, Gradient::wanted);
    const LossValue loss = cross_entropy(tape, logits, labels(kExamples, 5), LossReduction::mean);
    tape.backward(loss.loss);
    return std::vector<Tensor>{loss.loss.value(), loss.losses, loss.right, logits.gradient(),
                               predict(z)};
  });
}

TEST(threads, do_not_change_the_optimisers) {
  const Tensor w = random({kCount}, 1), g = random({kCount}, 2);
  const Objective gradient{[&](const Parameters& at, const Tensor& to, const GradientRequest&) {
    launch(cpu_device(), Add<float>{at.values.array(), g.array(), to.array()}, kCount);
  }};

  expect_same_bits_for_any_thread_count([&] {
    const Tensor by_sgd = w.clone(), by_adam = w.clone();
    Minimiser sgd(Sgd(cpu_device(), kCount, {}), cpu_device(), kCount, std::nullopt);
    Minimiser adam(Adam(cpu_device(), kCount, {}), cpu_device(), kCount, 0.5);
    for (int step = 0; step < 3; ++step) {
      sgd.step({by_sgd, {}}, 0.1, gradient);
      adam.step({by_adam, {}}, 0.1, gradient);
    }
    std::vector<Tensor> all{by_sgd, by_adam};
    for (const NamedState& state : sgd.state()) all.push_back(state.tensor);
    for (const NamedState& state : adam.state()) all.push_back(state.tensor);
    return all;
  });
}

TEST(threads, do_not_change_the_steps_of_pgd) {
  constexpr std::int64_t kExamples = 31, kPixels = 12 * 12 * 3;
  const Shape shape{kExamples, 12, 12, 3};
  const Tensor x = random(shape, 1, 0.f, 1.f), g = random(shape, 2),
               indices = labels(kExamples, 1000), number = labels(1, 1);

  expect_same_bits_for_any_thread_count([&] {
    const Tensor delta(cpu_device(), shape), x_hat(cpu_device(), shape),
        delta2(cpu_device(), shape), x_hat2(cpu_device(), shape);
    launch(cpu_device(),
           PgdStartLinf{indices.array<std::int32_t>(),
                        x.array(),
                        delta.array(),
                        x_hat.array(),
                        {1, Purpose::attack_start},
                        number.array<std::int32_t>(),
                        0.1f,
                        kPixels},
           kExamples, kPixels);
    launch(cpu_device(),
           PgdStepLinf{delta.array(), g.array(), x.array(), x_hat.array(), 0.03f, 0.1f}, x.count());
    launch(cpu_device(),
           PgdStartL2{indices.array<std::int32_t>(),
                      x.array(),
                      delta2.array(),
                      x_hat2.array(),
                      {1, Purpose::attack_start},
                      {1, Purpose::attack_radius},
                      number.array<std::int32_t>(),
                      0.5f,
                      kPixels},
           kExamples);
    launch(cpu_device(),
           PgdStepL2{delta2.array(), g.array(), x.array(), x_hat2.array(), kPixels, 0.2f, 0.5f},
           kExamples);
    return std::vector<Tensor>{delta, x_hat, delta2, x_hat2};
  });
}

TEST(threads, do_not_change_the_batches) {
  const DeviceDataset data(cpu_device(), quadrants(100, 1));
  const std::vector<std::int32_t> order = epoch_order(100, 5, 2);

  expect_same_bits_for_any_thread_count([&] {
    const Batch batch = data.batch(order, {4, true}, 5, 2);
    return std::vector<Tensor>{batch.inputs, batch.targets};
  });
}

// ---- batches ----

TEST(batches, data_order_is_a_permutation_that_changes_with_the_epoch) {
  std::vector<std::int32_t> one = epoch_order(33, 5, 1);
  EXPECT_EQ(one, epoch_order(33, 5, 1));
  EXPECT_NE(one, epoch_order(33, 5, 2));
  EXPECT_NE(one, epoch_order(33, 6, 1));

  std::sort(one.begin(), one.end());
  for (std::int32_t i = 0; i < 33; ++i) EXPECT_EQ(one[static_cast<std::size_t>(i)], i);
}

// What `of` makes of the examples in `order`, batch_size at a time, one example after the other.
std::vector<float> in_batches(const std::vector<std::int32_t>& order, std::size_t batch_size,
                              const std::function<Tensor(const std::vector<std::int32_t>&)>& of) {
  std::vector<float> all;
  for (std::size_t first = 0; first < order.size(); first += batch_size) {
    const std::size_t last = std::min(order.size(), first + batch_size);
    const std::vector<float> part = of({order.begin() + static_cast<std::ptrdiff_t>(first),
                                        order.begin() + static_cast<std::ptrdiff_t>(last)})
                                        .to_host<float>();
    all.insert(all.end(), part.begin(), part.end());
  }
  return all;
}

TEST(batches, augmentation_of_an_image_does_not_depend_on_its_batch) {
  const DeviceDataset data(cpu_device(), training_data());
  const std::vector<std::int32_t> order = epoch_order(60, 5, 1);
  const auto augmented = [&](const std::vector<std::int32_t>& indices) {
    return data.batch(indices, {4, true}, 5, 1).inputs;
  };

  const std::vector<float> whole = in_batches(order, 60, augmented);
  EXPECT_EQ(in_batches(order, 1, augmented), whole);
  EXPECT_EQ(in_batches(order, 7, augmented), whole);
  EXPECT_EQ(in_batches(order, 32, augmented), whole);

  EXPECT_NE(whole, in_batches(order, 60, [&](const auto& indices) {
              return data.batch(indices, {}, 5, 1).inputs;
            }));
}

struct Attacked {
  Model model;
  DeviceDataset data;
};

// A network that has learnt the quadrants, and images to attack.
Attacked attacked() {
  const TemporaryDirectory directory;
  TrainOptions options = small_run("sgd", directory.path());
  options.width = 4;
  options.no_augment = true;
  train_small(options);
  return {load_checkpoint(directory.path() / "last.safetensors", cpu_device(), {}, {}),
          DeviceDataset(cpu_device(), test_data())};
}

void expect_start_independent_of_batch(Norm norm) {
  const Attacked a = attacked();
  const std::vector<std::int32_t> order = epoch_order(33, 1, 0);
  const auto start = [&](const std::vector<std::int32_t>& indices) {
    return pgd(a.model.evaluation(), a.data.batch(indices, {}, 0, 0),
               {norm, 0.25f, 0.1f, 0, Start::random}, 9, 2);
  };

  const std::vector<float> whole = in_batches(order, 33, start);

  EXPECT_EQ(in_batches(order, 1, start), whole);
  EXPECT_EQ(in_batches(order, 7, start), whole);
  EXPECT_NE(whole,
            in_batches(order, 33, [&](const auto& i) { return a.data.batch(i, {}, 0, 0).inputs; }));
}

TEST(batches, random_start_in_linf_does_not_depend_on_the_batch) {
  expect_start_independent_of_batch(Norm::linf);
}
TEST(batches, random_start_in_l2_does_not_depend_on_the_batch) {
  expect_start_independent_of_batch(Norm::l2);
}

// Perturbations of two examples whose images are alike.
std::pair<std::vector<float>, std::vector<float>> starts_of_equal_images(Norm norm) {
  Dataset grey = quadrants(2, 1);
  std::fill(grey.pixels.begin(), grey.pixels.end(),
            128);  // far enough from 0 and 1 for no start to be clipped
  const DeviceDataset data(cpu_device(), grey);
  const LogitsFunction unused;
  const PgdOptions options{norm, 0.25f, 0.1f, 0, Start::random};
  return {pgd(unused, data.batch(0, 1), options, 9, 2).to_host<float>(),
          pgd(unused, data.batch(1, 1), options, 9, 2).to_host<float>()};
}

TEST(batches, random_starts_of_two_examples_differ_in_linf) {
  const auto [first, second] = starts_of_equal_images(Norm::linf);
  EXPECT_NE(first, second);
}

TEST(batches, random_starts_of_two_examples_differ_in_l2) {
  const auto [first, second] = starts_of_equal_images(Norm::l2);
  EXPECT_NE(first, second);
}

struct Outcome {
  std::vector<float> images, losses;
};

Outcome attack_in_batches(const Attacked& a, const PgdOptions& options, std::size_t batch_size) {
  const std::vector<std::int32_t> order = epoch_order(33, 1, 0);
  const auto attack = [&](const std::vector<std::int32_t>& indices) {
    return pgd(a.model.evaluation(), a.data.batch(indices, {}, 0, 0), options, 9, 0);
  };
  const auto losses = [&](const std::vector<std::int32_t>& indices) {
    const Batch batch = a.data.batch(indices, {}, 0, 0);
    Tape tape;
    const Var logits = a.model.evaluation()(tape, tape.input(attack(indices), Gradient::none));
    return cross_entropy(tape, logits, batch.targets, LossReduction::sum).losses;
  };
  return {in_batches(order, batch_size, attack), in_batches(order, batch_size, losses)};
}

// A library convolution may round otherwise for another batch size. The sign of a gradient at zero
// within rounding may then turn, which moves that one pixel by up to 2 alpha a step: rare, and
// without weight for the loss just because the gradient there is zero. So nearly all pixels must
// agree, and every loss.
void expect_attack_independent_of_batch(const PgdOptions& options) {
  const Attacked a = attacked();
  const Outcome whole = attack_in_batches(a, options, 32);
  for (const std::size_t batch_size : {1, 7}) {
    SCOPED_TRACE(batch_size);
    const Outcome parts = attack_in_batches(a, options, batch_size);
    ASSERT_EQ(parts.images.size(), whole.images.size());
    std::size_t moved = 0;
    for (std::size_t i = 0; i < whole.images.size(); ++i) {
      moved += std::abs(parts.images[i] - whole.images[i]) > 1e-6f ? 1 : 0;
    }
    EXPECT_LE(moved, whole.images.size() / 100);
    for (std::size_t i = 0; i < whole.losses.size(); ++i)
      EXPECT_NEAR(parts.losses[i], whole.losses[i], 1e-3);
  }
}

TEST(batches, pgd_in_linf_finds_the_same_whatever_the_batch_size) {
  expect_attack_independent_of_batch({Norm::linf, 8.f / 255, 2.f / 255, 10, Start::random});
}

TEST(batches, pgd_in_l2_finds_the_same_whatever_the_batch_size) {
  expect_attack_independent_of_batch({Norm::l2, 128.f / 255, 15.f / 255, 10, Start::random});
}

}  // namespace
}  // namespace saddle
