// Warp, flow roughness and hinged margin: against double, against central differences, by their
// properties.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "core/attack_ops.h"
#include "core/ops.h"
#include "kernels/warp.h"
#include "tests/support/devices.h"
#include "tests/support/differences.h"
#include "tests/support/expect_near.h"
#include "tests/support/functional.h"
#include "tests/support/random_values.h"

namespace saddle {
namespace {

using namespace testing_support;
using Floats = std::vector<float>;
using Values = std::vector<double>;

struct Size {
  std::int64_t rows, height, width, channels;

  Shape images() const { return {rows, height, width, channels}; }
  Shape flow() const { return {rows, height, width, 2}; }
};

// Sampling in double, by the definition of bilinear weights: max(0, 1 - |distance|) of every pixel.
Values warp_reference(const Size& s, const Values& x, const Values& flow, WarpBorder border) {
  Values y;
  const auto unit = [&](std::int64_t extent) {
    return static_cast<double>(border == WarpBorder::corners ? extent - 1 : extent) / 2;
  };
  for (std::int64_t n = 0; n < s.rows; ++n)
    for (std::int64_t r = 0; r < s.height; ++r)
      for (std::int64_t c = 0; c < s.width; ++c)
        for (std::int64_t k = 0; k < s.channels; ++k) {
          const auto i = static_cast<std::size_t>(((n * s.height + r) * s.width + c) * 2);
          double at_x = static_cast<double>(c) + flow[i] * unit(s.width);
          double at_y = static_cast<double>(r) + flow[i + 1] * unit(s.height);
          if (border != WarpBorder::zeros) {
            at_x = std::clamp(at_x, 0., static_cast<double>(s.width - 1));
            at_y = std::clamp(at_y, 0., static_cast<double>(s.height - 1));
          }
          double sum = 0;
          for (std::int64_t qy = 0; qy < s.height; ++qy)
            for (std::int64_t qx = 0; qx < s.width; ++qx) {
              const double weight = std::max(0., 1 - std::abs(at_x - static_cast<double>(qx))) *
                                    std::max(0., 1 - std::abs(at_y - static_cast<double>(qy)));
              sum += weight * x[static_cast<std::size_t>(
                                  ((n * s.height + qy) * s.width + qx) * s.channels + k)];
            }
          y.push_back(sum);
        }
  return y;
}

// One row's roughness in double.
double roughness_reference(std::int64_t height, std::int64_t width, const Values& f,
                           Smoothness smoothness) {
  const auto flow = [&](std::int64_t r, std::int64_t c, std::size_t component) {
    r = std::clamp<std::int64_t>(r, 0, height - 1), c = std::clamp<std::int64_t>(c, 0, width - 1);
    return f[static_cast<std::size_t>(r * width + c) * 2 + component];
  };
  double sum = 0, squares[2] = {0, 0};
  const bool diagonal = smoothness == Smoothness::diagonal;
  for (std::int64_t r = 0; r < height; ++r)
    for (std::int64_t c = 0; c < width; ++c) {
      for (int dr = -1; dr <= 1; ++dr)
        for (int dc = -1; dc <= 1; ++dc) {
          if (diagonal ? dr * dc == 0 : std::abs(dr) + std::abs(dc) != 1) continue;
          const double u = flow(r, c, 0) - flow(r + dr, c + dc, 0);
          const double v = flow(r, c, 1) - flow(r + dr, c + dc, 1);
          sum += std::sqrt(u * u + v * v + (diagonal ? 1e-8 : 1e-10));
        }
      for (std::size_t component = 0; component < 2; ++component) {
        const double right = flow(r, c + 1, component) - flow(r, c, component) + 1e-10;
        const double down = flow(r + 1, c, component) - flow(r, c, component) + 1e-10;
        if (c + 1 < width) squares[0] += right * right;
        if (r + 1 < height) squares[1] += down * down;
      }
    }
  return smoothness == Smoothness::global ? std::sqrt(squares[0]) + std::sqrt(squares[1]) : sum;
}

class WarpOps : public ::testing::TestWithParam<std::string> {
 protected:
  Device& device() const { return device_named(GetParam()); }

  Floats warped(const Size& s, const Floats& x, const Floats& flow,
                WarpBorder border = WarpBorder::clamp) const {
    Tape tape;
    const Var f = tape.input(Tensor::from_host(device(), s.flow(), flow), Gradient::none);
    return warp(tape, Tensor::from_host(device(), s.images(), x), f, border)
        .value()
        .to_host<float>();
  }
  // Of sum of weights times the warped image, with respect to the flow.
  Floats gradient(const Size& s, const Floats& x, const Floats& flow, const Floats& weights,
                  WarpBorder border) const {
    Tape tape;
    const Var f = tape.input(Tensor::from_host(device(), s.flow(), flow), Gradient::wanted);
    const Var y = warp(tape, Tensor::from_host(device(), s.images(), x), f, border);
    tape.backward(functional(tape, y, weights));
    return f.gradient().to_host<float>();
  }
  double roughness(const Size& s, const Floats& flow, Smoothness smoothness,
                   float weight = 1.f) const {
    Tape tape;
    const Var f = tape.input(Tensor::from_host(device(), s.flow(), flow), Gradient::none);
    return flow_roughness(tape, f, weight, smoothness).loss.value().item();
  }
};

INSTANTIATE_TEST_SUITE_P(Devices, WarpOps, ::testing::ValuesIn(device_names()),
                         [](const auto& info) { return std::string(info.param); });

constexpr WarpBorder kBorders[] = {WarpBorder::clamp, WarpBorder::zeros, WarpBorder::corners};
constexpr Smoothness kForms[] = {Smoothness::axis, Smoothness::diagonal, Smoothness::global};

TEST_P(WarpOps, without_flow_return_the_image_bit_for_bit) {
  const Size s{2, 5, 7, 3};
  const Floats x = random_values(2 * 5 * 7 * 3, 1, 0.f, 1.f), still(2 * 5 * 7 * 2, 0.f);
  for (WarpBorder border : kBorders) EXPECT_EQ(bits_of(warped(s, x, still, border)), bits_of(x));
}

TEST_P(WarpOps, by_one_pixel_take_the_right_neighbour_and_at_the_edge_the_edge_or_nothing) {
  const Size s{1, 3, 5, 1};
  const Floats x = random_values(15, 2, 0.f, 1.f);
  Floats flow;
  for (int i = 0; i < 15; ++i) flow.insert(flow.end(), {2.f / 5, 0.f});

  const Floats clamped = warped(s, x, flow), empty = warped(s, x, flow, WarpBorder::zeros);

  for (std::size_t i = 0; i < 15; ++i) {
    const bool edge = i % 5 == 4;
    expect_near(clamped[i], edge ? x[i] : x[i + 1], 1e-6, "clamped " + std::to_string(i));
    expect_near(empty[i], edge ? 0.f : x[i + 1], 1e-6, "zeros " + std::to_string(i));
  }
}

TEST_P(WarpOps, of_a_ramp_shift_it_by_its_slope) {
  const Size s{1, 4, 6, 1};
  const float slope = .1f, shift = .3f;  // pixels
  Floats x, flow;
  for (int i = 0; i < 24; ++i) {
    x.push_back(.2f + slope * static_cast<float>(i % 6));
    flow.insert(flow.end(), {shift * 2 / 6, .2f});
  }
  const Floats y = warped(s, x, flow);
  const Floats dflow = gradient(s, x, flow, Floats(24, 1.f), WarpBorder::clamp);

  for (std::size_t i = 0; i < 24; ++i) {
    if (i % 6 == 5) continue;  // clamped
    expect_near(y[i], double{x[i]} + slope * shift, 1e-6, "y[" + std::to_string(i) + "]");
    expect_near(dflow[i * 2], slope * 6 / 2, 1e-6, "dflow_x[" + std::to_string(i) + "]");
    expect_near(dflow[i * 2 + 1], 0, 1e-6, "dflow_y[" + std::to_string(i) + "]");
  }
}

TEST_P(WarpOps, equal_their_reference_in_double_and_its_central_differences) {
  const Size s{2, 4, 5, 3};
  const Floats x = random_values(120, 3, 0.f, 1.f), flow = random_values(80, 4, -.8f, .8f);
  const Floats weights = random_values(120, 5);
  const Values in_double = to_double(x);
  for (WarpBorder border : kBorders) {
    const Floats got = warped(s, x, flow, border), slopes = gradient(s, x, flow, weights, border);

    const Values want = warp_reference(s, in_double, to_double(flow), border);
    const Values differences = central_differences(
        [&](const Values& f) {
          const Values y = warp_reference(s, in_double, f, border);
          double sum = 0;
          for (std::size_t i = 0; i < y.size(); ++i) sum += weights[i] * y[i];
          return sum;
        },
        to_double(flow), 1e-7);
    // A position is up to 5 and rounded twice; times a slope of at most 1 a pixel.
    for (std::size_t i = 0; i < want.size(); ++i) {
      expect_near(got[i], want[i], 24 * kFloatEps, "y[" + std::to_string(i) + "]");
    }
    // Three channels of slopes of at most 2, times 5 / 2 pixels a unit.
    for (std::size_t i = 0; i < differences.size(); ++i) {
      expect_near(slopes[i], differences[i], 200 * kFloatEps, "dflow[" + std::to_string(i) + "]");
    }
  }
}

TEST_P(WarpOps, never_change_a_constant_image) {
  const Size s{1, 5, 4, 2};
  const Floats x(40, .3f), flow = random_values(40, 6, -2.f, 2.f);

  EXPECT_EQ(warped(s, x, flow), x);
  EXPECT_EQ(warped(s, x, flow, WarpBorder::corners), x);
}

TEST_P(WarpOps, of_images_one_pixel_wide_pass_no_gradient) {
  const Size s{1, 1, 1, 2};
  const Floats x = {.3f, .8f}, flow = {.2f, -.4f};

  EXPECT_EQ(warped(s, x, flow), x);
  EXPECT_EQ(gradient(s, x, flow, {1, 1}, WarpBorder::clamp), (Floats{0, 0}));
}

TEST_P(WarpOps, roughness_of_a_constant_flow_is_its_guard) {
  const Size s{1, 7, 5, 1};
  Floats still(70, 0.f), shifted;
  for (int i = 0; i < 35; ++i) shifted.insert(shifted.end(), {.4f, -.2f});

  expect_near(roughness(s, still, Smoothness::axis), 4 * 35 * 1e-5, 1e-9, "no flow");
  EXPECT_EQ(roughness(s, shifted, Smoothness::axis), roughness(s, still, Smoothness::axis));
}

TEST_P(WarpOps, roughness_of_one_displaced_pixel_is_that_of_its_edges) {
  const Size s{1, 5, 5, 1};
  Floats flow(50, 0.f);
  flow[2 * 12] = 3, flow[2 * 12 + 1] = 4;

  // Eight edges (each counted from both ends) of length 5, and what is left of the guards.
  expect_near(roughness(s, flow, Smoothness::axis), 40 + 92 * 1e-5, 1e-4, "axis");
  expect_near(roughness(s, flow, Smoothness::diagonal), 40 + 92 * 1e-4, 1e-4, "diagonal");
  expect_near(roughness(s, flow, Smoothness::global), 2 * std::sqrt(50.), 1e-4, "global");
}

TEST_P(WarpOps, roughness_equals_its_reference_in_double_and_its_central_differences) {
  const Size s{2, 5, 4, 1};
  const Floats flow = random_values(80, 7);
  for (Smoothness smoothness : kForms) {
    Tape tape;
    const Var f = tape.input(Tensor::from_host(device(), s.flow(), flow), Gradient::wanted);
    const LossValue got = flow_roughness(tape, f, .25f, smoothness);
    const float total = got.loss.value().item();
    const Floats losses = got.losses.to_host<float>();
    tape.backward(got.loss);
    const Floats slopes = f.gradient().to_host<float>();

    double sum = 0;
    for (std::size_t row = 0; row < 2; ++row) {
      const Values own(flow.begin() + static_cast<std::ptrdiff_t>(row) * 40,
                       flow.begin() + static_cast<std::ptrdiff_t>(row + 1) * 40);
      const auto reference = [&](const Values& x) {
        return .25 * roughness_reference(5, 4, x, smoothness);
      };
      expect_near(losses[row], reference(own), summation_bound(80, reference(own)), "loss");
      sum += reference(own);
      const Values differences = central_differences(reference, own);
      for (std::size_t i = 0; i < 40; ++i) {
        // Eight unit vectors and their quotients of rounded differences.
        expect_near(slopes[row * 40 + i], differences[i], 64 * kFloatEps + 1e-8,
                    "dflow[" + std::to_string(row) + ", " + std::to_string(i) + "]");
      }
    }
    expect_near(total, sum, summation_bound(160, sum), "sum");
  }
}

TEST_P(WarpOps, hinged_margin_and_its_gradient_follow_the_largest_other_class) {
  const Floats z = {2, 1, 0, -1, 2, 1, 0, -1, -3, 5, 1, 0};
  const std::vector<std::int32_t> labels = {0, 1, 0};
  for (float kappa : {std::numeric_limits<float>::infinity(), 2.f}) {
    Tape tape;
    const Var logits = tape.input(Tensor::from_host(device(), {3, 4}, z), Gradient::wanted);
    const LossValue got =
        hinged_margin(tape, logits, Tensor::from_host(device(), {3}, labels), kappa);
    const Floats losses = got.losses.to_host<float>();
    tape.backward(got.loss);

    const bool floored = kappa == 2.f;
    EXPECT_EQ(losses, (Floats{1, -1, floored ? -2.f : -8.f}));
    EXPECT_EQ(got.loss.value().item(), floored ? -2.f : -8.f);
    const float last = floored ? 0.f : 1.f;
    EXPECT_EQ(logits.gradient().to_host<float>(),
              (Floats{1, -1, 0, 0, -1, 1, 0, 0, last, -last, 0, 0}));
  }
}

TEST(warp, refuses_flows_that_do_not_fit) {
  Tape tape;
  Device& device = cpu_device();
  const Tensor images(device, {2, 3, 4, 1});
  const Var wrong = tape.input(Tensor(device, {2, 3, 5, 2}), Gradient::none);
  const Var flat = tape.input(Tensor(device, {2, 24}), Gradient::none);

  EXPECT_CONTAINS(message_of<Error>([&] { warp(tape, images, wrong); }),
                  "warp: images [2, 3, 4, 1] and flow [2, 3, 5, 2] differ");
  EXPECT_CONTAINS(message_of<Error>([&] { flow_roughness(tape, flat, 1.f); }),
                  "flow_roughness: a flow [2, 24] must be [N, H, W, 2]");
}

TEST(hinged_margin, refuses_a_single_class_and_labels_that_do_not_match) {
  Tape tape;
  Device& device = cpu_device();
  const Tensor labels(device, {3}, DType::i32);
  const Var one = tape.input(Tensor(device, {3, 1}), Gradient::none);
  const Var four = tape.input(Tensor(device, {4, 5}), Gradient::none);

  EXPECT_CONTAINS(message_of<Error>([&] { hinged_margin(tape, one, labels, 0.f); }),
                  "at least two classes");
  EXPECT_CONTAINS(message_of<Error>([&] { hinged_margin(tape, four, labels, 0.f); }),
                  "hinged_margin: 4 rows of logits, 3 labels");
}

}  // namespace
}  // namespace saddle
