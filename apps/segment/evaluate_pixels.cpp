#include "apps/segment/evaluate_pixels.h"

#include <algorithm>
#include <cmath>

#include "core/ops.h"

namespace saddle {
JudgedPixels judge_pixels(const LogitsFunction& logits, const Tensor& images, const Tensor& labels,
                          std::int64_t classes) {
  Tape tape;
  const Var z = logits(tape, tape.input(images, Gradient::none));
  require(z.shape().rank() == 4 && z.shape()[3] == classes, "segmentation: the set has ", classes,
          " classes, the model's logits are ", z.shape(), ". Name the data set it was trained on");
  return {predict_pixels(z.value()).to_host<std::uint8_t>(),
          pixel_cross_entropy(tape, z, labels, LossReduction::sum).losses.to_host<float>()};
}

PixelEvaluation evaluate_pixels(const LogitsFunction& logits, Device& device,
                                const SegmentationSet& set, PixelRange range,
                                std::int64_t batch_size, Progress* progress) {
  PixelEvaluation found;
  found.images.assign(set.images.size(), Confusion(set.classes));
  found.cross_entropy.assign(set.images.size(), 0);
  for (const std::vector<std::int32_t>& indices : batches_of_equal_size(set, batch_size)) {
    const Batch batch = whole_images(device, set, indices, range);
    const JudgedPixels judged = judge_pixels(logits, batch.inputs, batch.targets, set.classes);
    const std::size_t area = judged.predictions.size() / indices.size();
    for (std::size_t row = 0; row < indices.size(); ++row) {
      const auto image = static_cast<std::size_t>(indices[row]);
      const double own = static_cast<double>(judged.losses[row]);
      require(std::isfinite(own), set.name, ": the loss of image ", set.images[image].id, " is ",
              own);
      found.images[image].add(set.labels_of(indices[row]),
                              std::span(judged.predictions).subspan(row * area, area));
      found.cross_entropy[image] = own;  // of all its pixels, until all images are judged
    }
    if (progress) progress->advance(static_cast<std::int64_t>(indices.size()));
  }
  // In the images' order: batches take them in another.
  for (std::size_t image = 0; image < found.images.size(); ++image) {
    found.loss += found.cross_entropy[image];
    found.cross_entropy[image] /= std::max(1., static_cast<double>(found.images[image].pixels()));
  }
  found.loss /= std::max(1., static_cast<double>(sum_of(found.images).pixels()));
  return found;
}

}  // namespace saddle
