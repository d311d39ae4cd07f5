#include "apps/bench/convolutions.h"

#include <algorithm>
#include <functional>

#include "apps/bench/counted_device.h"
#include "apps/bench/timing.h"
#include "core/replay.h"
#include "core/tensor.h"
#include "kernels/bfloat16.h"
#include "kernels/elementwise.h"

namespace saddle::bench {
namespace {

std::string shown(const Convolution& s, ConvolutionOf what) {
  return text(s.kernel, 'x', s.kernel, s.stride > 1 ? text(", stride ", s.stride) : "",
              s.dilation > 1 ? text(", dilation ", s.dilation) : "", ", ", s.in_channels, " > ",
              s.out_channels, " channels, ", s.height, 'x', s.width, ": ", name_of(what));
}

// Numbers as activations are, none of them so small that arithmetic slows down.
Tensor operand(Device& device, std::int64_t count, DType type) {
  const Tensor values = Tensor::filled(device, {count}, .5f);
  if (type == DType::f32) return values;
  const Tensor rounded(device, {count}, DType::bf16);
  launch(device, Convert<float, Bfloat16>{values.array(), rounded.array<Bfloat16>()}, count);
  return rounded;
}

void* memory_of(const Tensor& tensor) {
  return tensor.dtype() == DType::f32 ? static_cast<void*>(tensor.data<float>())
                                      : tensor.data<Bfloat16>();
}

double seconds_of(Device& device, const Convolution& s, ConvolutionOf what, double seconds) {
  const Tensor x = operand(device, s.input_count(), s.dtype()),
               w = operand(device, s.weight_count(), s.dtype()),
               y = operand(device, s.output_count(), s.dtype()),
               dw = operand(device, s.weight_count(), DType::f32);
  Replay replay;
  return median_seconds(device, seconds, [&] {
    replay(device, [&] {
      switch (what) {
        case ConvolutionOf::forward:
          return device.convolution_forward(s, memory_of(x), memory_of(w), {}, memory_of(y));
        case ConvolutionOf::images:
          return device.convolution_backward_data(s, memory_of(y), memory_of(w), memory_of(x),
                                                  Sum::store);
        case ConvolutionOf::weights:
          return device.convolution_backward_weights(s, memory_of(x), memory_of(y),
                                                     dw.data<float>());
      }
    });
  });
}

}  // namespace

std::vector<ConvolutionSpeed> convolution_speeds(Device& device, const BenchModel& model,
                                                 const std::string& mode, std::int64_t batch,
                                                 Precision precision, double seconds) {
  CountedDevice counted;
  Workload workload(counted, model, mode, batch, precision);
  workload.step();
  counted.forget();
  workload.step();

  std::vector<ConvolutionSpeed> speeds;
  for (const auto& [convolution, calls] : counted.convolutions()) {
    const auto& [what, shape] = convolution;
    const double operations = 2. * static_cast<double>(shape.output_count()) *
                              static_cast<double>(shape.weight_count() / shape.out_channels);
    const double once = seconds_of(device, shape, what, seconds);
    device.pool().trim();
    speeds.push_back({shown(shape, what), calls, once, operations / once});
  }
  const auto together = [](const ConvolutionSpeed& speed) {
    return static_cast<double>(speed.calls) * speed.seconds;
  };
  std::ranges::sort(speeds, std::greater{}, together);
  return speeds;
}

}  // namespace saddle::bench
