// Checkpoints: a model as one safetensors file that PyTorch loads, and the reverse.
//
// Tensor names and shapes are those of the reference model's state_dict(): convolution weights
// OIHW, batch-norm buffers with num_batches_tracked. The metadata entry "saddle" is JSON: model,
// options, classes, input_shape [C, H, W], mean, std.
#pragma once

#include <filesystem>
#include <optional>

#include "apps/common/classifier.h"
#include "core/safetensors.h"

namespace saddle {

// What the user says of a checkpoint, over what it says itself (or does not).
struct CheckpointOverrides {
  std::optional<std::string> model;
  std::optional<std::int64_t> width, patch, classes;
  std::optional<std::vector<std::int64_t>> input_shape;  // C, H, W
  std::optional<std::vector<float>> mean, std;
};

// Writes the model; all or nothing.
void save_checkpoint(const std::filesystem::path& path, const Classifier& model);

// The model a checkpoint describes, with its values. A file without the metadata entry needs model
// and classes in `overrides`, and input shape, mean and std from there or from `fallback` (the data
// set's). A "module." in front of every name (PyTorch's DataParallel) and the unused "sub_block1."
// of TRADES' WideResNet are passed over. Throws Error naming every missing, surplus, misshapen or
// non-finite tensor.
Classifier load_checkpoint(const std::filesystem::path& path, Device& device,
                           const CheckpointOverrides& overrides, const ModelDescription& fallback);

// Replaces the model's values by the file's tensors, matched by name, with `prefix` in front of
// each name (tensors without it are not looked at). Throws as above and leaves the model as it was.
void load_values(Classifier& model, const SafetensorsFile& file, const std::string& prefix = "");

}  // namespace saddle
