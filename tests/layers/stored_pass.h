// A network against the same one in PyTorch: a file of tests/vectors holds what one pass gave there
// in double precision, for the same weights and the same batch.
#pragma once

#include "tests/layers/stored_vectors.h"
#include "tests/support/functional.h"
#include "tests/support/source_directory.h"

namespace saddle {

// float32 against float64; the scripts that make the files see at most 2e-5 in their own float32.
inline constexpr double kStoredBound = 1e-4;
// Activations of 8 bits: each rounding errs by up to 0.4 %, and a network of a few layers stores
// some tens of them one after the other.
inline constexpr double kStoredBoundInBf16 = 5e-2;

template <class Model>
class StoredPass {
 public:
  StoredPass(Device& device, const Model& model, const std::string& name)
      : device_(device),
        model_(model),
        file_(SafetensorsFile::load(source_directory() / "tests/vectors" / name)),
        weights_(stored(model.layout.weights)),
        statistics_(stored(model.layout.statistics)) {}

  const Tensor& weights() const { return weights_; }
  const Tensor& statistics() const { return statistics_; }

  // Logits, loss, running statistics and every gradient of the mean loss, in training.
  void expect_training(Precision precision = Precision::fp32) const {
    const double bound = precision == Precision::bf16 ? kStoredBoundInBf16 : kStoredBound;
    const Tensor g = model_.layout.weights.zeros(device_);
    Tape tape;
    const Tensor images = nhwc(device_, file_, "images");
    const Var x =
        tape.input(testing_support::tensor_of(device_, images.shape(), activation_type(precision),
                                              images.to_host<float>()),
                   Gradient::wanted);
    const Var logits = model_({tape, with_precision(weights_, precision), g, statistics_,
                               BatchNormMode::update, precision},
                              x);
    const LossValue loss = cross_entropy(tape, logits, labels(), LossReduction::mean);
    const float loss_value = loss.loss.value().item();

    tape.backward(loss.loss);

    expect_logits(logits, "train.logits", bound);
    EXPECT_NEAR(loss_value, file_.read_f32("train.loss").at(0), bound);
    expect_slots(model_.layout.weights, g, "grad.", bound);
    expect_slots(model_.layout.statistics, statistics_, "after_forward.", bound);
    expect_pixels(x, "grad.images", bound);
  }

  // Logits and the pixels' gradient of the summed loss, in evaluation.
  void expect_evaluation(const Pass& pass) const {
    const Var x = pass.tape.input(nhwc(device_, file_, "images"), Gradient::wanted);
    const Var logits = model_(pass, x);
    pass.tape.backward(cross_entropy(pass.tape, logits, labels(), LossReduction::sum).loss);

    expect_logits(logits, "eval.logits", kStoredBound);
    expect_pixels(x, "eval.grad.images", kStoredBound);
  }

 private:
  // The file's "init." + name in a buffer of `layout`.
  Tensor stored(const WeightLayout& layout) const {
    std::vector<float> buffer(static_cast<std::size_t>(layout.size()), 0.f);
    for (const Slot& slot : layout.slots())
      WeightLayout::from_file_order(slot, file_.read_f32("init." + slot.name), buffer);
    return Tensor::from_host(device_, {layout.size()}, buffer);
  }
  Tensor labels() const {
    const std::vector<std::int64_t> wide = file_.read_i64("labels");
    return Tensor::from_host(device_, {static_cast<std::int64_t>(wide.size())},
                             std::vector<std::int32_t>(wide.begin(), wide.end()));
  }
  void expect_slots(const WeightLayout& layout, const Tensor& buffer, const std::string& prefix,
                    double bound) const {
    const std::vector<float> host = buffer.to_host<float>();
    for (const Slot& slot : layout.slots()) {
      EXPECT_LT(relative_error(WeightLayout::to_file_order(slot, host),
                               file_.read_f32(prefix + slot.name)),
                bound)
          << prefix << slot.name;
    }
  }
  void expect_logits(const Var& logits, const std::string& name, double bound) const {
    EXPECT_LT(relative_error(logits.value().to_host<float>(), file_.read_f32(name)), bound);
  }
  void expect_pixels(const Var& x, const std::string& name, double bound) const {
    EXPECT_LT(relative_error(testing_support::floats_of(x.gradient()),
                             nhwc(device_, file_, name).to_host<float>()),
              bound);
  }

  Device& device_;
  const Model& model_;
  SafetensorsFile file_;
  Tensor weights_, statistics_;
};

}  // namespace saddle
