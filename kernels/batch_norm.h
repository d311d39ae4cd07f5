// Batch normalisation over the rows of [rows, channels] (all pixels of an NHWC batch), fused with
// the activation that follows it (limits.h).
//
//   forward   mean, var over rows;  y = clip(gamma (x - mean) / sqrt(var + eps) + beta, low, high)
//   backward  dz = dy where low < z < high, else 0
//             dbeta = sum dz;  dgamma = sum dz xhat;  dx = gamma / std (dz - dbeta / n - xhat
//             dgamma / n)
// Source: Ioffe and Szegedy 2015.
//
// A pass over memory each for the statistics, for y, for the sums of the gradient, and for dx (y
// and dx: batch_norm_apply.h); z is recomputed from x in the backward pass, so neither xhat nor a
// mask is ever stored. x, y and their gradients are of type T, float or Bfloat16; everything per
// channel is f32.
//
// Statistics are gathered per chunk of chunk_rows(rows) rows as sums of (x - shift) and
// (x - shift)^2, where shift is the chunk's first row: one pass, and without the cancellation of
// E[x^2] - E[x]^2. The chunks are then merged as Chan, Golub and LeVeque (1983) merge means and
// squared deviations.
//
// A block takes kGroupChannels channels of a chunk (chunks.h); the rows' sums meet in column_sums.
// A thread fetches several rows at once only where 16 bytes are one access: fetched one by one,
// elements take a register each, and so many that fewer threads would fit on a multiprocessor.
#pragma once

#include "kernels/array.h"
#include "kernels/chunks.h"
#include "kernels/collectives.h"
#include "kernels/limits.h"
#include "kernels/math.h"
#include "kernels/span.h"

namespace saddle {

// mean[chunk, c] and deviation[chunk, c] = sum of squared deviations from that mean, over the
// chunk's rows.
template <class T>
struct BatchNormChunks {
  static constexpr int kThreads = kChunkThreads;
  Array<const T> x;              // [rows, channels]
  Array<float> mean, deviation;  // [chunks, channels]
  int64_t rows, channels;

  using Threads = ChunkThreads<T>;
  static constexpr int kVector = Threads::kVector;
  struct Sums {
    Floats<kVector> values, squares;
  };
  struct Lanes;

  template <class Block>
  SADDLE_DEVICE void operator()(Block& b) const {
    const ChunkPlace place(b.block(), rows, channels);
    const int64_t own = place.first_channel + b.thread() % Threads::kWidth * kVector;
    const int64_t first_row = place.first_row + b.thread() / Threads::kWidth;
    Sums sums = {};
    if (channels % kVector != 0 || !all_aligned(x)) {
      sums = sums_of_thread<1>(place, first_row, [&](int64_t row) {
        return load_first<kVector>(x, row * channels + own, channels - own);
      });
    } else if (own < channels) {
      sums = sums_of_thread<4>(place, first_row,
                               [&](int64_t row) { return load<kVector>(x, row * channels + own); });
    }
    const float sum = column_sums<Lanes, kGroupChannels, kThreads>(b, sums.values);
    const float squares = column_sums<Lanes, kGroupChannels, kThreads>(b, sums.squares);
    const int64_t channel = place.first_channel + b.thread();
    if (b.thread() < kGroupChannels && channel < channels) {
      store_chunk(place, channel, x[place.first_row * channels + channel], sum, squares);
    }
  }

  template <int kAtOnce, class Fetch>
  SADDLE_DEVICE Sums sums_of_thread(const ChunkPlace& place, int64_t row, Fetch fetch) const {
    const Floats<kVector> shift = fetch(place.first_row);
    Sums sums = {};
    const auto add = [&](const Floats<kVector>& in) {
      for (int k = 0; k < kVector; ++k) {
        const float value = in[k] - shift[k];
        sums.values[k] += value;
        sums.squares[k] += value * value;
      }
    };
    for_strided<kAtOnce>(row, place.end_row, Threads::kRowLanes, fetch, add);
    return sums;
  }

  void reference(int64_t block) const {
    constexpr int kRowLanes = Threads::kRowLanes;
    const ChunkPlace place(block, rows, channels);
    with_constant_count(smaller(kGroupChannels, channels - place.first_channel), [&](auto count) {
      float sum[kRowLanes][kGroupChannels] = {}, squares[kRowLanes][kGroupChannels] = {};
      const T* shift = x.data + place.first_row * channels + place.first_channel;
      for (int64_t row = place.first_row; row < place.end_row; ++row) {
        const int64_t lane = (row - place.first_row) % kRowLanes;
        const T* in = x.data + row * channels + place.first_channel;
        for (int64_t c = 0; c < count; ++c) {
          const float value = in[c] - shift[c];
          sum[lane][c] += value;
          squares[lane][c] += value * value;
        }
      }
      float total[kGroupChannels], total_squares[kGroupChannels];
      column_sums_in_block_order<kChunkThreads>(sum, total);
      column_sums_in_block_order<kChunkThreads>(squares, total_squares);
      for (int64_t c = 0; c < count; ++c) {
        store_chunk(place, place.first_channel + c, shift[c], total[c], total_squares[c]);
      }
    });
  }

  SADDLE_DEVICE void store_chunk(const ChunkPlace& place, int64_t channel, float shift, float sum,
                                 float squares) const {
    const float count = static_cast<float>(place.end_row - place.first_row);
    mean[place.chunk * channels + channel] = shift + sum / count;
    deviation[place.chunk * channels + channel] = larger(squares - sum * sum / count, 0.f);
  }
};

// How the chunks of a channel are merged: a block takes kGroupChannels channels, and each of
// kMergeLanes rows of threads every so many-th chunk.
inline constexpr int kMergeLanes = 32;
inline constexpr int kMergeThreads = kGroupChannels * kMergeLanes;

// total[c] <- sum over chunks of term(chunk, first_channel + c), in the order of the merging
// blocks.
template <class Term>
void merged_in_block_order(int64_t chunks, int64_t first_channel, int64_t count, Term term,
                           float* total) {
  float lanes[kMergeLanes][kGroupChannels] = {};
  for (int64_t chunk = 0; chunk < chunks; ++chunk) {
    for (int64_t c = 0; c < count; ++c) {
      lanes[chunk % kMergeLanes][c] += term(chunk, first_channel + c);
    }
  }
  for (int64_t c = 0; c < count; ++c) {
    total[c] = 0.f;
    for (int lane = 0; lane < kMergeLanes; ++lane) total[c] += lanes[lane][c];
  }
}

// Merges the chunks and derives what the other kernels need. One block for kGroupChannels channels.
struct BatchNormMerge {
  static constexpr int kThreads = kMergeThreads;
  Array<const float> chunk_mean, chunk_deviation;  // [chunks, channels]
  Array<const float> gamma, beta;                  // [channels]
  Array<float> mean, inverse_std;                  // [channels]
  Array<float> scale, shift;                       // [channels]: z = x scale + shift
  Array<float> running_mean, running_var;  // [channels], moved by `momentum` (0: left alone)
  int64_t rows, channels;
  float eps, momentum;

  struct Lanes;

  template <class Block>
  SADDLE_DEVICE void operator()(Block& b) const {
    const int64_t channel = b.block() * kGroupChannels + b.thread() % kGroupChannels;
    const int64_t chunks = channel < channels ? chunk_count(rows) : 0;
    float sum = 0.f;
    for (int64_t chunk = b.thread() / kGroupChannels; chunk < chunks; chunk += kMergeLanes) {
      sum += weighted_mean(chunk, channel);
    }
    sum = column_sum<Lanes, kGroupChannels, kThreads>(b, sum);
    const float batch_mean = sum / static_cast<float>(rows);
    sum = 0.f;
    for (int64_t chunk = b.thread() / kGroupChannels; chunk < chunks; chunk += kMergeLanes) {
      sum += deviation_of(chunk, channel, batch_mean);
    }
    const float deviation = column_sum<Lanes, kGroupChannels, kThreads>(b, sum);
    if (b.thread() < kGroupChannels && channel < channels) {
      store_channel(channel, batch_mean, deviation);
    }
  }

  void reference(int64_t block) const {
    const int64_t first = block * kGroupChannels, chunks = chunk_count(rows);
    const int64_t count = smaller(kGroupChannels, channels - first);
    float batch_mean[kGroupChannels], deviation[kGroupChannels];
    merged_in_block_order(
        chunks, first, count,
        [&](int64_t chunk, int64_t channel) { return weighted_mean(chunk, channel); }, batch_mean);
    for (int64_t c = 0; c < count; ++c) batch_mean[c] /= static_cast<float>(rows);
    merged_in_block_order(
        chunks, first, count,
        [&](int64_t chunk, int64_t channel) {
          return deviation_of(chunk, channel, batch_mean[channel - first]);
        },
        deviation);
    for (int64_t c = 0; c < count; ++c) store_channel(first + c, batch_mean[c], deviation[c]);
  }

  SADDLE_DEVICE float rows_of(int64_t chunk) const {
    const int64_t whole = chunk_rows(rows);
    return static_cast<float>(smaller(whole, rows - chunk * whole));
  }
  SADDLE_DEVICE float weighted_mean(int64_t chunk, int64_t channel) const {
    return rows_of(chunk) * chunk_mean[chunk * channels + channel];
  }
  SADDLE_DEVICE float deviation_of(int64_t chunk, int64_t channel, float batch_mean) const {
    const float distance = chunk_mean[chunk * channels + channel] - batch_mean;
    return chunk_deviation[chunk * channels + channel] + rows_of(chunk) * distance * distance;
  }
  SADDLE_DEVICE void store_channel(int64_t c, float batch_mean, float deviation) const {
    const float count = static_cast<float>(rows);
    const float std_inverse = 1.f / square_root(deviation / count + eps);
    mean[c] = batch_mean;
    inverse_std[c] = std_inverse;
    scale[c] = gamma[c] * std_inverse;
    shift[c] = beta[c] - batch_mean * gamma[c] * std_inverse;
    if (momentum != 0.f) {
      // The running variance is the unbiased one, as in PyTorch; a single row has none.
      const float unbiased = deviation / larger(count - 1.f, 1.f);
      running_mean[c] = (1.f - momentum) * running_mean[c] + momentum * batch_mean;
      running_var[c] = (1.f - momentum) * running_var[c] + momentum * unbiased;
    }
  }
};

// The same four arrays from running statistics: the layer is then an affine map per channel.
struct BatchNormFrozen {
  Array<const float> gamma, beta, running_mean, running_var;
  Array<float> mean, inverse_std, scale, shift;
  float eps;
  SADDLE_DEVICE void operator()(int64_t c) const {
    const float std_inverse = 1.f / square_root(running_var[c] + eps);
    mean[c] = running_mean[c];
    inverse_std[c] = std_inverse;
    scale[c] = gamma[c] * std_inverse;
    shift[c] = beta[c] - running_mean[c] * gamma[c] * std_inverse;
  }
};

// The affine map alone, for networks that run with these statistics for long: the arithmetic of
// BatchNormFrozen.
struct FoldBatchNorm {
  Array<const float> gamma, beta, mean, var;  // [channels]
  Array<float> scale, shift;                  // [channels]: z = x scale + shift
  float eps;
  SADDLE_DEVICE void operator()(int64_t c) const {
    const float std_inverse = 1.f / square_root(var[c] + eps);
    scale[c] = gamma[c] * std_inverse;
    shift[c] = beta[c] - mean[c] * gamma[c] * std_inverse;
  }
};

// Per chunk and channel: sum of dz and of dz (x - mean).
template <class T>
struct BatchNormBackwardChunks {
  static constexpr int kThreads = kChunkThreads;
  Array<const T> x, dy;                   // [rows, channels]
  Array<const float> mean, scale, shift;  // [channels]
  Array<float> sum_dz, sum_dz_x;          // [chunks, channels]
  int64_t rows, channels;
  Limits limits;

  using Threads = ChunkThreads<T>;
  static constexpr int kVector = Threads::kVector;
  struct Fetched {
    Floats<kVector> x, dy;
  };
  struct Sums {
    Floats<kVector> dz, dz_x;
  };
  struct Lanes;

  template <class Block>
  SADDLE_DEVICE void operator()(Block& b) const {
    const ChunkPlace place(b.block(), rows, channels);
    const int64_t own = place.first_channel + b.thread() % Threads::kWidth * kVector;
    const int64_t first_row = place.first_row + b.thread() / Threads::kWidth;
    Sums sums = {};
    if (channels % kVector != 0 || !all_aligned(x, dy)) {
      sums = sums_of_thread<1>(place, first_row, own, [&](int64_t row) {
        const int64_t i = row * channels + own;
        return Fetched{load_first<kVector>(x, i, channels - own),
                       load_first<kVector>(dy, i, channels - own)};
      });
    } else if (own < channels) {
      sums = sums_of_thread<2>(place, first_row, own, [&](int64_t row) {
        const int64_t i = row * channels + own;
        return Fetched{load<kVector>(x, i), load<kVector>(dy, i)};
      });
    }
    const float dz = column_sums<Lanes, kGroupChannels, kThreads>(b, sums.dz);
    const float dz_x = column_sums<Lanes, kGroupChannels, kThreads>(b, sums.dz_x);
    const int64_t channel = place.first_channel + b.thread();
    if (b.thread() < kGroupChannels && channel < channels) {
      sum_dz[place.chunk * channels + channel] = dz;
      sum_dz_x[place.chunk * channels + channel] = dz_x;
    }
  }

  template <int kAtOnce, class Fetch>
  SADDLE_DEVICE Sums sums_of_thread(const ChunkPlace& place, int64_t row, int64_t own,
                                    Fetch fetch) const {
    const Floats<kVector> m = load_first<kVector>(mean, own, channels - own);
    const Floats<kVector> s = load_first<kVector>(scale, own, channels - own);
    const Floats<kVector> t = load_first<kVector>(shift, own, channels - own);
    Sums sums = {};
    const auto add = [&](const Fetched& in) {
      for (int k = 0; k < kVector; ++k) {
        const float dz = limits.pass(fmaf(in.x[k], s[k], t[k])) ? in.dy[k] : 0.f;
        sums.dz[k] += dz;
        sums.dz_x[k] += dz * (in.x[k] - m[k]);
      }
    };
    for_strided<kAtOnce>(row, place.end_row, Threads::kRowLanes, fetch, add);
    return sums;
  }

  void reference(int64_t block) const {
    constexpr int kRowLanes = Threads::kRowLanes;
    const ChunkPlace place(block, rows, channels);
    with_constant_count(smaller(kGroupChannels, channels - place.first_channel), [&](auto count) {
      float sum[kRowLanes][kGroupChannels] = {}, products[kRowLanes][kGroupChannels] = {};
      const float* m = mean.data + place.first_channel;
      const float* s = scale.data + place.first_channel;
      const float* t = shift.data + place.first_channel;
      for (int64_t row = place.first_row; row < place.end_row; ++row) {
        const int64_t lane = (row - place.first_row) % kRowLanes;
        const T* in = x.data + row * channels + place.first_channel;
        const T* din = dy.data + row * channels + place.first_channel;
        for (int64_t c = 0; c < count; ++c) {
          const float passed = din[c];  // read outside the choice, so that the loop vectorises
          const float dz = limits.pass(fmaf(in[c], s[c], t[c])) ? passed : 0.f;
          sum[lane][c] += dz;
          products[lane][c] += dz * (in[c] - m[c]);
        }
      }
      float total[kGroupChannels], total_products[kGroupChannels];
      column_sums_in_block_order<kChunkThreads>(sum, total);
      column_sums_in_block_order<kChunkThreads>(products, total_products);
      for (int64_t c = 0; c < count; ++c) {
        sum_dz[place.chunk * channels + place.first_channel + c] = total[c];
        sum_dz_x[place.chunk * channels + place.first_channel + c] = total_products[c];
      }
    });
  }
};

// Adds the chunks: dgamma, dbeta, and the two coefficients of dx. One block for kGroupChannels
// channels.
struct BatchNormBackwardMerge {
  static constexpr int kThreads = kMergeThreads;
  Array<const float> sum_dz, sum_dz_x;    // [chunks, channels]
  Array<const float> inverse_std, scale;  // [channels]
  Array<float> dgamma, dbeta;             // [channels]
  Array<float> offset, slope;             // [channels]: dx = scale dz + slope (x - mean) + offset
  int64_t rows, channels;
  float through_statistics;  // 1 where the statistics came from this batch, 0 where they are
                             // constants

  struct Lanes;

  template <class Block>
  SADDLE_DEVICE void operator()(Block& b) const {
    const int64_t channel = b.block() * kGroupChannels + b.thread() % kGroupChannels;
    const int64_t chunks = channel < channels ? chunk_count(rows) : 0;
    float sum = 0.f, products = 0.f;
    for (int64_t chunk = b.thread() / kGroupChannels; chunk < chunks; chunk += kMergeLanes) {
      sum += sum_dz[chunk * channels + channel];
      products += sum_dz_x[chunk * channels + channel];
    }
    sum = column_sum<Lanes, kGroupChannels, kThreads>(b, sum);
    products = column_sum<Lanes, kGroupChannels, kThreads>(b, products);
    if (b.thread() < kGroupChannels && channel < channels) store_channel(channel, sum, products);
  }

  void reference(int64_t block) const {
    const int64_t first = block * kGroupChannels, chunks = chunk_count(rows);
    const int64_t count = smaller(kGroupChannels, channels - first);
    float sum[kGroupChannels], products[kGroupChannels];
    merged_in_block_order(
        chunks, first, count,
        [&](int64_t chunk, int64_t c) { return sum_dz[chunk * channels + c]; }, sum);
    merged_in_block_order(
        chunks, first, count,
        [&](int64_t chunk, int64_t c) { return sum_dz_x[chunk * channels + c]; }, products);
    for (int64_t c = 0; c < count; ++c) store_channel(first + c, sum[c], products[c]);
  }

  SADDLE_DEVICE void store_channel(int64_t c, float sum, float products) const {
    const float count = static_cast<float>(rows);
    dbeta[c] = sum;
    dgamma[c] = products * inverse_std[c];
    // Where statistics are constants, exactly the zeros that nobody computes where only x is asked.
    const bool through = through_statistics != 0.f;
    offset[c] = through ? -scale[c] * sum / count : 0.f;
    slope[c] = through ? -scale[c] * inverse_std[c] * inverse_std[c] * products / count : 0.f;
  }
};

}  // namespace saddle
