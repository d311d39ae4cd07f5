// Network: any model behind one face, and the register of those there are.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "layers/layers.h"
#include "layers/models/deeplab_options.h"
#include "layers/models/text_options.h"
#include "layers/network_names.h"

namespace saddle {

struct NetworkOptions {
  std::string model = "preact_resnet18";
  std::int64_t width = 0;  // channels of the first stage or of a token; 0: the model's own
  std::int64_t in_channels = 3;
  std::int64_t height = 32, width_pixels = 32;  // input size, which some models must know
  std::int64_t classes = 10;
  std::int64_t patch = 0;       // pixels a side of a transformer's patches; 0: the model's own
  DeepLabOptions deeplab = {};  // of networks that label pixels, in place of width and patch
  TextOptions text = {};        // of networks that read text, in place of all about images
};

struct Network {
  NetworkOptions options;  // resolved: no zero left
  NetworkLayout layout;
  // Normalised images [N, H, W, C] -> logits [N, classes], or [N, H, W, classes] for those that
  // label pixels, which take images of any size; token ids i32 [N, T] for those that read text.
  // Pure: all values are in the Pass.
  std::function<Var(const Pass& pass, const Var& inputs)> forward;
};

// Builds the named model. Throws Error naming the models there are, or what of the options does not
// fit.
Network make_network(const NetworkOptions& options);

// Of networks that label pixels: how many pixels high (or wide) the features of an image of so many
// are, 0 where it is too small.
std::int64_t feature_extent(const NetworkOptions& options, std::int64_t pixels);

}  // namespace saddle
