// TextOptions: what can be chosen of a network for text, as the folder of a pretrained encoder, a
// command line and a checkpoint say it. The defaults are BERT-base's.
#pragma once

#include <cstdint>
#include <string>

#include "core/activation.h"

namespace saddle {

// What the classifier sees: tanh(W y_0 + b) of the first token (BERT), relu(W y_0 + b)
// (DistilBERT), or the mean over the tokens (sentence encoders).
enum class TextPooling { first_tanh, first_relu, mean };

struct TextOptions {
  std::int64_t vocabulary = 30522, positions = 512;
  std::int64_t width = 768;  // D, of a token
  std::int64_t layers = 12, heads = 12;
  std::int64_t hidden = 3072;  // between the two layers of a block's perceptron
  std::int64_t kinds = 2;      // token types; 0: none
  float eps = 1e-12f;          // of layer-norm
  GeluForm activation = GeluForm::exact;
  TextPooling pooling = TextPooling::first_tanh;
  // In training: of embeddings and of what each half of a block adds; of attention's weights; in
  // front of the classifier.
  float dropout = 0.1f, attention_dropout = 0.1f, head_dropout = 0.1f;
  std::int64_t padding = 0;  // the word whose embedding is not trained; below 0: none

  // Not part of the network: how many pieces of a sentence it was trained on at most, and the
  // fingerprint of the vocabulary that cut them.
  std::int64_t max_length = 128;
  std::string vocabulary_hash = {};
};

}  // namespace saddle
