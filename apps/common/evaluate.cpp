#include "apps/common/evaluate.h"

#include <algorithm>
#include <numeric>
#include <optional>

#include "kernels/loss.h"

namespace saddle {

Evaluation evaluate(const LogitsFunction& logits, const DeviceDataset& data,
                    std::int64_t batch_size, Progress* progress) {
  require(batch_size >= 1, "evaluate: a batch size of ", batch_size, " is below 1");
  Evaluation result;
  std::int64_t correct = 0;
  double loss = 0;
  for (std::int64_t first = 0; first < data.size(); first += batch_size) {
    const std::int64_t count = std::min(batch_size, data.size() - first);
    const Batch batch = data.batch(first, count);
    const std::vector<std::int32_t> labels = batch.targets.to_host<std::int32_t>();
    std::vector<std::int32_t> indices(labels.size());
    std::iota(indices.begin(), indices.end(), static_cast<std::int32_t>(first));
    const std::vector<float> z = finite_logits(logits, batch.inputs, indices, "clean");
    result.classes = static_cast<std::int64_t>(z.size()) / count;
    const auto classes = static_cast<std::size_t>(result.classes);
    for (std::size_t row = 0; row < labels.size(); ++row) {
      require(labels[row] >= 0 && labels[row] < result.classes, "evaluate: example ", indices[row],
              " has label ", labels[row], ", the model has ", result.classes,
              " classes (counted from 0). Is it the data set the model was trained on?");
      const std::span<const float> logits_row(z.data() + row * classes, classes);
      const std::int32_t prediction = argmax(logits_row.data(), result.classes);
      result.predictions.push_back(prediction);
      correct += prediction == labels[row] ? 1 : 0;
      loss += cross_entropy_of(logits_row, labels[row]);
    }
    result.logits.insert(result.logits.end(), z.begin(), z.end());
    const auto done = static_cast<double>(first + count);
    if (progress) progress->advance(count, {loss / done, percent(correct, first + count)});
  }
  result.accuracy = percent(correct, data.size());
  result.loss = data.size() > 0 ? loss / static_cast<double>(data.size()) : 0.;
  return result;
}

std::vector<std::int32_t> predict_images(const LogitsFunction& logits, Device& device,
                                         std::span<const float> images, const Shape& image,
                                         std::int64_t batch_size) {
  const std::int64_t size = image.count();
  const std::int64_t all = static_cast<std::int64_t>(images.size()) / size;
  std::vector<std::int32_t> predictions;
  for (std::int64_t first = 0; first < all; first += batch_size) {
    const std::int64_t count = std::min(batch_size, all - first);
    const auto values = images.subspan(static_cast<std::size_t>(first * size),
                                       static_cast<std::size_t>(count * size));
    const Tensor batch = Tensor::from_host(device, {count, image[0], image[1], image[2]},
                                           std::vector<float>(values.begin(), values.end()));
    std::vector<std::int32_t> indices(static_cast<std::size_t>(count));
    std::iota(indices.begin(), indices.end(), static_cast<std::int32_t>(first));
    const std::vector<float> z = finite_logits(logits, batch, indices, "adversarial");
    const std::int64_t classes = static_cast<std::int64_t>(z.size()) / count;
    for (std::int64_t row = 0; row < count; ++row) {
      predictions.push_back(argmax(z.data() + row * classes, classes));
    }
  }
  return predictions;
}

AttackResult evaluate_attack(const LogitsFunction& logits, const DeviceDataset& data,
                             const Evaluation& clean, const Attack& attack, AttackedExamples which,
                             std::int64_t batch_size, Progress* progress) {
  AttackRun run(logits, data.examples(), clean, attack, which, batch_size);
  std::int64_t done = run.done();
  while (!run.finished()) {
    run.step();
    // The accuracy shown is what is left of it: it falls towards the result.
    if (progress) progress->advance(run.done() - done, {std::nullopt, run.robust_accuracy()});
    done = run.done();
  }
  return run.result();
}

}  // namespace saddle
