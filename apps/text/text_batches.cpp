#include "apps/text/text_batches.h"

#include <algorithm>
#include <numeric>

#include "core/sequences.h"

namespace saddle {
namespace {

// Batches of many lengths share one shape: a device that captures its steps captures fewer.
constexpr std::int64_t kColumnStep = 8;

std::vector<std::int32_t> all_of(std::int64_t count) {
  std::vector<std::int32_t> numbers(static_cast<std::size_t>(count));
  std::iota(numbers.begin(), numbers.end(), 0);
  return numbers;
}

}  // namespace

std::int64_t EncodedTexts::longest(std::span<const std::int32_t> indices) const {
  std::int64_t most = 0;
  for (std::int32_t i : indices)
    most = std::max(most, std::ssize(ids[static_cast<std::size_t>(i)]));
  return most;
}

EncodedTexts encode(const std::vector<std::string>& texts, const WordPiece& pieces,
                    std::int64_t max_length) {
  EncodedTexts encoded;
  for (const std::string& text : texts) {
    EncodedText one = pieces.encode(text, max_length);
    encoded.cut += one.cut_off > 0 ? 1 : 0;
    encoded.ids.push_back(std::move(one.ids));
  }
  return encoded;
}

std::vector<std::int32_t> padded(const EncodedTexts& texts, std::span<const std::int32_t> indices,
                                 std::int64_t columns) {
  std::vector<std::int32_t> rows(indices.size() * static_cast<std::size_t>(columns), kNoToken);
  for (std::size_t row = 0; row < indices.size(); ++row) {
    const auto& ids = texts.ids[static_cast<std::size_t>(indices[row])];
    std::ranges::copy(ids, rows.begin() + static_cast<std::int64_t>(row) * columns);
  }
  return rows;
}

std::vector<std::vector<std::int32_t>> batches_by_length(const EncodedTexts& texts,
                                                         std::int64_t batch, Batching batching) {
  const auto length = [&](std::int32_t i) { return texts.ids[static_cast<std::size_t>(i)].size(); };
  std::vector<std::int32_t> order = all_of(std::ssize(texts.ids));
  std::ranges::stable_sort(order, {}, length);
  std::vector<std::vector<std::int32_t>> batches;
  for (const std::int32_t i : order) {
    const bool full = batches.empty() || std::ssize(batches.back()) == batch;
    const bool longer = !full && length(batches.back().front()) != length(i);
    if (full || (longer && batching == Batching::invariant)) batches.emplace_back();
    batches.back().push_back(i);
  }
  return batches;
}

TextBatches::TextBatches(Device& device, const EncodedTexts& texts,
                         const std::vector<std::int32_t>& labels, std::int64_t largest,
                         std::int64_t max_length)
    : texts_(texts),
      labels_(labels),
      max_length_(max_length),
      tokens_(device, {largest * max_length}, DType::i32),
      targets_(device, {largest}, DType::i32) {}

std::int64_t TextBatches::prepare(const Upcoming& upcoming) {
  const std::int64_t longest = texts_.longest(upcoming.indices);
  columns_ = std::min(ceil_divide(longest, kColumnStep) * kColumnStep, max_length_);
  const std::vector<std::int32_t> rows = padded(texts_, upcoming.indices, columns_);
  std::vector<std::int32_t> targets;
  for (std::int32_t i : upcoming.indices) targets.push_back(labels_[static_cast<std::size_t>(i)]);
  tokens_.slice(0, {std::ssize(rows)}).copy_from_host(rows.data());
  targets_.slice(0, {std::ssize(targets)}).copy_from_host(targets.data());
  return columns_;
}

Batch TextBatches::batch(const Tensor& indices) const {
  const std::int64_t count = indices.count();
  return {tokens_.slice(0, {count, columns_}), targets_.slice(0, {count}), indices};
}

}  // namespace saddle
