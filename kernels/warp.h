// Spatial transformation of images: sampling along a flow, how smooth a flow is, and the step and
// the memory of the attack that searches for one (StAdv).
//
// A flow [rows, height, width, 2] holds, for every output pixel, how far right and down its value
// is taken from, in normalised units: 2 is the whole width or height. Source: Xiao et al.,
// "Spatially transformed adversarial examples", ICLR 2018.
#pragma once

#include <cmath>

#include "kernels/array.h"
#include "kernels/math.h"
#include "kernels/philox.h"
#include "kernels/teams.h"

namespace saddle {

// Where a flow leads, and what lies outside the image.
enum class WarpBorder : int32_t {
  clamp,    // positions are moved into the image; a unit is half the width
  zeros,    // pixels outside are 0 (PyTorch: grid_sample, zeros, align_corners off); unit as above
  corners,  // as clamp, but a unit is half the distance between the outer pixels' centres
};

// Along one axis: the two pixels a position lies between, the share of the second, and what a unit
// of flow moves (0 where the position is clamped, so that no gradient passes).
struct WarpTap {
  int64_t first;
  float share, slope;
};

SADDLE_DEVICE WarpTap warp_tap(int64_t pixel, float flow, int64_t extent, WarpBorder border) {
  const float unit = 0.5f * static_cast<float>(border == WarpBorder::corners ? extent - 1 : extent);
  const float overhang = border == WarpBorder::zeros ? 1.f : 0.f;
  const float last = static_cast<float>(extent - 1);
  const float wanted = static_cast<float>(pixel) + flow * unit;
  const float position = clip(wanted, -overhang, last + overhang);
  const bool inside = position == wanted;  // not for a NaN, which stays on its pixel
  const float at = position == position ? position : static_cast<float>(pixel);
  float floor = floorf(at);
  // At the last pixel the two are the last ones, so that there is a slope to the left.
  if (border != WarpBorder::zeros && floor > last - 1.f) floor = larger(last - 1.f, 0.f);
  const bool slopes = inside && (extent > 1 || border == WarpBorder::zeros);
  return {static_cast<int64_t>(floor), at - floor, slopes ? unit : 0.f};
}

// The four pixels around a position: their channels' places, and 0 or 1 for whether they count.
struct WarpSource {
  int64_t place[2][2];  // [lower, upper row][left, right]
  float counts[2][2];
  WarpTap vertical, horizontal;
};

// y <- x sampled bilinearly along the flow. Pixels lie in [0, 1].
struct Warp {
  Array<const float> x;     // [rows, height, width, channels]
  Array<const float> flow;  // [rows, height, width, 2]
  Array<float> y;           // [rows, height, width, channels]
  int64_t height, width, channels;
  WarpBorder border;

  SADDLE_DEVICE WarpSource source(int64_t row, int64_t pixel) const {
    const int64_t own_y = pixel / width, own_x = pixel - own_y * width;
    const int64_t i = (row * height * width + pixel) * 2;
    WarpSource from;
    from.horizontal = warp_tap(own_x, flow[i], width, border);
    from.vertical = warp_tap(own_y, flow[i + 1], height, border);
    for (int64_t down = 0; down < 2; ++down) {
      for (int64_t right = 0; right < 2; ++right) {
        const int64_t at_y = from.vertical.first + down, at_x = from.horizontal.first + right;
        const bool counts = at_y >= 0 && at_y < height && at_x >= 0 && at_x < width;
        from.counts[down][right] = counts ? 1.f : 0.f;
        from.place[down][right] = counts ? ((row * height + at_y) * width + at_x) * channels : 0;
      }
    }
    return from;
  }
  // Exact where both are equal and at either end: no flow and no contrast change no bit.
  static SADDLE_DEVICE float between(float a, float b, float share) {
    return share == 1.f ? b : a + share * (b - a);
  }
  // One call a (row, pixel).
  SADDLE_DEVICE void operator()(int64_t row, int64_t pixel) const {
    const WarpSource from = source(row, pixel);
    const float fx = from.horizontal.share, fy = from.vertical.share;
    for (int64_t c = 0; c < channels; ++c) {
      const float upper = between(from.counts[0][0] * x[from.place[0][0] + c],
                                  from.counts[0][1] * x[from.place[0][1] + c], fx);
      const float lower = between(from.counts[1][0] * x[from.place[1][0] + c],
                                  from.counts[1][1] * x[from.place[1][1] + c], fx);
      // The clip mends rounding.
      y[(row * height * width + pixel) * channels + c] = clip(between(upper, lower, fy), 0.f, 1.f);
    }
  }
};

// dflow <- dy times the slope of the sample along each axis, summed over channels. At a pixel's
// very centre the slope is the one to the right and down, as PyTorch's.
struct WarpBackward {
  Warp warp;
  Array<const float> dy;  // [rows, height, width, channels]
  Array<float> dflow;     // [rows, height, width, 2]

  SADDLE_DEVICE void operator()(int64_t row, int64_t pixel) const {
    const WarpSource from = warp.source(row, pixel);
    const float fx = from.horizontal.share, fy = from.vertical.share;
    const int64_t at = row * warp.height * warp.width + pixel;
    float dx_sum = 0.f, dy_sum = 0.f;
    for (int64_t c = 0; c < warp.channels; ++c) {
      const float a = from.counts[0][0] * warp.x[from.place[0][0] + c];
      const float b = from.counts[0][1] * warp.x[from.place[0][1] + c];
      const float d = from.counts[1][0] * warp.x[from.place[1][0] + c];
      const float e = from.counts[1][1] * warp.x[from.place[1][1] + c];
      const float upstream = dy[at * warp.channels + c];
      dx_sum += upstream * ((1.f - fy) * (b - a) + fy * (e - d));
      dy_sum += upstream * ((1.f - fx) * (d - a) + fx * (e - b));
    }
    dflow[at * 2] = dx_sum * from.horizontal.slope;
    dflow[at * 2 + 1] = dy_sum * from.vertical.slope;
  }
};

// How a flow's roughness is measured. All add over neighbours q of pixels p.
enum class Smoothness : int32_t {
  axis,      // sum over p and the 4 neighbours in rows and columns of sqrt(|f_p - f_q|^2 + 1e-10)
  diagonal,  // the same over the 4 diagonal neighbours, with 1e-8
  global,    // ||all horizontal differences + 1e-10|| + ||all vertical differences + 1e-10||
};

// A flow and the neighbours of its pixels. Beyond the edge lies the edge pixel again.
struct FlowField {
  Array<const float> flow;  // [rows, height, width, 2]
  int64_t height, width;
  Smoothness smoothness;

  SADDLE_DEVICE int64_t pixels() const { return height * width; }
  SADDLE_DEVICE float guard() const { return smoothness == Smoothness::diagonal ? 1e-8f : 1e-10f; }
  SADDLE_DEVICE static int64_t held(int64_t place, int64_t extent) {
    return place < 0 ? 0 : (place < extent ? place : extent - 1);
  }
  // Neighbour 0 to 3 of a pixel: right, left, down, up, or the diagonal ones.
  SADDLE_DEVICE int64_t neighbour(int64_t pixel, int which) const {
    const int64_t y = pixel / width, x = pixel - y * width;
    const int64_t ahead = which % 2 == 0 ? 1 : -1;
    if (smoothness == Smoothness::diagonal) {
      return held(y + (which < 2 ? 1 : -1), height) * width + held(x + ahead, width);
    }
    return which < 2 ? y * width + held(x + ahead, width) : held(y + ahead, height) * width + x;
  }
  // f_p - f_q in one component
  SADDLE_DEVICE float difference(int64_t row, int64_t p, int64_t q, int component) const {
    return flow[(row * pixels() + p) * 2 + component] - flow[(row * pixels() + q) * 2 + component];
  }
  SADDLE_DEVICE float edge(int64_t row, int64_t p, int64_t q) const {
    const float u = difference(row, p, q, 0), v = difference(row, p, q, 1);
    return square_root(u * u + v * v + guard());
  }
  // Of the global form: the squares of the difference to the right (axis 0) or lower neighbour.
  SADDLE_DEVICE float guarded_squares(int64_t row, int64_t p, int axis) const {
    const int64_t q = neighbour(p, 2 * axis);
    if (q == p) return 0.f;
    const float u = difference(row, q, p, 0) + guard(), v = difference(row, q, p, 1) + guard();
    return u * u + v * v;
  }
};

// loss[row] <- weight * the flow's roughness. One block a row.
struct FlowRoughness {
  static constexpr int kThreads = 256;
  FlowField field;
  Array<float> loss;   // [rows]
  Array<float> norms;  // [rows, 2]: horizontal and vertical norm, for the global form's gradient
  float weight;

  template <class Team>
  SADDLE_DEVICE void work(const Team& team, int64_t row) const {
    if (field.smoothness == Smoothness::global) {
      const float horizontal =
          square_root(team.sum([&](int64_t p) { return field.guarded_squares(row, p, 0); }));
      const float vertical =
          square_root(team.sum([&](int64_t p) { return field.guarded_squares(row, p, 1); }));
      team.once([&] {
        loss[row] = weight * (horizontal + vertical);
        norms[row * 2] = horizontal;
        norms[row * 2 + 1] = vertical;
      });
      return;
    }
    const float sum = team.sum([&](int64_t p) {
      float edges = 0.f;
      for (int which = 0; which < 4; ++which) {
        edges += field.edge(row, p, field.neighbour(p, which));
      }
      return edges;
    });
    team.once([&] {
      loss[row] = weight * sum;
      norms[row * 2] = norms[row * 2 + 1] = 0.f;
    });
  }
  template <class Block>
  SADDLE_DEVICE void operator()(Block& b) const {
    work(BlockTeam<Block>{b, field.pixels()}, b.block());
  }
  void reference(int64_t row) const { work(HostTeam<kThreads>{field.pixels()}, row); }
};

// dflow <- dloss[0] weight droughness/dflow. One call a (row, element of the flow).
struct FlowRoughnessBackward {
  FlowField field;
  Array<const float> norms;  // [rows, 2]
  Array<const float> dloss;  // [1]
  Array<float> dflow;        // [rows, height, width, 2]
  float weight;

  SADDLE_DEVICE void operator()(int64_t row, int64_t element) const {
    const int64_t p = element / 2;
    const int component = static_cast<int>(element % 2);
    float sum = 0.f;
    for (int which = 0; which < 4; ++which) {
      const int64_t q = field.neighbour(p, which);
      if (q == p) continue;
      const float difference = field.difference(row, p, q, component);
      if (field.smoothness == Smoothness::global) {
        // The edge is p - q for the left or upper neighbour, q - p for the others.
        const float guard = which % 2 == 0 ? -field.guard() : field.guard();
        const float norm = norms[row * 2 + which / 2];
        sum += norm > 0.f ? (difference + guard) / norm : 0.f;
      } else {
        sum += 2.f * difference / field.edge(row, p, q);  // p's edge, and q's back to p
      }
    }
    dflow[row * field.pixels() * 2 + element] = dloss[0] * weight * sum;
  }
};

// loss = max(z_y - max over j != y of z_j, -kappa) of each row, and its gradient. One call a row.
struct HingedMargin {
  Array<const float> logits;   // [rows, classes]
  Array<const int32_t> label;  // [rows]
  Array<float> loss;           // [rows]
  Array<float> dlogits;        // [rows, classes]
  int64_t classes;
  float kappa;  // infinity: no floor

  SADDLE_DEVICE void operator()(int64_t row) const {
    const float* z = &logits[row * classes];
    const int64_t y = label[row];
    int64_t other = y == 0 ? 1 : 0;
    for (int64_t k = other + 1; k < classes; ++k) {
      if (k != y && (z[k] > z[other] || z[k] != z[k])) other = k;
    }
    const float margin = z[y] - z[other];
    const float slope = margin < -kappa ? 0.f : 1.f;
    loss[row] = larger(margin, -kappa);
    for (int64_t k = 0; k < classes; ++k) {
      dlogits[row * classes + k] = k == y ? slope : (k == other ? -slope : 0.f);
    }
  }
};

// Which warped image of a row an attack keeps.
enum class StadvKeep : int32_t {
  smallest_loss,  // of those misclassified, the one of smallest total loss
  first_success,  // the first that is misclassified; the row is done with it
  last,           // none: the last iterate is the answer
};

// What the model said to the warped image: kept or not, and one more iteration counted. A row with
// a NaN logit is no success. One block a row.
struct StadvRecord {
  static constexpr int kThreads = 128;
  Array<const float> logits;             // [rows, classes]
  Array<const int32_t> label;            // [rows]
  Array<const float> margin, roughness;  // [rows]: the two parts of the total loss
  Array<const float> warped;             // [rows, columns]
  Array<float> kept;                     // [rows, columns]
  Array<float> kept_loss;                // [rows]: +infinity where nothing is kept
  Array<int32_t> done, iterations;       // [rows]
  int64_t classes, columns;
  StadvKeep keep;

  template <class Team>
  SADDLE_DEVICE void work(const Team& team, int64_t row) const {
    const bool was_done = done[row] != 0;
    const float loss = margin[row] + roughness[row], loss_before = kept_loss[row];
    const ValueAt predicted =
        team.argmax(classes, [&](int64_t k) { return logits[row * classes + k]; });
    const bool broken = predicted.value == predicted.value && predicted.index != label[row];
    const bool better = broken && !was_done && keep != StadvKeep::last && loss < loss_before;
    team.once([&] {
      if (!was_done) iterations[row] += 1;
      if (better) kept_loss[row] = loss;
      if (better && keep == StadvKeep::first_success) done[row] = 1;
    });
    if (better) {
      team.each([&](int64_t i) { kept[row * columns + i] = warped[row * columns + i]; });
    }
  }
  template <class Block>
  SADDLE_DEVICE void operator()(Block& b) const {
    work(BlockTeam<Block>{b, columns}, b.block());
  }
  void reference(int64_t row) const { work(HostTeam<kThreads>{columns}, row); }
};

// Adam on the flow, then each component back to [-bound, bound]; rows that are done stay. One call
// a (row, element).
struct StadvStep {
  Array<float> flow, m, v;          // [rows, columns]
  Array<const float> g;             // [rows, columns]
  Array<const int32_t> done;        // [rows]
  Array<const int32_t> iterations;  // [rows]: t, counted from 1
  Array<const float> rates;         // [iterations, 2]: lr / (1 - beta1^t), sqrt(1 - beta2^t)
  int64_t columns;
  float bound;

  SADDLE_DEVICE void operator()(int64_t row, int64_t column) const {
    const int64_t i = row * columns + column;
    if (done[row] != 0) return;
    const int64_t t = iterations[row] - 1;
    m[i] = 0.9f * m[i] + 0.1f * g[i];
    v[i] = 0.999f * v[i] + 0.001f * g[i] * g[i];
    const float moved =
        flow[i] - rates[t * 2] * m[i] / (square_root(v[i]) / rates[t * 2 + 1] + 1e-8f);
    flow[i] = clip(moved, -bound, bound);
  }
};

// flow <- U(-bound, bound). One call a (row, element).
struct StadvDrawFlow {
  Array<const int32_t> example, attempt;  // [rows]
  Array<float> flow;                      // [rows, columns]
  uint64_t seed;
  int64_t columns;
  float bound;

  SADDLE_DEVICE void operator()(int64_t row, int64_t column) const {
    const Random4 bits =
        Stream{seed, Purpose::stadv_start, static_cast<uint32_t>(attempt[row])}.bits(
            static_cast<uint32_t>(example[row]), static_cast<uint32_t>(column));
    flow[row * columns + column] = bound * (2.f * uniform(bits.v[0]) - 1.f);
  }
};

}  // namespace saddle
