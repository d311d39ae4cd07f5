// The Square attack's start, its proposals, and whether a proposal is kept.
//
// A row is one attempt on one example. It counts its own queries, and the count keys its draws and
// picks the side of its window: rows may be at different queries, and none sees another. A row
// whose margin is no longer positive is broken, and one that has made all its queries is spent;
// every kernel leaves both as they are. Source: Andriushchenko, Croce, Flammarion, Hein, "Square
// Attack", ECCV 2020.
#pragma once

#include "kernels/array.h"
#include "kernels/math.h"
#include "kernels/philox.h"
#include "kernels/teams.h"

namespace saddle {

struct SquareImages {
  int64_t height, width, channels;

  SADDLE_DEVICE int64_t pixels() const { return height * width; }
  SADDLE_DEVICE int64_t columns() const { return height * width * channels; }
};

// What a row draws: keyed by seed, attempt and example, then by query, channel and place.
struct SquareDraws {
  Array<const int32_t> example, attempt;  // [rows]
  uint64_t seed;

  SADDLE_DEVICE Random4 bits(Purpose purpose, int64_t row, int64_t element) const {
    return Stream{seed, purpose, static_cast<uint32_t>(attempt[row])}.bits(
        static_cast<uint32_t>(example[row]), static_cast<uint32_t>(element));
  }
  // -1 or 1
  SADDLE_DEVICE float sign(Purpose purpose, int64_t row, int64_t element) const {
    return (bits(purpose, row, element).v[0] & 1u) != 0 ? 1.f : -1.f;
  }
};

// A window of side x side pixels.
struct SquareWindow {
  int64_t top, left, side;

  SADDLE_DEVICE bool contains(int64_t y, int64_t x) const {
    return y >= top && y < top + side && x >= left && x < left + side;
  }
};

// The two windows of a proposal; l-inf uses the first. A corner is uniform over [0, extent - side],
// or, as in the reference implementations, [0, extent - side - 1], so that the last row and column
// of the image are never covered.
struct SquareWindows {
  Array<const int32_t> sides;  // [proposals]: the window's side
  int32_t proposals;           // that a row may make; the start is a query more
  int32_t shortened;           // 1: corners as in the references

  SADDLE_DEVICE int64_t corner(uint32_t bits, int64_t extent, int64_t side) const {
    const int64_t places = extent - side + 1 - shortened;
    return uniform_below(bits, static_cast<uint32_t>(places > 0 ? places : 1));
  }
  SADDLE_DEVICE SquareWindow first(const Random4& bits, const SquareImages& image,
                                   int64_t proposal) const {
    const int64_t side = sides[proposal];
    return {corner(bits.v[0], image.height, side), corner(bits.v[1], image.width, side), side};
  }
  SADDLE_DEVICE SquareWindow second(const Random4& bits, const SquareImages& image,
                                    int64_t proposal) const {
    const int64_t side = sides[proposal];
    return {corner(bits.v[2], image.height, side), corner(bits.v[3], image.width, side), side};
  }
};

// proposal <- clip(x + eps s, 0, 1), vertical stripes: a sign s for each (column, channel). One
// call a (row, stripe), stripe = column * channels + channel.
struct SquareStartLinf {
  Array<const float> x;   // [rows, height, width, channels]
  Array<float> proposal;  // [rows, height, width, channels]
  SquareDraws draws;
  SquareImages image;
  float eps;

  SADDLE_DEVICE void operator()(int64_t row, int64_t stripe) const {
    const float step = eps * draws.sign(Purpose::square_init, row, stripe);
    const int64_t stripes = image.width * image.channels;
    for (int64_t y = 0; y < image.height; ++y) {
      const int64_t i = (row * image.height + y) * stripes + stripe;
      proposal[i] = clip(x[i] + step, 0.f, 1.f);
    }
  }
};

// proposal <- best, but in the window, in each channel, x + eps or x - eps (to the pixel range).
// Where that is the best image itself the model's answer is known: the query is counted, not asked,
// and the next one drawn, until an image differs or the row is spent. One block a row.
struct SquareProposeLinf {
  static constexpr int kThreads = 256;
  Array<const float> x, best;  // [rows, height, width, channels]
  Array<const float> margin;   // [rows]
  Array<int32_t> queries;      // [rows]: made so far, the start being the first
  Array<float> proposal;       // [rows, height, width, channels]
  SquareDraws draws;
  SquareWindows windows;
  SquareImages image;
  float eps;

  template <class Team>
  SADDLE_DEVICE void work(const Team& team, int64_t row) const {
    if (!(margin[row] > 0.f)) return;  // the whole block returns, and no barrier is ahead
    const int64_t begin = row * image.columns();
    int64_t number = queries[row] - 1;
    for (; number < windows.proposals; ++number) {
      const SquareWindow window =
          windows.first(draws.bits(Purpose::square_window, row, number), image, number);
      // best is within eps of x, so adding 2 eps s and projecting on the ball ends at eps s.
      const auto step_of = [&](int64_t channel) {
        return eps * draws.sign(Purpose::square_sign, row, number * image.channels + channel);
      };
      // Where in the image, all its elements, a place of the window lies.
      const auto element_of = [&](int64_t place, int64_t channel) {
        const int64_t y = place / window.side, column = place - y * window.side;
        const int64_t pixel = (window.top + y) * image.width + window.left + column;
        return begin + pixel * image.channels + channel;
      };
      const int64_t places = window.side * window.side;
      float changed = 0.f;
      for (int64_t channel = 0; channel < image.channels; ++channel) {
        const float step = step_of(channel);
        changed += team.sum(places, [&](int64_t place) {
          const int64_t i = element_of(place, channel);
          return clip(x[i] + step, 0.f, 1.f) == best[i] ? 0.f : 1.f;
        });
      }
      if (changed == 0.f) continue;
      team.each(image.columns(), [&](int64_t i) { proposal[begin + i] = best[begin + i]; });
      team.meet();
      for (int64_t channel = 0; channel < image.channels; ++channel) {
        const float step = step_of(channel);
        team.each(places, [&](int64_t place) {
          const int64_t i = element_of(place, channel);
          proposal[i] = clip(x[i] + step, 0.f, 1.f);
        });
      }
      break;
    }
    team.once([&] { queries[row] = static_cast<int32_t>(number + 1); });
  }
  template <class Block>
  SADDLE_DEVICE void operator()(Block& b) const {
    work(BlockTeam<Block>{b, image.columns()}, b.block());
  }
  void reference(int64_t row) const { work(HostTeam<kThreads>{image.columns()}, row); }
};

// The ball that the mass of a perturbation lives on: l2 or l1.
struct SquareBall {
  float eps;
  int32_t power;  // 2 or 1

  SADDLE_DEVICE float measure(float value) const {
    return power == 2 ? value * value : fabsf(value);
  }
  SADDLE_DEVICE float norm(float sum) const { return power == 2 ? square_root(sum) : sum; }
};

// With proposal[i] holding a perturbation delta, proposal <- clip(x + P(delta), 0, 1), P being
//   l2: eps delta / (||delta|| + 1e-12), always out to the sphere;
//   l1: the projection on ||delta||_1 <= eps (1 - 1e-6) and x + delta in [0, 1],
//       P(v) = sign(v) clip(|v| - theta, 0, room), room = 1 - x where v > 0, else x.
template <class Team>
SADDLE_DEVICE void square_project(const Team& team, const SquareBall& ball, Array<const float> x,
                                  Array<float> proposal, int64_t first) {
  const int64_t columns = team.columns;
  if (ball.power == 2) {
    const float squares =
        team.sum([&](int64_t i) { return proposal[first + i] * proposal[first + i]; });
    const float scale = ball.eps / (square_root(squares) + 1e-12f);
    team.each([&](int64_t i) {
      proposal[first + i] = clip(x[first + i] + scale * proposal[first + i], 0.f, 1.f);
    });
    return;
  }
  const float radius = ball.eps * (1.f - 1e-6f);
  const auto shrunk = [&](int64_t i, float theta) {
    const float value = proposal[first + i];
    const float room = value > 0.f ? 1.f - x[first + i] : x[first + i];
    return clip(fabsf(value) - theta, 0.f, room);
  };
  const auto norm_at = [&](float theta) {
    return team.sum([&](int64_t i) { return shrunk(i, theta); });
  };
  float theta = 0.f;
  if (norm_at(0.f) > radius) {
    // The norm falls with theta; halving the bracket 32 times reaches a float's resolution.
    float low = 0.f;
    theta = team.argmax(columns, [&](int64_t i) { return fabsf(proposal[first + i]); }).value;
    for (int halving = 0; halving < 32; ++halving) {
      const float middle = 0.5f * (low + theta);
      if (norm_at(middle) > radius) {
        low = middle;
      } else {
        theta = middle;
      }
    }
  }
  team.each([&](int64_t i) {
    const float moved = sign(proposal[first + i]) * shrunk(i, theta);
    proposal[first + i] = clip(x[first + i] + moved, 0.f, 1.f);
  });
}

// proposal <- x + P(delta) for a delta of 5 x 5 tiles of the pattern eta, each upright or sideways
// (one draw a tile), with a sign for each (tile, channel). One block a row.
struct SquareStartTiles {
  static constexpr int kThreads = 256;
  static constexpr int64_t kTiles = 5;   // a side
  Array<const float> x;                  // [rows, height, width, channels]
  Array<float> proposal;                 // [rows, height, width, channels]
  Array<const float> upright, sideways;  // [height / 5, width / 5]
  SquareDraws draws;
  SquareImages image;
  SquareBall ball;

  template <class Team>
  SADDLE_DEVICE void work(const Team& team, int64_t row) const {
    const int64_t first = row * image.columns();
    team.each([&](int64_t i) { proposal[first + i] = pattern(row, i); });
    square_project(team, ball, x, proposal, first);
  }
  SADDLE_DEVICE float pattern(int64_t row, int64_t i) const {
    const int64_t pixel = i / image.channels, channel = i - pixel * image.channels;
    const int64_t tile_height = image.height / kTiles, tile_width = image.width / kTiles;
    const int64_t y = pixel / image.width - (image.height - kTiles * tile_height) / 2;
    const int64_t x_place = pixel % image.width - (image.width - kTiles * tile_width) / 2;
    if (y < 0 || x_place < 0 || y >= kTiles * tile_height || x_place >= kTiles * tile_width) {
      return 0.f;
    }
    const int64_t tile = y / tile_height * kTiles + x_place / tile_width;
    const bool turned =
        (draws.bits(Purpose::square_init, row, tile * image.channels).v[1] & 1u) != 0;
    const int64_t place = y % tile_height * tile_width + x_place % tile_width;
    return draws.sign(Purpose::square_init, row, tile * image.channels + channel) *
           (turned ? sideways[place] : upright[place]);
  }
  template <class Block>
  SADDLE_DEVICE void operator()(Block& b) const {
    work(BlockTeam<Block>{b, image.columns()}, b.block());
  }
  void reference(int64_t row) const { work(HostTeam<kThreads>{image.columns()}, row); }
};

// For the l2 and l1 balls: the mass of window 2, and what is left of eps, goes to window 1 in the
// shape of eta. With delta = best - x and norms over the ball's power, in each channel c:
//   u     = sign_c eta + delta_c on W1 / (1e-12 + ||delta_c on W1||)
//   new   = u / (1e-12 + ||u||) (max(eps^2 - ||delta||^2, 0) / C + ||delta_c on W1 or W2||^2)^(1/2)
//   (l1:    u / (1e-12 + ||u||) (max(eps - ||delta||, 0) / C + ||delta_c on W1 or W2||) C)
// delta <- 0 on W2, then new on W1; proposal <- x + P(delta), see square_project. One block a row.
struct SquareMoveMass {
  static constexpr int kThreads = 256;
  Array<const float> x, best;       // [rows, height, width, channels]
  Array<const float> margin;        // [rows]
  Array<const int32_t> queries;     // [rows]: made so far, the start being the first
  Array<float> proposal;            // [rows, height, width, channels]
  Array<const float> eta;           // the patterns [side, side], one after the other
  Array<const int32_t> eta_begins;  // [queries]: where in `eta` the proposal's pattern lies
  SquareDraws draws;
  SquareWindows windows;
  SquareImages image;
  SquareBall ball;

  template <class Team>
  SADDLE_DEVICE void work(const Team& team, int64_t row) const {
    const int64_t query = queries[row] - 1, begin = row * image.columns();
    // The whole block returns, before any barrier.
    if (!(margin[row] > 0.f) || query >= windows.proposals) return;
    const Random4 corners = draws.bits(Purpose::square_window, row, query);
    const SquareWindow to = windows.first(corners, image, query);
    const SquareWindow from = windows.second(corners, image, query);
    const bool turned =
        (draws.bits(Purpose::square_sign, row, query * image.channels).v[1] & 1u) != 0;
    const auto channels = static_cast<float>(image.channels);
    const float left =
        spare(team.sum([&](int64_t i) { return ball.measure(best[begin + i] - x[begin + i]); }));

    for (int64_t channel = 0; channel < image.channels; ++channel) {
      const int64_t first = begin + channel;
      const float side_sign =
          draws.sign(Purpose::square_sign, row, query * image.channels + channel);
      const auto delta = [&](int64_t pixel) {
        const int64_t i = first + pixel * image.channels;
        return best[i] - x[i];
      };
      const auto over = [&](const SquareWindow& window, const auto& value) {
        return team.sum(window.side * window.side, [&](int64_t place) {
          const int64_t y = place / window.side, column = place - y * window.side;
          return value((window.top + y) * image.width + window.left + column);
        });
      };
      const auto mass_at = [&](int64_t pixel) { return ball.measure(delta(pixel)); };
      const float mass_to = over(to, mass_at);
      const float mass_of_both =
          mass_to + over(from, [&](int64_t pixel) {
            const int64_t y = pixel / image.width;
            return to.contains(y, pixel - y * image.width) ? 0.f : mass_at(pixel);
          });
      const float inverse = 1.f / (1e-12f + ball.norm(mass_to));
      const auto u = [&](int64_t pixel) {
        return side_sign * eta_at(query, to, pixel, turned) + delta(pixel) * inverse;
      };
      const float norm_u =
          ball.norm(over(to, [&](int64_t pixel) { return ball.measure(u(pixel)); }));
      const float wanted = ball.power == 2 ? square_root(left / channels + mass_of_both)
                                           : (left / channels + mass_of_both) * channels;
      const float scale = wanted / (1e-12f + norm_u);
      team.each(image.pixels(), [&](int64_t pixel) {
        const int64_t y = pixel / image.width, column = pixel - y * image.width;
        proposal[first + pixel * image.channels] = to.contains(y, column)     ? scale * u(pixel)
                                                   : from.contains(y, column) ? 0.f
                                                                              : delta(pixel);
      });
    }
    team.meet();  // elements change threads here, from pixels of a channel to all columns
    square_project(team, ball, x, proposal, begin);
  }
  // What of eps (l1) or eps^2 (l2) the perturbation leaves unused.
  SADDLE_DEVICE float spare(float mass) const {
    return larger((ball.power == 2 ? ball.eps * ball.eps : ball.eps) - mass, 0.f);
  }
  SADDLE_DEVICE float eta_at(int64_t query, const SquareWindow& window, int64_t pixel,
                             bool turned) const {
    const int64_t y = pixel / image.width - window.top, column = pixel % image.width - window.left;
    const int64_t place = turned ? column * window.side + y : y * window.side + column;
    return eta[eta_begins[query] + place];
  }
  template <class Block>
  SADDLE_DEVICE void operator()(Block& b) const {
    work(BlockTeam<Block>{b, image.columns()}, b.block());
  }
  void reference(int64_t row) const { work(HostTeam<kThreads>{image.columns()}, row); }
};

// What the model said to the proposal: margin = z_y - max over j != y of z_j, and a loss that is
// the margin or z_y - logsumexp(z) (cross-entropy, negated). The proposal becomes the best where
// the loss falls or the margin is no longer positive; a NaN is never accepted. One block a row.
struct SquareJudge {
  static constexpr int kThreads = 128;
  Array<const float> logits;    // [rows, classes]
  Array<const int32_t> label;   // [rows]
  Array<const float> proposal;  // [rows, columns]
  Array<float> best;            // [rows, columns]
  Array<float> margin, loss;    // [rows], +infinity before the first query
  Array<int32_t> queries;       // [rows]: made so far
  Array<int32_t> passes;        // [rows]: of them, what the model was asked
  int64_t classes, columns;
  int32_t proposals;      // that a row may make
  int32_t cross_entropy;  // 1: the loss is the negated cross-entropy

  template <class Team>
  SADDLE_DEVICE void work(const Team& team, int64_t row) const {
    const float margin_before = margin[row], loss_before = loss[row];
    // The whole block returns, before any barrier.
    if (!(margin_before > 0.f) || queries[row] > proposals) return;
    const float* z = &logits[row * classes];
    const int64_t y = label[row];
    const float other =
        team.argmax(classes, [&](int64_t k) { return k == y ? -INFINITY : z[k]; }).value;
    const float largest = larger(other, z[y]);
    const float sum = cross_entropy == 0 ? 1.f : team.sum(classes, [&](int64_t k) {
      return exponential(z[k] - largest);
    });
    const float new_margin = z[y] - other;
    const float new_loss = cross_entropy == 0 ? new_margin : (z[y] - largest) - logarithm(sum);
    const bool improved = new_loss < loss_before, broken = new_margin <= 0.f;
    team.once([&] {
      queries[row] += 1;
      passes[row] += 1;
      if (improved) loss[row] = new_loss;
      if (improved || broken) margin[row] = new_margin;
    });
    if (improved || broken) {
      team.each([&](int64_t i) { best[row * columns + i] = proposal[row * columns + i]; });
    }
  }
  template <class Block>
  SADDLE_DEVICE void operator()(Block& b) const {
    work(BlockTeam<Block>{b, columns}, b.block());
  }
  void reference(int64_t row) const { work(HostTeam<kThreads>{columns}, row); }
};

}  // namespace saddle
