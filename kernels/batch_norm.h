// Batch normalisation over the rows of [rows, channels] (all pixels of an NHWC batch), fused with
// the ReLU that follows it.
//
//   forward   mean, var over rows;  y = max(floor, gamma (x - mean) / sqrt(var + eps) + beta)
//   backward  dz = dy where z > floor, else 0
//             dbeta = sum dz;  dgamma = sum dz xhat;  dx = gamma / std (dz - dbeta / n - xhat
//             dgamma / n)
// with floor = 0 for ReLU and -infinity for none. Source: Ioffe and Szegedy 2015.
//
// A pass over memory each for the statistics, for y, for the sums of the gradient, and for dx; z is
// recomputed from x in the backward pass, so neither xhat nor a mask is ever stored.
//
// Statistics are gathered per chunk of kChunkRows rows as sums of (x - shift) and (x - shift)^2,
// where shift is the chunk's first row: one pass, and without the cancellation of E[x^2] - E[x]^2.
// The chunks are then merged as Chan, Golub and LeVeque (1983) merge means and squared deviations.
#pragma once

#include "kernels/array.h"
#include "kernels/collectives.h"
#include "kernels/math.h"

namespace saddle {

inline constexpr int64_t kChunkRows = 256;  // rows whose sums are taken together
inline constexpr int kGroupChannels = 32;   // channels a block works on, one a lane
inline constexpr int kRowLanes = 8;         // rows a block reads at once
inline constexpr int kChannelThreads = kGroupChannels * kRowLanes;

// Where block `block` of a grid of (chunks x channel groups) works.
struct ChunkPlace {
  int64_t chunk, first_row, end_row, first_channel;

  SADDLE_DEVICE ChunkPlace(int64_t block, int64_t rows, int64_t channels) {
    const int64_t groups = ceil_divide(channels, kGroupChannels);
    chunk = block / groups;
    first_row = chunk * kChunkRows;
    end_row = smaller(rows, first_row + kChunkRows);
    first_channel = block % groups * kGroupChannels;
  }
  static int64_t blocks(int64_t rows, int64_t channels) {
    return ceil_divide(rows, kChunkRows) * ceil_divide(channels, kGroupChannels);
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

// mean[chunk, c] and deviation[chunk, c] = sum of squared deviations from that mean, over the
// chunk's rows.
struct BatchNormChunks {
  static constexpr int kThreads = kChannelThreads;
  Array<const float> x;          // [rows, channels]
  Array<float> mean, deviation;  // [chunks, channels]
  int64_t rows, channels;

  struct First;
  struct Second;

  template <class Block>
  SADDLE_DEVICE void operator()(Block& b) const {
    const ChunkPlace place(b.block(), rows, channels);
    const int64_t channel = place.first_channel + b.thread() % kGroupChannels;
    const bool active = channel < channels;
    const float shift = active ? x[place.first_row * channels + channel] : 0.f;
    float sum = 0.f, squares = 0.f;
    if (active) {
      for (int64_t row = place.first_row + b.thread() / kGroupChannels; row < place.end_row;
           row += kRowLanes) {
        const float value = x[row * channels + channel] - shift;
        sum += value;
        squares += value * value;
      }
    }
    sum = column_sum<First, kGroupChannels, kThreads>(b, sum);
    squares = column_sum<Second, kGroupChannels, kThreads>(b, squares);
    if (active && b.thread() < kGroupChannels) store(place, channel, shift, sum, squares);
  }

  void reference(int64_t block) const {
    const ChunkPlace place(block, rows, channels);
    with_constant_count(smaller(kGroupChannels, channels - place.first_channel), [&](auto count) {
      float sum[kRowLanes][kGroupChannels] = {}, squares[kRowLanes][kGroupChannels] = {};
      const float* shift = x.data + place.first_row * channels + place.first_channel;
      for (int64_t row = place.first_row; row < place.end_row; ++row) {
        const int64_t lane = (row - place.first_row) % kRowLanes;
        const float* in = x.data + row * channels + place.first_channel;
        for (int64_t c = 0; c < count; ++c) {
          const float value = in[c] - shift[c];
          sum[lane][c] += value;
          squares[lane][c] += value * value;
        }
      }
      for (int64_t c = 0; c < count; ++c) {
        float total = 0.f, total_squares = 0.f;
        for (int lane = 0; lane < kRowLanes; ++lane) {
          total += sum[lane][c];
          total_squares += squares[lane][c];
        }
        store(place, place.first_channel + c, shift[c], total, total_squares);
      }
    });
  }

  SADDLE_DEVICE void store(const ChunkPlace& place, int64_t channel, float shift, float sum,
                           float squares) const {
    const float count = static_cast<float>(place.end_row - place.first_row);
    mean[place.chunk * channels + channel] = shift + sum / count;
    deviation[place.chunk * channels + channel] = larger(squares - sum * sum / count, 0.f);
  }
};

// Merges the chunks of one channel and derives what the other kernels need. One block a channel.
struct BatchNormMerge {
  static constexpr int kThreads = 64;
  Array<const float> chunk_mean, chunk_deviation;  // [chunks, channels]
  Array<const float> gamma, beta;                  // [channels]
  Array<float> mean, inverse_std;                  // [channels]
  Array<float> scale, shift;                       // [channels]: z = x scale + shift
  Array<float> running_mean, running_var;  // [channels], moved by `momentum` (0: left alone)
  int64_t rows, channels;
  float eps, momentum;

  template <class Block>
  SADDLE_DEVICE void operator()(Block& b) const {
    const int64_t channel = b.block(), chunks = ceil_divide(rows, kChunkRows);
    float sum = 0.f;
    for (int64_t chunk = b.thread(); chunk < chunks; chunk += kThreads) {
      sum += rows_of(chunk) * chunk_mean[chunk * channels + channel];
    }
    const float batch_mean = block_sum(b, sum) / static_cast<float>(rows);
    sum = 0.f;
    for (int64_t chunk = b.thread(); chunk < chunks; chunk += kThreads) {
      sum += deviation_of(chunk, channel, batch_mean);
    }
    const float deviation = block_sum(b, sum);
    if (b.thread() == 0) store(channel, batch_mean, deviation);
  }

  void reference(int64_t channel) const {
    const int64_t chunks = ceil_divide(rows, kChunkRows);
    float lanes[kThreads] = {};
    for (int64_t chunk = 0; chunk < chunks; ++chunk) {
      lanes[chunk % kThreads] += rows_of(chunk) * chunk_mean[chunk * channels + channel];
    }
    const float batch_mean = sum_in_block_order(lanes, kThreads) / static_cast<float>(rows);
    for (float& lane : lanes) lane = 0.f;
    for (int64_t chunk = 0; chunk < chunks; ++chunk) {
      lanes[chunk % kThreads] += deviation_of(chunk, channel, batch_mean);
    }
    store(channel, batch_mean, sum_in_block_order(lanes, kThreads));
  }

  SADDLE_DEVICE float rows_of(int64_t chunk) const {
    return static_cast<float>(smaller(kChunkRows, rows - chunk * kChunkRows));
  }
  SADDLE_DEVICE float deviation_of(int64_t chunk, int64_t channel, float batch_mean) const {
    const float distance = chunk_mean[chunk * channels + channel] - batch_mean;
    return chunk_deviation[chunk * channels + channel] + rows_of(chunk) * distance * distance;
  }
  SADDLE_DEVICE void store(int64_t c, float batch_mean, float deviation) const {
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

// y <- max(floor, x scale + shift)
struct BatchNormApply {
  Array<const float> x, scale, shift;
  Array<float> y;
  int64_t channels;
  float floor;
  SADDLE_DEVICE void operator()(int64_t row, int64_t channel) const {
    const int64_t i = row * channels + channel;
    y[i] = larger(fmaf(x[i], scale[channel], shift[channel]), floor);
  }
};

// Per chunk and channel: sum of dz and of dz (x - mean).
struct BatchNormBackwardChunks {
  static constexpr int kThreads = kChannelThreads;
  Array<const float> x, dy;               // [rows, channels]
  Array<const float> mean, scale, shift;  // [channels]
  Array<float> sum_dz, sum_dz_x;          // [chunks, channels]
  int64_t rows, channels;
  float floor;

  struct First;
  struct Second;

  template <class Block>
  SADDLE_DEVICE void operator()(Block& b) const {
    const ChunkPlace place(b.block(), rows, channels);
    const int64_t channel = place.first_channel + b.thread() % kGroupChannels;
    const bool active = channel < channels;
    float sum = 0.f, products = 0.f;
    if (active) {
      for (int64_t row = place.first_row + b.thread() / kGroupChannels; row < place.end_row;
           row += kRowLanes) {
        const int64_t i = row * channels + channel;
        const float z = fmaf(x[i], scale[channel], shift[channel]);
        const float passed = dy[i];
        const float dz = z > floor ? passed : 0.f;
        sum += dz;
        products += dz * (x[i] - mean[channel]);
      }
    }
    sum = column_sum<First, kGroupChannels, kThreads>(b, sum);
    products = column_sum<Second, kGroupChannels, kThreads>(b, products);
    if (active && b.thread() < kGroupChannels) {
      sum_dz[place.chunk * channels + channel] = sum;
      sum_dz_x[place.chunk * channels + channel] = products;
    }
  }

  void reference(int64_t block) const {
    const ChunkPlace place(block, rows, channels);
    with_constant_count(smaller(kGroupChannels, channels - place.first_channel), [&](auto count) {
      float sum[kRowLanes][kGroupChannels] = {}, products[kRowLanes][kGroupChannels] = {};
      const float* m = mean.data + place.first_channel;
      const float* s = scale.data + place.first_channel;
      const float* t = shift.data + place.first_channel;
      for (int64_t row = place.first_row; row < place.end_row; ++row) {
        const int64_t lane = (row - place.first_row) % kRowLanes;
        const float* in = x.data + row * channels + place.first_channel;
        const float* din = dy.data + row * channels + place.first_channel;
        for (int64_t c = 0; c < count; ++c) {
          const float dz = fmaf(in[c], s[c], t[c]) > floor ? din[c] : 0.f;
          sum[lane][c] += dz;
          products[lane][c] += dz * (in[c] - m[c]);
        }
      }
      for (int64_t c = 0; c < count; ++c) {
        float total = 0.f, total_products = 0.f;
        for (int lane = 0; lane < kRowLanes; ++lane) {
          total += sum[lane][c];
          total_products += products[lane][c];
        }
        sum_dz[place.chunk * channels + place.first_channel + c] = total;
        sum_dz_x[place.chunk * channels + place.first_channel + c] = total_products;
      }
    });
  }
};

// Adds the chunks of one channel: dgamma, dbeta, and the two coefficients of dx. One block a
// channel.
struct BatchNormBackwardMerge {
  static constexpr int kThreads = 64;
  Array<const float> sum_dz, sum_dz_x;    // [chunks, channels]
  Array<const float> inverse_std, scale;  // [channels]
  Array<float> dgamma, dbeta;             // [channels]
  Array<float> offset, slope;             // [channels]: dx = scale dz + slope (x - mean) + offset
  int64_t rows, channels;
  float through_statistics;  // 1 where the statistics came from this batch, 0 where they are
                             // constants

  template <class Block>
  SADDLE_DEVICE void operator()(Block& b) const {
    const int64_t channel = b.block(), chunks = ceil_divide(rows, kChunkRows);
    float sum = 0.f, products = 0.f;
    for (int64_t chunk = b.thread(); chunk < chunks; chunk += kThreads) {
      sum += sum_dz[chunk * channels + channel];
      products += sum_dz_x[chunk * channels + channel];
    }
    sum = block_sum(b, sum);
    products = block_sum(b, products);
    if (b.thread() == 0) store(channel, sum, products);
  }

  void reference(int64_t channel) const {
    const int64_t chunks = ceil_divide(rows, kChunkRows);
    float lanes[kThreads] = {}, product_lanes[kThreads] = {};
    for (int64_t chunk = 0; chunk < chunks; ++chunk) {
      lanes[chunk % kThreads] += sum_dz[chunk * channels + channel];
      product_lanes[chunk % kThreads] += sum_dz_x[chunk * channels + channel];
    }
    store(channel, sum_in_block_order(lanes, kThreads),
          sum_in_block_order(product_lanes, kThreads));
  }

  SADDLE_DEVICE void store(int64_t c, float sum, float products) const {
    const float count = static_cast<float>(rows);
    dbeta[c] = sum;
    dgamma[c] = products * inverse_std[c];
    offset[c] = -through_statistics * scale[c] * sum / count;
    slope[c] = -through_statistics * scale[c] * inverse_std[c] * inverse_std[c] * products / count;
  }
};

// dx <- scale dz + slope (x - mean) + offset
struct BatchNormBackwardApply {
  Array<const float> x, dy;
  Array<const float> mean, scale, shift, slope, offset;
  Array<float> dx;
  int64_t channels;
  float floor;
  SADDLE_DEVICE void operator()(int64_t row, int64_t channel) const {
    const int64_t i = row * channels + channel;
    const float z = fmaf(x[i], scale[channel], shift[channel]);
    const float passed = dy[i];  // read outside the choice, so that the loop vectorises
    const float dz = z > floor ? passed : 0.f;
    dx[i] = scale[channel] * dz + (slope[channel] * (x[i] - mean[channel]) + offset[channel]);
  }
};

// The same, added to a gradient that reached x by another way (the identity of a residual block).
struct BatchNormBackwardApplyAdd {
  BatchNormBackwardApply apply;
  Array<const float> addend;  // [rows, channels]
  SADDLE_DEVICE void operator()(int64_t row, int64_t channel) const {
    apply(row, channel);
    apply.dx[row * apply.channels + channel] += addend[row * apply.channels + channel];
  }
};

}  // namespace saddle
