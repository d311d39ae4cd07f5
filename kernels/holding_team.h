// HoldingTeam: a block of threads that keeps what it has read of a row in registers.
//
// A kernel that goes over a row several times (teams.h) reads it from memory each time, a few
// elements a thread at once; where the batch has fewer rows than a GPU has room for blocks, it
// waits for memory most of the time. Rows that are short enough for kEach elements a thread this
// team reads once, with the loads of all elements under way together. It adds in the order of
// BlockTeam and so gives the same bits.
//
//   template <class Team>
//   SADDLE_DEVICE void scale(const Team& team, int64_t row) const {
//     const auto from = team.hold(row_of(x, row, columns));
//     const float sum = team.sum([&](auto i) { return from[i]; });   // i: of the team's own type
//     team.each([&](auto i) { y[row * columns + i] = from[i] / sum; });
//   }
//   template <class Block>
//   SADDLE_DEVICE void operator()(Block& b) const {
//     with_held_rows(b, columns, [&](const auto& team) { scale(team, b.block()); });
//   }
#pragma once

#include <cstdint>

#include "kernels/array.h"
#include "kernels/collectives.h"
#include "kernels/math.h"
#include "kernels/portable.h"
#include "kernels/teams.h"

namespace saddle {

// Element i of a row, the k-th of the thread that it belongs to.
struct HeldIndex {
  int64_t i;
  int k;
  SADDLE_DEVICE operator int64_t() const { return i; }
};

// What a thread holds of a row.
template <int kEach>
struct HeldRow {
  float v[kEach];
  SADDLE_DEVICE float operator[](HeldIndex at) const { return v[at.k]; }
};

template <class Block, int kEach>
struct HoldingTeam {
  Block& b;
  int64_t columns;  // at most kEach a thread

  SADDLE_DEVICE HeldRow<kEach> hold(const Array<const float>& row) const {
    HeldRow<kEach> held = {};
    each([&](HeldIndex at) { held.v[at.k] = row[at.i]; });
    return held;
  }
  template <class Value>
  SADDLE_DEVICE float sum(const Value& value) const {
    float own = 0.f;
    each([&](HeldIndex at) { own += value(at); });
    return block_sum(b, own);
  }
  // The largest value over the columns, which are not negative; NaN if one is NaN.
  template <class Value>
  SADDLE_DEVICE float max(const Value& value) const {
    float own = 0.f;
    each([&](HeldIndex at) { own = larger_or_nan(own, value(at)); });
    return block_max(b, own);
  }
  template <class Work>
  SADDLE_DEVICE void each(const Work& work) const {
    for (int k = 0; k < kEach; ++k) {
      const HeldIndex at{b.thread() + int64_t{k} * b.threads(), k};
      if (at.i < columns) work(at);
    }
  }
};

// Elements a thread holds of a row: of 256 threads rows of up to 4096, as 32 x 32 x 3.
inline constexpr int kHeld = 16;

// Calls work(team) with this team where rows are short enough, else with a BlockTeam.
template <class Block, class Work>
SADDLE_DEVICE void with_held_rows(Block& b, int64_t columns, const Work& work) {
  if (columns <= int64_t{kHeld} * b.threads()) {
    work(HoldingTeam<Block, kHeld>{b, columns});
  } else {
    work(BlockTeam<Block>{b, columns});
  }
}

}  // namespace saddle
