#include "apps/text/text_victim.h"

#include "apps/text/evaluate_texts.h"

namespace saddle {

TextVictim text_victim(const TextModel& model, std::int64_t batch_size) {
  const LogitsFunction f = model.model.evaluation({}, Batching::invariant);
  return [&model, f, batch_size](std::span<const std::string> texts) {
    const EncodedTexts encoded =
        encode({texts.begin(), texts.end()}, model.pieces, model.max_length());
    const std::vector<float> z =
        logits_of_texts(f, model.model.device(), encoded, batch_size, Batching::invariant);
    const auto classes = static_cast<std::ptrdiff_t>(model.model.classes());
    std::vector<std::vector<float>> rows;
    for (auto row = z.begin(); row != z.end(); row += classes)
      rows.emplace_back(row, row + classes);
    return rows;
  };
}

std::size_t token_count(const TextModel& model, std::string_view text) {
  return model.pieces.encode(text, model.max_length()).ids.size();
}

}  // namespace saddle
