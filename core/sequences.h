// Sequences: token ids of a batch, and where each of them lies among the rows that a network works
// on.
//
// A batch of sentences is i32 [N, T], a row each, kNoToken (-1) behind its last token. Most of a
// transformer treats every token alike, so on a device that runs what it is asked at once the
// padding is left out: the rows are the tokens alone, sentence after sentence, and no work is done
// for anything else. A device that captures work keeps N x T rows, for what is replayed must not
// depend on how long the sentences are.
#pragma once

#include "core/tensor.h"
#include "kernels/sequences.h"

namespace saddle {

struct Sequences {
  std::int64_t count = 0;    // N
  std::int64_t longest = 0;  // T
  std::int64_t rows = 0;
  Tensor tokens;    // i32 [rows]
  Tensor first;     // i32 [N + 1]: the row that each begins at, and the end
  Tensor sequence;  // i32 [rows]: which one each row belongs to
  Tensor length;    // i32 [N]: tokens of each

  SequenceRows order() const {
    return {first.array<std::int32_t>(), sequence.array<std::int32_t>(), longest};
  }
};

// As the device of `tokens`, i32 [N, T], likes it.
Sequences sequences_of(const Tensor& tokens);

// Without padding; reads the tokens on the host. Throws Error where a sequence has none, or begins
// anew behind its end.
Sequences packed_sequences(const Tensor& tokens);
// With it; device work alone.
Sequences padded_sequences(const Tensor& tokens);

}  // namespace saddle
