#include "apps/text/predict.h"

#include <iostream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "apps/common/class_names.h"
#include "apps/common/parse.h"
#include "apps/data/text_lines.h"
#include "apps/text/evaluate_texts.h"
#include "apps/text/load_text_model.h"
#include "core/format.h"
#include "core/json_text.h"
#include "core/printable.h"

namespace saddle {
namespace {

constexpr std::int64_t kMostInput = std::int64_t{1} << 30;  // bytes

void check_options(const TextPredictOptions& o) {
  usage(!o.checkpoint.empty(), "--checkpoint is missing: name the model");
  usage(!o.texts.empty() || !o.file.empty(),
        "no text: give --text TEXT, or --file FILE with a text a line");
}

std::string read_input(const std::string& file) {
  if (file == "-") {
    return {std::istreambuf_iterator<char>(std::cin), std::istreambuf_iterator<char>()};
  }
  const std::vector<std::byte> bytes = read_file(file, kMostInput);
  return std::string(letters_of(bytes));
}

std::vector<std::string> texts_of(const TextPredictOptions& o) {
  std::vector<std::string> texts = o.texts;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    require_utf8(texts[i], text("--text ", i + 1));
  }
  if (o.file.empty()) return texts;
  const std::string input = read_input(o.file);
  require_utf8(input, o.file);
  for (const std::string_view line : lines_in(input)) texts.emplace_back(line);
  require(!texts.empty(), o.file, ": holds no line");
  return texts;
}

std::vector<std::string> pieces_of(const WordPiece& pieces, std::span<const std::int32_t> ids) {
  std::vector<std::string> found;
  for (std::int32_t id : ids) found.push_back(pieces.vocabulary().piece(id));
  return found;
}

// softmax of a row, in double.
std::vector<double> probabilities_of(std::span<const float> z) {
  const double largest = *std::ranges::max_element(z);
  std::vector<double> p;
  double sum = 0;
  for (float value : z) sum += p.emplace_back(std::exp(value - largest));
  for (double& share : p) share /= sum;
  return p;
}

}  // namespace

void add_flags(CLI::App& app, TextPredictOptions& o) {
  add_text(app, "--checkpoint", o.checkpoint, "PATH",
           "The model: a safetensors file of saddle-text train, or a folder that `transformers` "
           "saved");
  add_text(app, "--vocab", o.vocabulary, "FILE", "Its pieces of words",
           "vocab.txt beside the checkpoint");
  add_texts(app, "--text", o.texts, "TEXT", "A text; may be given more than once");
  add_text(app, "--file", o.file, "FILE", "Texts, one a line; - reads standard input");
  add_switch(app, "--tokens", o.tokens, "Print the pieces that the network sees");
  add_switch(app, "--json", o.json, "Print a JSON object a line");
  add_integer(app, "--batch-size", o.batch_size, 1, "Texts at a time");
  add_common_options(app, o.common);
}

void predict(const TextPredictOptions& o) {
  check_options(o);
  const std::vector<std::string> texts = texts_of(o);
  Device& device = open_device(o.common);
  const TextModel text_model =
      load_text_model(o.checkpoint, o.vocabulary, device, precision_of(o.common));
  const Model& model = text_model.model;
  for (const std::string& line : model.assumptions) print_warning("saddle-text predict", line);
  const EncodedTexts encoded = encode(texts, text_model.pieces, text_model.max_length());
  if (encoded.cut > 0) {
    print_warning("saddle-text predict",
                  text(encoded.cut, " of ", texts.size(), " texts are cut off at ",
                       text_model.max_length(), " pieces, as in training"));
  }
  const std::vector<float> z = logits_of_texts(model.evaluation(), device, encoded, o.batch_size);
  const auto classes = static_cast<std::size_t>(model.classes());
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const std::vector<double> p = probabilities_of({z.data() + i * classes, classes});
    const auto best = std::ranges::max_element(p) - p.begin();
    const std::string name = class_name(model.class_names, best);
    const std::vector<std::string> pieces = pieces_of(text_model.pieces, encoded.ids[i]);
    if (o.json) {
      nlohmann::json line = {{"text", texts[i]}, {"class", name}, {"probabilities", p}};
      if (o.tokens) line["tokens"] = pieces, line["ids"] = encoded.ids[i];
      std::cout << json_text(line) << '\n';
      continue;
    }
    std::cout << formatted("%s %.1f %%  ", name.c_str(), 100 * p[static_cast<std::size_t>(best)])
              << printable(texts[i]) << '\n';
    if (!o.tokens) continue;
    std::cout << "   ";
    for (const std::string& piece : pieces) std::cout << ' ' << printable(piece);
    std::cout << '\n';
  }
}

}  // namespace saddle
