// Sequences of tokens: rows of one matrix, sequence after sequence, and what is done to them by
// their place. Sequences differ in length; a row may also be padding, at the end of its sequence.
// T is float or Bfloat16; sums are f32.
#pragma once

#include "kernels/array.h"
#include "kernels/bfloat16.h"
#include "kernels/math.h"
#include "kernels/span.h"

namespace saddle {

inline constexpr int32_t kNoToken = -1;  // of padding

// Which rows belong to which sequence.
struct SequenceRows {
  Array<const int32_t> first;     // [N + 1]: where each sequence begins, and the last ends
  Array<const int32_t> sequence;  // [rows]: the one each row belongs to
  int64_t tokens;                 // of each sequence, where both arrays are empty

  SADDLE_DEVICE int64_t begin(int64_t n) const { return first ? first[n] : n * tokens; }
  SADDLE_DEVICE int64_t rows(int64_t n) const { return first ? first[n + 1] - first[n] : tokens; }
  SADDLE_DEVICE int64_t of(int64_t row) const { return sequence ? sequence[row] : row / tokens; }
  SADDLE_DEVICE int64_t place(int64_t row) const { return row - begin(of(row)); }
};

// length[n] <- tokens in front of the padding
struct CountTokens {
  Array<const int32_t> token;  // [N, columns]
  Array<int32_t> length;       // [N]
  int64_t columns;
  SADDLE_DEVICE void operator()(int64_t n) const {
    int32_t count = 0;
    for (int64_t t = 0; t < columns; ++t) count += token[n * columns + t] == kNoToken ? 0 : 1;
    length[n] = count;
  }
};

// The rows of N sequences that keep their padding: `columns` rows each. For i in [0, N columns].
struct PaddedRows {
  Array<int32_t> first;     // [N + 1]
  Array<int32_t> sequence;  // [N columns]
  int64_t columns;
  SADDLE_DEVICE void operator()(int64_t i) const {
    const auto row = static_cast<int32_t>(i), n = static_cast<int32_t>(i / columns);
    if (i % columns == 0) first[n] = row;
    if (i < sequence.size) sequence[i] = n;
  }
};

// y[r, :] <- word[token[r], :] + position[place of r, :] + kind[0, :] + shift[n, place of r, :];
// `kind` and `shift` may be empty. Padding has no word. Devlin et al. 2019.
template <class T>
struct EmbedWords {
  static constexpr int kSpan = kAccessElements<T>;
  Array<const int32_t> token;  // [rows]
  SequenceRows order;
  Array<const float> word;      // [vocabulary, columns]
  Array<const float> position;  // [places, columns]
  Array<const float> kind;      // [kinds, columns]
  Array<const float> shift;     // [N, longest, columns]
  Array<T> y;                   // [rows, columns]
  int64_t longest, columns;

  template <int N>
  SADDLE_DEVICE void span(int64_t row, int64_t column) const {
    const int64_t n = order.of(row), place = row - order.begin(n);
    Floats<N> sum = load<N>(position, place * columns + column);
    if (token[row] != kNoToken) add(load<N>(word, token[row] * columns + column), sum);
    if (kind) add(load<N>(kind, column), sum);
    if (shift) add(load<N>(shift, (n * longest + place) * columns + column), sum);
    store<N>(y, row * columns + column, sum);
  }
  SADDLE_DEVICE void operator()(int64_t row, int64_t column) const { span<1>(row, column); }
  bool aligned(int64_t row_columns) const {
    return row_columns % kSpan == 0 && all_aligned(word, position, kind, shift, y);
  }

 private:
  template <int N>
  static SADDLE_DEVICE void add(const Floats<N>& values, Floats<N>& sum) {
    for (int k = 0; k < N; ++k) sum[k] += values[k];
  }
};

// order[rank of r] <- r: the rows by their token, those of one token as they come. Every row counts
// those in front of it, which for the few thousand rows of a batch is quicker than it sounds and
// gives the gradient below one order of adding.
struct RankTokens {
  Array<const int32_t> token;  // [rows]
  Array<int32_t> order;        // [rows]
  SADDLE_DEVICE void operator()(int64_t row) const {
    const int32_t own = token[row];
    int32_t rank = 0;
    for (int64_t other = 0; other < row; ++other) rank += token[other] <= own ? 1 : 0;
    for (int64_t other = row + 1; other < token.size; ++other) rank += token[other] < own ? 1 : 0;
    order[rank] = static_cast<int32_t>(row);
  }
};

// dword[v, :] <- the sum of dy[r, :] over the rows r of token v, for the tokens that occur, but for
// `fixed`, whose word is not trained. A call for each place in `order`; the first of a token adds.
template <class T>
struct SumByToken {
  Array<const int32_t> token, order;  // [rows]
  Array<const T> dy;                  // [rows, columns]
  Array<float> dword;                 // [vocabulary, columns]
  int64_t columns;
  int32_t fixed;  // kNoToken: none
  SADDLE_DEVICE void operator()(int64_t place, int64_t column) const {
    const int32_t own = token[order[place]];
    if (own == kNoToken || own == fixed) return;
    if (place > 0 && token[order[place - 1]] == own) return;
    float sum = 0.f;
    for (int64_t i = place; i < order.size && token[order[i]] == own; ++i) {
      sum += dy[order[i] * columns + column];
    }
    dword[own * columns + column] = sum;
  }
};

// dposition[t, :] <- the sum over the sequences of dy at their place t, 0 where none is so long.
template <class T>
struct SumByPlace {
  Array<const T> dy;  // [rows, columns]
  SequenceRows order;
  Array<float> dposition;  // [places, columns]
  int64_t sequences, columns;
  SADDLE_DEVICE void operator()(int64_t place, int64_t column) const {
    float sum = 0.f;
    for (int64_t n = 0; n < sequences; ++n) {
      if (place < order.rows(n)) sum += dy[(order.begin(n) + place) * columns + column];
    }
    dposition[place * columns + column] = sum;
  }
};

// y[n, t, :] <- x at place t of sequence n, 0 beyond its end. A row is n * longest + t.
template <class T>
struct PadSequences {
  Array<const T> x;  // [rows, columns]
  SequenceRows order;
  Array<float> y;  // [N, longest, columns]
  int64_t longest, columns;
  SADDLE_DEVICE void operator()(int64_t row, int64_t column) const {
    const int64_t n = row / longest, place = row % longest;
    float value = 0.f;
    if (place < order.rows(n)) value = x[(order.begin(n) + place) * columns + column];
    y[row * columns + column] = value;
  }
};

// y[n, :] <- the mean of x over the tokens of sequence n
template <class T>
struct MeanOfTokens {
  Array<const T> x;  // [rows, columns]
  SequenceRows order;
  Array<const int32_t> length;  // [N]
  Array<float> y;               // [N, columns]
  int64_t columns;
  SADDLE_DEVICE void operator()(int64_t n, int64_t column) const {
    const int64_t begin = order.begin(n), tokens = length[n];
    float sum = 0.f;
    for (int64_t t = 0; t < tokens; ++t) sum += x[(begin + t) * columns + column];
    y[n * columns + column] = sum / static_cast<float>(tokens);
  }
};

// dx[r, :] <- dy of r's sequence / its tokens, 0 for padding
template <class T>
struct MeanOfTokensBackward {
  Array<const float> dy;  // [N, columns]
  SequenceRows order;
  Array<const int32_t> length;  // [N]
  Array<T> dx;                  // [rows, columns]
  int64_t columns;
  SADDLE_DEVICE void operator()(int64_t row, int64_t column) const {
    const int64_t n = order.of(row);
    dx[row * columns + column] = row - order.begin(n) < length[n]
                                     ? dy[n * columns + column] / static_cast<float>(length[n])
                                     : 0.f;
  }
};

// y[n, :] <- x at the first place of sequence n
template <class T>
struct FirstToken {
  Array<const T> x;  // [rows, columns]
  SequenceRows order;
  Array<float> y;  // [N, columns]
  int64_t columns;
  SADDLE_DEVICE void operator()(int64_t n, int64_t column) const {
    y[n * columns + column] = x[order.begin(n) * columns + column];
  }
};

// dx[r, :] <- dy of r's sequence at its first place, 0 elsewhere
template <class T>
struct FirstTokenBackward {
  Array<const float> dy;  // [N, columns]
  SequenceRows order;
  Array<T> dx;  // [rows, columns]
  int64_t columns;
  SADDLE_DEVICE void operator()(int64_t row, int64_t column) const {
    const int64_t n = order.of(row);
    dx[row * columns + column] = row == order.begin(n) ? dy[n * columns + column] : 0.f;
  }
};

}  // namespace saddle
