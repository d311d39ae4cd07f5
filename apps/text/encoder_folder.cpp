#include "apps/text/encoder_folder.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <set>
#include <string_view>

#include "apps/common/read_slot.h"
#include "core/json_text.h"
#include "layers/models/text_classifier.h"
#include "layers/network_names.h"

namespace saddle {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

constexpr std::int64_t kMostConfigBytes = 1 << 20;
constexpr std::size_t kMostClasses = 100'000;

// A value of config.json, or what `transformers` takes where it is not there.
template <class T>
T value_of(const Json& config, const char* key, T fallback) {
  const auto found = config.find(key);
  if (found == config.end() || found->is_null()) return fallback;
  if constexpr (std::is_integral_v<T> && !std::is_same_v<T, bool>) {
    require(found->is_number_integer(), "'", key, "' is no integer");
  }
  return found->get<T>();
}

std::int64_t size_of(const Json& config, const char* key) {
  require(config.contains(key), "'", key, "' is missing");
  return value_of<std::int64_t>(config, key, 0);
}

GeluForm activation_of(const std::string& name) {
  if (name == "gelu") return GeluForm::exact;
  if (name == "gelu_new" || name == "gelu_pytorch_tanh") return GeluForm::tanh;
  fail("the activation '", name, "' is not read. There are gelu, gelu_new, gelu_pytorch_tanh");
}

TextOptions bert_options(const Json& config) {
  TextOptions o;
  o.width = size_of(config, "hidden_size");
  o.layers = size_of(config, "num_hidden_layers");
  o.heads = size_of(config, "num_attention_heads");
  o.hidden = size_of(config, "intermediate_size");
  o.kinds = value_of<std::int64_t>(config, "type_vocab_size", 2);
  o.eps = value_of(config, "layer_norm_eps", 1e-12f);
  o.activation = activation_of(value_of<std::string>(config, "hidden_act", "gelu"));
  o.dropout = value_of(config, "hidden_dropout_prob", 0.1f);
  o.attention_dropout = value_of(config, "attention_probs_dropout_prob", 0.1f);
  o.head_dropout = value_of(config, "classifier_dropout", o.dropout);
  return o;
}

TextOptions distilbert_options(const Json& config) {
  TextOptions o;
  o.pooling = TextPooling::first_relu;
  o.width = size_of(config, "dim");
  o.layers = size_of(config, "n_layers");
  o.heads = size_of(config, "n_heads");
  o.hidden = size_of(config, "hidden_dim");
  o.kinds = 0;
  o.activation = activation_of(value_of<std::string>(config, "activation", "gelu"));
  o.dropout = value_of(config, "dropout", 0.1f);
  o.attention_dropout = value_of(config, "attention_dropout", 0.1f);
  o.head_dropout = value_of(config, "seq_classif_dropout", 0.2f);
  return o;
}

// "LABEL_0", "LABEL_1", ... name nothing.
std::vector<std::string> class_names_of(const Json& config) {
  const Json labels = config.value("id2label", Json::object());
  require(labels.is_object() && labels.size() <= kMostClasses, "'id2label' is no list of names");
  std::vector<std::string> names;
  bool named = false;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    names.push_back(labels.at(std::to_string(i)).get<std::string>());
    named = named || names.back() != text("LABEL_", i);
  }
  return named ? names : std::vector<std::string>();
}

EncoderFolder encoder_of(const Json& config) {
  require(config.is_object(), "is no JSON object");
  EncoderFolder encoder;
  encoder.model = value_of<std::string>(config, "model_type", "");
  require(reads_text(encoder.model), "its model_type '", encoder.model, "' is not read. There are ",
          kBert, ", ", kDistilBert);
  const std::string positions =
      value_of<std::string>(config, "position_embedding_type", "absolute");
  require(positions == "absolute", "positions of type '", positions,
          "' are not read, absolute are");
  require(!value_of(config, "is_decoder", false), "is a decoder, which is not read");
  encoder.text = encoder.model == kBert ? bert_options(config) : distilbert_options(config);
  encoder.text.vocabulary = size_of(config, "vocab_size");
  encoder.text.positions = value_of<std::int64_t>(config, "max_position_embeddings", 512);
  encoder.text.padding = value_of<std::int64_t>(config, "pad_token_id", 0);
  encoder.class_names = class_names_of(config);
  return encoder;
}

fs::path file_in(const fs::path& folder, const std::string& name, const char* what) {
  const fs::path path = folder / name;
  require(fs::is_regular_file(path), path.string(), ": ", what,
          " is missing. A folder as `transformers` saves it has config.json, model.safetensors and "
          "vocab.txt; `make text-data` fetches one into data/minilm-l6");
  return path;
}

// ---- tensors ----

// What a model of `transformers` has for other tasks, or as a constant.
bool is_of_another_task(const std::string& name) {
  constexpr std::array kOthers = {"cls.", "vocab_transform.", "vocab_layer_norm.",
                                  "vocab_projector.", "qa_outputs."};
  return name.ends_with("position_ids") ||
         std::ranges::any_of(kOthers, [&](const char* begin) { return name.starts_with(begin); });
}

// The name of a slot in the file, which may leave out the encoder's prefix and call layer-norm's
// tensors as TensorFlow did.
std::string name_in(const SafetensorsFile& file, const std::string& slot,
                    const std::string& prefix) {
  std::vector<std::string> names = {slot};
  if (slot.starts_with(prefix)) names.push_back(slot.substr(prefix.size()));
  const std::vector<std::string> modern = names;
  for (const std::string& name : modern) {
    if (name.ends_with("LayerNorm.weight")) {
      names.push_back(name.substr(0, name.size() - 6) + "gamma");
    } else if (name.ends_with("LayerNorm.bias")) {
      names.push_back(name.substr(0, name.size() - 4) + "beta");
    }
  }
  for (const std::string& name : names) {
    if (file.contains(name)) return name;
  }
  return slot;
}

bool is_classifier(const std::string& slot) { return slot.starts_with("classifier."); }
bool is_pooler(const std::string& slot) {
  return slot.starts_with("bert.pooler.") || slot.starts_with("pre_classifier.");
}

}  // namespace

EncoderFolder parse_encoder_config(Bytes json, const std::string& name) {
  try {
    return encoder_of(parse_json(json));
  } catch (const std::exception& error) {
    fail(name, ": ", error.what());
  }
}

EncoderFolder read_encoder_folder(const fs::path& folder) {
  require(fs::is_directory(folder), folder.string(),
          ": no such folder. Name one with --encoder, as `transformers` saves it; `make text-data` "
          "fetches one into data/minilm-l6");
  const fs::path config = file_in(folder, "config.json", "what says the network's sizes");
  EncoderFolder encoder =
      parse_encoder_config(read_file(config, kMostConfigBytes), config.string());
  encoder.weights = file_in(folder, "model.safetensors", "the file of weights");
  encoder.vocabulary = file_in(folder, "vocab.txt", "the vocabulary");
  return encoder;
}

void TransformerValues::copy_to(Model& model) const {
  std::vector<float> host = model.weights.to_host<float>();
  for (std::size_t i = 0; i < slots.size(); ++i) {
    if (slots[i].empty()) continue;
    WeightLayout::from_file_order(model.network.layout.weights.slots()[i], slots[i], host);
  }
  model.weights.copy_from_host(host.data());
}

TransformerValues read_transformer(const Network& network, const SafetensorsFile& file,
                                   HeadOfFile head) {
  const std::string& prefix = text_family(network.options.model).prefix;
  std::set<std::string> surplus;
  for (const std::string& name : file.names()) {
    if (!is_of_another_task(name)) surplus.insert(name);
  }
  TransformerValues values;
  Complaints complaints;
  bool new_pooler = false;
  for (const Slot& slot : network.layout.weights.slots()) {
    const std::string name = name_in(file, slot.name, prefix);
    surplus.erase(name);
    const bool missing_pooler = is_pooler(slot.name) && !file.contains(name);
    if (head == HeadOfFile::left_out && (is_classifier(slot.name) || missing_pooler)) {
      new_pooler = new_pooler || missing_pooler;
      values.slots.emplace_back();
    } else {
      values.slots.push_back(read_slot(file, slot, name, complaints));
    }
  }
  for (const std::string& name : surplus) {
    const bool of_head = is_classifier(name) || is_pooler(name) || is_pooler(prefix + name);
    if (!of_head) complaints.add(name, " is not in the model");
  }
  complaints.raise(file.file_name() + ": does not fit the model", "Does config.json belong to it?");
  if (new_pooler) {
    values.remarks.push_back(text(file.file_name(),
                                  ": has no layer between encoder and classifier: it begins anew, "
                                  "as the classifier does"));
  }
  return values;
}

}  // namespace saddle
