#include "core/attack_ops.h"
#include "core/ops.h"
#include "kernels/pixel_loss.h"
#include "kernels/reductions.h"

namespace saddle {
namespace {

// PixelSums as tensors of one shape.
struct Sums {
  Tensor loss, right, counted, weight;
  Sums(Device& device, const Shape& shape)
      : loss(device, shape), right(device, shape), counted(device, shape), weight(device, shape) {}
  PixelSums arrays() const {
    return {loss.array(), right.array(), counted.array(), weight.array()};
  }
};

Tensor total_of(const Tensor& values) {
  const Tensor total(values.device(), {1});
  launch(values.device(), SumAll{values.array(), total.array(), 1.f, 0.f}, 1);
  return total;
}

void check(const char* op, const Var& logits, const Tensor& labels, const Tensor& class_weights) {
  const Shape& shape = logits.shape();
  require(shape.rank() == 4 && shape[3] >= 1 && shape[3] <= kMostPixelClasses, op, ": logits ",
          shape, " must be [N, H, W, classes] of 1 to ", kMostPixelClasses, " classes");
  require(labels.shape() == Shape{shape[0], shape[1], shape[2]} && labels.dtype() == DType::u8, op,
          ": logits ", shape, " and labels ", name_of(labels.dtype()), ' ', labels.shape(),
          ", which must be u8 [N, H, W]");
  require(!class_weights || class_weights.count() == shape[3], op, ": logits ", shape, " have ",
          shape[3], " classes, weights are given for ", class_weights ? class_weights.count() : 0);
}

LossValue sum_over_pixels(const char* op, Tape& tape, const Var& logits, const Tensor& labels,
                          const PixelLoss& of_pixel, LossReduction reduction,
                          const Tensor& class_weights) {
  check(op, logits, labels, class_weights);
  const Shape& shape = logits.shape();
  Device& device = logits.device();
  const std::int64_t images = shape[0], pixels = shape[1] * shape[2], classes = shape[3];
  const std::int64_t blocks = PixelLosses::blocks(pixels);
  const auto weights = class_weights ? class_weights.array() : Array<float>{};
  const Sums of_blocks(device, {images, blocks}), of_images(device, {images});
  launch(device,
         PixelLosses{logits.value().array(), labels.array<std::uint8_t>(), weights,
                     of_blocks.arrays(), pixels, classes, of_pixel},
         images * blocks);
  launch(device, SumPixelBlocks{of_blocks.arrays(), of_images.arrays(), blocks}, images);
  Tensor loss = total_of(of_images.loss), factor;
  if (reduction == LossReduction::mean) {
    const Tensor sum = loss, weight = total_of(of_images.weight);
    loss = Tensor(device, {1});
    factor = Tensor(device, {1});
    launch(device, WeightedMean{sum.array(), weight.array(), loss.array(), factor.array()}, 1);
  }
  const Var result = tape.record(loss, {logits}, [=, &device](const Tensor& dloss) {
    const Tensor dx = logits.gradient_memory();
    launch(device,
           PixelLossesBackward{logits.value().array(), labels.array<std::uint8_t>(),
                               class_weights ? class_weights.array() : Array<float>{},
                               dloss.array(), factor ? factor.array() : Array<float>{}, dx.array(),
                               pixels, classes, of_pixel},
           images * blocks);
    logits.add_gradient(dx);
  });
  return {result, of_images.loss, of_images.right, of_images.counted};
}

}  // namespace

LossValue pixel_cross_entropy(Tape& tape, const Var& logits, const Tensor& labels,
                              LossReduction reduction, const Tensor& class_weights) {
  return sum_over_pixels("pixel_cross_entropy", tape, logits, labels, {}, reduction, class_weights);
}

LossValue pixel_attack_loss(Tape& tape, const Var& logits, const Tensor& labels,
                            const PixelLoss& of_pixel, const Tensor& class_weights) {
  return sum_over_pixels("pixel_attack_loss", tape, logits, labels, of_pixel, LossReduction::sum,
                         class_weights);
}

PixelLoss segpgd_loss(int step, int steps) {
  require(steps >= 1 && step >= 1 && step <= steps, "segpgd_loss: step ", step, " of ", steps);
  PixelLoss loss;
  loss.kind = PixelLossKind::segpgd;
  loss.share = static_cast<float>(step - 1) / (2 * static_cast<float>(steps));
  return loss;
}

Tensor predict_pixels(const Tensor& logits) {
  const Shape& shape = logits.shape();
  require(shape.rank() == 4 && shape[3] >= 1 && shape[3] <= kMostPixelClasses,
          "predict_pixels: logits ", shape, " must be [N, H, W, classes] of 1 to ",
          kMostPixelClasses, " classes");
  const Tensor prediction(logits.device(), {shape[0], shape[1], shape[2]}, DType::u8);
  launch(logits.device(), PredictPixels{logits.array(), prediction.array<std::uint8_t>(), shape[3]},
         prediction.count());
  return prediction;
}

}  // namespace saddle
