// Network: any model behind one face, and the register of those there are.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "layers/layers.h"

namespace saddle {

struct NetworkOptions {
  std::string model = "preact_resnet18";
  std::int64_t width = 0;  // channels of the first stage or of a token; 0: the model's own
  std::int64_t in_channels = 3;
  std::int64_t height = 32, width_pixels = 32;  // input size, which some models must know
  std::int64_t classes = 10;
  std::int64_t patch = 0;  // pixels a side of a transformer's patches; 0: the model's own
};

struct Network {
  NetworkOptions options;  // resolved: no zero left
  NetworkLayout layout;
  // Normalised images [N, H, W, C] -> logits [N, classes]. Pure: all values are in the Pass.
  std::function<Var(const Pass& pass, const Var& images)> forward;
};

// Builds the named model. Throws Error naming the models there are, or what of the options does not
// fit.
Network make_network(const NetworkOptions& options);

// "preact_resnet10", "preact_resnet18", "wrn_28_10", "deit_tiny", "deit_small"
std::vector<std::string> model_names();

}  // namespace saddle
