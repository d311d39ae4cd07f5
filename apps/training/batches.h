// Batches: the order of an epoch, and how it is cut into steps.
#pragma once

#include <cstdint>
#include <vector>

namespace saddle {

// The order of `size` examples in an epoch, a permutation that depends on (seed, epoch) alone.
std::vector<std::int32_t> epoch_order(std::int64_t size, std::uint64_t seed, std::uint32_t epoch);

// `count` examples of an order from `first` on.
struct BatchRange {
  std::int64_t first, count;
};

// What becomes of a last batch that is not full.
enum class LastBatch { kept, dropped };

// Whether the last batch would be a single example: batch-norm finds no variance in one value, so
// it joins the batch before.
bool joins_last_example(std::int64_t examples, std::int64_t batch_size, LastBatch last);

// Empty where all there is would be dropped.
std::vector<BatchRange> batches_of(std::int64_t examples, std::int64_t batch_size, LastBatch last);

}  // namespace saddle
