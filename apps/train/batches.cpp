#include "apps/train/batches.h"

#include <algorithm>

namespace saddle {

bool joins_last_example(std::int64_t examples, std::int64_t batch_size, LastBatch last) {
  return last == LastBatch::kept && batch_size > 1 && examples > batch_size &&
         examples % batch_size == 1;
}

std::vector<BatchRange> batches_of(std::int64_t examples, std::int64_t batch_size, LastBatch last) {
  std::vector<BatchRange> batches;
  for (std::int64_t first = 0; first < examples; first += batch_size) {
    batches.push_back({first, std::min(batch_size, examples - first)});
  }
  if (joins_last_example(examples, batch_size, last)) {
    batches.pop_back();
    ++batches.back().count;
  }
  if (last == LastBatch::dropped && !batches.empty() && batches.back().count < batch_size) {
    batches.pop_back();
  }
  return batches;
}

}  // namespace saddle
