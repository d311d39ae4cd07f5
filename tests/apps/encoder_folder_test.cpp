// Folders as the library transformers saves them: what is read of them, and what is refused.
#include "apps/text/encoder_folder.h"

#include <gtest/gtest.h>

#include <functional>
#include <nlohmann/json.hpp>

#include "core/json_text.h"
#include "tests/apps/editable_checkpoint.h"
#include "tests/apps/text_runs.h"
#include "tests/apps/training_runs.h"
#include "tests/support/expect_near.h"

namespace saddle {
namespace {

using namespace testing_support;
using Json = nlohmann::json;

EncoderFolder parsed(const Json& config) {
  const std::string text = json_text(config);
  return parse_encoder_config(std::as_bytes(std::span(text)), "config.json");
}

const Json kMiniLm = {{"model_type", "bert"},      {"hidden_size", 384},
                      {"num_hidden_layers", 6},    {"num_attention_heads", 12},
                      {"intermediate_size", 1536}, {"vocab_size", 30522},
                      {"hidden_act", "gelu"},      {"max_position_embeddings", 512}};
const Json kDistil = {
    {"model_type", "distilbert"}, {"dim", 768},         {"n_layers", 6}, {"n_heads", 12},
    {"hidden_dim", 3072},         {"vocab_size", 30522}};

TEST(encoder_config, of_minilm_is_a_bert_of_its_sizes) {
  const EncoderFolder got = parsed(kMiniLm);

  EXPECT_EQ(got.model, "bert");
  EXPECT_EQ(got.text.width, 384);
  EXPECT_EQ(got.text.layers, 6);
  EXPECT_EQ(got.text.heads, 12);
  EXPECT_EQ(got.text.hidden, 1536);
  EXPECT_EQ(got.text.kinds, 2);
  EXPECT_FLOAT_EQ(got.text.eps, 1e-12f);
  EXPECT_EQ(got.text.pooling, TextPooling::first_tanh);
  EXPECT_FLOAT_EQ(got.text.head_dropout, 0.1f);
  EXPECT_TRUE(got.class_names.empty());
}

TEST(encoder_config, of_distilbert_has_its_own_keys_and_rates) {
  const EncoderFolder got = parsed(kDistil);

  EXPECT_EQ(got.text.width, 768);
  EXPECT_EQ(got.text.hidden, 3072);
  EXPECT_EQ(got.text.kinds, 0);
  EXPECT_EQ(got.text.pooling, TextPooling::first_relu);
  EXPECT_FLOAT_EQ(got.text.head_dropout, 0.2f);
  EXPECT_FLOAT_EQ(got.text.dropout, 0.1f);
}

Json with(Json config, const char* key, const Json& value) {
  config[key] = value;
  return config;
}

TEST(encoder_config, names_the_classes_that_have_names) {
  EXPECT_EQ(parsed(with(kMiniLm, "id2label", {{"0", "bad"}, {"1", "good"}})).class_names,
            (std::vector<std::string>{"bad", "good"}));
  EXPECT_TRUE(
      parsed(with(kMiniLm, "id2label", {{"0", "LABEL_0"}, {"1", "LABEL_1"}})).class_names.empty());
}

TEST(encoder_config, knows_both_forms_of_gelu) {
  EXPECT_EQ(parsed(with(kMiniLm, "hidden_act", "gelu_new")).text.activation, GeluForm::tanh);
  EXPECT_EQ(parsed(with(kMiniLm, "hidden_act", "gelu_pytorch_tanh")).text.activation,
            GeluForm::tanh);
}

std::string refusal(const Json& config) {
  return message_of<Error>([&] { parsed(config); });
}

TEST(encoder_config, refuses_what_would_be_another_network) {
  EXPECT_EQ(refusal(with(kMiniLm, "model_type", "gpt2")),
            "config.json: its model_type 'gpt2' is not read. There are bert, distilbert");
  EXPECT_CONTAINS(refusal(with(kMiniLm, "hidden_act", "relu")),
                  "the activation 'relu' is not read");
  EXPECT_CONTAINS(refusal(with(kMiniLm, "position_embedding_type", "relative_key")),
                  "positions of type 'relative_key' are not read");
  EXPECT_CONTAINS(refusal(with(kMiniLm, "is_decoder", true)), "is a decoder");
  EXPECT_CONTAINS(refusal(with(kMiniLm, "hidden_size", 38.5)), "'hidden_size' is no integer");
  Json without = kMiniLm;
  without.erase("num_hidden_layers");
  EXPECT_CONTAINS(refusal(without), "config.json: 'num_hidden_layers' is missing");
  EXPECT_CONTAINS(refusal(Json::array()), "config.json: is no JSON object");
}

TEST(encoder_folder, names_what_is_missing) {
  const TemporaryDirectory directory;
  write_encoder(directory.path());
  std::filesystem::remove(directory.path() / "vocab.txt");

  EXPECT_CONTAINS(message_of<Error>([&] { read_encoder_folder(directory.path()); }),
                  "vocab.txt: the vocabulary is missing");
  EXPECT_CONTAINS(message_of<Error>([&] { read_encoder_folder(directory.path() / "none"); }),
                  "no such folder. Name one with --encoder");
}

// ---- tensors ----

class Transformer : public ::testing::Test {
 protected:
  Transformer() {
    write_encoder(directory.path());
    const EncoderFolder folder = read_encoder_folder(directory.path());
    ModelDescription description;
    description.network.model = folder.model;
    description.network.text = folder.text;
    description.network.classes = 2;
    model.emplace(cpu_device(), description, 1);
  }
  Editable file() const { return Editable(directory.path() / "model.safetensors"); }
  std::vector<std::string> load(const Editable& changed, HeadOfFile head = HeadOfFile::left_out) {
    changed.save(directory.path() / "changed.safetensors");
    const TransformerValues values = read_transformer(
        model->network, SafetensorsFile::load(directory.path() / "changed.safetensors"), head);
    values.copy_to(*model);
    return values.remarks;
  }
  std::string refused(const Editable& changed, HeadOfFile head = HeadOfFile::left_out) {
    const std::vector<float> before = model->weights.to_host<float>();
    const std::string message = message_of<Error>([&] { load(changed, head); });
    EXPECT_EQ(model->weights.to_host<float>(), before);
    return message;
  }
  std::vector<float> weights_of(const Editable& changed) {
    load(changed);
    return model->weights.to_host<float>();
  }
  static void rename(Editable& file, const std::string& from, const std::string& to) {
    file.tensors[to] = file.tensors.at(from);
    file.tensors.erase(from);
  }

  TemporaryDirectory directory;
  std::optional<Model> model;
};

TEST_F(Transformer, is_found_without_the_prefix_too) {
  const std::vector<float> want = weights_of(file());
  Editable bare = file();
  for (const auto& [name, entry] : file().tensors) {
    if (name.starts_with("bert.")) rename(bare, name, name.substr(5));
  }

  EXPECT_EQ(weights_of(bare), want);
}

TEST_F(Transformer, is_found_under_the_old_names_of_layer_norm) {
  const std::vector<float> want = weights_of(file());
  Editable old = file();
  for (const auto& [name, entry] : file().tensors) {
    if (name.ends_with("LayerNorm.weight"))
      rename(old, name, name.substr(0, name.size() - 6) + "gamma");
    if (name.ends_with("LayerNorm.bias"))
      rename(old, name, name.substr(0, name.size() - 4) + "beta");
  }

  EXPECT_EQ(weights_of(old), want);
}

TEST_F(Transformer, passes_over_heads_of_other_tasks) {
  Editable more = file();
  more.set("cls.predictions.bias", {3}, {1, 2, 3});
  more.set("bert.embeddings.position_ids", {1, 2}, {0, 1});

  EXPECT_TRUE(load(more).empty());
}

TEST_F(Transformer, says_where_the_pooler_begins_anew) {
  Editable bare = file();
  bare.tensors.erase("bert.pooler.dense.weight");
  bare.tensors.erase("bert.pooler.dense.bias");

  const std::vector<std::string> remarks = load(bare);

  ASSERT_EQ(remarks.size(), 1u);
  EXPECT_CONTAINS(remarks[0], "has no layer between encoder and classifier: it begins anew");
}

TEST_F(Transformer, refuses_what_is_missing_surplus_misshapen_or_not_finite) {
  Editable less = file();
  less.tensors.erase("bert.encoder.layer.1.output.dense.bias");
  EXPECT_CONTAINS(refused(less), "bert.encoder.layer.1.output.dense.bias is missing");
  Editable more = file();
  more.set("bert.encoder.layer.2.output.dense.bias", {24}, std::vector<float>(24, 0.f));
  EXPECT_CONTAINS(refused(more), "bert.encoder.layer.2.output.dense.bias is not in the model");
  Editable other = file();
  other.set("bert.embeddings.LayerNorm.weight", {23}, std::vector<float>(23, 0.f));
  EXPECT_CONTAINS(refused(other), "has shape [23], expected [24]");
  Editable broken = file();
  broken.set_first("bert.embeddings.LayerNorm.weight", INFINITY);
  EXPECT_CONTAINS(refused(broken), "holds a value that is not finite");
}

TEST_F(Transformer, needs_the_head_where_it_is_asked_for) {
  EXPECT_CONTAINS(refused(file(), HeadOfFile::needed),
                  "classifier.weight has shape [3, 24], expected [2, 24]");
}

}  // namespace
}  // namespace saddle
