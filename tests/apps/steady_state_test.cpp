// After its first steps neither training nor attacking asks the device for memory, and none is held
// back.
#include <gtest/gtest.h>

#include "tests/apps/training_runs.h"
#include "tests/support/devices.h"

namespace saddle {
namespace {

class SteadyState : public testing::TestWithParam<std::string> {
 protected:
  Device& device() const { return device_named(GetParam()); }
  Model model(Device& device) const {
    const Dataset data = training_data();
    const NetworkOptions network{"preact_resnet10", 2, 1, 12, 12, 4};
    return {device, {network, data.mean, data.std}, 1};
  }
};

// Calls `step` twice, then five times more, in which the pool must not change.
// `asks`: whether a step takes memory from the pool at all (a replayed one does not).
void expect_no_new_memory(Pool& pool, bool asks, const std::function<void(std::uint32_t)>& step) {
  step(0);
  step(1);
  const Pool::Counters before = pool.counters();

  for (std::uint32_t number = 2; number < 7; ++number) {
    step(number);
    EXPECT_EQ(pool.counters().bytes_in_use, before.bytes_in_use) << "after step " << number;
  }

  EXPECT_EQ(pool.counters().device_allocations, before.device_allocations);
  EXPECT_EQ(pool.counters().peak_bytes_in_use, before.peak_bytes_in_use);
  if (asks) {
    EXPECT_GT(pool.counters().requests, before.requests);
  }
}

void expect_steady_training(Device& device, Model model, const std::string& name) {
  const TrainOptions options = resolved(small_run(name, "unused"));
  const DeviceDataset data(device, training_data());
  Minimiser minimiser = minimiser_of(options, device, model.network.layout.weights);

  const Task task = task_of(options, data);
  TrainingStep step(model, minimiser, task, step_options_of(options));
  step.begin_epoch(epoch_order(data.size(), 1, 0), 0);

  expect_no_new_memory(device.pool(), !device.captures(),
                       [&](std::uint32_t number) { step(number * 8, 5, 0.1, number).wait(); });
}

TEST_P(SteadyState, is_reached_by_sgd) { expect_steady_training(device(), model(device()), "sgd"); }
TEST_P(SteadyState, is_reached_by_sam_over_adam) {
  expect_steady_training(device(), model(device()), "sam-adam");
}
TEST_P(SteadyState, is_reached_by_adversarial_training) {
  expect_steady_training(device(), model(device()), "pgd");
}

void expect_steady_attack(Device& device, const Model& model, Norm norm) {
  const DeviceDataset data(device, training_data());
  expect_no_new_memory(device.pool(), true, [&](std::uint32_t number) {
    pgd(model.evaluation(), data.batch(number, 5), {norm, 0.1f, 0.03f, 3, Start::random}, 1,
        number);
  });
}

TEST_P(SteadyState, is_reached_by_pgd_in_linf) {
  expect_steady_attack(device(), model(device()), Norm::linf);
}
TEST_P(SteadyState, is_reached_by_pgd_in_l2) {
  expect_steady_attack(device(), model(device()), Norm::l2);
}

INSTANTIATE_TEST_SUITE_P(Devices, SteadyState, ::testing::ValuesIn(testing_support::device_names()),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace saddle
