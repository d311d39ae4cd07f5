#include "kernels/sequences.h"

#include "core/element_type.h"
#include "core/ops.h"
#include "core/ops/row_sums.h"
#include "core/text_ops.h"
#include "kernels/elementwise.h"

namespace saddle {
namespace {

void check_rows(const char* op, const Var& x, const Sequences& sequences) {
  require(x.shape().rank() == 2 && x.shape()[0] == sequences.rows, op, ": ", x.shape(),
          " must be [rows, D] of ", sequences.rows, " tokens");
}

// dL/dword: 0 for what does not occur, else the sum over the rows of the token.
void add_word_gradient(const Sequences& sequences, const WordTables& tables, const Tensor& dy) {
  if (!tables.word.wants_gradient()) return;
  Device& device = dy.device();
  const std::int64_t rows = sequences.rows, columns = dy.shape()[1];
  const Tensor order(device, {rows}, DType::i32), dword = tables.word.gradient_memory();
  launch(device, RankTokens{sequences.tokens.array<std::int32_t>(), order.array<std::int32_t>()},
         rows);
  launch(device, Fill{dword.array(), 0.f}, dword.count());
  with_element_type("embed_words", dy.dtype(), [&](auto zero) {
    using T = decltype(zero);
    launch(device,
           SumByToken<T>{sequences.tokens.array<std::int32_t>(), order.array<std::int32_t>(),
                         dy.array<T>(), dword.array(), columns, tables.fixed},
           rows, columns);
  });
  tables.word.add_gradient(dword);
}

void add_place_gradients(const Sequences& sequences, const WordTables& tables, const Tensor& dy) {
  const bool of_kind = tables.kind && tables.kind.wants_gradient();
  if (!tables.position.wants_gradient() && !of_kind) return;
  Device& device = dy.device();
  const std::int64_t places = tables.position.shape()[0], columns = dy.shape()[1];
  const Tensor dposition = tables.position.wants_gradient() ? tables.position.gradient_memory()
                                                            : Tensor(device, {places, columns});
  with_element_type("embed_words", dy.dtype(), [&](auto zero) {
    using T = decltype(zero);
    launch(device,
           SumByPlace<T>{dy.array<T>(), sequences.order(), dposition.array(), sequences.count,
                         columns},
           places, columns);
  });
  if (of_kind) {  // every token is at some place
    const Tensor dkind = tables.kind.gradient_memory();
    launch(device, Fill{dkind.array(), 0.f}, dkind.count());
    sum_rows(dposition, dkind.slice(0, {columns}));
    tables.kind.add_gradient(dkind);
  }
  if (tables.position.wants_gradient()) tables.position.add_gradient(dposition);
}

void add_shift_gradient(const Sequences& sequences, const Var& shift, const Tensor& dy) {
  if (!shift || !shift.wants_gradient()) return;
  const Tensor dshift = shift.gradient_memory();
  const std::int64_t columns = dy.shape()[1];
  with_element_type("embed_words", dy.dtype(), [&](auto zero) {
    using T = decltype(zero);
    launch(dy.device(),
           PadSequences<T>{dy.array<T>(), sequences.order(), dshift.array(), sequences.longest,
                           columns},
           sequences.count * sequences.longest, columns);
  });
  shift.add_gradient(dshift);
}

std::vector<Var> inputs_of(const WordTables& tables, const Var& shift) {
  std::vector<Var> inputs = {tables.word, tables.position};
  if (tables.kind) inputs.push_back(tables.kind);
  if (shift) inputs.push_back(shift);
  return inputs;
}

}  // namespace

Var embed_words(Tape& tape, const Sequences& sequences, const WordTables& tables, const Var& shift,
                DType dtype) {
  const Shape& word = tables.word.shape();
  const Shape& position = tables.position.shape();
  require(word.rank() == 2 && position.rank() == 2 && position[1] == word[1] &&
              (!tables.kind || (tables.kind.shape().rank() == 2 && tables.kind.shape()[0] >= 1 &&
                                tables.kind.shape()[1] == word[1])),
          "embed_words: tables of words ", word, " and positions ", position,
          " must be [any, D] of one D, as that of kinds, where there is one");
  require(sequences.longest <= position[0], "embed_words: a sequence of ", sequences.longest,
          " tokens, there are ", position[0], " positions. Cut it off before");
  const std::int64_t columns = word[1];
  require(!shift || shift.shape() == Shape{sequences.count, sequences.longest, columns},
          "embed_words: a shift of ", shift ? shift.shape() : Shape{},
          " must be [N, T, D] = ", Shape{sequences.count, sequences.longest, columns});
  Device& device = tables.word.device();
  const Tensor y(device, {sequences.rows, columns}, dtype);
  const auto array_of = [](const Var& table) {
    return table ? Array<const float>(table.value().array()) : Array<const float>{};
  };
  with_element_type("embed_words", dtype, [&](auto zero) {
    using T = decltype(zero);
    launch(device,
           EmbedWords<T>{sequences.tokens.array<std::int32_t>(), sequences.order(),
                         array_of(tables.word), array_of(tables.position), array_of(tables.kind),
                         array_of(shift), y.array<T>(), sequences.longest, columns},
           sequences.rows, columns);
  });
  return tape.record(y, inputs_of(tables, shift), [=](const Tensor& dy) {
    add_word_gradient(sequences, tables, dy);
    add_place_gradients(sequences, tables, dy);
    add_shift_gradient(sequences, shift, dy);
  });
}

Var mean_of_tokens(Tape& tape, const Var& x, const Sequences& sequences) {
  check_rows("mean_of_tokens", x, sequences);
  Device& device = x.device();
  const std::int64_t columns = x.shape()[1];
  const Tensor y(device, {sequences.count, columns});
  with_element_type("mean_of_tokens", x.value().dtype(), [&](auto zero) {
    using T = decltype(zero);
    launch(device,
           MeanOfTokens<T>{x.value().array<T>(), sequences.order(),
                           sequences.length.array<std::int32_t>(), y.array(), columns},
           sequences.count, columns);
  });
  return tape.record(y, {x}, [=, &device](const Tensor& dy) {
    const Tensor dx = x.gradient_memory();
    with_element_type("mean_of_tokens", dx.dtype(), [&](auto zero) {
      using T = decltype(zero);
      launch(
          device,
          MeanOfTokensBackward<T>{dy.array(), sequences.order(),
                                  sequences.length.array<std::int32_t>(), dx.array<T>(), columns},
          sequences.rows, columns);
    });
    x.add_gradient(dx);
  });
}

namespace {

Var first_rows(Tape& tape, const Var& x, std::int64_t count,
               const std::function<SequenceRows()>& order) {
  Device& device = x.device();
  const std::int64_t columns = x.shape()[x.shape().rank() - 1];
  const Tensor y(device, {count, columns});
  with_element_type("first_token", x.value().dtype(), [&](auto zero) {
    using T = decltype(zero);
    launch(device, FirstToken<T>{x.value().array<T>(), order(), y.array(), columns}, count,
           columns);
  });
  return tape.record(y, {x}, [=, &device](const Tensor& dy) {
    const Tensor dx = x.gradient_memory();
    with_element_type("first_token", dx.dtype(), [&](auto zero) {
      using T = decltype(zero);
      launch(device, FirstTokenBackward<T>{dy.array(), order(), dx.array<T>(), columns},
             columns > 0 ? dx.count() / columns : 0, columns);
    });
    x.add_gradient(dx);
  });
}

}  // namespace

Var first_token(Tape& tape, const Var& x, const Sequences& sequences) {
  check_rows("first_token", x, sequences);
  return first_rows(tape, x, sequences.count, [sequences] { return sequences.order(); });
}

Var first_token(Tape& tape, const Var& x) {
  const Shape& shape = x.shape();
  require(shape.rank() == 3 && shape[1] >= 1, "first_token: ", shape, " must be [N, T, D]");
  const std::int64_t tokens = shape[1];
  return first_rows(tape, x, shape[0], [tokens] { return SequenceRows{{}, {}, tokens}; });
}

}  // namespace saddle
