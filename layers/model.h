// Model: a network together with its values, and what a checkpoint says of it.
//
// The function F_w(x) = network((x - mean) / std) that training and every attack work on: pixels in
// [0, 1] go in, logits come out. A model whose inputs are no pixels has no mean and no std, and its
// network sees the inputs as they are.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/loss.h"
#include "layers/network.h"

namespace saddle {

// What a checkpoint says about a model besides its tensors.
struct ModelDescription {
  NetworkOptions network;
  std::vector<float> mean, std;               // [channels], of pixels in [0, 1]; or both empty
  std::vector<std::string> class_names = {};  // [classes]; empty: not known
};

class Model {
 public:
  // A network of the register (network.h). Initial values are drawn from `seed`, and 0 without one,
  // for who reads all of them from a file; passes run in `precision`. Throws Error where mean and
  // std do not fit the channels, or names the classes.
  Model(Device& device, const ModelDescription& description, std::optional<std::uint64_t> seed,
        Precision precision = Precision::fp32);
  // A network of one's own, whose inputs are no pixels.
  Model(Device& device, Network network, std::optional<std::uint64_t> seed,
        Precision precision = Precision::fp32);

  // Inputs [N, ...] -> logits [N, ..., classes], as `pass` says.
  Var logits(const Pass& pass, const Var& inputs) const;
  // F_w as a Loss asks it, at weights and statistics as they are now, in evaluation: batch-norm
  // folded into affine maps and convolutions, no weight gradients. What attacks see. `tokens` are
  // those whose embeddings are shifted, where that is the input (Pass::tokens). `batching` is that
  // of linear layers.
  LogitsFunction evaluation(const Tensor& tokens = {}, Batching batching = Batching::fastest) const;
  // The same in fp32, whatever `precision` is: what may judge how robust the model is.
  LogitsFunction judge(Batching batching = Batching::fastest) const;

  Device& device() const { return weights.device(); }
  std::int64_t classes() const { return network.options.classes; }

  Network network;
  std::vector<float> mean, std;
  std::vector<std::string> class_names;  // [classes]; empty: not known
  // Of a loaded model: what its file does not say and where it was taken from, a sentence each.
  std::vector<std::string> assumptions;
  Precision precision;
  Tensor weights, statistics;
  std::int64_t batches_tracked = 0;  // forwards in training mode, PyTorch's num_batches_tracked

 private:
  void take_values(Device& device, std::optional<std::uint64_t> seed);
  LogitsFunction evaluation_in(Precision in, const Tensor& tokens, Batching batching) const;

  Tensor device_mean_, device_inverse_std_;  // empty: inputs are no pixels
};

}  // namespace saddle
