// Pixle: copying pixels of a random patch of the image to other places of it.
//
// A row is one attempt on one example; the number of its proposals so far keys its draws. Source:
// Pomponi, Scardapane, Uncini, "Pixle: a fast and effective black-box attack based on rearranging
// pixels", IJCNN 2022; torchattacks.
#pragma once

#include <cmath>

#include "kernels/array.h"
#include "kernels/math.h"
#include "kernels/philox.h"
#include "kernels/teams.h"

namespace saddle {

// Where a pixel of the patch goes. With D(q) the mean over channels of |base(q) - pixel|:
enum class PixelMapping : int32_t {
  random,             // anywhere, but to the last row or column
  similarity,         // to the q of highest score 1 / (1 + D), the score being 0 where D = 0
  similarity_random,  // to a q drawn with probability softmax(score)
  distance,           // as the two above with score D
  distance_random,
};

struct PixlePatch {
  int64_t left, top, width, height;
};

// destination[row, k] <- the pixel that pixel k of the row's patch goes to, -1 beyond the patch.
// One call a (row, k).
struct PixleDraw {
  Array<const float> x;                   // [rows, height, width, channels]: what is copied
  Array<const float> base;                // [rows, height, width, channels]: what it is copied into
  Array<const int32_t> example, attempt;  // [rows]
  Array<const int32_t> proposals;         // [rows]: made so far
  Array<int32_t> destination;             // [rows, longest]
  Array<int32_t> source;                  // [rows, longest]
  uint64_t seed;
  int64_t height, width, channels;
  int32_t width_range[2], height_range[2];  // the patch's least and greatest extent, pixels
  int64_t longest;                          // greatest extents multiplied
  PixelMapping mapping;

  SADDLE_DEVICE Random4 bits(Purpose purpose, int64_t row, int64_t element) const {
    return Stream{seed, purpose, static_cast<uint32_t>(attempt[row])}.bits(
        static_cast<uint32_t>(example[row]), static_cast<uint32_t>(element));
  }
  // Uniform in [0, extent - 2], as int(u (extent - 1)) is; 0 where there is one place only.
  static SADDLE_DEVICE int64_t place(uint32_t random, int64_t extent) {
    return uniform_below(random, static_cast<uint32_t>(extent > 1 ? extent - 1 : 1));
  }
  static SADDLE_DEVICE int64_t extent(uint32_t random, const int32_t (&range)[2]) {
    return range[0] + uniform_below(random, static_cast<uint32_t>(range[1] - range[0] + 1));
  }
  SADDLE_DEVICE PixlePatch patch(int64_t row) const {
    const Random4 drawn = bits(Purpose::pixle_patch, row, proposals[row]);
    const int64_t left = place(drawn.v[0], width), top = place(drawn.v[1], height);
    return {left, top, smaller(extent(drawn.v[2], width_range), width - left),
            smaller(extent(drawn.v[3], height_range), height - top)};
  }
  SADDLE_DEVICE float distance(int64_t row, int64_t pixel, int64_t q) const {
    const int64_t own = (row * height * width + pixel) * channels;
    const int64_t other = (row * height * width + q) * channels;
    float sum = 0.f;
    for (int64_t c = 0; c < channels; ++c) sum += fabsf(base[other + c] - x[own + c]);
    return sum / static_cast<float>(channels);
  }
  SADDLE_DEVICE float score(int64_t row, int64_t pixel, int64_t q) const {
    const float apart = distance(row, pixel, q);
    if (mapping == PixelMapping::distance || mapping == PixelMapping::distance_random) return apart;
    return apart > 0.f ? 1.f / (1.f + apart) : 0.f;
  }
  // The other pixel of highest score, the lowest among equals.
  SADDLE_DEVICE int64_t highest(int64_t row, int64_t pixel) const {
    int64_t best = pixel;
    float best_score = -1.f;
    for (int64_t q = 0; q < height * width; ++q) {
      const float here = score(row, pixel, q);
      if (q != pixel && here > best_score) {
        best = q;
        best_score = here;
      }
    }
    return best;
  }
  // Another pixel with probability softmax(score). Scores lie in [0, 1]: no exponential overflows.
  SADDLE_DEVICE int64_t drawn_by_score(int64_t row, int64_t pixel, float u) const {
    float total = 0.f;
    for (int64_t q = 0; q < height * width; ++q) {
      if (q != pixel) total += exponential(score(row, pixel, q));
    }
    float left = u * total;
    int64_t chosen = pixel;
    for (int64_t q = 0; q < height * width && left >= 0.f; ++q) {
      if (q == pixel) continue;
      chosen = q;
      left -= exponential(score(row, pixel, q));
    }
    return chosen;
  }
  SADDLE_DEVICE void operator()(int64_t row, int64_t k) const {
    const PixlePatch from = patch(row);
    const int64_t i = row * longest + k;
    destination[i] = source[i] = -1;
    if (k >= from.width * from.height) return;
    const int64_t y = k / from.width;
    const int64_t pixel = (from.top + y) * width + from.left + (k - y * from.width);
    const Random4 drawn = bits(Purpose::pixle_destination, row, proposals[row] * longest + k);
    int64_t to;
    switch (mapping) {
      case PixelMapping::random:
        to = place(drawn.v[1], height) * width + place(drawn.v[0], width);
        break;
      case PixelMapping::similarity:
      case PixelMapping::distance: to = highest(row, pixel); break;
      default: to = drawn_by_score(row, pixel, uniform(drawn.v[0])); break;
    }
    source[i] = static_cast<int32_t>(pixel);
    destination[i] = static_cast<int32_t>(to);
  }
};

// proposal[destination] <- x[source]; of several pixels with one destination the last of the patch.
// One call a (row, k).
struct PixlePaste {
  Array<const float> x;                      // [rows, pixels, channels]
  Array<const int32_t> destination, source;  // [rows, longest]
  Array<float> proposal;                     // [rows, pixels, channels]: the base, on entry
  int64_t pixels, channels, longest;

  SADDLE_DEVICE void operator()(int64_t row, int64_t k) const {
    const int64_t i = row * longest + k;
    const int64_t to = destination[i];
    if (to < 0) return;
    for (int64_t later = i + 1; later < (row + 1) * longest; ++later) {
      if (destination[later] == to) return;
    }
    for (int64_t c = 0; c < channels; ++c) {
      proposal[(row * pixels + to) * channels + c] = x[(row * pixels + source[i]) * channels + c];
    }
  }
};

// What the model said: odds = log(sum over j != y of exp(z_j - z_y)) = log((1 - p) / p) for the
// label's probability p, which falls exactly when the odds rise, also where p rounds to 1. The
// proposal becomes the best where p fell, and where it is misclassified, which ends the row. A row
// with a NaN logit gains nothing. One block a row.
struct PixleJudge {
  static constexpr int kThreads = 128;
  Array<const float> logits;      // [rows, classes]
  Array<const int32_t> label;     // [rows]
  Array<const float> proposal;    // [rows, columns]
  Array<float> best;              // [rows, columns]
  Array<float> odds;              // [rows]: the best so far
  Array<int32_t> improved, done;  // [rows]: whether there is a best; whether it ends the row
  Array<int32_t> proposals;       // [rows]
  int64_t classes, columns;
  int32_t clean;  // 1: the proposal is the image itself, whose odds are to be noted and no more

  template <class Team>
  SADDLE_DEVICE void work(const Team& team, int64_t row) const {
    const float odds_before = odds[row];
    if (done[row] != 0) return;  // the whole block returns, before any barrier
    const float* z = &logits[row * classes];
    const int64_t y = label[row];
    const ValueAt other =
        team.argmax(classes, [&](int64_t k) { return k == y ? -INFINITY : z[k]; });
    const float sum = team.sum(classes, [&](int64_t k) {
      return k == y || classes == 1 ? 0.f : exponential(z[k] - other.value);
    });
    const float new_odds = logarithm(sum) + (other.value - z[y]);
    const bool wrong = other.value > z[y] || (other.value == z[y] && other.index < y);
    const bool better = clean == 0 && new_odds > odds_before;
    const bool broken = clean == 0 && wrong && new_odds == new_odds;
    team.once([&] {
      if (clean == 0) proposals[row] += 1;
      if (better || clean != 0) odds[row] = new_odds;
      if (better || broken) improved[row] = 1;
      if (broken) done[row] = 1;
    });
    if (better || broken) {
      team.each([&](int64_t i) { best[row * columns + i] = proposal[row * columns + i]; });
    }
  }
  template <class Block>
  SADDLE_DEVICE void operator()(Block& b) const {
    work(BlockTeam<Block>{b, columns}, b.block());
  }
  void reference(int64_t row) const { work(HostTeam<kThreads>{columns}, row); }
};

// base <- best where there is one; else, where `take_last`, the last proposal. One call a (row,
// element).
struct PixleRebase {
  Array<const float> best, proposal;  // [rows, columns]
  Array<const int32_t> improved;      // [rows]
  Array<float> base;                  // [rows, columns]
  int64_t columns;
  int32_t take_last;

  SADDLE_DEVICE void operator()(int64_t row, int64_t column) const {
    const int64_t i = row * columns + column;
    if (improved[row] != 0) {
      base[i] = best[i];
    } else if (take_last != 0) {
      base[i] = proposal[i];
    }
  }
};

}  // namespace saddle
