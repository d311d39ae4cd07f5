#include "layers/models/deit.h"

namespace saddle {
namespace {

constexpr Init kSmall{Init::Kind::normal, 0.02f};  // timm truncates it at 100 standard deviations
constexpr Init kNearZero{Init::Kind::normal, 1e-6f};
constexpr Init kZero{Init::Kind::constant, 0.f};
constexpr std::int64_t kMlpRatio = 4;

// x + branch, the branch left out of some examples where the pass says so. branch(x) ends in the
// sum with x, branch({}) in itself.
template <class Branch>
Var residual(const Pass& pass, const Var& x, std::uint32_t number, float rate,
             const Branch& branch) {
  if (!pass.random || rate <= 0) return branch(x);
  return add_scaled(pass.tape, x, branch({}), drop_branches(*pass.random, number, rate));
}

}  // namespace

DeitBlock::DeitBlock(NetworkLayout& layout, const std::string& name, std::int64_t width,
                     std::int64_t heads_)
    : norm1(layout, name + ".norm1", width),
      qkv(layout, name + ".attn.qkv", width, 3 * width, kSmall, kZero),
      proj(layout, name + ".attn.proj", width, width, kSmall, kZero),
      norm2(layout, name + ".norm2", width),
      fc1(layout, name + ".mlp.fc1", width, kMlpRatio * width, kSmall, kZero),
      fc2(layout, name + ".mlp.fc2", kMlpRatio * width, width, kSmall, kZero),
      heads(heads_) {}

Var DeitBlock::operator()(const Pass& pass, const Var& x, std::int64_t number, float rate,
                          Tokens leaving) const {
  const auto branch = static_cast<std::uint32_t>(2 * number);
  const auto kept = [&](const Var& tokens) {
    return leaving == Tokens::first ? first_token(pass.tape, tokens) : tokens;
  };
  const Var mixed = attention(pass.tape, qkv(pass, norm1(pass, x)), heads, pass.precision);
  const Var y = residual(pass, kept(x), branch, rate,
                         [&](const Var& sum) { return proj(pass, kept(mixed), sum); });
  const Var normalised = norm2(pass, y);
  return residual(pass, y, branch + 1, rate, [&](const Var& sum) {
    return perceptron(pass, fc1, fc2, GeluForm::exact, normalised, sum);
  });
}

Deit::Deit(const DeitShape& shape_, std::int64_t in_channels, std::int64_t classes)
    : shape(shape_) {
  require(
      shape.patch >= 1 && shape.height % shape.patch == 0 && shape.width_pixels % shape.patch == 0,
      "deit: patches of ", shape.patch, " pixels do not tile images of ", shape.height, " x ",
      shape.width_pixels);
  require(shape.depth >= 1, "deit: depth ", shape.depth, " must be 1 at least");
  require(shape.heads >= 1 && shape.width % shape.heads == 0, "deit: width ", shape.width,
          " is not a multiple of the ", shape.heads, " heads");
  cls_token = layout.weights.add("cls_token", {1, 1, shape.width}, kNearZero, SlotKind::token);
  position =
      layout.weights.add("pos_embed", {1, shape.tokens(), shape.width}, kSmall, SlotKind::token);
  patches =
      Conv2d(layout, "patch_embed.proj", in_channels, shape.width, shape.patch, {shape.patch, 0});
  patch_bias =
      layout.weights.add("patch_embed.proj.bias", {shape.width},
                         default_uniform(in_channels * shape.patch * shape.patch), SlotKind::bias);
  for (std::int64_t block = 0; block < shape.depth; ++block) {
    blocks.emplace_back(layout, text("blocks.", block), shape.width, shape.heads);
  }
  norm = LayerNorm(layout, "norm", shape.width);
  head = Linear(layout, "head", shape.width, classes, kSmall, kZero);
}

Var Deit::operator()(const Pass& pass, const Var& x) const {
  Var y = embed_tokens(pass.tape, patches(pass, x), pass.parameter(patch_bias),
                       pass.parameter(cls_token), pass.parameter(position));
  for (std::int64_t block = 0; block < shape.depth; ++block) {
    // timm's rule: from 0 at the first block to the whole rate at the last.
    const float share =
        shape.depth > 1 ? static_cast<float>(block) / static_cast<float>(shape.depth - 1) : 0.f;
    const float rate = pass.random ? pass.random->drop_path * share : 0.f;
    y = blocks[static_cast<std::size_t>(block)](
        pass, y, block, rate, block + 1 == shape.depth ? Tokens::first : Tokens::all);
  }
  return head(pass, norm(pass, y));
}

}  // namespace saddle
