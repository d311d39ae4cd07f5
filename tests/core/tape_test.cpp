// Tape: sums where a value is used twice, leaves shared gradients alone, writes parameters' in
// place.
#include "core/tape.h"
#include "kernels/bfloat16.h"

#include <gtest/gtest.h>

#include <vector>

#include "core/ops.h"
#include "tests/support/expect_near.h"
#include "tests/support/functional.h"
#include "tests/support/random_values.h"

namespace saddle {
namespace {

using namespace testing_support;
using Floats = std::vector<float>;

Tensor tensor(const Shape& shape, const Floats& values) {
  return Tensor::from_host(cpu_device(), shape, values);
}
Var wanted(const Floats& values) {
  return Var(tensor({static_cast<std::int64_t>(values.size())}, values), Gradient::wanted);
}

TEST(tape, sums_the_gradients_of_a_value_used_twice_by_one_op) {
  Tape tape;
  const Var x = wanted({1, -2, 3});

  tape.backward(functional(tape, add(tape, x, x), {1, 10, 100}));

  EXPECT_EQ(x.gradient().to_host<float>(), (Floats{2, 20, 200}));
}

TEST(tape, sums_the_gradients_of_a_value_used_by_three_ops) {
  Tape tape;
  const Var x = wanted({1, -2, 3});

  const Var y = add(tape, add(tape, relu(tape, x), x), relu(tape, x));
  tape.backward(functional(tape, y, {1, 10, 100}));

  EXPECT_EQ(x.gradient().to_host<float>(), (Floats{3, 10, 300}));
}

// add hands the very same tensor to both inputs. a gets a second contribution, which must not reach
// b's.
TEST(tape, does_not_change_a_gradient_that_two_values_share) {
  Tape tape;
  const Var a = wanted({1, 1}), b = wanted({2, 2});

  const Var first = relu(tape, a);
  tape.backward(functional(tape, add(tape, first, add(tape, a, b)), {3, 5}));

  EXPECT_EQ(a.gradient().to_host<float>(), (Floats{6, 10}));
  EXPECT_EQ(b.gradient().to_host<float>(), (Floats{3, 5}));
}

TEST(tape, does_not_change_the_gradient_it_was_given_in_a_diamond_of_adds) {
  Tape tape;
  const Var x = wanted({1, 1}), other = wanted({0, 0});
  const Floats weights = {3, 5};
  const Tensor dy = tensor({2}, weights);

  const Var y = add(tape, add(tape, x, other), add(tape, x, x));
  const Var loss = tape.record(Tensor::filled(cpu_device(), {1}, 0.f), {y},
                               [&](const Tensor&) { y.add_gradient(dy); });
  tape.backward(loss);

  EXPECT_EQ(dy.to_host<float>(), weights);
  EXPECT_EQ(x.gradient().to_host<float>(), (Floats{9, 15}));
  EXPECT_EQ(other.gradient().to_host<float>(), weights);
}

TEST(tape, records_nothing_where_no_input_wants_a_gradient) {
  Tape tape;
  const Var x(tensor({2}, {1, 2}), Gradient::none);
  bool ran = false;

  const Var y = tape.record(x.value(), {x}, [&](const Tensor&) { ran = true; });

  EXPECT_FALSE(y.wants_gradient());
  EXPECT_CONTAINS(message_of<Error>([&] {
                    tape.backward(functional(tape, y, {1, 1}));
                  }),
                  "nothing the loss depends on wants a gradient");
  EXPECT_FALSE(ran);
}

TEST(tape, skips_a_branch_that_does_not_reach_the_loss) {
  Tape tape;
  const Var x = wanted({1, 2}), aside = wanted({3, 4});

  relu(tape, aside);
  tape.backward(functional(tape, relu(tape, x), {1, 1}));

  EXPECT_FALSE(aside.gradient());
}

TEST(tape, leaves_an_input_that_wants_no_gradient_without_one) {
  Tape tape;
  const Var x = wanted({1, 2}), constant(tensor({2}, {1, 1}), Gradient::none);

  tape.backward(functional(tape, add(tape, x, constant), {1, 1}));

  EXPECT_FALSE(constant.gradient());
}

TEST(tape, backward_of_more_than_one_number_is_an_error) {
  Tape tape;
  const Var x = wanted({1, 2});
  const Var y = relu(tape, x);

  EXPECT_CONTAINS(message_of<Error>([&] { tape.backward(y); }),
                  "tape: backward starts from one number, the loss has shape [2]");
}

TEST(tape, refuses_a_gradient_of_another_size_than_the_value) {
  EXPECT_CONTAINS(message_of<Error>([] {
                    wanted({1, 2}).add_gradient(tensor({3}, {1, 2, 3}));
                  }),
                  "tape: a gradient of shape [3] reached a value of shape [2]");
}

TEST(tape, refuses_a_gradient_of_another_type_than_the_value) {
  const Var x(tensor_of(cpu_device(), {2}, DType::bf16, {1, 2}), Gradient::wanted);

  EXPECT_CONTAINS(message_of<Error>([&] {
                    x.add_gradient(tensor({2}, {1, 2}));
                  }),
                  "tape: a gradient of type f32 reached a value whose gradient is bf16");
}

TEST(tape, rounds_a_sum_of_bf16_gradients_once) {
  Tape tape;
  const Var x(tensor_of(cpu_device(), {3}, DType::bf16, {1, -2, 3}), Gradient::wanted);

  tape.backward(functional(tape, add(tape, x, x), {1, 1.0078125f, 100}));

  EXPECT_EQ(x.gradient().dtype(), DType::bf16);
  EXPECT_EQ(floats_of(x.gradient()), (Floats{2, 2.015625f, 200}));
}

TEST(tape, frees_the_gradients_of_values_between) {
  Tape tape;
  const Var x = wanted({1, 2});
  const Var y = relu(tape, x);

  tape.backward(functional(tape, y, {1, 1}));

  EXPECT_FALSE(y.gradient());
  EXPECT_TRUE(x.gradient());
}

TEST(tape, frees_activations_as_backward_passes_them) {
  Tape tape;
  const Var x = wanted({1, 2});
  Var y = relu(tape, x);
  const Var loss = functional(tape, relu(tape, y), {1, 1});
  y = Var();  // now only the tape holds it
  const std::size_t before = cpu_device().pool().counters().bytes_in_use;

  tape.backward(loss);

  // Of x, relu, relu, loss and the weights remain x, the loss with its gradient, and dx.
  EXPECT_LT(cpu_device().pool().counters().bytes_in_use, before);
}

// Parameters --------------------------------------------------------------------------------------

TEST(tape, writes_a_parameters_gradient_straight_into_the_gradient_buffer) {
  Tape tape;
  const Tensor buffer = Tensor::filled(cpu_device(), {8}, -7.f);
  const Var w(tensor({3}, {1, -2, 3}), buffer.slice(2, {3}));
  EXPECT_TRUE(w.gradient_memory().same_memory(buffer.slice(2, {3})));

  tape.backward(functional(tape, relu(tape, w), {1, 10, 100}));

  EXPECT_EQ(buffer.to_host<float>(), (Floats{-7, -7, 1, 0, 100, -7, -7, -7}));
  EXPECT_FALSE(w.gradient());
}

TEST(tape, adds_to_a_parameters_gradient_at_its_second_use) {
  Tape tape;
  const Tensor buffer = Tensor::filled(cpu_device(), {3}, -7.f);
  const Var w(tensor({3}, {1, -2, 3}), buffer);

  tape.backward(functional(tape, add(tape, relu(tape, w), relu(tape, w)), {1, 10, 100}));

  EXPECT_EQ(buffer.to_host<float>(), (Floats{2, 0, 200}));
}

TEST(tape, adds_a_shared_gradient_to_a_parameter_used_twice_by_one_op) {
  Tape tape;
  const Tensor buffer = Tensor::filled(cpu_device(), {3}, -7.f);
  const Var w(tensor({3}, {1, -2, 3}), buffer);

  tape.backward(functional(tape, add(tape, w, w), {1, 10, 100}));

  EXPECT_EQ(buffer.to_host<float>(), (Floats{2, 20, 200}));
}

TEST(tape, keeps_the_gradient_of_a_parameter_in_f32_where_its_value_is_bf16) {
  const Tensor buffer = Tensor::filled(cpu_device(), {2}, -7.f);
  const Var w(tensor_of(cpu_device(), {2}, DType::bf16, {1, 2}), buffer);

  EXPECT_EQ(w.gradient_memory().dtype(), DType::f32);
  w.add_gradient(tensor({2}, {0.1f, 0.2f}));
  EXPECT_EQ(w.gradient_memory().dtype(), DType::f32);  // of a second use
  w.add_gradient(tensor({2}, {1, 2}));

  EXPECT_EQ(buffer.to_host<float>(), (Floats{0.1f + 1, 0.2f + 2}));
}

TEST(pass, in_bf16_hands_out_the_rounded_weights_and_one_gradient_for_both) {
  Tape tape;
  WeightLayout layout;
  const Slot slot = layout.add("w", {3}, {Init::Kind::constant, 0.1f});
  const Parameters weights = with_precision(layout.initial(cpu_device(), 0), Precision::bf16);
  const Pass pass{tape, weights, layout.zeros(cpu_device()), Tensor()};

  EXPECT_EQ(pass.parameter(slot).value().dtype(), DType::f32);
  EXPECT_EQ(floats_of(pass.rounded_parameter(slot).value()), Floats(3, Bfloat16(0.1f)));
  EXPECT_TRUE(
      pass.rounded_parameter(slot).destination().same_memory(pass.parameter(slot).destination()));
}

TEST(pass, twice_on_one_tape_adds_the_gradients_of_both) {
  WeightLayout layout;
  const Slot slot = layout.add("w", {3}, {Init::Kind::constant, 2.f});
  const Parameters weights{layout.initial(cpu_device(), 0), {}};
  const Tensor g = Tensor::filled(cpu_device(), {layout.size()}, -7.f);
  Tape tape;
  const Pass first{tape, weights, g, Tensor()}, second{tape, weights, g, Tensor()};
  const Var one = functional(tape, first.parameter(slot), {1, 2, 3});
  const Var two = functional(tape, second.parameter(slot), {10, 20, 30});

  tape.backward(add(tape, one, two));

  EXPECT_EQ(view(g, slot).to_host<float>(), (Floats{11, 22, 33}));
}

TEST(pass, on_a_tape_that_was_walked_begins_its_gradients_anew) {
  WeightLayout layout;
  const Slot slot = layout.add("w", {3}, {Init::Kind::constant, 2.f});
  const Tensor g = layout.zeros(cpu_device());
  Tape tape;
  const Pass pass{tape, {layout.initial(cpu_device(), 0), {}}, g, Tensor()};
  tape.backward(functional(tape, pass.parameter(slot), {1, 2, 3}));

  tape.backward(functional(tape, pass.parameter(slot), {10, 20, 30}));

  EXPECT_EQ(view(g, slot).to_host<float>(), (Floats{10, 20, 30}));
}

TEST(pass, without_a_gradient_buffer_parameters_want_no_gradient) {
  Tape tape;
  WeightLayout layout;
  const Slot slot = layout.add("w", {3}, {Init::Kind::constant, 2.f});
  const Pass plain{tape, {layout.initial(cpu_device(), 0), {}}, Tensor(), Tensor()};
  const Pass training{
      tape, {layout.initial(cpu_device(), 0), {}}, layout.zeros(cpu_device()), Tensor()};

  EXPECT_FALSE(plain.parameter(slot).wants_gradient());
  EXPECT_TRUE(training.parameter(slot).wants_gradient());
}

}  // namespace
}  // namespace saddle
