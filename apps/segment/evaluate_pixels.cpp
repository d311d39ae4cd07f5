#include "apps/segment/evaluate_pixels.h"

#include <cmath>

#include "core/ops.h"

namespace saddle {
namespace {

class Evaluator {
 public:
  Evaluator(const LogitsFunction& logits, Device& device, const SegmentationSet& set,
            PixelRange range)
      : logits_(logits), device_(device), set_(set), range_(range) {
    evaluation_.images.assign(set.images.size(), Confusion(set.classes));
  }

  // Images of one size.
  void add(const std::vector<std::int32_t>& indices) {
    const Batch batch = whole_images(device_, set_, indices, range_);
    Tape tape;
    const Var z = logits_(tape, tape.input(batch.inputs, Gradient::none));
    check_classes(z.shape());
    const std::vector<float> losses =
        pixel_cross_entropy(tape, z, batch.targets, LossReduction::sum).losses.to_host<float>();
    const auto predictions = predict_pixels(z.value()).to_host<std::uint8_t>();
    const auto area = static_cast<std::size_t>(batch.targets.count()) / indices.size();
    for (std::size_t row = 0; row < indices.size(); ++row) {
      const auto image = static_cast<std::size_t>(indices[row]);
      require(std::isfinite(losses[row]), set_.name, ": the loss of image ", set_.images[image].id,
              " is ", losses[row]);
      loss_ += losses[row];
      evaluation_.images[image].add(set_.labels_of(indices[row]),
                                    std::span(predictions).subspan(row * area, area));
    }
  }

  PixelEvaluation result() {
    const std::int64_t pixels = sum_of(evaluation_.images).pixels();
    evaluation_.loss = pixels > 0 ? loss_ / static_cast<double>(pixels) : 0;
    return std::move(evaluation_);
  }

 private:
  void check_classes(const Shape& logits) const {
    require(logits[3] == set_.classes, set_.name, ": has ", set_.classes,
            " classes, the model knows ", logits[3], ". Name the data set it was trained on");
  }

  const LogitsFunction& logits_;
  Device& device_;
  const SegmentationSet& set_;
  PixelRange range_;
  PixelEvaluation evaluation_;
  double loss_ = 0;
};

}  // namespace

PixelEvaluation evaluate_pixels(const LogitsFunction& logits, Device& device,
                                const SegmentationSet& set, PixelRange range,
                                std::int64_t batch_size, Progress* progress) {
  Evaluator evaluator(logits, device, set, range);
  for (const std::vector<std::int32_t>& indices : batches_of_equal_size(set, batch_size)) {
    evaluator.add(indices);
    if (progress) progress->advance(static_cast<std::int64_t>(indices.size()));
  }
  return evaluator.result();
}

}  // namespace saddle
