#include "core/element_type.h"
#include "core/ops.h"
#include "kernels/batch_norm.h"
#include "kernels/batch_norm_apply.h"
#include "kernels/elementwise.h"

namespace saddle {
namespace {

void check(const Var& x, const BatchNormState& state) {
  const Shape& shape = x.shape();
  require(shape.rank() >= 2, "batch_norm: input ", shape, " needs rows and a channel axis");
  const std::int64_t channels = shape[shape.rank() - 1];
  for (const Tensor& tensor :
       {state.gamma.value(), state.beta.value(), state.running_mean, state.running_var}) {
    require(tensor.count() == channels, "batch_norm: input ", shape, " has ", channels,
            " channels, the layer has ", tensor.count());
  }
  require(state.mode == BatchNormMode::frozen || x.value().count() / channels > 1,
          "batch_norm: one value per channel has no variance (input ", shape,
          "). Use a larger batch or the frozen mode");
}

// What the kernels share: per-channel mean, 1 / std and z = x scale + shift.
struct Channels {
  Tensor mean, inverse_std, scale, shift;
  Channels(Device& device, std::int64_t n)
      : mean(device, {n}), inverse_std(device, {n}), scale(device, {n}), shift(device, {n}) {}
};

void gather_statistics(Device& device, const Var& x, const BatchNormState& state, std::int64_t rows,
                       std::int64_t channels, const Channels& out) {
  if (state.mode == BatchNormMode::frozen) {
    launch(
        device,
        BatchNormFrozen{state.gamma.value().array(), state.beta.value().array(),
                        state.running_mean.array(), state.running_var.array(), out.mean.array(),
                        out.inverse_std.array(), out.scale.array(), out.shift.array(), state.eps},
        channels);
    return;
  }
  const std::int64_t chunks = chunk_count(rows);
  const Tensor mean(device, {chunks, channels}), deviation(device, {chunks, channels});
  with_element_type("batch_norm", x.value().dtype(), [&](auto zero) {
    using T = decltype(zero);
    launch(
        device,
        BatchNormChunks<T>{x.value().array<T>(), mean.array(), deviation.array(), rows, channels},
        ChunkPlace::blocks(rows, channels));
  });
  launch(device,
         BatchNormMerge{mean.array(), deviation.array(), state.gamma.value().array(),
                        state.beta.value().array(), out.mean.array(), out.inverse_std.array(),
                        out.scale.array(), out.shift.array(), state.running_mean.array(),
                        state.running_var.array(), rows, channels, state.eps,
                        state.mode == BatchNormMode::update ? state.momentum : 0.f},
         channel_groups(channels));
}

// y = clip(x scale + shift, low, high)
Tensor scale_and_shift(const char* op, const Var& x, const Tensor& scale, const Tensor& shift,
                       const Limits& limits) {
  const Tensor y(x.device(), x.shape(), x.value().dtype());
  const std::int64_t channels = scale.count();
  with_element_type(op, y.dtype(), [&](auto zero) {
    using T = decltype(zero);
    launch(x.device(),
           BatchNormApply<T>{x.value().array<T>(), scale.array(), shift.array(), y.array<T>(),
                             channels, limits},
           y.count() / channels, channels);
  });
  return y;
}

}  // namespace

Var batch_norm(Tape& tape, const Var& x, const BatchNormState& state) {
  check(x, state);
  Device& device = x.device();
  const std::int64_t channels = x.shape()[x.shape().rank() - 1];
  const std::int64_t rows = x.value().count() / channels;
  const Limits limits = limits_of(state.activation);
  const Channels per_channel(device, channels);
  gather_statistics(device, x, state, rows, channels, per_channel);
  const Tensor y = scale_and_shift("batch_norm", x, per_channel.scale, per_channel.shift, limits);

  const Var gamma = state.gamma, beta = state.beta;
  const bool frozen = state.mode == BatchNormMode::frozen;
  return tape.record(y, {x, gamma, beta}, [=, &device](const Tensor& dy) {
    const bool summed = gamma.wants_gradient() || beta.wants_gradient() || !frozen;
    const auto coefficients = [&] {
      return summed ? Tensor(device, {channels}) : Tensor::filled(device, {channels}, 0.f);
    };
    const Tensor slope = coefficients(), offset = coefficients();
    if (summed) {
      const std::int64_t chunks = chunk_count(rows);
      const Tensor sum_dz(device, {chunks, channels}), sum_dz_x(device, {chunks, channels});
      with_element_type("batch_norm", dy.dtype(), [&](auto zero) {
        using T = decltype(zero);
        launch(device,
               BatchNormBackwardChunks<T>{x.value().array<T>(), dy.array<T>(),
                                          per_channel.mean.array(), per_channel.scale.array(),
                                          per_channel.shift.array(), sum_dz.array(),
                                          sum_dz_x.array(), rows, channels, limits},
               ChunkPlace::blocks(rows, channels));
      });
      const Tensor dgamma = gamma.gradient_memory(), dbeta = beta.gradient_memory();
      launch(
          device,
          BatchNormBackwardMerge{sum_dz.array(), sum_dz_x.array(), per_channel.inverse_std.array(),
                                 per_channel.scale.array(), dgamma.array(), dbeta.array(),
                                 offset.array(), slope.array(), rows, channels, frozen ? 0.f : 1.f},
          channel_groups(channels));
      if (gamma.wants_gradient()) gamma.add_gradient(dgamma);
      if (beta.wants_gradient()) beta.add_gradient(dbeta);
    }
    if (!x.wants_gradient()) return;
    const Tensor addend = x.take_gradient();
    const Tensor dx = x.gradient_memory();
    with_element_type("batch_norm", dx.dtype(), [&](auto zero) {
      using T = decltype(zero);
      const BatchNormBackwardApply<T> apply{x.value().array<T>(),
                                            dy.array<T>(),
                                            per_channel.mean.array(),
                                            per_channel.scale.array(),
                                            per_channel.shift.array(),
                                            slope.array(),
                                            offset.array(),
                                            dx.array<T>(),
                                            channels,
                                            limits};
      if (addend) {
        launch(device, BatchNormBackwardApplyAdd<T>{apply, addend.array<T>()}, rows, channels);
      } else {
        launch(device, apply, rows, channels);
      }
    });
    x.add_gradient(dx);
  });
}

void fold(const FrozenBatchNorm& norm, const Tensor& scale, const Tensor& shift) {
  launch(scale.device(),
         FoldBatchNorm{norm.gamma.array(), norm.beta.array(), norm.running_mean.array(),
                       norm.running_var.array(), scale.array(), shift.array(), norm.eps},
         scale.count());
}

void scale_rows(const Tensor& w, const Tensor& scale) {
  const std::int64_t rows = scale.count();
  require(rows > 0 && w.count() % rows == 0, "scale_rows: ", w.shape(), " has not ", rows, " rows");
  const std::int64_t columns = w.count() / rows;
  launch(w.device(), ScaleRows{scale.array(), w.array(), columns}, rows, columns);
}

void scale_columns(const Tensor& w, const Tensor& scale) {
  const std::int64_t columns = scale.count();
  require(columns > 0 && w.count() % columns == 0, "scale_columns: ", w.shape(), " has not ",
          columns, " columns");
  const std::int64_t rows = w.count() / columns;
  launch(w.device(), ScaleColumns{scale.array(), w.array(), columns}, rows, columns);
}

Var affine(Tape& tape, const Var& x, const Tensor& scale, const Tensor& shift,
           Activation activation) {
  const Shape& shape = x.shape();
  require(shape.rank() >= 1, "affine: input is a scalar");
  const std::int64_t channels = shape[shape.rank() - 1];
  require(scale.count() == channels && shift.count() == channels, "affine: input ", shape, " has ",
          channels, " channels, scale and shift have ", scale.count(), " and ", shift.count());
  Device& device = x.device();
  const Limits limits = limits_of(activation);
  const Tensor y = scale_and_shift("affine", x, scale, shift, limits);
  return tape.record(y, {x}, [=, &device](const Tensor& dy) {
    const Tensor addend = x.take_gradient();
    const Tensor dx = x.gradient_memory();
    with_element_type("affine", dx.dtype(), [&](auto zero) {
      using T = decltype(zero);
      launch(device,
             AffineBackward<T>{x.value().array<T>(), dy.array<T>(), scale.array(), shift.array(),
                               addend ? addend.array<T>() : Array<T>{}, dx.array<T>(), channels,
                               limits},
             dx.count() / channels, channels);
    });
    x.add_gradient(dx);
  });
}

}  // namespace saddle
