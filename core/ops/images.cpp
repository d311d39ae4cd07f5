// Ops that move, join, resize and pool images.
#include <utility>

#include "core/element_type.h"
#include "core/ops.h"
#include "kernels/borders.h"
#include "kernels/channels.h"
#include "kernels/pooling.h"
#include "kernels/resize.h"

namespace saddle {
namespace {

// y [N, H', W', C]: x moved by `shift` rows and columns.
void shift_pixels(const Tensor& x, const Tensor& y, std::int64_t shift) {
  const Shape &from = x.shape(), &to = y.shape();
  with_element_type("pad", x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    launch(y.device(),
           ShiftPixels<T>{x.array<T>(), y.array<T>(), from[1], from[2], to[1], to[2], to[3], shift},
           to[0] * to[1] * to[2], to[3]);
  });
}

// One axis of x, its middle one as [outer, extent, inner], to `out` places.
struct Axis {
  std::int64_t outer, in, out, inner;
};

void resize_axis(const Axis& axis, const Tensor& x, const Tensor& y) {
  launch(y.device(), ResizeAxis{x.array(), y.array(), axis.in, axis.out, axis.inner},
         axis.outer * axis.out, axis.inner);
}
void resize_axis_backward(const Axis& axis, const Tensor& dy, const Tensor& dx) {
  launch(dx.device(), ResizeAxisBackward{dy.array(), dx.array(), axis.in, axis.out, axis.inner},
         axis.outer * axis.in);
}

}  // namespace

Var pad(Tape& tape, const Var& x, std::int64_t border) {
  const Shape& shape = x.shape();
  require(shape.rank() == 4, "pad: input ", shape, " must be [N, H, W, C]");
  require(border >= 0, "pad: a border of ", border, " pixels");
  const Tensor y(x.device(), {shape[0], shape[1] + 2 * border, shape[2] + 2 * border, shape[3]},
                 x.value().dtype());
  shift_pixels(x.value(), y, -border);
  return tape.record(y, {x}, [=](const Tensor& dy) {
    const Tensor dx = x.gradient_memory();
    shift_pixels(dy, dx, border);
    x.add_gradient(dx);
  });
}

Var max_pool(Tape& tape, const Var& x, std::int64_t kernel, std::int64_t stride,
             std::int64_t padding) {
  const Shape& shape = x.shape();
  require(shape.rank() == 4, "max_pool: input ", shape, " must be [N, H, W, C]");
  require(kernel >= 1 && kernel <= 15 && stride >= 1 && padding >= 0 && 2 * padding <= kernel,
          "max_pool: kernel ", kernel, ", stride ", stride, " and padding ", padding,
          " must be 1 to 15, at least 1, and at most half the kernel");
  require(shape[1] + 2 * padding >= kernel && shape[2] + 2 * padding >= kernel,
          "max_pool: a window of ", kernel, " does not fit into input ", shape, " with padding ",
          padding);
  const PoolWindows windows{shape[1],
                            shape[2],
                            shape[3],
                            (shape[1] + 2 * padding - kernel) / stride + 1,
                            (shape[2] + 2 * padding - kernel) / stride + 1,
                            kernel,
                            stride,
                            padding};
  Device& device = x.device();
  const Shape out{shape[0], windows.out_height, windows.out_width, shape[3]};
  const Tensor y(device, out, x.value().dtype()), tap(device, out, DType::u8);
  with_element_type("max_pool", y.dtype(), [&](auto zero) {
    using T = decltype(zero);
    launch(device,
           MaxPool<T>{x.value().array<T>(), y.array<T>(), tap.array<std::uint8_t>(), windows},
           out[0] * out[1] * out[2], out[3]);
  });
  return tape.record(y, {x}, [=, &device](const Tensor& dy) {
    const Tensor dx = x.gradient_memory();
    with_element_type("max_pool", dx.dtype(), [&](auto zero) {
      using T = decltype(zero);
      launch(device,
             MaxPoolBackward<T>{dy.array<T>(), tap.array<std::uint8_t>(), dx.array<T>(), windows},
             dx.shape()[0] * dx.shape()[1] * dx.shape()[2], dx.shape()[3]);
    });
    x.add_gradient(dx);
  });
}

Var concatenate(Tape& tape, const std::vector<Var>& images, const Var& vector) {
  require(!images.empty(), "concatenate: no images");
  const Shape& first = images[0].shape();
  std::int64_t channels = 0;
  for (const Var& x : images) {
    const Shape& s = x.shape();
    require(first.rank() == 4 && s.rank() == 4 && s[0] == first[0] && s[1] == first[1] &&
                s[2] == first[2] && x.value().dtype() == images[0].value().dtype(),
            "concatenate: images ", first, ' ', name_of(images[0].value().dtype()), " and ", s, ' ',
            name_of(x.value().dtype()), " differ in more than channels");
    channels += s[3];
  }
  require(vector.shape().rank() == 2 && vector.shape()[0] == first[0] &&
              vector.value().dtype() == DType::f32,
          "concatenate: the vectors ", vector.shape(), " of images ", first,
          " must be f32 [N, channels]");
  const std::int64_t pixels = first[1] * first[2], rows = first[0] * pixels;
  const std::int64_t images_end = channels, own = vector.shape()[1];
  channels += own;
  Device& device = images[0].device();
  const Tensor y(device, {first[0], first[1], first[2], channels}, images[0].value().dtype());
  with_element_type("concatenate", y.dtype(), [&](auto zero) {
    using T = decltype(zero);
    std::int64_t at = 0;
    for (const Var& x : images) {
      const std::int64_t width = x.shape()[3];
      launch(device, CopyChannels<T>{x.value().array<T>(), y.array<T>(), width, 0, channels, at},
             rows, width);
      at += width;
    }
    launch(device,
           SpreadOverPixels<T>{vector.value().array(), y.array<T>(), pixels, own, channels, at},
           rows, own);
  });
  std::vector<Var> inputs = images;
  inputs.push_back(vector);
  return tape.record(y, inputs, [=, &device](const Tensor& dy) {
    with_element_type("concatenate", dy.dtype(), [&](auto zero) {
      using T = decltype(zero);
      std::int64_t at = 0;
      for (const Var& x : images) {
        const std::int64_t width = x.shape()[3], place = std::exchange(at, at + width);
        if (!x.wants_gradient()) continue;
        const Tensor dx = x.gradient_memory();
        launch(device, CopyChannels<T>{dy.array<T>(), dx.array<T>(), channels, place, width, 0},
               rows, width);
        x.add_gradient(dx);
      }
      if (!vector.wants_gradient()) return;
      const Tensor dvector = vector.gradient_memory();
      launch(device,
             SumOverPixels<T>{dy.array<T>(), dvector.array(), pixels, own, channels, images_end},
             vector.shape()[0], own);
      vector.add_gradient(dvector);
    });
  });
}

Var resize_bilinear(Tape& tape, const Var& x, std::int64_t height, std::int64_t width) {
  const Shape& shape = x.shape();
  require(shape.rank() == 4 && shape[1] > 0 && shape[2] > 0, "resize_bilinear: input ", shape,
          " must be [N, H, W, C] with pixels");
  require(height > 0 && width > 0, "resize_bilinear: to ", height, " x ", width, " pixels");
  Device& device = x.device();
  const std::int64_t batch = shape[0], channels = shape[3];
  // Columns first, while there are few rows; a whole row is then next to the next one.
  const Axis columns{batch * shape[1], shape[2], width, channels};
  const Axis rows{batch, shape[1], height, width * channels};
  const Shape between_shape{batch, shape[1], width, channels};
  const Tensor between(device, between_shape), y(device, {batch, height, width, channels});
  resize_axis(columns, x.value(), between);
  resize_axis(rows, between, y);
  return tape.record(y, {x}, [=, &device](const Tensor& dy) {
    const Tensor dbetween(device, between_shape), dx = x.gradient_memory();
    resize_axis_backward(rows, dy, dbetween);
    resize_axis_backward(columns, dbetween, dx);
    x.add_gradient(dx);
  });
}

}  // namespace saddle
