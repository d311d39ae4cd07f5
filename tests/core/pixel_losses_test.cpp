// The losses of pixels that networks descend on and attacks climb: worked values of an independent
// computation, gradients against central differences in double, and what must not matter.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

#include "core/attack_ops.h"
#include "core/ops.h"
#include "tests/support/devices.h"
#include "tests/support/differences.h"
#include "tests/support/expect_near.h"
#include "tests/support/random_values.h"

namespace saddle {
namespace {

using namespace testing_support;
using Floats = std::vector<float>;
using Bytes = std::vector<std::uint8_t>;

PixelLoss of_kind(PixelLossKind kind) {
  PixelLoss loss;
  loss.kind = kind;
  return loss;
}

// Four pixels of three classes; the first is right, the second wrong, the third right, the last
// void.
const Floats kLogits = {2, 0, 0, 0, 1, 0, 0, 0, 3, 1, 1, 0};
const Bytes kLabels = {0, 0, 2, 255};
constexpr double kNear = 1e-6;

struct Answer {
  float sum;
  Floats losses, right, counted, gradient;
};

Answer answer(Device& device, const Shape& shape, const Floats& logits, const Bytes& labels,
              const PixelLoss& loss, const Floats& class_weights = {}) {
  Tape tape;
  const Var z(Tensor::from_host(device, shape, logits), Gradient::wanted);
  const Tensor weights =
      class_weights.empty() ? Tensor() : Tensor::from_host(device, {shape[3]}, class_weights);
  const LossValue value = pixel_attack_loss(
      tape, z, Tensor::from_host(device, {shape[0], shape[1], shape[2]}, labels), loss, weights);
  tape.backward(value.loss);
  return {value.loss.value().item(), value.losses.to_host<float>(), value.right.to_host<float>(),
          value.counted.to_host<float>(), z.gradient().to_host<float>()};
}
Answer worked(const PixelLoss& loss, const Floats& class_weights = {}) {
  return answer(cpu_device(), {1, 2, 2, 3}, kLogits, kLabels, loss, class_weights);
}

// The loss of one pixel alone.
float alone(const Floats& z, std::uint8_t label, PixelLossKind kind) {
  return answer(cpu_device(), {1, 1, 1, static_cast<std::int64_t>(z.size())}, z, {label},
                of_kind(kind))
      .sum;
}

void expect_row(const Answer& got, std::size_t pixel, const std::vector<double>& want) {
  for (std::size_t k = 0; k < want.size(); ++k) {
    EXPECT_NEAR(got.gradient[pixel * 3 + k], want[k], kNear) << "pixel " << pixel << " class " << k;
  }
}

TEST(pixel_losses, cross_entropy_gives_the_worked_example) {
  const Var logits(Tensor::from_host(cpu_device(), {1, 2, 2, 3}, kLogits), Gradient::wanted);
  const Tensor labels = Tensor::from_host(cpu_device(), {1, 2, 2}, kLabels);
  Tape tape;
  const LossValue loss = pixel_cross_entropy(tape, logits, labels, LossReduction::mean);

  EXPECT_NEAR(loss.loss.value().item(), 0.6286375, kNear);
  EXPECT_NEAR(loss.losses.item(), 0.2395448 + 1.5514447 + 0.0949230, kNear);
  EXPECT_EQ(loss.right.item(), 2);
  EXPECT_EQ(loss.counted.item(), 3);

  tape.backward(loss.loss);
  const Floats got = logits.gradient().to_host<float>();
  const std::vector<double> want = {-.0710047, .0355023, .0355023,  -.2626861, .1920390, .0706472,
                                    .0150928,  .0150928, -.0301857, 0,         0,        0};
  for (std::size_t i = 0; i < want.size(); ++i) EXPECT_NEAR(got[i], want[i], kNear) << i;
}

TEST(pixel_losses, segpgd_moves_its_weight_from_right_pixels_to_wrong_ones) {
  EXPECT_NEAR(worked(segpgd_loss(1, 10)).sum, 0.3344677, kNear);
  EXPECT_NEAR(worked(segpgd_loss(6, 10)).sum, 0.6387120, kNear);
  EXPECT_NEAR(worked(segpgd_loss(10, 10)).sum, 0.8821074, kNear);
  EXPECT_CONTAINS(message_of<Error>([] { segpgd_loss(0, 10); }), "segpgd_loss: step 0 of 10");
  EXPECT_CONTAINS(message_of<Error>([] { segpgd_loss(11, 10); }), "segpgd_loss: step 11 of 10");
}

TEST(pixel_losses, cospgd_weighs_by_the_cosine_of_softmax_and_label) {
  const Answer got = worked(of_kind(PixelLossKind::cospgd));
  EXPECT_NEAR(got.sum, 0.8362832, kNear);
  expect_row(got, 0, {-.2092165, .1046082, .1046082});
  const Floats ce = worked({}).gradient;
  const std::vector<double> weights = {.9821727, .3263541, .9975304};
  for (std::size_t i = 0; i < 9; ++i) {
    EXPECT_NEAR(got.gradient[i], weights[i / 3] * ce[i], kNear) << i;  // constants
  }
}

TEST(pixel_losses, masked_takes_right_pixels_alone_and_balanced_weighs_their_classes) {
  const Answer masked = worked(of_kind(PixelLossKind::masked));
  EXPECT_NEAR(masked.sum, 0.3344677, kNear);
  expect_row(masked, 1, {0, 0, 0});
  EXPECT_NEAR(worked(of_kind(PixelLossKind::masked), {.2f, .3f, .5f}).sum, 0.0953704, kNear);
}

TEST(pixel_losses, jensen_shannon_is_bounded_and_finite_for_any_logits) {
  const Answer got = worked(of_kind(PixelLossKind::jensen_shannon));
  EXPECT_NEAR(got.sum, .5249043, kNear);
  EXPECT_NEAR(alone({2, 0, 0}, 0, PixelLossKind::jensen_shannon), .0801881, kNear);
  EXPECT_NEAR(alone({0, 1, 0}, 0, PixelLossKind::jensen_shannon), .4122575, kNear);
  EXPECT_NEAR(alone({0, 0, 3}, 2, PixelLossKind::jensen_shannon), .0324588, kNear);
  expect_row(got, 0, {-.0687383, .0343691, .0343691});
  // A leading logit of 120 is where PyTorch's kl_div has 0 times -infinity.
  for (const Floats& z : {Floats{120, 0, 0}, Floats{0, 120, 0}, Floats{3e38f, -3e38f, 0}}) {
    const Answer extreme =
        answer(cpu_device(), {1, 1, 1, 3}, z, {0}, of_kind(PixelLossKind::jensen_shannon));
    EXPECT_NEAR(extreme.sum, z[1] > z[0] ? std::log(2.) : 0, kNear);
    for (const float g : extreme.gradient) EXPECT_EQ(g, 0.f);
  }
}

TEST(pixel_losses, spherical_ones_look_at_the_direction_of_the_logits) {
  EXPECT_NEAR(worked(of_kind(PixelLossKind::masked_spherical)).sum, -2, kNear);
  EXPECT_NEAR(alone({2, 0, 0}, 0, PixelLossKind::cosine), 0, kNear);
  EXPECT_NEAR(alone({0, 1, 0}, 0, PixelLossKind::cosine), 1, kNear);
  EXPECT_NEAR(alone({0, 0, 3}, 2, PixelLossKind::cosine), 0, kNear);
  // No direction at all.
  const Answer nothing =
      answer(cpu_device(), {1, 1, 1, 2}, {0, 0}, {0}, of_kind(PixelLossKind::cosine));
  EXPECT_EQ(nothing.sum, 1.f);
  EXPECT_EQ(nothing.gradient, (Floats{0, 0}));
}

const std::vector<PixelLossKind> kKinds = {
    PixelLossKind::cross_entropy, PixelLossKind::masked,         PixelLossKind::segpgd,
    PixelLossKind::cospgd,        PixelLossKind::jensen_shannon, PixelLossKind::masked_spherical,
    PixelLossKind::cosine};

TEST(pixel_losses, let_a_nan_show) {
  for (const PixelLossKind kind : kKinds) {
    const float loss = alone({1.f, NAN, 0.5f}, 0, kind);
    // A pixel that is predicted right still has a loss, which a NaN reaches.
    EXPECT_TRUE(std::isnan(loss)) << static_cast<int>(kind);
  }
}

// Of the losses whose weights are constants piece by piece, the gradient is the derivative.
double reference(PixelLossKind kind, double share, const std::vector<double>& z, std::size_t y) {
  double sum = 0, squares = 0;
  for (const double value : z) sum += std::exp(value), squares += value * value;
  const bool right =
      std::max_element(z.begin(), z.end()) - z.begin() == static_cast<std::ptrdiff_t>(y);
  const double ce = std::log(sum) - z[y], p = std::exp(-ce), along = z[y] / std::sqrt(squares);
  switch (kind) {
    case PixelLossKind::masked: return right ? ce : 0;
    case PixelLossKind::segpgd: return (right ? 1 - share : share) * ce;
    case PixelLossKind::jensen_shannon:
      return 0.5 * ((1 - p) * std::log(2) + p * std::log(2 * p / (1 + p)) + std::log(2 / (1 + p)));
    case PixelLossKind::masked_spherical: return right ? -along : 0;
    case PixelLossKind::cosine: return 1 - along;
    default: return ce;
  }
}

class PixelLosses : public testing::TestWithParam<std::string> {
 protected:
  Device& device = device_named(GetParam());
};
INSTANTIATE_TEST_SUITE_P(Devices, PixelLosses, testing::ValuesIn(device_names()),
                         [](const auto& info) { return info.param; });

TEST_P(PixelLosses, gradients_are_central_differences_in_double) {
  constexpr std::int64_t kClasses = 4, kPixels = 40;
  const Floats logits = random_values(kPixels * kClasses, 1, -2.f, 2.f);
  Bytes labels;
  for (const std::int32_t label : random_labels(kPixels, 2, kClasses)) {
    labels.push_back(static_cast<std::uint8_t>(labels.size() % 9 == 4 ? 255 : label));
  }
  const Floats weights = {0.5f, 2.f, 1.f, 0.25f};
  for (const PixelLossKind kind : kKinds) {
    if (kind == PixelLossKind::cospgd) continue;
    PixelLoss loss = of_kind(kind);
    loss.share = 0.3f;
    const Answer got = answer(device, {1, 5, 8, kClasses}, logits, labels, loss, weights);
    double sum = 0;
    for (std::size_t i = 0; i < labels.size(); ++i) {
      const std::vector<double> z(logits.begin() + static_cast<std::ptrdiff_t>(4 * i),
                                  logits.begin() + static_cast<std::ptrdiff_t>(4 * i + 4));
      if (labels[i] >= kClasses) {
        for (std::size_t k = 0; k < 4; ++k) EXPECT_EQ(got.gradient[4 * i + k], 0.f);
        continue;
      }
      const auto of_pixel = [&](const std::vector<double>& x) {
        return weights[labels[i]] * reference(kind, 0.3f, x, labels[i]);
      };
      sum += of_pixel(z);
      const std::vector<double> want = central_differences(of_pixel, z);
      for (std::size_t k = 0; k < 4; ++k) {
        EXPECT_NEAR(got.gradient[4 * i + k], want[k], 3e-6) << static_cast<int>(kind) << ' ' << i;
      }
    }
    EXPECT_NEAR(got.sum, sum, 1e-5 * std::abs(sum)) << static_cast<int>(kind);
  }
}

// Three images of 300 pixels, two blocks each; the second image is void.
struct PixelData {
  static constexpr std::int64_t kPixels = 300, kClasses = 4;
  Floats logits = random_values(3 * kPixels * kClasses, 1, -5.f, 5.f);
  Bytes labels;
  PixelData() {
    for (const std::int32_t label : random_labels(3 * kPixels, 2, kClasses)) {
      const std::size_t i = labels.size();
      const bool is_void = i % 11 == 0 || (i >= kPixels && i < 2 * kPixels);
      labels.push_back(static_cast<std::uint8_t>(is_void ? 255 : label));
    }
  }
};

TEST_P(PixelLosses, nothing_depends_on_what_is_void) {
  const PixelData data;
  const Shape shape{3, 15, 20, PixelData::kClasses};
  PixelData moved;
  for (std::size_t i = 0; i < moved.labels.size(); ++i) {
    if (moved.labels[i] != 255) continue;
    moved.labels[i] = static_cast<std::uint8_t>(PixelData::kClasses + i % 200);
    for (std::size_t k = 0; k < 4; ++k) moved.logits[i * 4 + k] += 17.f;
  }
  for (const PixelLossKind kind : kKinds) {
    const Answer before = answer(device, shape, data.logits, data.labels, of_kind(kind));
    const Answer after = answer(device, shape, moved.logits, moved.labels, of_kind(kind));

    EXPECT_EQ(bits_of(after.losses), bits_of(before.losses));
    EXPECT_EQ(after.right, before.right);
    EXPECT_EQ(after.counted, before.counted);
    EXPECT_EQ(bits_of(after.gradient), bits_of(before.gradient));
    EXPECT_EQ(before.losses[1], 0.f);
    EXPECT_EQ(before.counted[1], 0.f);
    for (std::size_t i = 300 * 4; i < 600 * 4; ++i) EXPECT_EQ(before.gradient[i], 0.f) << i;
  }
}

TEST_P(PixelLosses, images_at_once_are_images_one_by_one_bit_for_bit) {
  const PixelData data;
  for (const PixelLossKind kind : kKinds) {
    const Answer all = answer(device, {3, 15, 20, 4}, data.logits, data.labels, of_kind(kind));
    for (std::size_t image = 0; image < 3; ++image) {
      const auto first = static_cast<std::ptrdiff_t>(image * 300), end = first + 300;
      const Answer one = answer(
          device, {1, 15, 20, 4}, {data.logits.begin() + 4 * first, data.logits.begin() + 4 * end},
          {data.labels.begin() + first, data.labels.begin() + end}, of_kind(kind));
      EXPECT_EQ(bits_of({all.losses[image]}), bits_of(one.losses));
      EXPECT_EQ(all.right[image], one.right[0]);
      EXPECT_EQ(bits_of({all.gradient.begin() + 4 * first, all.gradient.begin() + 4 * end}),
                bits_of(one.gradient));
    }
  }
}

TEST(pixel_losses, bear_large_logits) {
  const Answer large = answer(cpu_device(), {1, 1, 1, 2}, {3e38f, -3e38f}, {0}, {});
  EXPECT_EQ(large.losses[0], 0.f);
  EXPECT_EQ(large.gradient, (Floats{0, 0}));
}

TEST(pixel_losses, refuse_labels_that_are_no_bytes_and_weights_that_are_too_few) {
  Tape tape;
  const Var logits(Tensor::from_host(cpu_device(), {1, 2, 2, 3}, kLogits), Gradient::wanted);
  const Tensor wide = Tensor(cpu_device(), {1, 2, 2}, DType::i32),
               bytes = Tensor(cpu_device(), {1, 2, 2}, DType::u8);
  EXPECT_CONTAINS(
      message_of<Error>([&] { pixel_cross_entropy(tape, logits, wide, LossReduction::sum); }),
      "pixel_cross_entropy: logits [1, 2, 2, 3] and labels i32 [1, 2, 2], which must "
      "be u8 [N, H, W]");
  EXPECT_CONTAINS(message_of<Error>([&] {
                    pixel_attack_loss(tape, logits, bytes, {},
                                      Tensor::filled(cpu_device(), {2}, 1.f));
                  }),
                  "pixel_attack_loss: logits [1, 2, 2, 3] have 3 classes, weights are given for 2");
}

TEST(predict_pixels_op, names_the_lowest_of_equal_classes) {
  const Tensor logits = Tensor::from_host(cpu_device(), {1, 2, 2, 3}, kLogits);
  EXPECT_EQ(predict_pixels(logits).to_host<std::uint8_t>(), (Bytes{0, 1, 2, 0}));
}

}  // namespace
}  // namespace saddle
