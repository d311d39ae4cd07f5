#include "apps/training/batches.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "kernels/philox.h"

namespace saddle {

std::vector<std::int32_t> epoch_order(std::int64_t size, std::uint64_t seed, std::uint32_t epoch) {
  std::vector<std::int32_t> order(static_cast<std::size_t>(size));
  std::iota(order.begin(), order.end(), 0);
  const Stream stream{seed, Purpose::data_order, epoch};
  for (std::size_t i = order.size(); i > 1; --i) {  // Fisher and Yates
    const Random4 bits = stream.bits(static_cast<std::uint32_t>(i), 0);
    std::swap(order[i - 1], order[uniform_below(bits.v[0], static_cast<std::uint32_t>(i))]);
  }
  return order;
}

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
