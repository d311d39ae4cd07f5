#include "apps/bench/kernels.h"

#include <algorithm>
#include <functional>

#include "apps/bench/timing.h"
#include "core/element_type.h"
#include "core/replay.h"
#include "core/tensor.h"
#include "kernels/adam.h"
#include "kernels/batch_norm.h"
#include "kernels/batch_norm_apply.h"
#include "kernels/bfloat16.h"
#include "kernels/elementwise.h"
#include "kernels/pgd.h"
#include "kernels/pooling.h"
#include "kernels/reductions.h"
#include "kernels/sam.h"
#include "kernels/sgd.h"

namespace saddle::bench {
namespace {

constexpr std::int64_t kChannels = 64, kPixels = 32 * 32, kImageValues = 3 * kPixels;
constexpr std::int64_t kWeights = 11171072;  // preact_resnet18's flat buffer, rounded
constexpr double kMoreThanCaches = 400e6;    // bytes that the sets of buffers move together
constexpr double kLargestSets = 8e9;         // bytes

// A kernel to be measured: the bytes a launch moves, and a maker of one set of buffers and the
// launch on it.
struct Case {
  std::string name;
  double bytes;
  std::function<std::function<void()>()> make;
};

double size(std::int64_t count, DType dtype) { return static_cast<double>(count) * size_of(dtype); }

Tensor f32(Device& device, std::int64_t count, float value = 0.3f) {
  return Tensor::filled(device, {count}, value);
}

template <class T>
Tensor of_type(Device& device, std::int64_t count) {
  const Tensor plain = f32(device, count);
  if constexpr (std::is_same_v<T, float>) {
    return plain;
  } else {
    const Tensor tensor(device, {count}, dtype_of<T>);
    launch(device, Convert<float, T>{plain.array(), tensor.template array<T>()}, count);
    return tensor;
  }
}

template <class T>
std::vector<Case> activation_cases(Device& device, std::int64_t batch) {
  const std::int64_t rows = batch * kPixels, count = rows * kChannels;
  const double whole = size(count, dtype_of<T>);
  const auto act = [&device, count] { return of_type<T>(device, count); };
  const auto channel = [&device] { return f32(device, kChannels); };
  const auto partial = [&device, rows] { return f32(device, chunk_count(rows) * kChannels); };
  const std::int64_t blocks = ChunkPlace::blocks(rows, kChannels);
  std::vector<Case> cases;
  cases.push_back({"BatchNormChunks", whole, [=, &device] {
                     return [=, &device, x = act(), mean = partial(), deviation = partial()] {
                       launch(device,
                              BatchNormChunks<T>{x.template array<T>(), mean.array(),
                                                 deviation.array(), rows, kChannels},
                              blocks);
                     };
                   }});
  cases.push_back({"BatchNormApply", 2 * whole, [=, &device] {
                     return [=, &device, x = act(), y = act(), scale = channel(),
                             shift = channel()] {
                       launch(device,
                              BatchNormApply<T>{x.template array<T>(), scale.array(), shift.array(),
                                                y.template array<T>(), kChannels, kRelu},
                              rows, kChannels);
                     };
                   }});
  cases.push_back({"BatchNormBackwardChunks", 2 * whole, [=, &device] {
                     return [=, &device, x = act(), dy = act(), c = channel(), sum = partial(),
                             products = partial()] {
                       launch(
                           device,
                           BatchNormBackwardChunks<T>{x.template array<T>(), dy.template array<T>(),
                                                      c.array(), c.array(), c.array(), sum.array(),
                                                      products.array(), rows, kChannels, kRelu},
                           blocks);
                     };
                   }});
  const auto backward = [=](const Tensor& x, const Tensor& dy, const Tensor& c, const Tensor& dx) {
    return BatchNormBackwardApply<T>{x.template array<T>(),
                                     dy.template array<T>(),
                                     c.array(),
                                     c.array(),
                                     c.array(),
                                     c.array(),
                                     c.array(),
                                     dx.template array<T>(),
                                     kChannels,
                                     kRelu};
  };
  cases.push_back({"BatchNormBackwardApply", 3 * whole, [=, &device] {
                     return [=, &device, x = act(), dy = act(), dx = act(), c = channel()] {
                       launch(device, backward(x, dy, c, dx), rows, kChannels);
                     };
                   }});
  cases.push_back(
      {"BatchNormBackwardApplyAdd", 4 * whole, [=, &device] {
         return [=, &device, x = act(), dy = act(), dx = act(), addend = act(), c = channel()] {
           launch(device,
                  BatchNormBackwardApplyAdd<T>{backward(x, dy, c, dx), addend.template array<T>()},
                  rows, kChannels);
         };
       }});
  cases.push_back(
      {"Add", 3 * whole, [=, &device] {
         return [=, &device, a = act(), b = act(), y = act()] {
           launch(device,
                  Add<T>{a.template array<T>(), b.template array<T>(), y.template array<T>()},
                  count);
         };
       }});
  cases.push_back({"ActivateBackward", 3 * whole, [=, &device] {
                     return [=, &device, x = act(), dy = act(), dx = act()] {
                       launch(device,
                              ActivateBackward<T>{x.template array<T>(), dy.template array<T>(),
                                                  dx.template array<T>(), kRelu},
                              count);
                     };
                   }});
  cases.push_back(
      {"GlobalAveragePool", whole, [=, &device] {
         return [=, &device, x = act(), y = f32(device, batch * kChannels)] {
           launch(device,
                  GlobalAveragePool<T>{x.template array<T>(), y.array(), kPixels, kChannels},
                  GlobalAveragePool<T>::blocks(batch, kChannels));
         };
       }});
  return cases;
}

std::vector<Case> pixel_cases(Device& device, std::int64_t batch) {
  const std::int64_t count = batch * kImageValues;
  const double whole = size(count, DType::f32);
  const auto pixels = [&device, count] { return f32(device, count, 0.5f); };
  std::vector<Case> cases;
  cases.push_back(
      {"PgdStepLinf", 5 * whole, [=, &device] {
         return [=, &device, delta = pixels(), g = pixels(), x = pixels(), x_hat = pixels()] {
           launch(device,
                  PgdStepLinf{delta.array(), g.array(), x.array(), x_hat.array(), 0.01f, 0.03f},
                  count);
         };
       }});
  cases.push_back({"PgdStepL2", 5 * whole, [=, &device] {
                     return [=, &device, delta = pixels(), g = pixels(), x = pixels(),
                             x_hat = pixels()] {
                       launch(device,
                              PgdStepL2{delta.array(), g.array(), x.array(), x_hat.array(),
                                        kImageValues, 0.1f, 0.5f},
                              batch);
                     };
                   }});
  return cases;
}

// The optimisers' kernels; with the bf16 copy of the weights where `copies`.
std::vector<Case> weight_cases(Device& device, bool copies) {
  const double whole = size(kWeights, DType::f32),
               rounded = copies ? size(kWeights, DType::bf16) : 0;
  const auto weights = [&device] { return f32(device, kWeights, 0.01f); };
  const auto copy = [&device, copies] {
    return copies ? of_type<Bfloat16>(device, kWeights) : Tensor();
  };
  const auto array = [](const Tensor& t) { return t ? t.array<Bfloat16>() : Array<Bfloat16>{}; };
  std::vector<Case> cases;
  cases.push_back({"SumSquares", whole, [=, &device] {
                     return [=, &device, g = weights(), sums = f32(device, kSumBlocks)] {
                       launch(device, SumSquares{g.array(), sums.array()}, kSumBlocks);
                     };
                   }});
  cases.push_back(
      {"SamPerturb", 3 * whole + rounded, [=, &device] {
         return [=, &device, w = weights(), g = weights(), w_hat = weights(), c = copy(),
                 norm = f32(device, 1), rho = f32(device, 1)] {
           launch(device,
                  SamPerturb{
                      w.array(), g.array(), rho.array(), norm.array(), w_hat.array(), array(c), {}},
                  kWeights);
         };
       }});
  cases.push_back(
      {"SgdStep", 5 * whole + rounded, [=, &device] {
         return [=, &device, w = weights(), g = weights(), m = weights(), c = copy(),
                 lr = f32(device, 4)] {
           launch(device,
                  SgdStep{w.array(), g.array(), m.array(), array(c), lr.array(), 0.9f, 5e-4f, 0.f},
                  kWeights);
         };
       }});
  cases.push_back({"AdamStep", 7 * whole + rounded, [=, &device] {
                     return [=, &device, w = weights(), g = weights(), m = weights(), v = weights(),
                             c = copy(), rates = f32(device, 4)] {
                       launch(device,
                              AdamStep{w.array(), g.array(), m.array(), v.array(), array(c),
                                       rates.array(), 0.9f, 0.999f, 0.1f, 0.001f, 1e-8f, 0.f},
                              kWeights);
                     };
                   }});
  return cases;
}

KernelSpeed measure(Device& device, const Case& kernel, double seconds, double copy) {
  const double sets = std::clamp(kMoreThanCaches / kernel.bytes, 2., kLargestSets / kernel.bytes);
  std::vector<std::function<void()>> launches;
  while (static_cast<double>(launches.size()) < sets) launches.push_back(kernel.make());
  Replay replay;
  const double of_all = median_seconds(device, seconds, [&] {
    replay(device, [&] {
      for (const auto& launch_on_set : launches) launch_on_set();
    });
  });
  const double of_one = of_all / static_cast<double>(launches.size());
  return {kernel.name, of_one, kernel.bytes / of_one, kernel.bytes / of_one / copy};
}

}  // namespace

double copy_bandwidth(Device& device, double seconds) {
  // Larger than a GPU's caches, small enough for a laptop.
  constexpr std::int64_t kCount = 64 << 20;
  const Tensor from = f32(device, kCount), to = f32(device, kCount);
  const double once = median_seconds(device, seconds, [&] { Tensor(to).copy_from(from); });
  return 2 * size(kCount, DType::f32) / once;
}

double node_seconds(Device& device, double seconds) {
  constexpr int kNodes = 240;
  const Tensor number = f32(device, 1);
  Replay replay;
  const double all = median_seconds(device, seconds, [&] {
    replay(device, [&] {
      for (int i = 0; i < kNodes; ++i) launch(device, Fill{number.array(), 0.f}, 1);
    });
  });
  return all / kNodes;
}

std::vector<KernelSpeed> kernel_speeds(Device& device, Precision precision, std::int64_t batch,
                                       double seconds, double copy) {
  const bool bf16 = precision == Precision::bf16;
  std::vector<KernelSpeed> speeds;
  for (const std::vector<Case>& cases :
       {bf16 ? activation_cases<Bfloat16>(device, batch) : activation_cases<float>(device, batch),
        pixel_cases(device, batch), weight_cases(device, bf16)}) {
    for (const Case& kernel : cases) {
      speeds.push_back(measure(device, kernel, seconds, copy));
      device.pool().trim();
    }
  }
  return speeds;
}

}  // namespace saddle::bench
