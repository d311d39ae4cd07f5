#include "apps/bench/timed_device.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

#include "core/ops.h"
#include "tests/support/expect_near.h"
#include "tests/support/random_values.h"

namespace saddle::bench {
namespace {

using testing_support::bits_of;
using testing_support::random_values;

// The gradients with respect to x and w of the sum of relu(convolution(x, w)) over all pixels.
struct Gradients {
  std::vector<float> x, w;
};

Gradients gradients_on(Device& device) {
  const Shape images{2, 6, 6, 3}, weights{4, 3, 3, 3};
  Tape tape;
  const Var x(Tensor::from_host(device, images, random_values(images.count(), 1)),
              Gradient::wanted),
      w(Tensor::from_host(device, weights, random_values(weights.count(), 2)),
        Tensor(device, weights));
  const Var z = global_average_pool(tape, relu(tape, convolution(tape, x, w, {2, 1})));
  const Tensor labels = Tensor::from_host(device, {2}, std::vector<std::int32_t>{1, 3});
  tape.backward(cross_entropy(tape, z, labels, LossReduction::sum).loss);
  return {x.gradient().to_host<float>(), w.destination().to_host<float>()};
}

TEST(timed_device, computes_what_the_device_within_it_computes) {
  TimedDevice timed(cpu_device());

  const Gradients got = gradients_on(timed), expected = gradients_on(cpu_device());

  EXPECT_EQ(bits_of(got.x), bits_of(expected.x));
  EXPECT_EQ(bits_of(got.w), bits_of(expected.w));
}

TEST(timed_device, counts_each_kind_of_call_under_its_name_until_it_forgets) {
  TimedDevice timed(cpu_device());
  for (int step = 0; step < 3; ++step) gradients_on(timed);

  for (const char* name :
       {"convolution 3x3, stride 2: forward", "convolution 3x3, stride 2: gradient of images",
        "convolution 3x3, stride 2: gradient of weights", "Activate<float>",
        "ActivateBackward<float>", "SoftmaxCrossEntropy"}) {
    ASSERT_EQ(timed.parts().count(name), 1U) << name;
    EXPECT_EQ(timed.parts().at(name).calls, 3) << name;
    EXPECT_GT(timed.parts().at(name).seconds, 0) << name;
  }

  timed.forget();
  EXPECT_TRUE(timed.parts().empty());
}

TEST(timed_device, never_captures_so_that_every_call_is_timed) {
  EXPECT_TRUE(emulated_device().captures());
  EXPECT_FALSE(TimedDevice(emulated_device()).captures());
}

}  // namespace
}  // namespace saddle::bench
