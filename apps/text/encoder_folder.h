// EncoderFolder: a network for text as the library `transformers` saves it: config.json, the
// weights, the vocabulary.
//
// Pretrained encoders come so, and so do classifiers that were trained elsewhere. BERT, DistilBERT
// and what has BERT's shape under other sizes (MiniLM) are read; what of config.json would make
// another network is refused, never passed over.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "core/file.h"
#include "core/safetensors.h"
#include "layers/model.h"

namespace saddle {

struct EncoderFolder {
  std::string model;                     // "bert", "distilbert"
  TextOptions text;                      // without the fingerprint of the vocabulary
  std::vector<std::string> class_names;  // of id2label; empty where it names none
  std::filesystem::path weights, vocabulary;
};

// Throws Error where the folder or one of its files is missing, and as parse_encoder_config.
EncoderFolder read_encoder_folder(const std::filesystem::path& folder);

// What config.json says. `name` begins every message. Throws Error for a network that is not read
// (another model_type or activation, positions that are not absolute, a decoder), and for what is
// no such file.
EncoderFolder parse_encoder_config(Bytes json, const std::string& name);

// How the tensors of a file are found for a model.
enum class HeadOfFile {
  left_out,  // the classifier begins anew; so does what stands before it, where the file lacks it
  needed,
};

// A network's values as a file has them, read before any memory is taken for a model: what a
// hostile config.json asks for must not be allocated.
struct TransformerValues {
  std::vector<std::vector<float>> slots;  // of the layout's, in its order; empty: begins anew
  std::vector<std::string> remarks;       // what should be known, a sentence each

  void copy_to(Model& model) const;
};

// Reads the values by the names of `transformers`: the encoder's prefix may be missing
// ("embeddings..." for "bert.embeddings..."), layer-norms may be called gamma and beta. Heads of
// other tasks and position_ids are passed over. Throws Error naming every tensor that is missing,
// misshapen, not finite, or not the network's.
TransformerValues read_transformer(const Network& network, const SafetensorsFile& file,
                                   HeadOfFile head);

}  // namespace saddle
