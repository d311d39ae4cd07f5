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

// Replaces the model's values by the file's, by the names of `transformers`: the encoder's prefix
// may be missing ("embeddings..." for "bert.embeddings..."), layer-norms may be called gamma and
// beta. Heads of other tasks and position_ids are passed over. Returns what should be known, a
// sentence each. Throws Error naming every tensor that is missing, misshapen, not finite, or not
// the model's, and leaves the model as it was.
std::vector<std::string> load_transformer(Model& model, const SafetensorsFile& file,
                                          HeadOfFile head);

}  // namespace saddle
