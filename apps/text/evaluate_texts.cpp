#include "apps/text/evaluate_texts.h"

#include "kernels/loss.h"

namespace saddle {

std::vector<float> logits_of_texts(const LogitsFunction& logits, Device& device,
                                   const EncodedTexts& texts, std::int64_t batch_size,
                                   Batching batching) {
  std::vector<float> all;
  for (const std::vector<std::int32_t>& indices : batches_by_length(texts, batch_size, batching)) {
    const std::int64_t rows = std::ssize(indices), columns = texts.longest(indices);
    const Tensor tokens =
        Tensor::from_host(device, {rows, columns}, padded(texts, indices, columns));
    const std::vector<float> z = finite_logits(logits, tokens, indices, "clean");
    const std::size_t classes = z.size() / indices.size();
    all.resize(texts.ids.size() * classes);
    for (std::size_t row = 0; row < indices.size(); ++row) {
      std::copy_n(z.begin() + static_cast<std::ptrdiff_t>(row * classes), classes,
                  all.begin() + static_cast<std::ptrdiff_t>(static_cast<std::size_t>(indices[row]) *
                                                            classes));
    }
  }
  return all;
}

Evaluation evaluate_texts(const LogitsFunction& logits, Device& device, const EncodedTexts& texts,
                          const std::vector<std::int32_t>& labels, std::int64_t batch_size) {
  require(!labels.empty(), "evaluate: there are no texts");
  Evaluation found;
  found.logits = logits_of_texts(logits, device, texts, batch_size);
  const std::size_t classes = found.logits.size() / labels.size();
  found.classes = static_cast<std::int64_t>(classes);
  std::int64_t right = 0;
  double loss = 0;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const std::span<const float> row(found.logits.data() + i * classes, classes);
    found.predictions.push_back(argmax(row.data(), found.classes));
    right += found.predictions.back() == labels[i] ? 1 : 0;
    loss += cross_entropy_of(row, labels[i]);
  }
  found.accuracy = percent(right, std::ssize(labels));
  found.loss = loss / static_cast<double>(labels.size());
  return found;
}

}  // namespace saddle
