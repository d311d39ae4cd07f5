#include "apps/text/load_text_model.h"

#include "apps/common/checkpoint.h"
#include "apps/common/fingerprint.h"
#include "apps/text/encoder_folder.h"
#include "layers/network_names.h"

namespace saddle {
namespace {

namespace fs = std::filesystem;

std::int64_t classes_in(const SafetensorsFile& file) {
  constexpr const char* kHead = "classifier.weight";
  require(file.contains(kHead) && file.tensor(kHead).shape.rank() == 2, file.file_name(),
          ": has no ", kHead,
          " [classes, width]: it is an encoder without a classifier. Train one with "
          "saddle-text train --encoder");
  return file.tensor(kHead).shape[0];
}

Model model_of_folder(const EncoderFolder& folder, const Vocabulary& vocabulary, Device& device,
                      Precision precision) {
  const SafetensorsFile file = SafetensorsFile::load(folder.weights);
  ModelDescription description;
  description.network.model = folder.model;
  description.network.text = folder.text;
  description.network.text.padding = vocabulary.pad();
  description.network.classes = classes_in(file);
  const bool named = std::ssize(folder.class_names) == description.network.classes;
  if (named) description.class_names = folder.class_names;
  const TransformerValues values =
      read_transformer(make_network(description.network), file, HeadOfFile::needed);
  Model model(device, description, {}, precision);
  values.copy_to(model);
  model.assumptions.push_back(text("texts are cut off at ", folder.text.max_length,
                                   " pieces, which the folder does not say"));
  if (!named) model.assumptions.push_back("the folder does not name its classes");
  return model;
}

void check_vocabulary(const TextOptions& text, const Vocabulary& vocabulary, const fs::path& path,
                      const fs::path& checkpoint) {
  require(vocabulary.size() <= text.vocabulary, path.string(), ": has ", vocabulary.size(),
          " pieces, ", checkpoint.string(), " knows ", text.vocabulary,
          ". They belong to different networks");
  require(text.vocabulary_hash.empty() || fingerprint_of_file(path) == text.vocabulary_hash,
          path.string(), ": is not the vocabulary that ", checkpoint.string(),
          " was trained with. Name that with --vocab");
}

}  // namespace

TextModel load_text_model(const fs::path& checkpoint, const fs::path& vocabulary, Device& device,
                          Precision precision) {
  if (fs::is_directory(checkpoint)) {
    const EncoderFolder folder = read_encoder_folder(checkpoint);
    const fs::path path = vocabulary.empty() ? folder.vocabulary : vocabulary;
    Vocabulary words = Vocabulary::load(path);
    check_vocabulary(folder.text, words, path, checkpoint);
    Model model = model_of_folder(folder, words, device, precision);
    return {std::move(model), WordPiece(std::move(words))};
  }
  Model model = load_checkpoint(checkpoint, device, {}, {});
  model.precision = precision;
  const std::string& name = model.network.options.model;
  require(reads_text(name), checkpoint.string(), ": ", name,
          " sees images, this program needs a network that reads text");
  const fs::path path = vocabulary.empty() ? checkpoint.parent_path() / "vocab.txt" : vocabulary;
  require(fs::exists(path), path.string(),
          ": the vocabulary that belongs to the checkpoint is missing. Name it with --vocab");
  Vocabulary words = Vocabulary::load(path);
  check_vocabulary(model.network.options.text, words, path, checkpoint);
  return {std::move(model), WordPiece(std::move(words))};
}

}  // namespace saddle
