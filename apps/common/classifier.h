// Classifier: a network together with its values and the pixels it expects.
//
// The composition F(x) = network((x - mean) / std) that training and every attack work on: pixels
// in [0, 1] go in, logits come out.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "attacks/attack.h"
#include "layers/network.h"

namespace saddle {

// What a checkpoint says about a model besides its tensors.
struct ModelDescription {
  NetworkOptions network;
  std::vector<float> mean, std;               // [channels], of pixels in [0, 1]
  std::vector<std::string> class_names = {};  // [classes]; empty: not known
};

class Classifier {
 public:
  // Initial values drawn from `seed`; passes run in `precision`. Throws Error where mean and std do
  // not fit the channels, or names the classes.
  Classifier(Device& device, const ModelDescription& description, std::uint64_t seed,
             Precision precision = Precision::fp32);

  // Pixels [N, H, W, C] in [0, 1] -> logits [N, classes], as `pass` says.
  Var logits(const Pass& pass, const Var& pixels) const;
  // The same in evaluation, at the weights and statistics as they are now: batch-norm folded into
  // affine maps and convolutions, no weight gradients. What attacks see.
  LogitsFunction evaluation() const;

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
  Tensor device_mean_, device_inverse_std_;
};

}  // namespace saddle
