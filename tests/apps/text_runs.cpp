#include "tests/apps/text_runs.h"

#include "apps/common/checkpoint.h"
#include "core/file.h"
#include "kernels/philox.h"

namespace saddle {
namespace {

namespace fs = std::filesystem;

constexpr const char* kConfig = R"({
  "model_type": "bert", "hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 3,
  "intermediate_size": 40, "max_position_embeddings": 32, "type_vocab_size": 2,
  "vocab_size": 60, "hidden_act": "gelu", "layer_norm_eps": 1e-12, "pad_token_id": 0,
  "hidden_dropout_prob": 0.1, "attention_probs_dropout_prob": 0.1,
  "id2label": {"0": "down", "1": "level", "2": "up"}
})";

const std::vector<std::string> kNoise = {"the", "film", "is", "a", "story", "of", "one", "day"};

// `count` rows of a table, bad and good in turn.
std::string table(int count, std::uint32_t item) {
  std::string rows = "text,label\n";
  for (int row = 0; row < count; ++row) {
    const Random4 bits = philox(5, {{static_cast<std::uint32_t>(row), item, 0, 0}});
    const std::uint32_t words = 3 + bits.v[0] % 6, place = bits.v[1] % words;
    const char* name = row % 2 == 0 ? "bad" : "good";
    for (std::uint32_t word = 0; word < words; ++word) {
      const std::uint32_t draw = philox(6, {{static_cast<std::uint32_t>(row), item, word, 0}}).v[0];
      rows += (word > 0 ? " " : "") + (word == place ? name : kNoise[draw % kNoise.size()]);
    }
    rows += "," + std::string(name) + "\n";
  }
  return rows;
}

}  // namespace

std::vector<std::string> small_vocabulary() {
  std::vector<std::string> pieces = {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "bad", "good"};
  pieces.insert(pieces.end(), kNoise.begin(), kNoise.end());
  for (char letter = 'a'; letter <= 'p'; ++letter) pieces.push_back({'#', '#', letter});
  return pieces;
}

void write_encoder(const fs::path& folder) {
  fs::create_directories(folder);
  write_file_atomically(folder / "config.json", std::string_view(kConfig));
  std::string vocabulary;
  for (const std::string& piece : small_vocabulary()) vocabulary += piece + "\n";
  write_file_atomically(folder / "vocab.txt", std::string_view(vocabulary));
  const EncoderFolder encoder = parse_encoder_config(
      std::as_bytes(std::span(kConfig, std::string_view(kConfig).size())), "config.json");
  ModelDescription description;
  description.network.model = encoder.model;
  description.network.text = encoder.text;
  description.network.classes = 3;
  Model model(cpu_device(), description, 11);
  std::vector<float> weights = model.weights.to_host<float>();
  for (float& w : weights) w *= w == 1.f ? 1.f : 8.f;  // far from uniform attention
  model.weights.copy_from_host(weights.data());
  save_checkpoint(folder / "model.safetensors", model);
}

void write_reviews(const fs::path& folder) {
  fs::create_directories(folder);
  write_file_atomically(folder / "train.csv", std::string_view(table(46, 1)));
  write_file_atomically(folder / "validation.csv", std::string_view(table(12, 2)));
  write_file_atomically(folder / "test.csv", std::string_view(table(20, 3)));
}

void write_text_world(const fs::path& folder) {
  write_encoder(folder / "encoder");
  write_reviews(folder / "reviews");
}

TextTrainOptions small_text_run(const fs::path& world, const fs::path& output) {
  TextTrainOptions options;
  options.common.quiet = true;
  options.common.threads = 1;
  options.common.device = "cpu";
  options.data.name = "text-csv";
  options.data.directory = (world / "reviews").string();
  options.encoder = (world / "encoder").string();
  options.max_length = 16;
  options.descent.lr = 2e-3;
  options.batch_size = 8;
  options.run.output = output.string();
  return options;
}

}  // namespace saddle
