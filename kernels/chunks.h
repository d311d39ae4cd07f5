// How sums over the rows of [rows, channels] are shared out: in chunks of rows, each a block for
// kGroupChannels channels, whose threads own as many neighbouring channels as 16 bytes hold.
#pragma once

#include <cstdint>
#include <type_traits>

#include "kernels/math.h"
#include "kernels/span.h"

namespace saddle {

inline constexpr int kGroupChannels = 32;  // channels a block works on
inline constexpr int kChunkThreads = 256;
inline constexpr int64_t kMostChunks = 256;

// Rows whose sums are taken together. They grow with the input, for the merge is one block.
SADDLE_DEVICE int64_t chunk_rows(int64_t rows) {
  return 256 * ceil_divide(rows, 256 * kMostChunks);
}
SADDLE_DEVICE int64_t chunk_count(int64_t rows) { return ceil_divide(rows, chunk_rows(rows)); }
SADDLE_DEVICE int64_t channel_groups(int64_t channels) {
  return ceil_divide(channels, kGroupChannels);
}

// How the threads of a block lie over a chunk: kWidth threads side by side cover its channels, the
// next kWidth the next row, and so on.
template <class T>
struct ChunkThreads {
  static constexpr int kVector = kAccessElements<T>;        // channels of a thread
  static constexpr int kWidth = kGroupChannels / kVector;   // threads on a row
  static constexpr int kRowLanes = kChunkThreads / kWidth;  // rows a block reads at once
};

// Where block `block` of a grid of (chunks x channel groups) works.
struct ChunkPlace {
  int64_t chunk, first_row, end_row, first_channel;

  SADDLE_DEVICE ChunkPlace(int64_t block, int64_t rows, int64_t channels) {
    const int64_t groups = channel_groups(channels);
    chunk = block / groups;
    first_row = chunk * chunk_rows(rows);
    end_row = smaller(rows, first_row + chunk_rows(rows));
    first_channel = block % groups * kGroupChannels;
  }
  static int64_t blocks(int64_t rows, int64_t channels) {
    return chunk_count(rows) * channel_groups(channels);
  }
};

// Calls body(std::integral_constant) with the count as a constant where it is a common one, so that
// the compiler unrolls and vectorises the loop over channels.
template <class Body>
void with_constant_count(int64_t count, Body body) {
  switch (count) {
    case 8: return body(std::integral_constant<int64_t, 8>{});
    case 16: return body(std::integral_constant<int64_t, 16>{});
    case 32: return body(std::integral_constant<int64_t, 32>{});
    default: return body(count);
  }
}

}  // namespace saddle
