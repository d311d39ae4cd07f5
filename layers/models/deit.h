// Deit: a transformer over patches of an image.
//
// Touvron et al. 2021, "Training data-efficient image transformers & distillation through
// attention" (the network of Dosovitskiy et al. 2021), without the distillation token: patches and
// a class token, `depth` pre-norm blocks of attention and a two-layer perceptron, the head on the
// class token. Tensor names and initial values are those of timm's vision_transformer.py; its
// deit_tiny and deit_small with small patches are what the paper's ViT recipe trains on 32 x 32
// images.
#pragma once

#include <vector>

#include "layers/layers.h"

namespace saddle {

struct DeitShape {
  std::int64_t depth = 12;
  std::int64_t width = 192;  // D, a multiple of heads
  std::int64_t heads = 3;
  std::int64_t patch = 4;  // pixels a side
  std::int64_t height = 32, width_pixels = 32;

  // The class token and one a patch.
  std::int64_t tokens() const { return 1 + (height / patch) * (width_pixels / patch); }
};

// Which tokens leave a block. The head looks at the first alone, so behind the last block's
// attention, through which all others act on it, none but the first need be computed: this saves
// three quarters of a block.
enum class Tokens { all, first };

// x + proj(attention(qkv(norm1 x))), then that + fc2(gelu(fc1(norm2 .))).
struct DeitBlock {
  LayerNorm norm1;
  Linear qkv, proj;
  LayerNorm norm2;
  Linear fc1, fc2;
  std::int64_t heads;

  DeitBlock(NetworkLayout& layout, const std::string& name, std::int64_t width,
            std::int64_t heads_);
  // [N, T, D] -> [N, T, D], or f32 [N, D] of the first tokens. `rate` is the probability that a
  // branch is left out, and `number` the block's, where the pass draws.
  Var operator()(const Pass& pass, const Var& x, std::int64_t number, float rate,
                 Tokens leaving) const;
};

struct Deit {
  NetworkLayout layout;
  DeitShape shape;
  Slot cls_token, position;
  Conv2d patches;
  Slot patch_bias;
  std::vector<DeitBlock> blocks;
  LayerNorm norm;
  Linear head;

  // Throws Error where the patches do not tile the image, the heads do not share the width, or
  // there is no block.
  Deit(const DeitShape& shape_, std::int64_t in_channels, std::int64_t classes);

  // Normalised images [N, H, W, C] -> logits [N, classes]. The precision is fp32 or tf32.
  Var operator()(const Pass& pass, const Var& x) const;
};

}  // namespace saddle
