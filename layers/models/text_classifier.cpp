#include "layers/models/text_classifier.h"

#include "layers/network_names.h"

namespace saddle {
namespace {

constexpr Init kSmall{Init::Kind::normal, 0.02f};
constexpr Init kZero{Init::Kind::constant, 0.f};

// The places that draw: the embeddings, three a block, the head.
constexpr std::uint32_t kPlaces = 128, kOfEmbeddings = 0, kOfHead = kPlaces - 1;
constexpr std::int64_t kMostLayers = (kPlaces - 2) / 3;
std::uint32_t place_of(std::size_t block, std::uint32_t of_block) {
  return 1 + 3 * static_cast<std::uint32_t>(block) + of_block;
}

const TextFamily kBertFamily{"bert.",
                             "encoder.layer.",
                             "attention.self.query",
                             "attention.self.key",
                             "attention.self.value",
                             "attention.output.dense",
                             "attention.output.LayerNorm",
                             "intermediate.dense",
                             "output.dense",
                             "output.LayerNorm",
                             true};
const TextFamily kDistilBertFamily{"distilbert.",
                                   "transformer.layer.",
                                   "attention.q_lin",
                                   "attention.k_lin",
                                   "attention.v_lin",
                                   "attention.out_lin",
                                   "sa_layer_norm",
                                   "ffn.lin1",
                                   "ffn.lin2",
                                   "output_layer_norm",
                                   false};

Linear small_linear(NetworkLayout& layout, const std::string& name, std::int64_t in,
                    std::int64_t out) {
  return Linear(layout, name, in, out, kSmall, kZero);
}

LayerNorm norm_of(NetworkLayout& layout, const std::string& name, const TextOptions& options) {
  LayerNorm norm(layout, name, options.width);
  norm.eps = options.eps;
  return norm;
}

void check(const std::string& model, const TextOptions& o) {
  constexpr std::int64_t kMostWords = 1 << 24, kMostPositions = 1 << 16, kMostWidth = 1 << 14;
  const auto within = [&](const char* what, std::int64_t value, std::int64_t low,
                          std::int64_t high) {
    require(value >= low && value <= high, model, ": ", value, ' ', what, " are outside ", low,
            " to ", high);
  };
  within("words", o.vocabulary, 1, kMostWords);
  within("positions", o.positions, 1, kMostPositions);
  within("numbers a token", o.width, 1, kMostWidth);
  within("layers", o.layers, 1, kMostLayers);
  within("numbers in a block's perceptron", o.hidden, 1, 4 * kMostWidth);
  within("kinds of token", o.kinds, 0, kMostPositions);
  within("heads", o.heads, 1, o.width);
  require(o.width % o.heads == 0, model, ": ", o.width, " numbers a token are not a multiple of ",
          o.heads, " heads");
  require(o.padding < o.vocabulary, model, ": the padding word ", o.padding,
          " is beyond the vocabulary of ", o.vocabulary);
  require(o.eps > 0, model, ": layer-norm's eps ", o.eps, " must be positive");
  for (float rate : {o.dropout, o.attention_dropout, o.head_dropout}) {
    require(rate >= 0 && rate < 1, model, ": dropout ", rate, " is outside [0, 1)");
  }
}

}  // namespace

const TextFamily& text_family(const std::string& model) {
  return model == kDistilBert ? kDistilBertFamily : kBertFamily;
}

TextBlock::TextBlock(NetworkLayout& layout, const TextFamily& family, const TextOptions& options,
                     std::int64_t number) {
  const std::string name = text(family.prefix, family.block, number, '.');
  const std::int64_t width = options.width;
  query = small_linear(layout, name + family.query, width, width);
  key = small_linear(layout, name + family.key, width, width);
  value = small_linear(layout, name + family.value, width, width);
  attention_out = small_linear(layout, name + family.attention_out, width, width);
  attention_norm = norm_of(layout, name + family.attention_norm, options);
  up = small_linear(layout, name + family.up, width, options.hidden);
  down = small_linear(layout, name + family.down, options.hidden, width);
  output_norm = norm_of(layout, name + family.output_norm, options);
}

TextClassifier::TextClassifier(const std::string& model, const TextOptions& options_,
                               std::int64_t classes)
    : options(options_), family(text_family(model)) {
  check(model, options);
  const std::int64_t width = options.width;
  const std::string embeddings = family.prefix + "embeddings.";
  const auto table = [&](const std::string& name, std::int64_t rows) {
    return layout.weights.add(embeddings + name + "_embeddings.weight", {rows, width}, kSmall,
                              SlotKind::token);
  };
  words = table("word", options.vocabulary);
  positions = table("position", options.positions);
  if (options.kinds > 0) kinds = table("token_type", options.kinds);
  norm = norm_of(layout, embeddings + "LayerNorm", options);
  for (std::int64_t block = 0; block < options.layers; ++block) {
    blocks.emplace_back(layout, family, options, block);
  }
  if (options.pooling == TextPooling::first_tanh) {
    pooler = small_linear(layout, family.prefix + "pooler.dense", width, width);
  } else if (options.pooling == TextPooling::first_relu) {
    pooler = small_linear(layout, "pre_classifier", width, width);
  }
  classifier = small_linear(layout, "classifier", width, classes);
}

Var TextClassifier::operator()(const Pass& pass, const Var& x) const {
  const bool shifted = x.value().dtype() == DType::f32;
  require(!shifted || pass.tokens, "text classifier: a shift of embeddings needs the tokens");
  const Sequences sequences = sequences_of(shifted ? pass.tokens : x.value());
  Var y = embed(pass, sequences, shifted ? x : Var());
  for (std::size_t block = 0; block < blocks.size(); ++block) {
    y = apply(pass, sequences, block, y);
  }
  return head(pass, sequences, y);
}

Var TextClassifier::embed(const Pass& pass, const Sequences& sequences, const Var& shift) const {
  const WordTables tables{
      pass.parameter(words), pass.parameter(positions),
      options.kinds > 0 ? pass.parameter(kinds) : Var(),
      options.padding < 0 ? kNoToken : static_cast<std::int32_t>(options.padding)};
  const Var y =
      norm(pass, embed_words(pass.tape, sequences, tables, shift, activation_type(pass.precision)));
  return drop(pass, &sequences, kOfEmbeddings, y);
}

Var TextClassifier::apply(const Pass& pass, const Sequences& sequences, std::size_t number,
                          const Var& x) const {
  const TextBlock& block = blocks[number];
  std::optional<AttentionDropout> of_attention;
  if (pass.random && options.attention_dropout > 0) {
    of_attention.emplace(
        AttentionDropout{*pass.random, {place_of(number, 0), kPlaces}, options.attention_dropout});
  }
  // Where the head looks at the first token alone, nothing behind the last block's attention need
  // be computed of the others.
  const bool is_last = number + 1 == blocks.size() && options.pooling != TextPooling::mean;
  const auto kept = [&](const Var& tokens) {
    return is_last ? first_token(pass.tape, tokens, sequences) : tokens;
  };
  const Sequences* all = is_last ? nullptr : &sequences;
  Var mixed = block.attention_out(
      pass,
      kept(attention(pass.tape, block.query(pass, x), block.key(pass, x), block.value(pass, x),
                     options.heads, sequences, pass.precision, of_attention)));
  if (family.drops_attention_out) mixed = drop(pass, all, place_of(number, 1), mixed);
  const Var y = block.attention_norm(pass, add(pass.tape, mixed, kept(x)));
  const Var hidden = perceptron(pass, block.up, block.down, options.activation, y);
  return block.output_norm(pass, add(pass.tape, drop(pass, all, place_of(number, 2), hidden), y));
}

Var TextClassifier::head(const Pass& pass, const Sequences& sequences, const Var& y) const {
  Var pooled;
  switch (options.pooling) {
    case TextPooling::first_tanh: pooled = tanh(pass.tape, pooler(pass, y)); break;
    case TextPooling::first_relu: pooled = relu(pass.tape, pooler(pass, y)); break;
    case TextPooling::mean: pooled = mean_of_tokens(pass.tape, y, sequences); break;
  }
  if (pass.random && options.head_dropout > 0) {
    pooled = dropout(pass.tape, pooled, *pass.random, {kOfHead, kPlaces}, options.head_dropout);
  }
  return classifier(pass, pooled);
}

Var TextClassifier::drop(const Pass& pass, const Sequences* sequences, std::uint32_t place,
                         const Var& x) const {
  if (!pass.random || options.dropout <= 0) return x;
  const DrawPlace draws{place, kPlaces};
  if (sequences == nullptr) return dropout(pass.tape, x, *pass.random, draws, options.dropout);
  return dropout(pass.tape, x, *sequences, *pass.random, draws, options.dropout);
}

}  // namespace saddle
