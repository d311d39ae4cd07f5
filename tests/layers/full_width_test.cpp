// PreActResNet-18 at the width that it is trained at, where the CPU's convolutions go by Winograd's
// algorithm, against PyTorch in double precision (tests/vectors/make_full_width_vectors.py).
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "attacks/pgd.h"
#include "tests/layers/stored_vectors.h"
#include "tests/support/source_directory.h"

namespace saddle {
namespace {

std::uint32_t hashed(std::uint32_t i, std::uint32_t number) {
  std::uint32_t h = i * 2654435761u + number * 40503u;
  h ^= h >> 16;
  h *= 2246822507u;
  h ^= h >> 13;
  h *= 3266489909u;
  return h ^ (h >> 16);
}

// The weights that the script computes, too; batch-norms stay the identity that they begin as.
void fill(Model& model) {
  std::vector<float> buffer = model.weights.to_host<float>();
  std::vector<Slot> matrices;
  for (const Slot& slot : model.network.layout.weights.slots()) {
    if (slot.shape.rank() > 1) matrices.push_back(slot);
    if (slot.name == "linear.bias")
      WeightLayout::from_file_order(slot, std::vector<float>(10, 0.f), buffer);
  }
  std::ranges::sort(matrices, {}, &Slot::name);
  for (std::uint32_t number = 0; number < matrices.size(); ++number) {
    const Slot& slot = matrices[number];
    std::vector<float> values(static_cast<std::size_t>(slot.shape.count()));
    const double fan_in = static_cast<double>(slot.shape.count() / slot.shape[0]);
    const auto scale = static_cast<float>(std::sqrt(24 / fan_in));
    for (std::uint32_t i = 0; i < values.size(); ++i)
      values[i] = (static_cast<float>(hashed(i, number) >> 8) / 16777216.f - 0.5f) * scale;
    WeightLayout::from_file_order(slot, values, buffer);
  }
  model.weights = Tensor::from_host(model.weights.device(), model.weights.shape(), buffer);
}

double largest_difference(const std::vector<float>& got, const std::vector<float>& want) {
  double difference = 0, largest = 0;
  for (std::size_t i = 0; i < want.size(); ++i) {
    difference = std::max(difference, std::abs(double{got.at(i)} - want[i]));
    largest = std::max(largest, std::abs(double{want[i]}));
  }
  return difference / largest;
}

// PyTorch's own float32 differs by 1.8e-7 and 7.7e-7 of the largest element (in the file's
// metadata). What robustness is judged by stays within a hundred thousandth, and well below it.
TEST(full_width, logits_and_image_gradient_are_as_near_to_double_as_float32_gets) {
  const SafetensorsFile want = SafetensorsFile::load(source_directory() / "tests/vectors" /
                                                     "preact_resnet18_full.safetensors");
  Device& device = cpu_device();
  Model model(device,
              {{"preact_resnet18", 64, 3, 32, 32, 10},
               {0.4914f, 0.4822f, 0.4465f},
               {0.2471f, 0.2435f, 0.2616f}},
              0);
  fill(model);
  const Tensor images = nhwc(device, want, "images");
  const Tensor labels = Tensor::from_host(device, {2}, std::vector<std::int32_t>{3, 8});

  Tape tape;
  const Var logits = model.evaluation()(tape, tape.input(images, Gradient::none));
  const Tensor dx =
      input_gradient(cross_entropy_loss(), model.evaluation(), images, {images, labels, {}});

  EXPECT_LT(largest_difference(logits.value().to_host<float>(), want.read_f32("eval.logits")),
            2e-6);
  EXPECT_LT(largest_difference(dx.to_host<float>(),
                               nhwc(device, want, "eval.grad.images").to_host<float>()),
            3e-6);
}

}  // namespace
}  // namespace saddle
