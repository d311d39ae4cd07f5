// Compiled with fused multiply-add (see CMakeLists.txt): the inner loops are written to keep twelve
// accumulators in registers, which is what AVX2 needs to be busy every cycle.
#include "core/winograd.h"

#include <omp.h>

#include <algorithm>
#include <vector>

#include "core/vector.h"
#include "kernels/math.h"

namespace saddle::winograd {
namespace {

constexpr int kPoints = 16;  // of a transformed 4x4 tile
constexpr int kTiles =
    48;  // tiles worked on together; a multiple of 12 and 6, so register tiles fit

// The tiles of a batch of images: number t is the 2x2 outputs at (2 row, 2 column) of an image.
struct Tiling {
  std::int64_t images, height, width, rows, columns;

  Tiling(const Convolution& shape)
      : images(shape.batch),
        height(shape.height),
        width(shape.width),
        rows(ceil_divide(shape.height, 2)),
        columns(ceil_divide(shape.width, 2)) {}

  std::int64_t count() const { return images * rows * columns; }
  std::int64_t blocks() const { return ceil_divide(count(), kTiles); }

  struct Place {
    std::int64_t image, y, x;  // of the first output
  };
  Place place(std::int64_t tile) const {
    const std::int64_t in_image = tile % (rows * columns);
    return {tile / (rows * columns), in_image / columns * 2, in_image % columns * 2};
  }
};

// B^T d: the 1-D input transform of four values.
void transform_input(const Vec d[4], Vec v[4]) {
  v[0] = d[0] - d[2];
  v[1] = d[1] + d[2];
  v[2] = d[2] - d[1];
  v[3] = d[1] - d[3];
}

// Where the 4x4 inputs of a tile are; `zeros` stands for what lies outside the image.
void find_inputs(const Tiling& tiling, const float* x, std::int64_t channels, std::int64_t tile,
                 const float* zeros, const float* source[kPoints]) {
  if (tile >= tiling.count()) {
    std::fill(source, source + kPoints, zeros);
    return;
  }
  const Tiling::Place place = tiling.place(tile);
  const std::int64_t row = tiling.width * channels;
  const float* corner =
      x + (place.image * tiling.height + place.y - 1) * row + (place.x - 1) * channels;
  const bool inside =
      place.y > 0 && place.x > 0 && place.y + 2 < tiling.height && place.x + 2 < tiling.width;
  for (int r = 0; r < 4; ++r) {
    for (int s = 0; s < 4; ++s) {
      const std::int64_t y = place.y - 1 + r, column = place.x - 1 + s;
      const bool valid =
          inside || (y >= 0 && y < tiling.height && column >= 0 && column < tiling.width);
      source[4 * r + s] = valid ? corner + r * row + s * channels : zeros;
    }
  }
}

// v[point][t][channel] for the tiles of one block; tiles past the end are zero.
void gather_inputs(const Tiling& tiling, const float* x, std::int64_t channels, std::int64_t block,
                   const float* zeros, float* v) {
  const std::int64_t point_size = kTiles * channels;
  for (int t = 0; t < kTiles; ++t) {
    const float* source[kPoints];
    find_inputs(tiling, x, channels, block * kTiles + t, zeros, source);
    float* to = v + t * channels;
    for (std::int64_t c = 0; c < channels; c += kLanes) {
      Vec rows[4][4];
      for (int s = 0; s < 4; ++s) {
        const Vec d[4] = {load(source[s] + c), load(source[4 + s] + c), load(source[8 + s] + c),
                          load(source[12 + s] + c)};
        Vec column[4];
        transform_input(d, column);
        for (int r = 0; r < 4; ++r) rows[r][s] = column[r];
      }
      for (int r = 0; r < 4; ++r) {
        Vec out[4];
        transform_input(rows[r], out);
        for (int s = 0; s < 4; ++s) store(to + (4 * r + s) * point_size + c, out[s]);
      }
    }
  }
}

// G g: the 1-D transform of three weights.
void transform_weights(const Vec g[3], Vec u[4]) {
  u[0] = g[0];
  u[1] = 0.5f * (g[0] + g[1] + g[2]);
  u[2] = 0.5f * (g[0] - g[1] + g[2]);
  u[3] = g[2];
}

enum class Use { forward, backward_data };

// One tap of kLanes output channels, from channel `out` on, for the convolution itself or for its
// transpose, where in and out change roles and the kernel is turned by 180 degrees. `w` is
// [weight_out, 3, 3, weight_in].
Vec weight_tap(const float* w, Use use, std::int64_t weight_in, std::int64_t in, std::int64_t out,
               int r, int s) {
  if (use == Use::backward_data) return load(w + ((in * 3 + 2 - r) * 3 + 2 - s) * weight_in + out);
  Vec tap;
  for (int lane = 0; lane < kLanes; ++lane) {
    tap[lane] = w[(((out + lane) * 3 + r) * 3 + s) * weight_in + in];
  }
  return tap;
}

// The transformed weights in the order the products read them, u[point][out / panel][in][panel].
void prepare_weights(const Convolution& shape, const float* w, Use use, std::int64_t panel,
                     float* u) {
  const std::int64_t weight_in = shape.in_channels;
  const std::int64_t in = use == Use::forward ? shape.in_channels : shape.out_channels;
  const std::int64_t out = use == Use::forward ? shape.out_channels : shape.in_channels;
#pragma omp parallel for schedule(static) if (in * out > 1024)
  for (std::int64_t o = 0; o < out; o += kLanes) {
    for (std::int64_t i = 0; i < in; ++i) {
      Vec rows[4][3];
      for (int s = 0; s < 3; ++s) {
        Vec g[3], column[4];
        for (int r = 0; r < 3; ++r) g[r] = weight_tap(w, use, weight_in, i, o, r, s);
        transform_weights(g, column);
        for (int r = 0; r < 4; ++r) rows[r][s] = column[r];
      }
      float* to = u + (o / panel * in + i) * panel + o % panel;
      for (int r = 0; r < 4; ++r) {
        Vec row[4];
        transform_weights(rows[r], row);
        for (int s = 0; s < 4; ++s) store(to + (4 * r + s) * in * out, row[s]);
      }
    }
  }
}

// m[t][panel] = v[t][in] u[in][panel] for kTiles tiles, kRows at a time in registers.
template <int kRows, int kVectors>
void multiply(const float* v, const float* u, std::int64_t in, float* m) {
  constexpr int kPanel = kVectors * kLanes;
  for (int t = 0; t < kTiles; t += kRows) {
    Vec sum[kRows][kVectors] = {};
    for (std::int64_t i = 0; i < in; ++i) {
      Vec weights[kVectors];
      for (int n = 0; n < kVectors; ++n) weights[n] = load(u + i * kPanel + n * kLanes);
      for (int r = 0; r < kRows; ++r) {
        const float value = v[(t + r) * in + i];
        for (int n = 0; n < kVectors; ++n) sum[r][n] += value * weights[n];
      }
    }
    for (int r = 0; r < kRows; ++r) {
      for (int n = 0; n < kVectors; ++n) store(m + (t + r) * kPanel + n * kLanes, sum[r][n]);
    }
  }
}

// A^T m: the 1-D output transform.
void transform_output(const Vec m[4], Vec y[2]) {
  y[0] = m[0] + m[1] + m[2];
  y[1] = m[1] - m[2] - m[3];
}

// Writes one panel of output channels of a block's tiles, m[point][t][panel].
void scatter_outputs(const Tiling& tiling, const float* m, std::int64_t panel, std::int64_t block,
                     std::int64_t first_channel, std::int64_t channels, const float* residual,
                     float* y) {
  const std::int64_t tiles = std::min<std::int64_t>(kTiles, tiling.count() - block * kTiles);
  for (std::int64_t t = 0; t < tiles; ++t) {
    const Tiling::Place place = tiling.place(block * kTiles + t);
    for (std::int64_t n = 0; n < panel; n += kLanes) {
      Vec rows[2][4];
      for (int s = 0; s < 4; ++s) {
        Vec column[4], out[2];
        for (int r = 0; r < 4; ++r) column[r] = load(m + ((4 * r + s) * kTiles + t) * panel + n);
        transform_output(column, out);
        rows[0][s] = out[0];
        rows[1][s] = out[1];
      }
      for (int r = 0; r < 2 && place.y + r < tiling.height; ++r) {
        Vec out[2];
        transform_output(rows[r], out);
        for (int s = 0; s < 2 && place.x + s < tiling.width; ++s) {
          const std::int64_t at =
              ((place.image * tiling.height + place.y + r) * tiling.width + place.x + s) *
                  channels +
              first_channel + n;
          store(y + at, residual ? out[s] + load(residual + at) : out[s]);
        }
      }
    }
  }
}

// 16 output channels at a time where they divide evenly, else 8.
std::int64_t panel_of(std::int64_t channels) {
  return channels % (2 * kLanes) == 0 ? 2 * kLanes : kLanes;
}

// Into how many groups the output channels are split where there are too few blocks of tiles to
// keep the threads evenly busy. Each group gathers its inputs anew, which costs little; no sum is
// split, so bits do not change.
std::int64_t channel_groups(const Tiling& tiling, std::int64_t panels) {
  constexpr std::int64_t kItemsPerThread = 16, kMostGroups = 4;
  const std::int64_t wanted = ceil_divide(kItemsPerThread * threads(), tiling.blocks());
  return std::min({wanted, kMostGroups, panels});
}

// Working memory that keeps its size from call to call: `shared` floats, then `own` for each
// thread. Taken before the threads begin, for running out of memory must not leave a parallel
// region. One host thread drives the device.
struct Scratch {
  float* shared;
  std::int64_t own;

  Scratch(std::int64_t shared_floats, std::int64_t own_floats) : own(own_floats) {
    static std::vector<float> memory;
    const auto floats = static_cast<std::size_t>(shared_floats + threads() * own_floats);
    if (memory.size() < floats) memory.resize(floats);
    shared = memory.data();
    first_ = shared + shared_floats;
  }
  // Of the thread that asks.
  float* mine() const { return first_ + omp_get_thread_num() * own; }

 private:
  float* first_;
};

// Floats that convolve() needs a thread.
std::int64_t floats_to_convolve(std::int64_t in, std::int64_t out) {
  return kPoints * kTiles * (in + panel_of(out));
}

// y [.., out] = conv(x [.., in]) (+ residual) with prepared weights, which lie in the shared
// memory.
void convolve(const Tiling& tiling, const float* x, std::int64_t in, const Scratch& scratch,
              std::int64_t out, const float* residual, float* y) {
  const float* u = scratch.shared;
  const std::int64_t panel = panel_of(out), panels = out / panel;
  const std::int64_t groups = channel_groups(tiling, panels);
  const std::vector<float> zeros(static_cast<std::size_t>(in), 0.f);
#pragma omp parallel
  {
    float* v = scratch.mine();
    float* m = v + kPoints * kTiles * in;
#pragma omp for schedule(static) collapse(2)
    for (std::int64_t group = 0; group < groups; ++group) {
      for (std::int64_t block = 0; block < tiling.blocks(); ++block) {
        gather_inputs(tiling, x, in, block, zeros.data(), v);
        for (std::int64_t p = panels * group / groups; p < panels * (group + 1) / groups; ++p) {
          const std::int64_t first = p * panel;
          for (int point = 0; point < kPoints; ++point) {
            const float* weights = u + point * in * out + first * in;
            const float* inputs = v + point * kTiles * in;
            float* products = m + point * kTiles * panel;
            if (panel == kLanes) {
              multiply<12, 1>(inputs, weights, in, products);
            } else {
              multiply<6, 2>(inputs, weights, in, products);
            }
          }
          scatter_outputs(tiling, m, panel, block, first, out, residual, y);
        }
      }
    }
  }
}

// ---- weight gradient: dU[point] = V[point]^T D[point], summed over tiles; dw = G^T dU G ----

// d[point][t][channel] = A dy A^T for the tiles of one block; what lies outside the image is zero.
void gather_output_gradients(const Tiling& tiling, const float* dy, std::int64_t channels,
                             std::int64_t block, const float* zeros, float* d) {
  const auto transform = [](Vec a, Vec b, Vec out[4]) {
    out[0] = a;
    out[1] = a + b;
    out[2] = a - b;
    out[3] = -b;
  };
  for (int t = 0; t < kTiles; ++t) {
    const std::int64_t tile = block * kTiles + t;
    const float* source[4] = {zeros, zeros, zeros, zeros};
    if (tile < tiling.count()) {
      const Tiling::Place place = tiling.place(tile);
      for (int r = 0; r < 2 && place.y + r < tiling.height; ++r) {
        for (int s = 0; s < 2 && place.x + s < tiling.width; ++s) {
          source[2 * r + s] =
              dy +
              ((place.image * tiling.height + place.y + r) * tiling.width + place.x + s) * channels;
        }
      }
    }
    for (std::int64_t c = 0; c < channels; c += kLanes) {
      Vec left[4], right[4];  // the two columns, transformed along the rows
      transform(load(source[0] + c), load(source[2] + c), left);
      transform(load(source[1] + c), load(source[3] + c), right);
      for (int r = 0; r < 4; ++r) {
        Vec out[4];
        transform(left[r], right[r], out);
        for (int s = 0; s < 4; ++s) store(d + ((4 * r + s) * kTiles + t) * channels + c, out[s]);
      }
    }
  }
}

// du[in][out] += v[t][in]^T d[t][out] over kTiles tiles, kRows x kVectors vectors at a time.
template <int kRows, int kVectors>
void accumulate(const float* v, const float* d, std::int64_t in, std::int64_t out, float* du) {
  for (std::int64_t i = 0; i < in; i += kRows) {
    for (std::int64_t o = 0; o < out; o += kVectors * kLanes) {
      Vec sum[kRows][kVectors];
      for (int r = 0; r < kRows; ++r) {
        for (int n = 0; n < kVectors; ++n) sum[r][n] = load(du + (i + r) * out + o + n * kLanes);
      }
      for (int t = 0; t < kTiles; ++t) {
        Vec gradients[kVectors];
        for (int n = 0; n < kVectors; ++n) gradients[n] = load(d + t * out + o + n * kLanes);
        for (int r = 0; r < kRows; ++r) {
          const float value = v[t * in + i + r];
          for (int n = 0; n < kVectors; ++n) sum[r][n] += value * gradients[n];
        }
      }
      for (int r = 0; r < kRows; ++r) {
        for (int n = 0; n < kVectors; ++n) store(du + (i + r) * out + o + n * kLanes, sum[r][n]);
      }
    }
  }
}

// Into how many sums the tiles are split: a function of the shape alone, so that the bits are, too.
// Few where there is little to sum, for each costs a pass over its memory.
std::int64_t partial_sums(const Convolution& shape, const Tiling& tiling) {
  const std::int64_t most = shape.in_channels * shape.out_channels <= 64 * 64 ? 16 : 4;
  return std::clamp<std::int64_t>(tiling.blocks() / 8, 2, most);
}

// dw [out, 3, 3, in] = G^T (sum of the partial dU) G.
void finish_weights(const Convolution& shape, const float* partial, std::int64_t partials,
                    float* dw) {
  const std::int64_t in = shape.in_channels, out = shape.out_channels, all = kPoints * in * out;
  const auto transform = [](const float u[4], float g[3]) {
    g[0] = u[0] + 0.5f * (u[1] + u[2]);
    g[1] = 0.5f * (u[1] - u[2]);
    g[2] = 0.5f * (u[1] + u[2]) + u[3];
  };
#pragma omp parallel for schedule(static) if (in * out > 1024)
  for (std::int64_t o = 0; o < out; ++o) {
    for (std::int64_t i = 0; i < in; ++i) {
      float u[kPoints];
      for (int point = 0; point < kPoints; ++point) {
        float sum = 0.f;
        for (std::int64_t p = 0; p < partials; ++p)
          sum += partial[p * all + (point * in + i) * out + o];
        u[point] = sum;
      }
      float rows[3][4];
      for (int s = 0; s < 4; ++s) {
        const float column[4] = {u[s], u[4 + s], u[8 + s], u[12 + s]};
        float g[3];
        transform(column, g);
        for (int r = 0; r < 3; ++r) rows[r][s] = g[r];
      }
      for (int r = 0; r < 3; ++r) {
        float g[3];
        transform(rows[r], g);
        for (int s = 0; s < 3; ++s) dw[((o * 3 + r) * 3 + s) * in + i] = g[s];
      }
    }
  }
}

// Both channel counts within [fewest, most].
bool is_plain_3x3(const Convolution& shape, std::int64_t fewest, std::int64_t most) {
  const auto fits = [&](std::int64_t channels) {
    return channels % kLanes == 0 && channels >= fewest && channels <= most;
  };
  return shape.kernel == 3 && shape.stride == 1 && shape.padding == 1 && shape.dilation == 1 &&
         fits(shape.in_channels) && fits(shape.out_channels);
}

}  // namespace

// The limits are where oneDNN's direct kernels become as fast (measured on AVX2 cores with 512 KiB
// of L2 cache each): below 16 channels the transforms cost what the products save, and beyond the
// upper limits the transformed weights no longer stay near the core.
bool applies(const Convolution& shape) { return is_plain_3x3(shape, 16, 512); }

bool applies_to_weights(const Convolution& shape) { return is_plain_3x3(shape, 16, 256); }

void convolution_forward(const Convolution& shape, const float* x, const float* w,
                         const float* residual, float* y) {
  const std::int64_t in = shape.in_channels, out = shape.out_channels;
  const Scratch scratch(kPoints * in * out, floats_to_convolve(in, out));
  prepare_weights(shape, w, Use::forward, panel_of(out), scratch.shared);
  convolve(shape, x, in, scratch, out, residual, y);
}

void convolution_backward_data(const Convolution& shape, const float* dy, const float* w,
                               float* dx) {
  const std::int64_t in = shape.in_channels, out = shape.out_channels;
  const Scratch scratch(kPoints * in * out, floats_to_convolve(out, in));
  prepare_weights(shape, w, Use::backward_data, panel_of(in), scratch.shared);
  convolve(shape, dy, out, scratch, in, nullptr, dx);
}

void convolution_backward_weights(const Convolution& shape, const float* x, const float* dy,
                                  float* dw) {
  const Tiling tiling(shape);
  const std::int64_t in = shape.in_channels, out = shape.out_channels, all = kPoints * in * out;
  const std::int64_t partials = partial_sums(shape, tiling);
  const Scratch scratch(partials * all, kPoints * kTiles * (in + out));
  float* partial = scratch.shared;
  const std::vector<float> zeros(static_cast<std::size_t>(std::max(in, out)), 0.f);
#pragma omp parallel
  {
    float* v = scratch.mine();
    float* d = v + kPoints * kTiles * in;
#pragma omp for schedule(static)
    for (std::int64_t p = 0; p < partials; ++p) {
      float* du = partial + p * all;
      std::fill(du, du + all, 0.f);
      for (std::int64_t block = p; block < tiling.blocks(); block += partials) {
        gather_inputs(tiling, x, in, block, zeros.data(), v);
        gather_output_gradients(tiling, dy, out, block, zeros.data(), d);
        for (int point = 0; point < kPoints; ++point) {
          const float* inputs = v + point * kTiles * in;
          const float* gradients = d + point * kTiles * out;
          if (panel_of(out) == kLanes) {
            accumulate<8, 1>(inputs, gradients, in, out, du + point * in * out);
          } else {
            accumulate<4, 2>(inputs, gradients, in, out, du + point * in * out);
          }
        }
      }
    }
  }
  finish_weights(shape, partial, partials, dw);
}

}  // namespace saddle::winograd
