// What a step of the paper's network asks of a GPU: a change that makes it more fails here.
#include "apps/bench/counted_device.h"

#include <gtest/gtest.h>

#include "apps/bench/workload.h"
#include "core/ops.h"
#include "kernels/bfloat16.h"
#include "kernels/elementwise.h"

namespace saddle::bench {
namespace {

constexpr std::int64_t kSize = 1000;

TEST(counted_device, tells_the_bytes_of_arrays_by_their_allocations) {
  CountedDevice device;
  const Tensor wide(device, {kSize}), rounded(device, {kSize}, DType::bf16);

  launch(device, Convert<float, Bfloat16>{wide.array(), rounded.array<Bfloat16>()}, kSize);
  launch(device, Fill{wide.array(), 1.f}, kSize);
  launch(device, Fill{wide.slice(10, {7}).array(), 1.f}, 7);

  EXPECT_EQ(device.parts().at("Convert<float, Bfloat16>").bytes, 6. * kSize);
  EXPECT_EQ(device.parts().at("Fill").nodes, 2);
  EXPECT_EQ(device.parts().at("Fill").bytes, 4. * kSize + 28);
}

TEST(counted_device, counts_what_surrounds_a_convolution_of_three_channels_in_bf16) {
  CountedDevice device;
  const Convolution shape{2, 4, 4, 3, 16, 3, 1, 1, Precision::bf16};
  const double pixels = 32, weights = 16 * 9;

  device.convolution_backward_weights(shape, nullptr, nullptr, nullptr);

  EXPECT_EQ(device.sum().nodes, 4);
  EXPECT_EQ(device.parts().at("PadChannels").bytes, pixels * (3 + 8) * 2);
  EXPECT_EQ(device.parts().at("convolution 3x3: gradient of weights").bytes,
            (pixels * 8 + weights * 8 + pixels * 16) * 2);
  EXPECT_EQ(device.parts().at("Convert").bytes, weights * 8 * 6);
  EXPECT_EQ(device.parts().at("CopyChannels").bytes, weights * (3 + 8) * 4);
}

CountedDevice::Part of_a_step(const std::string& mode, std::int64_t batch) {
  const BenchModel model{"preact_resnet18", 64, 3, 32, 32, 10, {batch}};
  CountedDevice device;
  Workload workload(device, model, mode, batch, Precision::bf16);
  workload.step();
  device.forget();
  workload.step();
  return device.sum();
}

// Where a step comes to ask for less, its numbers here become less too.
void expect_at_most(const std::string& mode, std::int64_t nodes, double gigabytes) {
  const CountedDevice::Part step = of_a_step(mode, 128);

  EXPECT_LE(step.nodes, nodes) << mode;
  EXPECT_GT(step.nodes, nodes * 9 / 10) << mode << " asks for less by now: lower the bound";
  EXPECT_LE(step.bytes, 1e9 * gigabytes) << mode;
  EXPECT_GT(step.bytes, .9e9 * gigabytes) << mode << " moves less by now: lower the bound";
}

TEST(a_step_of_preact_resnet18, asks_no_more_of_a_gpu_than_it_did) {
  expect_at_most("sgd", 205, 2.58);
  expect_at_most("sam", 405, 5.2);
  expect_at_most("at", 1786, 22.9);
}

}  // namespace
}  // namespace saddle::bench
