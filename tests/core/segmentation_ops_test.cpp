// The ops of segmentation beside the table: identities that tie forward and gradients together,
// and published small values.
#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "core/ops.h"
#include "tests/support/devices.h"
#include "tests/support/expect_near.h"
#include "tests/support/functional.h"
#include "tests/support/random_values.h"
#include "tests/support/thread_count.h"

namespace saddle {
namespace {

using namespace testing_support;

Var input(Device& device, const Shape& shape, std::uint64_t seed) {
  return Var(Tensor::from_host(device, shape, random_values(shape.count(), seed)),
             Gradient::wanted);
}
Var values(const Shape& shape, const std::vector<float>& numbers) {
  return Var(Tensor::from_host(cpu_device(), shape, numbers), Gradient::wanted);
}

double product(const Tensor& a, const std::vector<float>& b) {
  const std::vector<float> x = a.to_host<float>();
  double sum = 0;
  for (std::size_t i = 0; i < x.size(); ++i) sum += double{x[i]} * b[i];
  return sum;
}

// <conv(x, w), g> = <x, dx> = <w, dw> for g arriving at the result: a convolution is linear in
// both.
void expect_adjoint(const Var& x, const Var& w, const std::function<Var(Tape&)>& build,
                    const std::string& what) {
  Tape tape;
  const Var y = build(tape);
  const std::vector<float> g = random_values(y.value().count(), 7);
  const double forward = product(y.value(), g);
  double size = 0;
  const std::vector<float> sums = y.value().to_host<float>();
  for (std::size_t i = 0; i < sums.size(); ++i) size += std::abs(double{sums[i]} * g[i]);
  tape.backward(functional(tape, y, g));
  EXPECT_NEAR(product(x.gradient(), x.value().to_host<float>()), forward, 1e-5 * (size + 1))
      << what;
  EXPECT_NEAR(product(w.gradient(), w.value().to_host<float>()), forward, 1e-5 * (size + 1))
      << what;
}

class SegmentationOps : public testing::TestWithParam<std::string> {
 protected:
  Device& device = device_named(GetParam());
};
INSTANTIATE_TEST_SUITE_P(Devices, SegmentationOps, testing::ValuesIn(device_names()),
                         [](const auto& info) { return info.param; });

TEST_P(SegmentationOps, convolutions_and_their_two_gradients_are_adjoint_for_random_shapes) {
  std::mt19937 draw(5);
  const auto among = [&](std::vector<std::int64_t> choices) {
    return choices[draw() % choices.size()];
  };
  for (int i = 0; i < 50; ++i) {
    const std::int64_t kernel = among({1, 3, 7}), stride = among({1, 2, 3});
    const std::int64_t dilation = among({1, 2, 3, 8}), height = among({1, 4, 7, 12}),
                       width = among({1, 3, 8, 11});
    const std::int64_t most = dilation * (kernel / 2), padding = most + among({0, 1});
    const std::int64_t in = among({1, 3, 8, 16, 33}), out = among({1, 5, 16, 24});
    const Var x = input(device, {among({1, 3}), height, width, in}, 1),
              w = input(device, {out, kernel, kernel, in}, 2);
    expect_adjoint(
        x, w,
        [&](Tape& tape) {
          return convolution(tape, x, w, {stride, padding, dilation});
        },
        text(x.shape(), " by ", w.shape(), " stride ", stride, " dilation ", dilation));
  }
}

TEST_P(SegmentationOps, depthwise_convolutions_and_their_two_gradients_are_adjoint) {
  std::mt19937 draw(6);
  const auto among = [&](std::vector<std::int64_t> choices) {
    return choices[draw() % choices.size()];
  };
  for (int i = 0; i < 50; ++i) {
    const std::int64_t stride = among({1, 2, 3}), dilation = among({1, 2, 3, 6});
    const std::int64_t padding = dilation + among({-1, 0, 2});
    const Var x =
        input(device,
              {among({1, 2}), among({4, 7, 12}), among({3, 8, 11}), among({1, 7, 32, 33, 64})}, 1);
    const Var w = input(device, {3, 3, x.shape()[3]}, 2);
    if (x.shape()[1] + 2 * padding < 2 * dilation + 1) continue;
    if (x.shape()[2] + 2 * padding < 2 * dilation + 1) continue;
    expect_adjoint(
        x, w,
        [&](Tape& tape) {
          return depthwise_convolution(tape, x, w, {stride, padding, dilation});
        },
        text(x.shape(), " stride ", stride, " padding ", padding, " dilation ", dilation));
  }
}

// Depthwise ---------------------------------------------------------------------------------------

TEST_P(SegmentationOps, a_depthwise_convolution_is_a_full_one_with_a_diagonal) {
  const std::int64_t channels = 5;
  const Var x = input(device, {2, 7, 6, channels}, 1), w = input(device, {3, 3, channels}, 2);
  const std::vector<float> taps = w.value().to_host<float>();
  std::vector<float> diagonal(static_cast<std::size_t>(9 * channels * channels), 0.f);
  for (std::int64_t c = 0; c < channels; ++c) {
    for (std::int64_t tap = 0; tap < 9; ++tap) {
      diagonal[static_cast<std::size_t>((c * 9 + tap) * channels + c)] =
          taps[static_cast<std::size_t>(tap * channels + c)];
    }
  }
  const Var full(Tensor::from_host(device, {channels, 3, 3, channels}, diagonal), Gradient::none);
  for (const Window& window : {Window{1, 1, 1}, Window{2, 1, 1}, Window{1, 2, 2}}) {
    Tape tape;
    const std::vector<float> got =
        depthwise_convolution(tape, x, w, window).value().to_host<float>();
    const std::vector<float> want = convolution(tape, x, full, window).value().to_host<float>();
    ASSERT_EQ(got.size(), want.size());
    for (std::size_t i = 0; i < got.size(); ++i) ASSERT_NEAR(got[i], want[i], 1e-6) << i;
  }
}

// On an even map, d = 2 is four undilated convolutions on the pixels of each parity.
TEST(depthwise_convolution_op, of_dilation_2_works_on_each_parity_alone) {
  const std::int64_t side = 6, channels = 3;
  const Var x = input(cpu_device(), {1, side, side, channels}, 1),
            w = input(cpu_device(), {3, 3, channels}, 2);
  const std::vector<float> pixels = x.value().to_host<float>();
  Tape tape;
  const std::vector<float> got =
      depthwise_convolution(tape, x, w, {1, 2, 2}).value().to_host<float>();
  for (std::int64_t parity = 0; parity < 4; ++parity) {
    std::vector<float> part;
    std::vector<std::size_t> places;
    for (std::int64_t y = parity / 2; y < side; y += 2)
      for (std::int64_t column = parity % 2; column < side; column += 2)
        for (std::int64_t c = 0; c < channels; ++c) {
          places.push_back(static_cast<std::size_t>((y * side + column) * channels + c));
          part.push_back(pixels[places.back()]);
        }
    const Var own = values({1, side / 2, side / 2, channels}, part);
    const std::vector<float> want =
        depthwise_convolution(tape, own, w, {1, 1, 1}).value().to_host<float>();
    for (std::size_t i = 0; i < want.size(); ++i) EXPECT_EQ(got[places[i]], want[i]);
  }
}

TEST_P(SegmentationOps, where_the_rate_is_the_map_only_the_middle_tap_counts) {
  const Var x = input(device, {2, 5, 4, 8}, 1), w = input(device, {3, 3, 8}, 2),
            full = input(device, {6, 3, 3, 8}, 3);
  Tape tape;
  const Var y = depthwise_convolution(tape, x, w, {1, 5, 5});
  const Var z = convolution(tape, x, full, {1, 5, 5});
  tape.backward(add(tape, functional(tape, y, random_values(y.value().count(), 4)),
                    functional(tape, z, random_values(z.value().count(), 5))));

  const std::vector<float> dw = w.gradient().to_host<float>(),
                           dfull = full.gradient().to_host<float>();
  for (std::size_t i = 0; i < dw.size(); ++i) EXPECT_EQ(dw[i] != 0.f, i / 8 == 4) << i;
  for (std::size_t i = 0; i < dfull.size(); ++i) EXPECT_EQ(dfull[i] != 0.f, i / 8 % 9 == 4) << i;
}

std::vector<std::vector<std::uint32_t>> bits_of_own_kernels() {
  Device& device = cpu_device();
  const Var x = input(device, {3, 23, 19, 40}, 1), w = input(device, {3, 3, 40}, 2);
  Tape tape;
  const Var y = depthwise_convolution(tape, x, w, {1, 2, 2});
  const Var z = resize_bilinear(tape, max_pool(tape, y, 3, 2, 1), 45, 37);
  const Tensor labels =
      Tensor::from_host(device, {3, 45, 37}, std::vector<std::uint8_t>(3 * 45 * 37, 1));
  const LossValue loss = pixel_cross_entropy(tape, z, labels, LossReduction::mean);
  tape.backward(loss.loss);
  return {bits_of(y.value().to_host<float>()), bits_of(loss.losses.to_host<float>()),
          bits_of(x.gradient().to_host<float>()), bits_of(w.gradient().to_host<float>())};
}

TEST(segmentation_ops, of_our_own_kernels_give_the_same_bits_for_any_number_of_threads) {
  const ThreadCount restored;
  std::vector<std::vector<std::vector<std::uint32_t>>> found;
  for (const int count : {1, 2, 3}) {
    set_threads(count);
    found.push_back(bits_of_own_kernels());
  }
  EXPECT_EQ(found[1], found[0]);
  EXPECT_EQ(found[2], found[0]);
}

// Pooling and resizing ----------------------------------------------------------------------------

TEST_P(SegmentationOps, the_first_of_equal_maxima_gets_the_gradient) {
  const Var x(Tensor::filled(device, {1, 4, 4, 1}, 1.f), Gradient::wanted);
  Tape tape;
  const Var y = max_pool(tape, x, 3, 2, 1);
  tape.backward(functional(tape, y, {1, 1, 1, 1}));

  EXPECT_EQ(x.gradient().to_host<float>(),
            (std::vector<float>{1, 1, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}));
}

TEST(max_pool_op, takes_a_nan_for_the_maximum) {
  Tape tape;
  const Var y = max_pool(tape, values({1, 1, 4, 1}, {1, NAN, 2, 3}), 3, 2, 1);
  const std::vector<float> got = y.value().to_host<float>();
  EXPECT_TRUE(std::isnan(got[0]));
  EXPECT_TRUE(std::isnan(got[1]));
}

TEST(resize_bilinear_op, gives_the_textbook_values) {
  Tape tape;
  const auto resized = [&](const std::vector<float>& x, std::int64_t to) {
    return resize_bilinear(tape, values({1, 1, static_cast<std::int64_t>(x.size()), 1}, x), 1, to)
        .value()
        .to_host<float>();
  };
  EXPECT_EQ(resized({4, 8}, 4), (std::vector<float>{4, 5, 7, 8}));
  EXPECT_EQ(resized({4, 8, 16}, 2), (std::vector<float>{5, 14}));
  EXPECT_EQ(resized({3}, 5), (std::vector<float>(5, 3.f)));
}

TEST_P(SegmentationOps, resizing_and_its_gradient_are_adjoint_at_the_sizes_of_the_networks) {
  for (const auto& [from, to] : {std::pair{12, 96}, std::pair{32, 513}, std::pair{33, 513}}) {
    const Var x = input(device, {1, from, 2, 3}, 1);
    Tape tape;
    const Var y = resize_bilinear(tape, x, to, 5);
    const std::vector<float> g = random_values(y.value().count(), 2);
    const double forward = product(y.value(), g);
    tape.backward(functional(tape, y, g));
    EXPECT_NEAR(product(x.gradient(), x.value().to_host<float>()), forward, 1e-4) << to;
  }
}

// Dropout -----------------------------------------------------------------------------------------

PassRandom random_of(std::uint32_t pass, std::int32_t step) {
  return {3, Tensor::from_host(cpu_device(), {1}, std::vector<std::int32_t>{step}),
          Tensor::from_host(cpu_device(), {2}, std::vector<std::int32_t>{4, 9}), pass, 0.f};
}

std::vector<float> mask(const PassRandom& random, std::uint32_t place, float rate) {
  Tape tape;
  const Var ones(Tensor::filled(cpu_device(), {2, 20'000}, 1.f), Gradient::none);
  return dropout(tape, ones, random, {place, 8}, rate).value().to_host<float>();
}

TEST(dropout_op, keeps_the_mean) {
  const std::vector<float> kept = mask(random_of(0, 0), 0, 0.1f);
  double sum = 0;
  for (const float value : kept) sum += value;
  // Four standard errors of a mean of n values of variance r / (1 - r).
  const double n = static_cast<double>(kept.size());
  EXPECT_NEAR(sum / n, 1, 4 * std::sqrt(0.1 / 0.9 / n));
}

TEST(dropout_op, draws_anew_for_each_pass_step_place_and_example) {
  const std::vector<float> first = mask(random_of(0, 0), 0, 0.5f);
  EXPECT_EQ(mask(random_of(0, 0), 0, 0.5f), first);
  EXPECT_NE(mask(random_of(1, 0), 0, 0.5f), first);
  EXPECT_NE(mask(random_of(0, 1), 0, 0.5f), first);
  EXPECT_NE(mask(random_of(0, 0), 1, 0.5f), first);
  EXPECT_FALSE(std::equal(first.begin(), first.begin() + 20'000, first.begin() + 20'000));
}

TEST(dropout_op, refuses_a_place_that_is_not_told_apart) {
  EXPECT_CONTAINS(message_of<Error>([] { mask(random_of(0, 0), 8, 0.5f); }),
                  "dropout: place 8, pass 0 and 20000 elements of an example: draws are told apart "
                  "below 8, 512 and 4194304");
  EXPECT_CONTAINS(message_of<Error>([] { mask(random_of(0, 0), 0, 1.f); }),
                  "dropout: the rate 1 is outside [0, 1)");
}

}  // namespace
}  // namespace saddle
