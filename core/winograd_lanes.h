// Winograd convolution on the CPU, F(4x4, 3x3), for one width of vectors.
//
// A tile of 4x4 outputs comes from the 6x6 inputs around it by 36 products a channel pair, where a
// direct sum takes 144. The transforms are linear and the sum over channels stands between
// them, so what remains is a matrix product a point,
//   m[point] = v[point] u[point],  [tiles, out] = [tiles, in] [in, out],
// and the gradients are the same steps transposed. Each sum is made by one thread in the order of
// its terms: bits do not depend on the number of threads, nor on the lanes.
#pragma once

#include <omp.h>

#include "core/host_memory.h"
#include "core/register_tile.h"
#include "core/vector_code.h"
#include "core/winograd_transform.h"

namespace saddle::winograd {

template <int kLanes>
class Tiles {
 public:
  static void forward(const Convolution3x3& s, const float* x, const float* w, const Finish& finish,
                      float* y) {
    convolve({s, s.in, s.out, w, false}, x, finish, y);
  }

  static void backward_data(const Convolution3x3& s, const float* dy, const float* w, float* dx) {
    convolve({s, s.out, s.in, w, true}, dy, kUnfinished, dx);
  }

  static void backward_weights(const Convolution3x3& s, const float* x, const float* dy, float* dw);

 private:
  using Vec = typename Lanes<kLanes>::Vec;
  using Steps = Transform<Lanes<kLanes>>;
  static constexpr int kTile = 4, kSide = kTile + 2, kPoints = kSide * kSide;
  // Tiles whose products are summed side by side, with one vector of output channels or two.
  static constexpr int kRows = 12, kRowsOfTwo = kLanes == 16 ? 12 : 6;
  static constexpr std::int64_t kBlock = 48;  // tiles transformed at a time
  // Between one point's floats and the next's, which would share their place in the caches.
  static constexpr std::int64_t kGap = 16;

  static std::int64_t ceil_divide(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }
  static std::int64_t smaller(std::int64_t a, std::int64_t b) { return a < b ? a : b; }
  static std::int64_t larger(std::int64_t a, std::int64_t b) { return a < b ? b : a; }
  static Vec load(const float* from) { return Lanes<kLanes>::load(from); }
  static void store(float* to, Vec value) { Lanes<kLanes>::store(to, value); }

  // Tile number t of a batch holds the outputs from (kTile row, kTile column) of an image on. A
  // dilated convolution is a plain one of each of the dilation^2 images that have every so many-th
  // pixel of a row and of a column; all are given as many tiles as the largest, of which some may
  // be empty.
  struct Tiling {
    std::int64_t images, height, width, dilation, rows, columns;

    explicit Tiling(const Convolution3x3& s)
        : images(s.images * s.dilation * s.dilation),
          height(s.height),
          width(s.width),
          dilation(s.dilation),
          rows(ceil_divide(height, kTile * dilation)),
          columns(ceil_divide(width, kTile * dilation)) {}

    std::int64_t count() const { return images * rows * columns; }
    std::int64_t blocks() const { return ceil_divide(count(), kBlock); }
    // Pixels from the first of the batch to the tile's first output; where that is in its image,
    // which has so many rows and columns.
    struct Place {
      std::int64_t pixel, y, x, height, width;
    };
    Place place(std::int64_t tile) const {
      const std::int64_t image = tile / (rows * columns), in_image = tile % (rows * columns);
      const std::int64_t y = in_image / columns * kTile, x = in_image % columns * kTile;
      if (dilation == 1) return {(image * height + y) * width + x, y, x, height, width};
      const std::int64_t phase = image % (dilation * dilation);
      const std::int64_t top = phase / dilation, left = phase % dilation;
      const std::int64_t first = image / (dilation * dilation) * height * width;
      return {first + (top + y * dilation) * width + left + x * dilation, y, x,
              ceil_divide(height - top, dilation), ceil_divide(width - left, dilation)};
    }
    // Pixels from a row of a tile to the next.
    std::int64_t row() const { return dilation * width; }
  };

  // A convolution or its transpose, where in and out change roles and the kernel is turned by 180
  // degrees. w is [shape.out, 3, 3, shape.in].
  struct Task {
    Convolution3x3 shape;
    std::int64_t in, out;
    const float* w;
    bool transposed;

    // Output channels whose products are summed side by side.
    std::int64_t panel() const { return out % (2 * kLanes) == 0 ? 2 * kLanes : kLanes; }
    std::int64_t panels() const { return out / panel(); }
  };

  // ---- inputs: v = B^T d B ----

  // Where the kSide x kSide inputs of a tile are: its rows, of which the columns [begin, end) lie
  // within the image. `zeros`, kSide dilation pixels of them, stands for rows outside.
  struct Inputs {
    const float* rows[kSide];
    std::int64_t begin, end;

    Inputs(const Tiling& tiling, const float* x, std::int64_t channels, std::int64_t tile,
           const float* zeros) {
      const typename Tiling::Place place = tiling.place(tile);
      const std::int64_t corner = (place.pixel - tiling.row() - tiling.dilation) * channels;
      const bool exists = tile < tiling.count();
      for (std::int64_t r = 0; r < kSide; ++r) {
        const std::int64_t y = place.y - 1 + r;
        const bool valid = exists && y >= 0 && y < place.height;
        rows[r] = valid ? x + corner + r * tiling.row() * channels : zeros;
      }
      begin = place.x == 0 ? 1 : 0;
      end = smaller(kSide, place.width + 1 - place.x);
    }
  };

  // v[point][t][channel] for `count` tiles from `first` on, points `stride` floats apart; tiles
  // past the end are zero.
  static void gather_inputs(const Tiling& tiling, const float* x, std::int64_t channels,
                            std::int64_t first, std::int64_t count, const float* zeros,
                            std::int64_t stride, float* v) {
    const std::int64_t step = tiling.dilation * channels;
    for (std::int64_t t = 0; t < count; ++t) {
      const Inputs inputs(tiling, x, channels, first + t, zeros);
      float* to = v + t * channels;
      for (std::int64_t c = 0; c < channels; c += kLanes) {
        Vec rows[kSide][kSide];
        SADDLE_UNROLL
        for (int s = 0; s < kSide; ++s) {
          Vec d[kSide] = {}, column[kSide];
          if (s >= inputs.begin && s < inputs.end) {
            for (int r = 0; r < kSide; ++r) d[r] = load(inputs.rows[r] + s * step + c);
          }
          Steps::input(d, column);
          for (int r = 0; r < kSide; ++r) rows[r][s] = column[r];
        }
        SADDLE_UNROLL
        for (int r = 0; r < kSide; ++r) {
          Vec out[kSide];
          Steps::input(rows[r], out);
          for (int s = 0; s < kSide; ++s) store(to + (r * kSide + s) * stride + c, out[s]);
        }
      }
    }
  }

  // ---- weights: u = G g G^T ----

  // taps[tap][i]: kLanes output channels from `o` on, for kLanes input channels from `i` on.
  static void read_taps(const Task& task, std::int64_t o, std::int64_t i, Vec taps[9][kLanes]) {
    const std::int64_t weight_in = task.shape.in;
    for (int tap = 0; tap < 9; ++tap) {
      for (int lane = 0; lane < kLanes; ++lane) {
        taps[tap][lane] = task.transposed
                              ? load(task.w + ((i + lane) * 9 + 8 - tap) * weight_in + o)
                              : load(task.w + ((o + lane) * 9 + tap) * weight_in + i);
      }
      if (!task.transposed) Lanes<kLanes>::transpose(taps[tap]);
    }
  }

  // One panel's transformed weights, u[point][in][panel] with points `stride` floats apart.
  static void prepare_panel(const Task& task, std::int64_t panel_number, std::int64_t stride,
                            float* u) {
    const std::int64_t panel = task.panel();
    for (std::int64_t o = 0; o < panel; o += kLanes) {
      for (std::int64_t i = 0; i < task.in; i += kLanes) {
        Vec taps[9][kLanes];
        read_taps(task, panel_number * panel + o, i, taps);
        for (int lane = 0; lane < kLanes; ++lane) {
          Vec rows[kSide][3];
          for (int s = 0; s < 3; ++s) {
            const Vec g[3] = {taps[s][lane], taps[3 + s][lane], taps[6 + s][lane]};
            Vec column[kSide];
            Steps::weights(g, column);
            for (int r = 0; r < kSide; ++r) rows[r][s] = column[r];
          }
          float* to = u + (i + lane) * panel + o;
          for (int r = 0; r < kSide; ++r) {
            Vec row[kSide];
            Steps::weights(rows[r], row);
            for (int s = 0; s < kSide; ++s) store(to + (r * kSide + s) * stride, row[s]);
          }
        }
      }
    }
  }

  // ---- products and outputs: y = A^T (v . u) A ----

  // m[t][panel] = v[t][in] u[in][panel] for kCount tiles.
  template <int kCount, int kVectors>
  static void multiply(const float* v, const float* u, std::int64_t in, float* m) {
    constexpr int kPanel = kVectors * kLanes;
    RegisterTile<kLanes, kCount, kVectors> sums;
    sums.clear();
    sums.add(
        in, [=](std::int64_t t, std::int64_t i) { return v[t * in + i]; }, u, kPanel);
    sums.store(m, kPanel);
  }

  // Writes one panel of output channels of `count` tiles, m[point][t][panel].
  template <bool kResidual>
  static void scatter_outputs(const Tiling& tiling, const Task& task, const float* m,
                              std::int64_t stride, std::int64_t first, std::int64_t count,
                              std::int64_t first_channel, const Finish& finish, float* y) {
    const std::int64_t panel = task.panel();
    const std::int64_t step = tiling.dilation * task.out;
    const Vec low = Vec{} + finish.low, high = Vec{} + finish.high;
    for (std::int64_t t = 0; t < count; ++t) {
      const typename Tiling::Place place = tiling.place(first + t);
      const std::int64_t height = smaller(kTile, place.height - place.y);
      const std::int64_t width = smaller(kTile, place.width - place.x);
      for (std::int64_t n = 0; n < panel; n += kLanes) {
        const std::int64_t channel = first_channel + n;
        const Vec bias = finish.bias ? load(finish.bias + channel) : Vec{};
        Vec rows[kTile][kSide];
        SADDLE_UNROLL
        for (int s = 0; s < kSide; ++s) {
          Vec column[kSide], out[kTile];
          for (int r = 0; r < kSide; ++r) {
            column[r] = load(m + (r * kSide + s) * stride + t * panel + n);
          }
          Steps::output(column, out);
          for (int r = 0; r < kTile; ++r) rows[r][s] = out[r];
        }
        SADDLE_UNROLL
        for (int r = 0; r < kTile; ++r) {
          if (r >= height) break;
          Vec out[kTile];
          Steps::output(rows[r], out);
          const std::int64_t at = (place.pixel + r * tiling.row()) * task.out + channel;
          SADDLE_UNROLL
          for (int s = 0; s < kTile; ++s) {
            if (s >= width) break;
            Vec sum = out[s];
            if constexpr (kResidual) sum += load(finish.residual + at + s * step);
            if (finish.bias) sum += bias;
            sum = sum < low ? low : sum;
            store(y + at + s * step, sum > high ? high : sum);
          }
        }
      }
    }
  }

  // One panel of output channels for `count` tiles from `first` on.
  static void multiply_panel(const Tiling& tiling, const Task& task, const float* v,
                             std::int64_t v_stride, const float* u, std::int64_t u_stride,
                             std::int64_t panel_number, std::int64_t first, std::int64_t count,
                             float* m, const Finish& finish, float* y) {
    const std::int64_t in = task.in, panel = task.panel(), m_stride = m_floats(task, count);
    for (int point = 0; point < kPoints; ++point) {
      const float* inputs = v + point * v_stride;
      const float* weights = u + point * u_stride;
      float* products = m + point * m_stride;
      if (panel == kLanes) {
        for (std::int64_t t = 0; t < count; t += kRows)
          multiply<kRows, 1>(inputs + t * in, weights, in, products + t * panel);
      } else {
        for (std::int64_t t = 0; t < count; t += kRowsOfTwo)
          multiply<kRowsOfTwo, 2>(inputs + t * in, weights, in, products + t * panel);
      }
    }
    const auto scatter = finish.residual ? scatter_outputs<true> : scatter_outputs<false>;
    scatter(tiling, task, m, m_stride, first, smaller(count, tiling.count() - first),
            panel_number * panel, finish, y);
  }

  // Floats between points: whole groups of kRows tiles, and the gap.
  static std::int64_t tile_floats(std::int64_t tiles, std::int64_t channels) {
    return ceil_divide(tiles, kRows) * kRows * channels + kGap;
  }
  static std::int64_t m_floats(const Task& task, std::int64_t tiles) {
    return tile_floats(tiles, task.panel());
  }
  static std::int64_t u_floats(const Task& task) { return task.in * task.panel() + kGap; }

  // Floats of `memory` that a parallel region shares, and of it the part of the thread that asks.
  struct Memory {
    float *shared, *first;
    std::int64_t own;

    Memory(std::int64_t shared_floats, std::int64_t own_floats)
        : shared(working_memory(shared_floats + omp_get_max_threads() * own_floats)),
          first(shared + shared_floats),
          own(own_floats) {}
    float* mine() const { return first + omp_get_thread_num() * own; }
  };

  static void clear(float* floats, std::int64_t count) {
    for (std::int64_t i = 0; i < count; ++i) floats[i] = 0.f;
  }

  static void convolve(const Task& task, const float* x, const Finish& finish, float* y) {
    // Many weights for few tiles: all tiles are transformed first, and each panel's weights where
    // they are used. Otherwise all weights first.
    constexpr std::int64_t kMostWeights = 8 << 20, kMostInputs = 16 << 20;  // bytes
    const std::int64_t tiles = Tiling(task.shape).count();
    const std::int64_t weights = kPoints * task.in * task.out * 4;
    if (weights > kMostWeights && kPoints * tiles * task.in * 4 <= kMostInputs) {
      convolve_by_panels(task, x, finish, y);
    } else {
      convolve_by_blocks(task, x, finish, y);
    }
  }

  static void convolve_by_panels(const Task& task, const float* x, const Finish& finish, float* y) {
    const Tiling tiling(task.shape);
    const std::int64_t tiles = ceil_divide(tiling.count(), kRows) * kRows;
    const std::int64_t v_stride = tile_floats(tiles, task.in), u_stride = u_floats(task);
    const Memory memory(kPoints * v_stride + kSide * task.shape.dilation * task.in,
                        kPoints * (u_stride + m_floats(task, tiles)));
    float *v = memory.shared, *zeros = v + kPoints * v_stride;
    clear(zeros, kSide * task.shape.dilation * task.in);
#pragma omp parallel
    {
      float *u = memory.mine(), *m = u + kPoints * u_stride;
#pragma omp for schedule(static)
      for (std::int64_t t = 0; t < tiles; t += kRows) {
        gather_inputs(tiling, x, task.in, t, kRows, zeros, v_stride, v + t * task.in);
      }
#pragma omp for schedule(static)
      for (std::int64_t panel = 0; panel < task.panels(); ++panel) {
        prepare_panel(task, panel, u_stride, u);
        multiply_panel(tiling, task, v, v_stride, u, u_stride, panel, 0, tiles, m, finish, y);
      }
    }
  }

  // Into how many groups the output channels are split where there are too few blocks of tiles to
  // keep the threads evenly busy. Each group gathers its inputs anew, which costs little; no sum is
  // split, so bits do not change.
  static std::int64_t channel_groups(const Tiling& tiling, std::int64_t panels) {
    constexpr std::int64_t kItemsPerThread = 16, kMostGroups = 4;
    const std::int64_t wanted =
        ceil_divide(kItemsPerThread * omp_get_max_threads(), tiling.blocks());
    return smaller(smaller(wanted, kMostGroups), panels);
  }

  static void convolve_by_blocks(const Task& task, const float* x, const Finish& finish, float* y) {
    const Tiling tiling(task.shape);
    const std::int64_t panels = task.panels(), groups = channel_groups(tiling, panels);
    const std::int64_t v_stride = tile_floats(kBlock, task.in), u_stride = u_floats(task);
    const Memory memory(panels * kPoints * u_stride + kSide * task.shape.dilation * task.in,
                        kPoints * (v_stride + m_floats(task, kBlock)));
    float *u = memory.shared, *zeros = u + panels * kPoints * u_stride;
    clear(zeros, kSide * task.shape.dilation * task.in);
#pragma omp parallel
    {
      float *v = memory.mine(), *m = v + kPoints * v_stride;
#pragma omp for schedule(static)
      for (std::int64_t panel = 0; panel < panels; ++panel) {
        prepare_panel(task, panel, u_stride, u + panel * kPoints * u_stride);
      }
#pragma omp for schedule(static) collapse(2)
      for (std::int64_t group = 0; group < groups; ++group) {
        for (std::int64_t block = 0; block < tiling.blocks(); ++block) {
          const std::int64_t first = block * kBlock;
          const std::int64_t left = ceil_divide(tiling.count() - first, kRows) * kRows;
          const std::int64_t count = smaller(kBlock, left);
          gather_inputs(tiling, x, task.in, first, count, zeros, v_stride, v);
          for (std::int64_t panel = panels * group / groups; panel < panels * (group + 1) / groups;
               ++panel) {
            multiply_panel(tiling, task, v, v_stride, u + panel * kPoints * u_stride, u_stride,
                           panel, first, count, m, finish, y);
          }
        }
      }
    }
  }

  // ---- weight gradient: du[point] = d[point]^T v[point] summed over tiles; dw = G^T du G ----

  // d[point][t][channel] = A dy A^T; what lies outside the image is zero.
  static void gather_output_gradients(const Tiling& tiling, const float* dy, std::int64_t channels,
                                      std::int64_t first, std::int64_t count, const float* zeros,
                                      std::int64_t stride, float* d) {
    const std::int64_t step = tiling.dilation * channels;
    for (std::int64_t t = 0; t < count; ++t) {
      const typename Tiling::Place place = tiling.place(first + t);
      const std::int64_t width = smaller(kTile, place.width - place.x);
      const float* source[kTile];
      for (std::int64_t r = 0; r < kTile; ++r) {
        const bool valid = place.y + r < place.height;
        source[r] = valid ? dy + (place.pixel + r * tiling.row()) * channels : zeros;
      }
      float* to = d + t * channels;
      for (std::int64_t c = 0; c < channels; c += kLanes) {
        Vec rows[kSide][kTile];
        SADDLE_UNROLL
        for (int s = 0; s < kTile; ++s) {
          Vec gradients[kTile] = {}, column[kSide];
          if (s < width) {
            for (int r = 0; r < kTile; ++r) gradients[r] = load(source[r] + s * step + c);
          }
          Steps::output_gradient(gradients, column);
          for (int r = 0; r < kSide; ++r) rows[r][s] = column[r];
        }
        SADDLE_UNROLL
        for (int r = 0; r < kSide; ++r) {
          Vec out[kSide];
          Steps::output_gradient(rows[r], out);
          for (int s = 0; s < kSide; ++s) store(to + (r * kSide + s) * stride + c, out[s]);
        }
      }
    }
  }

  // du[o][i] (+)= sum over t of d[t][o] v[t][i], for kOutputs and kVectors vectors of inputs.
  template <int kOutputs, int kVectors>
  static void accumulate(const float* d, std::int64_t out, const float* v, std::int64_t in,
                         std::int64_t tiles, bool add, float* du) {
    RegisterTile<kLanes, kOutputs, kVectors> sums;
    if (add) {
      sums.load(du, in);
    } else {
      sums.clear();
    }
    sums.add(
        tiles, [=](std::int64_t o, std::int64_t t) { return d[t * out + o]; }, v, in);
    sums.store(du, in);
  }

  // Rows [o, o + kLanes) of du for all inputs.
  static void accumulate_rows(const float* d, std::int64_t out, const float* v, std::int64_t in,
                              std::int64_t tiles, bool add, float* du) {
    constexpr int kOfTwo = kLanes / 2;
    if (in % (2 * kLanes) != 0) {
      for (std::int64_t i = 0; i < in; i += kLanes)
        accumulate<kLanes, 1>(d, out, v + i, in, tiles, add, du + i);
      return;
    }
    for (std::int64_t i = 0; i < in; i += 2 * kLanes) {
      for (int o = 0; o < kLanes; o += kOfTwo)
        accumulate<kOfTwo, 2>(d + o, out, v + i, in, tiles, add, du + o * in + i);
    }
  }

  // dw [out, 3, 3, in] = G^T du G, for one output channel.
  static void finish_weights(const float* du, std::int64_t stride, std::int64_t in, float* dw) {
    for (std::int64_t i = 0; i < in; i += kLanes) {
      Vec rows[3][kSide];
      for (int s = 0; s < kSide; ++s) {
        Vec column[kSide], g[3];
        for (int r = 0; r < kSide; ++r) column[r] = load(du + (r * kSide + s) * stride + i);
        Steps::weight_gradient(column, g);
        for (int r = 0; r < 3; ++r) rows[r][s] = g[r];
      }
      for (int r = 0; r < 3; ++r) {
        Vec g[3];
        Steps::weight_gradient(rows[r], g);
        for (int s = 0; s < 3; ++s) store(dw + (r * 3 + s) * in + i, g[s]);
      }
    }
  }

  // How many tiles are transformed before their products are summed: enough that sums of the many
  // weights are not read and written too often, and otherwise what fits into a cache. A function of
  // the shape alone, so that the bits are, too.
  static std::int64_t tiles_at_once(const Convolution3x3& s, std::int64_t tiles) {
    constexpr std::int64_t kFewest = 32, kWeightsPerTile = 2048, kBytes = 4 << 20;
    const std::int64_t fitting = kBytes / (kPoints * (s.in + s.out) * 4);
    const std::int64_t most =
        larger(larger(kFewest, s.in * s.out / kWeightsPerTile), smaller(fitting, tiles));
    return ceil_divide(tiles, ceil_divide(tiles, most));  // evenly
  }
};

template <int kLanes>
void Tiles<kLanes>::backward_weights(const Convolution3x3& s, const float* x, const float* dy,
                                     float* dw) {
  const Tiling tiling(s);
  const std::int64_t in = s.in, out = s.out, tiles = tiles_at_once(s, tiling.count());
  const std::int64_t v_stride = tile_floats(tiles, in), d_stride = tile_floats(tiles, out);
  const std::int64_t du_stride = in * out + kGap;
  const Memory memory(
      kPoints * (v_stride + d_stride + du_stride) + kSide * s.dilation * larger(in, out), 0);
  float *v = memory.shared, *d = v + kPoints * v_stride, *du = d + kPoints * d_stride;
  float* zeros = du + kPoints * du_stride;
  clear(zeros, kSide * s.dilation * larger(in, out));
#pragma omp parallel
  {
    for (std::int64_t first = 0; first < tiling.count(); first += tiles) {
      const std::int64_t count = smaller(tiles, tiling.count() - first);
#pragma omp for schedule(static)
      for (std::int64_t t = 0; t < count; t += kRows) {
        const std::int64_t some = smaller(kRows, count - t);
        gather_inputs(tiling, x, in, first + t, some, zeros, v_stride, v + t * in);
        gather_output_gradients(tiling, dy, out, first + t, some, zeros, d_stride, d + t * out);
      }
#pragma omp for schedule(static) collapse(2)
      for (int point = 0; point < kPoints; ++point) {
        for (std::int64_t o = 0; o < out; o += kLanes) {
          accumulate_rows(d + point * d_stride + o, out, v + point * v_stride, in, count, first > 0,
                          du + point * du_stride + o * in);
        }
      }
    }
#pragma omp for schedule(static)
    for (std::int64_t o = 0; o < out; ++o)
      finish_weights(du + o * in, du_stride, in, dw + o * 9 * in);
  }
}

}  // namespace saddle::winograd
