// Checkpoints: a model as one safetensors file that PyTorch loads, and the reverse.
//
// Tensor names and shapes are those of the reference model's state_dict(): convolution weights
// OIHW, batch-norm buffers with num_batches_tracked. The metadata entry "saddle" is JSON: model,
// options, classes, input_shape [C, H, W], mean, std, class_names (where the data set has names).
#pragma once

#include <filesystem>
#include <functional>
#include <optional>

#include "layers/model.h"
#include "core/safetensors.h"

namespace saddle {

// What the user says of a checkpoint, over what it says itself (or does not).
struct CheckpointOverrides {
  std::optional<std::string> model;
  std::optional<std::int64_t> width, patch, classes;
  std::optional<std::vector<std::int64_t>> input_shape;  // C, H, W
  std::optional<std::vector<float>> mean, std;
  // Changes what is said of a network that labels pixels; null: nothing.
  std::function<void(DeepLabOptions& deeplab)> deeplab = nullptr;
};

// Writes the model; all or nothing.
void save_checkpoint(const std::filesystem::path& path, const Model& model);

// The model a checkpoint describes, with its values. A file without the metadata entry needs model
// and classes in `overrides`, and input shape, mean and std from there or from `fallback` (the data
// set's). What PyTorch's wrappers add is passed over (wrapping.h), as is the unused "sub_block1."
// of TRADES' WideResNet; where one of them is a normaliser, its mean and std are the model's,
// unless overridden. The model's `assumptions` say which came from elsewhere than the metadata.
// Throws Error naming every missing, surplus, misshapen or non-finite tensor, or where the
// normaliser and the metadata differ.
Model load_checkpoint(const std::filesystem::path& path, Device& device,
                      const CheckpointOverrides& overrides, const ModelDescription& fallback);

// The names of a file's classes; empty where it has none. Throws Error for metadata that is not
// Saddle's.
std::vector<std::string> class_names_of(const SafetensorsFile& file);

// Replaces the model's values by the file's tensors, matched by name, with `prefix` in front of
// each name (tensors without it are not looked at); "" finds the prefix. Throws as above and leaves
// the model as it was.
void load_values(Model& model, const SafetensorsFile& file, const std::string& prefix = "");

// Whether the last linear layer, which knows the classes, begins as in the file or as it is.
enum class Head { of_file, fresh };

// As load_values, for training that starts from the file's values, on the data set called
// `dataset`. A file whose head knows another number of classes gives all but that. Returns what
// should be known, a sentence each: that its head is left out, that its normalisation or classes
// are others than the model's.
std::vector<std::string> load_initial_values(Model& model, const SafetensorsFile& file, Head head,
                                             const std::string& dataset);

}  // namespace saddle
