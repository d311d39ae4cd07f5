// TextClassifier: BERT and its kin: a transformer over the pieces of a sentence, and a head.
//
// Devlin et al. 2019, "BERT: pre-training of deep bidirectional transformers"; Sanh et al. 2019,
// "DistilBERT"; Wang et al. 2020, "MiniLM", which is BERT with other sizes. Post-norm blocks of
// attention and a two-layer perceptron. Tensor names and initial values are those of the library
// `transformers` (BertForSequenceClassification, DistilBertForSequenceClassification).
#pragma once

#include <string>
#include <vector>

#include "core/text_ops.h"
#include "layers/layers.h"
#include "layers/models/text_options.h"

namespace saddle {

// What `transformers` calls the parts of an encoder, and what else the two families differ in.
struct TextFamily {
  std::string prefix;  // "bert."
  std::string block;   // in front of a block's number
  std::string query, key, value, attention_out, attention_norm, up, down, output_norm;
  bool drops_attention_out;  // whether dropout stands behind the attention's last layer
};
const TextFamily& text_family(const std::string& model);  // "bert" or "distilbert"

// y = norm(x + out(attention(x))), then norm(y + down(gelu(up y))).
struct TextBlock {
  Linear query, key, value, attention_out;
  LayerNorm attention_norm;
  Linear up, down;
  LayerNorm output_norm;

  TextBlock(NetworkLayout& layout, const TextFamily& family, const TextOptions& options,
            std::int64_t number);
};

struct TextClassifier {
  NetworkLayout layout;
  TextOptions options;
  const TextFamily& family;
  Slot words, positions, kinds;
  LayerNorm norm;
  std::vector<TextBlock> blocks;
  Linear pooler, classifier;  // no pooler where the head takes the mean

  // Throws Error where the options make no network.
  TextClassifier(const std::string& model, const TextOptions& options_, std::int64_t classes);

  // Token ids i32 [N, T], kNoToken behind each sentence's end -> logits [N, classes]; or a shift of
  // their embeddings, f32 [N, T, D], the ids being pass.tokens. The precision is fp32 or tf32.
  Var operator()(const Pass& pass, const Var& x) const;

 private:
  Var embed(const Pass& pass, const Sequences& sequences, const Var& shift) const;
  // [rows, D] -> [rows, D], or of the last block f32 [N, D] of the first tokens, where the head
  // looks at no other.
  Var apply(const Pass& pass, const Sequences& sequences, std::size_t number, const Var& x) const;
  Var head(const Pass& pass, const Sequences& sequences, const Var& y) const;
  // Dropout at one of the network's places, in passes that draw: of all tokens or, where
  // `sequences` is null, of the first tokens, for which the same is drawn.
  Var drop(const Pass& pass, const Sequences* sequences, std::uint32_t place, const Var& x) const;
};

}  // namespace saddle
