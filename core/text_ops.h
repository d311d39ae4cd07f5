// The operations of networks for text: rows are tokens, sentence after sentence (sequences.h).
#pragma once

#include <optional>

#include "core/pass.h"
#include "core/sequences.h"

namespace saddle {

// The tables that tokens are looked up in, all f32.
struct WordTables {
  Var word;      // [vocabulary, D]
  Var position;  // [places, D]
  Var kind;      // [kinds, D]: every token is of kind 0; empty: there are none
  // A word whose embedding is not trained (PyTorch's padding_idx); kNoToken: all are.
  std::int32_t fixed = kNoToken;
};

// word[token] + position[place in its sequence] + kind[0] -> [rows, D], f32 or bf16, plus `shift`,
// f32 [N, T, D], where it is given. Token ids must be below the vocabulary's size (not checked
// here). The gradient of `word` is a sum over the rows of each token in a fixed order. Devlin et
// al. 2019.
Var embed_words(Tape& tape, const Sequences& sequences, const WordTables& tables,
                const Var& shift = {}, DType dtype = DType::f32);

// Dropout at one of the network's places, in passes that draw.
struct AttentionDropout {
  const PassRandom& random;
  DrawPlace place;
  float rate;
};

// Self-attention within each sequence of q, k and v, [rows, D], in `heads` pieces of D / heads:
// softmax(q k^T / sqrt(D / heads)) v per head -> [rows, D]. Vaswani et al. 2017. All are bf16 where
// the precision is, else f32. With dropout, of the softmax.
Var attention(Tape& tape, const Var& q, const Var& k, const Var& v, std::int64_t heads,
              const Sequences& sequences, Precision precision = Precision::fp32,
              const std::optional<AttentionDropout>& dropout = {});

// dropout() of ops.h of [rows, D]: what is drawn for a token depends on its example and place.
Var dropout(Tape& tape, const Var& x, const Sequences& sequences, const PassRandom& random,
            const DrawPlace& place, float rate);

// [rows, D], f32 or bf16 -> f32 [N, D]: the first token of each sequence; the mean of its tokens.
Var first_token(Tape& tape, const Var& x, const Sequences& sequences);
Var mean_of_tokens(Tape& tape, const Var& x, const Sequences& sequences);

}  // namespace saddle
