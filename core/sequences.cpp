#include "core/sequences.h"

#include <vector>

#include "core/device.h"

namespace saddle {
namespace {

void check_shape(const Tensor& tokens) {
  require(
      tokens && tokens.dtype() == DType::i32 && tokens.shape().rank() == 2 && tokens.count() > 0,
      "sequences: tokens must be i32 [N, T], with N and T from 1");
}

}  // namespace

Sequences sequences_of(const Tensor& tokens) {
  check_shape(tokens);
  return tokens.device().captures() ? padded_sequences(tokens) : packed_sequences(tokens);
}

Sequences packed_sequences(const Tensor& tokens) {
  check_shape(tokens);
  const std::int64_t count = tokens.shape()[0], columns = tokens.shape()[1];
  const auto all = tokens.to_host<std::int32_t>();
  std::vector<std::int32_t> kept, first = {0}, sequence, length;
  for (std::int64_t n = 0; n < count; ++n) {
    const auto row = all.begin() + n * columns;
    std::int64_t end = 0;
    while (end < columns && row[end] != kNoToken) ++end;
    require(end > 0, "sequences: number ", n, " has no tokens");
    for (std::int64_t t = end; t < columns; ++t) {
      require(row[t] == kNoToken, "sequences: number ", n, " has a token at ", t,
              " behind its end at ", end);
    }
    kept.insert(kept.end(), row, row + end);
    sequence.insert(sequence.end(), static_cast<std::size_t>(end), static_cast<std::int32_t>(n));
    length.push_back(static_cast<std::int32_t>(end));
    first.push_back(static_cast<std::int32_t>(kept.size()));
  }
  Device& device = tokens.device();
  const auto rows = static_cast<std::int64_t>(kept.size());
  return {count,
          columns,
          rows,
          Tensor::from_host(device, {rows}, kept),
          Tensor::from_host(device, {count + 1}, first),
          Tensor::from_host(device, {rows}, sequence),
          Tensor::from_host(device, {count}, length)};
}

Sequences padded_sequences(const Tensor& tokens) {
  check_shape(tokens);
  Device& device = tokens.device();
  const std::int64_t count = tokens.shape()[0], columns = tokens.shape()[1], rows = count * columns;
  Sequences all{count,
                columns,
                rows,
                tokens.reshaped({rows}),
                Tensor(device, {count + 1}, DType::i32),
                Tensor(device, {rows}, DType::i32),
                Tensor(device, {count}, DType::i32)};
  launch(device,
         PaddedRows{all.first.array<std::int32_t>(), all.sequence.array<std::int32_t>(), columns},
         rows + 1);
  launch(device,
         CountTokens{tokens.array<std::int32_t>(), all.length.array<std::int32_t>(), columns},
         count);
  return all;
}

}  // namespace saddle
