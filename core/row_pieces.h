// The rows of a matrix product, a few at a time, so that each comes out with the same bits whatever
// the number of rows, whichever row it is, and on any number of threads.
#pragma once

#include <omp.h>

#include <algorithm>

#include "core/host_memory.h"
#include "core/onednn.h"
#include "kernels/math.h"

namespace saddle {

// oneDNN's kernels take up to 48 rows at once, and what is left over they compute in another order.
// Products of a multiple of that leave nothing over: each row is computed alike, wherever it is.
inline constexpr std::int64_t kRowsAlike = 48;
// A thread's rows at a time: the fewer, the less of the cache they take; the more, the less often
// the other matrix is read.
inline constexpr std::int64_t kMostRows = 4 * kRowsAlike;

// Rows of a matrix from `first` on.
struct RowPiece {
  std::int64_t first, count;

  // So many that a product of them computes each alike.
  std::int64_t padded() const { return ceil_divide(count, kRowsAlike) * kRowsAlike; }

  template <class Float>
  Float* in(Float* matrix, std::int64_t columns) const {
    return matrix == nullptr ? nullptr : matrix + first * columns;
  }
  // padded() rows: in `copy`, with zeros behind, where the matrix may end before.
  const float* in_padded(const float* matrix, std::int64_t columns, float* copy) const {
    const float* from = in(matrix, columns);
    if (count == padded()) return from;
    std::copy_n(from, count * columns, copy);
    std::fill_n(copy + count * columns, (padded() - count) * columns, 0.f);
    return copy;
  }
};

// Calls work(piece, memory) for all rows, split among threads, with memory for kMostRows rows of
// `columns` floats. Work returns whether it could be done, as does this. Throws std::bad_alloc or
// Error where memory runs out.
template <class Work>
bool for_row_pieces(std::int64_t rows, std::int64_t columns, const Work& work) {
  const std::int64_t steps = ceil_divide(rows, kRowsAlike), floats = kMostRows * columns;
  onednn::find_room();
  float* memory = working_memory(omp_get_max_threads() * floats);
  bool failed = false;
#pragma omp parallel reduction(|| : failed)
  {
    const std::int64_t thread = omp_get_thread_num(), threads = omp_get_num_threads();
    const std::int64_t end = std::min(rows, steps * (thread + 1) / threads * kRowsAlike);
    for (std::int64_t first = steps * thread / threads * kRowsAlike; first < end;
         first += kMostRows) {
      const RowPiece piece{first, std::min(kMostRows, end - first)};
      failed = !work(piece, memory + thread * floats) || failed;
    }
  }
  return !failed;
}

}  // namespace saddle
