// TextBatches: sentences as pieces of words, and batches of them on the device.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "apps/data/text_set.h"
#include "apps/data/wordpiece.h"
#include "apps/training/task.h"

namespace saddle {

struct EncodedTexts {
  std::vector<std::vector<std::int32_t>> ids;  // [N], each [CLS] ... [SEP]
  std::int64_t cut = 0;                        // of how many the end is cut off

  std::int64_t longest(std::span<const std::int32_t> indices) const;
};

// Each text cut off at max_length pieces.
EncodedTexts encode(const std::vector<std::string>& texts, const WordPiece& pieces,
                    std::int64_t max_length);

// The texts at `indices`, i32 [N, T] for an upload: kNoToken behind each one's end.
std::vector<std::int32_t> padded(const EncodedTexts& texts, std::span<const std::int32_t> indices,
                                 std::int64_t columns);

// All texts by their numbers, in batches of at most `batch`: those of like length together, the
// shortest first, so that next to no padding is needed. With invariant batching all of a batch have
// one length: attention then computes with each what it would with it alone.
std::vector<std::vector<std::int32_t>> batches_by_length(const EncodedTexts& texts,
                                                         std::int64_t batch,
                                                         Batching batching = Batching::fastest);

class TextBatches {
 public:
  // Of texts and labels that must outlive this, in batches of at most `largest`. No text is longer
  // than max_length.
  TextBatches(Device& device, const EncodedTexts& texts, const std::vector<std::int32_t>& labels,
              std::int64_t largest, std::int64_t max_length);

  // Puts the texts on the device and returns how many columns their batch has.
  std::int64_t prepare(const Upcoming& upcoming);
  // The batch last prepared; `indices`, i32 [N], are its texts' numbers. Device work.
  Batch batch(const Tensor& indices) const;

 private:
  const EncodedTexts& texts_;
  const std::vector<std::int32_t>& labels_;
  std::int64_t max_length_;
  std::int64_t columns_ = 0;
  Tensor tokens_;   // i32 [largest x max_length]
  Tensor targets_;  // i32 [largest]
};

}  // namespace saddle
