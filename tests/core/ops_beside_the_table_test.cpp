// What the table of op cases (ops_test.cpp) cannot say: types that are refused, statistics that
// move, limits, bits.
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "core/ops.h"
#include "kernels/bfloat16.h"
#include "kernels/elementwise.h"
#include "tests/support/devices.h"
#include "tests/support/expect_near.h"
#include "tests/support/functional.h"
#include "tests/support/random_values.h"
#include "tests/support/reference.h"
#include "tests/support/thread_count.h"

namespace saddle {
namespace {

using namespace testing_support;

Var constant(const Shape& shape, float value) {
  return Var(Tensor::filled(cpu_device(), shape, value), Gradient::none);
}

TEST(relu_op, refuses_a_tensor_that_is_neither_f32_nor_bf16) {
  Tape tape;
  const Var labels(Tensor::from_host(cpu_device(), {3}, std::vector<std::int32_t>{1, 2, 3}),
                   Gradient::none);

  EXPECT_CONTAINS(message_of<Error>([&] { relu(tape, labels); }),
                  "relu: activations are f32 or bf16, this tensor is i32");
}

Var bf16(const Shape& shape) {
  return Var(Tensor(cpu_device(), shape, DType::bf16), Gradient::none);
}

TEST(add_op, refuses_values_of_two_types) {
  Tape tape;

  EXPECT_CONTAINS(message_of<Error>([&] { add(tape, constant({3}, 1.f), bf16({3})); }),
                  "add: types f32 and bf16 differ");
}

TEST(normalise_op, refuses_to_make_integers) {
  Tape tape;
  const Tensor ones = Tensor::filled(cpu_device(), {3}, 1.f);

  EXPECT_CONTAINS(message_of<Error>([&] {
                    normalise(tape, constant({2, 3}, 1.f), ones, ones, DType::i32);
                  }),
                  "normalise: activations are f32 or bf16, this tensor is i32");
}

TEST(linear_op, refuses_types_that_are_not_the_precisions) {
  Tape tape;

  EXPECT_CONTAINS(
      message_of<Error>([&] {
        linear(tape, constant({2, 3}, 1.f), bf16({5, 3}), constant({5}, 1.f), Precision::bf16);
      }),
      "linear: input is f32 and weight bf16, the precision wants both in bf16");
  EXPECT_CONTAINS(message_of<Error>([&] {
                    linear(tape, bf16({2, 3}), constant({5, 3}, 1.f), constant({5}, 1.f));
                  }),
                  "linear: input is bf16 and weight f32, the precision wants both in f32");
}

TEST(attention_op, refuses_types_that_are_not_the_precisions) {
  Tape tape;

  EXPECT_CONTAINS(message_of<Error>([&] {
                    attention(tape, constant({2, 3, 12}, 1.f), 2, Precision::bf16);
                  }),
                  "attention: an input is f32, the precision wants bf16");
  EXPECT_CONTAINS(message_of<Error>([&] {
                    attention(tape, bf16({2, 3, 12}), 2);
                  }),
                  "attention: an input is bf16, the precision wants f32");
}

TEST(add_scaled_op, refuses_types_that_differ) {
  Tape tape;

  EXPECT_CONTAINS(
      message_of<Error>([&] {
        add_scaled(tape, constant({3, 2}, 1.f), bf16({3, 2}), Tensor(cpu_device(), {3}));
      }),
      "add_scaled: types f32 and bf16 differ");
}

// As a score of 1000 would overflow exp.
TEST(attention_op, takes_scores_of_any_size) {
  Tape tape;

  const Var y = attention(tape, constant({1, 3, 12}, 100.f), 1);

  for (const float value : y.value().to_host<float>()) EXPECT_NEAR(value, 100.f, 1e-4f);
}

PassRandom drawing(std::uint64_t seed, std::int32_t step, const std::vector<std::int32_t>& examples,
                   std::uint32_t pass = 0) {
  Device& device = cpu_device();
  return {seed, Tensor::from_host(device, {1}, std::vector{step}),
          Tensor::from_host(device, {static_cast<std::int64_t>(examples.size())}, examples), pass,
          0.f};
}

TEST(drop_branches, leaves_out_its_share_and_keeps_the_mean) {
  std::vector<std::int32_t> examples(20'000);
  for (std::size_t i = 0; i < examples.size(); ++i) examples[i] = static_cast<std::int32_t>(i);
  const double rate = 0.3, n = 20'000;

  double dropped = 0;
  for (const float scale : drop_branches(drawing(1, 2, examples), 3, 0.3f).to_host<float>()) {
    if (scale == 0) {
      ++dropped;
    } else {
      EXPECT_EQ(scale, 1.f / (1.f - 0.3f));
    }
  }

  EXPECT_NEAR(dropped / n, rate, 5 * std::sqrt(rate * (1 - rate) / n));
}

TEST(drop_branches, draws_by_seed_step_pass_example_and_branch_and_by_nothing_else) {
  const std::vector<std::int32_t> examples = {5, 0, 9, 2, 7, 31, 4, 8, 1, 6, 3, 12, 15, 14, 13, 11};
  const auto draw = [](const PassRandom& random, std::uint32_t branch) {
    return drop_branches(random, branch, 0.5f).to_host<float>();
  };
  const std::vector<float> first = draw(drawing(1, 2, examples), 3);

  EXPECT_EQ(draw(drawing(1, 2, examples), 3), first);
  EXPECT_EQ(draw(drawing(1, 2, {9, 2}), 3), (std::vector<float>{first[2], first[3]}));
  EXPECT_NE(draw(drawing(2, 2, examples), 3), first);
  EXPECT_NE(draw(drawing(1, 3, examples), 3), first);
  EXPECT_NE(draw(drawing(1, 2, examples, 1), 3), first);
  EXPECT_NE(draw(drawing(1, 2, examples), 4), first);
}

TEST(convolution_op, refuses_types_that_are_not_those_of_the_precision) {
  Tape tape;
  const Var x = constant({1, 3, 3, 2}, 1.f), w = constant({5, 3, 3, 2}, 1.f);

  EXPECT_CONTAINS(message_of<Error>([&] {
                    convolution(tape, x, bf16(w.shape()), {1, 1}, Precision::bf16);
                  }),
                  "convolution: input is f32 and weight bf16, the precision wants both in bf16");
  EXPECT_CONTAINS(message_of<Error>([&] {
                    convolution(tape, bf16(x.shape()), w, {1, 1});
                  }),
                  "convolution: input is bf16 and weight f32, the precision wants both in f32");
}

TEST(convolution_add_op, refuses_a_residual_of_another_type) {
  Tape tape;

  EXPECT_CONTAINS(message_of<Error>([&] {
                    convolution_add(tape, constant({1, 3, 3, 2}, 1.f), constant({5, 3, 3, 2}, 1.f),
                                    {1, 1}, Precision::fp32, bf16({1, 3, 3, 5}));
                  }),
                  "convolution_add: the residual is bf16, the convolution gives f32");
}

TEST(convolution_bias_op, refuses_a_weight_that_wants_a_gradient) {
  Tape tape;
  const Var w(Tensor::filled(cpu_device(), {5, 3, 3, 2}, 1.f), Gradient::wanted);

  EXPECT_CONTAINS(message_of<Error>([&] {
                    convolution_bias(tape, constant({1, 3, 3, 2}, 1.f), w, {1, 1}, Precision::fp32,
                                     Tensor::filled(cpu_device(), {5}, 0.f), Activation::relu);
                  }),
                  "convolution_bias: the weight wants a gradient");
}

TEST(convolution_bias_op, refuses_a_bias_of_another_size) {
  Tape tape;

  EXPECT_CONTAINS(message_of<Error>([&] {
                    convolution_bias(tape, constant({1, 3, 3, 2}, 1.f), constant({5, 3, 3, 2}, 1.f),
                                     {1, 1}, Precision::fp32,
                                     Tensor::filled(cpu_device(), {2}, 0.f), Activation::relu);
                  }),
                  "convolution_bias: bias [2] must be [5]");
}

TEST(affine_op, adds_its_gradient_in_bf16_to_what_reached_x_with_one_rounding) {
  const Shape shape{7, 3};
  const std::vector<float> x = random_values(21, 1), reached = random_values(21, 2);
  const Tensor scale = Tensor::filled(cpu_device(), {3}, 0.3f),
               shift = Tensor::filled(cpu_device(), {3}, 0.2f);
  Tape tape;
  const Var in(tensor_of(cpu_device(), shape, DType::bf16, x), Gradient::wanted);
  const Var y = affine(tape, in, scale, shift, Activation::relu);
  const Var loss = functional(tape, add(tape, y, in), reached);

  tape.backward(loss);

  const std::vector<float> got = floats_of(in.gradient()), out = floats_of(y.value());
  for (std::size_t i = 0; i < got.size(); ++i) {
    const float dy = Bfloat16(reached[i]);
    const float sum = 0.3f * (out[i] > 0.f ? dy : 0.f) + dy;
    EXPECT_EQ(got[i], static_cast<float>(Bfloat16(sum))) << "element " << i;
  }
}

// A slice that starts off a 16-byte boundary is worked on element by element.
TEST(launches, give_the_same_bits_on_every_device_wherever_their_arrays_start) {
  const std::vector<float> a = random_values(70, 1), b = random_values(70, 2);
  const auto sum_from = [&](Device& device, std::int64_t first) {
    const Tensor y(device, {33});
    launch(device,
           Add<float>{Tensor::from_host(device, {70}, a).slice(first, {33}).array(),
                      Tensor::from_host(device, {70}, b).slice(4, {33}).array(), y.array()},
           33);
    return bits_of(y.to_host<float>());
  };
  for (const std::string& name : gpu_like_device_names()) {
    Device& device = device_named(name);
    EXPECT_EQ(sum_from(device, 1), sum_from(cpu_device(), 1)) << name << ", off a boundary";
    EXPECT_EQ(sum_from(device, 4), sum_from(cpu_device(), 4)) << name << ", on one";
  }
}

TEST(convolution_op, refuses_a_kernel_larger_than_the_padded_image) {
  Tape tape;

  EXPECT_CONTAINS(message_of<Error>([&] {
                    convolution(tape, constant({1, 2, 2, 3}, 0), constant({5, 3, 3, 3}, 0), {1, 0});
                  }),
                  "a 3x3 kernel does not fit into input [1, 2, 2, 3]");
}

TEST(batch_norm_op, refuses_statistics_of_a_single_row) {
  Tape tape;
  const Tensor ones = Tensor::filled(cpu_device(), {3}, 1.f);
  const BatchNormState state{constant({3}, 1),      constant({3}, 0), ones, ones,
                             BatchNormMode::update, Activation::relu};

  EXPECT_CONTAINS(message_of<Error>([&] {
                    batch_norm(tape, constant({1, 1, 1, 3}, 0.5f), state);
                  }),
                  "one value per channel has no variance");
}

struct Running {
  std::vector<float> mean, variance;
};

Running running_after(BatchNormMode mode, const Shape& shape, const std::vector<float>& x) {
  const Tensor mean = Tensor::filled(cpu_device(), {3}, 0.25f),
               variance = Tensor::filled(cpu_device(), {3}, 2.f);
  Tape tape;
  batch_norm(tape, Var(Tensor::from_host(cpu_device(), shape, x), Gradient::none),
             {constant({3}, 1), constant({3}, 0), mean, variance, mode, Activation::relu});
  return {mean.to_host<float>(), variance.to_host<float>()};
}

TEST(batch_norm_op, in_mode_update_moves_running_statistics_to_the_mean_and_the_unbiased_variance) {
  const Shape shape{3, 11, 9, 3};
  const double rows = 297;
  const std::vector<float> x = random_values(shape.count(), 1);
  const Statistics batch = statistics_reference({297, 3, 0}, to_double(x));

  const Running after = running_after(BatchNormMode::update, shape, x);

  for (std::size_t c = 0; c < 3; ++c) {
    const std::string place = "channel " + std::to_string(c);
    // Numbers of at most 1 and 2 are averaged.
    expect_near(after.mean[c], 0.9 * 0.25 + 0.1 * batch.mean[c], summation_bound(rows, 1),
                place + " mean");
    expect_near(after.variance[c], 0.9 * 2 + 0.1 * batch.variance[c] * rows / (rows - 1),
                summation_bound(rows, 2), place + " variance");
  }
}

TEST(batch_norm_op, in_modes_batch_only_and_frozen_leaves_running_statistics_alone) {
  const Shape shape{3, 11, 9, 3};
  const std::vector<float> x = random_values(shape.count(), 1);

  for (BatchNormMode mode : {BatchNormMode::batch_only, BatchNormMode::frozen}) {
    const Running after = running_after(mode, shape, x);

    EXPECT_EQ(after.mean, std::vector<float>(3, 0.25f));
    EXPECT_EQ(after.variance, std::vector<float>(3, 2.f));
  }
}

// x reaches the sum by two ways, and batch-norm is the last of them backwards: it adds what has
// come so far.
TEST(batch_norm_op, adds_to_a_gradient_that_reached_its_input_by_another_way) {
  const Shape shape{3, 11, 9, 3};
  const std::vector<float> values = random_values(shape.count(), 1),
                           weights = random_values(shape.count(), 2);
  const Tensor zeros = Tensor::filled(cpu_device(), {3}, 0.f),
               ones = Tensor::filled(cpu_device(), {3}, 1.f);
  const BatchNormState state{constant({3}, 0.7f),       constant({3}, 0.1f), zeros, ones,
                             BatchNormMode::batch_only, Activation::relu};
  Tape tape, plain_tape;
  const Var x(Tensor::from_host(cpu_device(), shape, values), Gradient::wanted),
      alone(x.value(), Gradient::wanted);

  tape.backward(functional(tape, add(tape, batch_norm(tape, x, state), x), weights));
  plain_tape.backward(functional(plain_tape, batch_norm(plain_tape, alone, state), weights));

  const std::vector<float> sum = x.gradient().to_host<float>(),
                           plain = alone.gradient().to_host<float>();
  for (std::size_t i = 0; i < sum.size(); ++i) {
    EXPECT_EQ(sum[i], float(double{plain[i]} + weights[i])) << "element " << i;
  }
}

TEST(cross_entropy_op, gives_each_examples_loss_and_whether_it_is_right) {
  Tape tape;
  const Var logits(Tensor::from_host(cpu_device(), {2, 2}, std::vector<float>{0.f, 0.f, 1.f, 3.f}),
                   Gradient::none);
  const Tensor labels = Tensor::from_host(cpu_device(), {2}, std::vector<std::int32_t>{0, 0});

  const LossValue result = cross_entropy(tape, logits, labels, LossReduction::sum);

  const std::vector<float> losses = result.losses.to_host<float>();
  expect_near(losses[0], std::log(2.), summation_bound(2, 1), "a tie");
  expect_near(losses[1], 2 + std::log1p(std::exp(-2.)), summation_bound(2, 3), "a wrong one");
  EXPECT_EQ(result.right.to_host<float>(), (std::vector<float>{1.f, 0.f}));
}

TEST(predict_op, gives_the_lowest_of_the_best_classes) {
  const Tensor logits =
      Tensor::from_host(cpu_device(), {2, 3}, std::vector<float>{1, 2, 2, 3, 1, 3});

  EXPECT_EQ(predict(logits).to_host<std::int32_t>(), (std::vector<std::int32_t>{1, 0}));
}

TEST(predict_op, refuses_logits_that_are_not_a_matrix) {
  EXPECT_CONTAINS(message_of<Error>([] { predict(Tensor::filled(cpu_device(), {3}, 0.f)); }),
                  "predict: logits [3] must be [N, classes]");
}

class SquareNorm : public ::testing::TestWithParam<std::int64_t> {};

INSTANTIATE_TEST_SUITE_P(Sizes, SquareNorm, ::testing::Values(0, 1, 31, 32, 33, 1025, 40'009));

TEST_P(SquareNorm, has_the_same_bits_on_every_device_and_for_every_thread_count) {
  const std::vector<float> x = random_values(GetParam(), 1);
  const ThreadCount restored;

  const float on_cpu = square_norm(Tensor::from_host(cpu_device(), {GetParam()}, x)).item();
  const float emulated = square_norm(Tensor::from_host(emulated_device(), {GetParam()}, x)).item();
  set_threads(3);
  const float on_three = square_norm(Tensor::from_host(cpu_device(), {GetParam()}, x)).item();

  double want = 0;
  for (float value : x) want += double{value} * value;
  expect_near(on_cpu, want, summation_bound(static_cast<double>(GetParam()), want), "||x||^2");
  EXPECT_EQ(on_cpu, emulated);
  EXPECT_EQ(on_cpu, on_three);
}

}  // namespace
}  // namespace saddle
