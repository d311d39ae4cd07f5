// The ops of segmentation against PyTorch: values and gradients of
// tests/vectors/deeplab.safetensors (segmentation_ops.py).
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "core/json_text.h"
#include "core/ops.h"
#include "tests/layers/stored_vectors.h"
#include "tests/support/devices.h"
#include "tests/support/functional.h"
#include "tests/support/source_directory.h"

namespace saddle {
namespace {

using namespace testing_support;

constexpr double kBound = 2e-6;  // of one op, in float32

class StoredOps : public testing::TestWithParam<std::string> {
 protected:
  Device& device = device_named(GetParam());
  const SafetensorsFile file =
      SafetensorsFile::load(source_directory() / "tests/vectors/deeplab.safetensors");
  const nlohmann::json settings = parse_json(file.metadata().at("vectors")).at("ops");

  Var images(const std::string& name) const {
    return Var(nhwc(device, file, "ops." + name), Gradient::wanted);
  }
  Var vector(const std::string& name) const {
    const std::vector<float> values = file.read_f32("ops." + name);
    return Var(Tensor::from_host(device, {static_cast<std::int64_t>(values.size())}, values),
               Gradient::wanted);
  }
  // Weights of a file: OIHW in the engine's order, [3, 3, C] where they are depthwise.
  Var weights(const std::string& name) const {
    const Shape& s = file.tensor("ops." + name).shape;
    const bool depthwise = s[1] == 1;
    Slot slot;
    slot.shape = depthwise ? Shape{s[2], s[3], s[0]} : Shape{s[0], s[2], s[3], s[1]};
    std::vector<float> inside(static_cast<std::size_t>(s.count()));
    WeightLayout::from_file_order(slot, file.read_f32("ops." + name), inside);
    return Var(Tensor::from_host(device, slot.shape, inside), Gradient::wanted);
  }
  void expect(const Tensor& got, const Tensor& want, const std::string& what,
              double bound = kBound) const {
    EXPECT_EQ(got.shape(), want.shape()) << what;
    EXPECT_LT(relative_error(got.to_host<float>(), want.to_host<float>()), bound) << what;
  }
  // y, and dx from the file's dy.
  void expect_images(const std::string& op, const Var& x, Tape& tape, const Var& y) const {
    expect(y.value(), images(op + ".y").value(), op + ".y");
    tape.backward(functional(tape, y, images(op + ".dy").value().to_host<float>()));
    expect(x.gradient(), images(op + ".dx").value(), op + ".dx");
  }
  // Names before the first dot that begin with `kind`.
  std::vector<std::string> ops(const std::string& kind) const {
    std::vector<std::string> found;
    for (const auto& [name, options] : settings.items()) {
      if (name.starts_with(kind)) found.push_back(name);
    }
    return found;
  }
};

INSTANTIATE_TEST_SUITE_P(Devices, StoredOps, testing::ValuesIn(device_names()),
                         [](const auto& info) { return info.param; });

TEST_P(StoredOps, resizing_agrees_both_ways) {
  for (const char* op :
       {"resize_4x3_9x7", "resize_12_96", "resize_33_513", "resize_3_2", "resize_1_n"}) {
    const Var x = images(std::string(op) + ".x");
    const Shape to = images(std::string(op) + ".y").shape();
    Tape tape;
    const Var y = resize_bilinear(tape, x, to[1], to[2]);
    // Places are floats, which PyTorch in double has not.
    expect(y.value(), images(std::string(op) + ".y").value(), op, 1e-5);
    tape.backward(functional(tape, y, images(std::string(op) + ".dy").value().to_host<float>()));
    expect(x.gradient(), images(std::string(op) + ".dx").value(), op, 1e-5);
  }
}

TEST_P(StoredOps, convolutions_agree_in_all_three_directions) {
  std::vector<std::string> all = ops("convolution");
  const std::vector<std::string> depthwise = ops("depthwise");
  EXPECT_GE(all.size(), 6u);
  EXPECT_GE(depthwise.size(), 8u);
  all.insert(all.end(), depthwise.begin(), depthwise.end());
  all.push_back("convolution_7x7_s2");  // its settings stand in its name
  for (const std::string& op : all) {
    const nlohmann::json o = settings.value(op, nlohmann::json{{"stride", 2}, {"padding", 3}});
    const Window window{o.value("stride", 1), o.value("padding", 0), o.value("dilation", 1)};
    const Var x = images(op + ".x"), w = weights(op + ".w");
    Tape tape;
    const Var y = op.starts_with("depthwise") ? depthwise_convolution(tape, x, w, window)
                                              : convolution(tape, x, w, window);
    expect_images(op, x, tape, y);
    expect(w.gradient(), weights(op + ".dw").value(), op + ".dw");
  }
}

TEST_P(StoredOps, max_pool_agrees_where_maxima_are_equal) {
  for (const std::string op :
       {"max_pool_equal", "max_pool_negative", "max_pool_quantised", "max_pool_even"}) {
    const Var x = images(op + ".x");
    Tape tape;
    expect_images(op, x, tape, max_pool(tape, x, 3, 2, 1));
  }
}

TEST_P(StoredOps, relu6_agrees_at_its_ends) {
  const Var x = vector("relu6.x");
  const std::vector<float> one = {1}, zero = {0};
  Tape tape;
  // As affine with scale 1 and shift 0, a channel of [N, 1].
  const Var y =
      affine(tape, reshape(tape, x, {x.shape()[0], 1}), Tensor::from_host(device, {1}, one),
             Tensor::from_host(device, {1}, zero), Activation::relu6);
  EXPECT_EQ(y.value().to_host<float>(), file.read_f32("ops.relu6.y"));
  tape.backward(functional(tape, y, file.read_f32("ops.relu6.dy")));
  EXPECT_EQ(x.gradient().to_host<float>(), file.read_f32("ops.relu6.dx"));
}

TEST_P(StoredOps, the_loss_of_pixels_agrees_with_void_and_class_weights) {
  const std::string op = "cross_entropy.";
  const std::vector<std::int64_t> wide = file.read_i64("ops." + op + "labels");
  const Tensor labels = Tensor::from_host(device, file.tensor("ops." + op + "labels").shape,
                                          std::vector<std::uint8_t>(wide.begin(), wide.end()));
  for (const bool weighted : {false, true}) {
    const std::string prefix = op + (weighted ? "weighted_" : "");
    const Var logits = images(op + "logits");
    Tape tape;
    const LossValue loss =
        pixel_cross_entropy(tape, logits, labels, LossReduction::mean,
                            weighted ? vector(op + "weights").value() : Tensor());
    EXPECT_NEAR(loss.loss.value().item(), file.read_f32("ops." + prefix + "loss")[0], 2e-5);
    if (!weighted) {
      EXPECT_LT(
          relative_error(loss.losses.to_host<float>(), file.read_f32("ops." + op + "image_losses")),
          kBound);
    }
    const std::vector<std::int64_t> right = file.read_i64("ops." + op + "right"),
                                    valid = file.read_i64("ops." + op + "valid");
    EXPECT_EQ(loss.right.to_host<float>(), std::vector<float>(right.begin(), right.end()));
    EXPECT_EQ(loss.counted.to_host<float>(), std::vector<float>(valid.begin(), valid.end()));
    tape.backward(loss.loss);
    expect(logits.gradient(), images(prefix + "dlogits").value(), prefix + "dlogits");
  }
}

TEST_P(StoredOps, batch_norm_agrees_with_momentum_and_with_two_values_a_channel) {
  for (const std::string op : {"batch_norm.", "batch_norm_two."}) {
    for (const bool training : {true, false}) {
      const std::string mode = op + (training ? "train." : "eval.");
      const Var x = images(op + "x"), gamma = vector(op + "gamma"), beta = vector(op + "beta");
      const Tensor mean = vector(op + "running_mean").value(),
                   var = vector(op + "running_var").value();
      Tape tape;
      const Var y = batch_norm(
          tape, x,
          {gamma, beta, mean, var, training ? BatchNormMode::update : BatchNormMode::frozen,
           Activation::none, kBatchNormEps, 0.01f});
      expect(y.value(), images(mode + "y").value(), mode + "y", 1e-5);
      tape.backward(functional(tape, y, images(mode + "dy").value().to_host<float>()));
      // Of two values a channel the gradient is what is left of differences.
      expect(x.gradient(), images(mode + "dx").value(), mode + "dx", 1e-3);
      expect(gamma.gradient(), vector(mode + "dgamma").value(), mode + "dgamma", 1e-4);
      expect(beta.gradient(), vector(mode + "dbeta").value(), mode + "dbeta", 1e-5);
      if (!training) continue;
      expect(mean, vector(op + "after.running_mean").value(), op + "running_mean");
      expect(var, vector(op + "after.running_var").value(), op + "running_var");
    }
  }
}

}  // namespace
}  // namespace saddle
