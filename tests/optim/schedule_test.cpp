// Learning rates at the exact epochs where they change.
#include "optim/schedule.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/error.h"
#include "tests/support/expect_near.h"

namespace saddle {
namespace {

using testing_support::expect_near;
using testing_support::message_of;

double step_rate(std::int64_t epoch, std::int64_t epochs) {
  return learning_rate(Schedule::step, 0.1, epoch, epochs);
}

constexpr double kExact = 1e-16;  // one rounding of a double near 0.1

TEST(step_schedule, falls_at_epochs_75_and_90_of_100) {
  expect_near(step_rate(0, 100), 0.1, 0, "epoch 0");
  expect_near(step_rate(74, 100), 0.1, 0, "epoch 74");
  expect_near(step_rate(75, 100), 0.01, kExact, "epoch 75");
  expect_near(step_rate(89, 100), 0.01, kExact, "epoch 89");
  expect_near(step_rate(90, 100), 0.001, kExact, "epoch 90");
  expect_near(step_rate(99, 100), 0.001, kExact, "epoch 99");
}

TEST(step_schedule, falls_at_the_first_epoch_that_is_not_below_the_fraction) {
  // 75 % of 10 is 7.5 and 90 % is 9; 75 % of 7 is 5.25 and 90 % is 6.3.
  expect_near(step_rate(7, 10), 0.1, 0, "epoch 7 of 10");
  expect_near(step_rate(8, 10), 0.01, kExact, "epoch 8 of 10");
  expect_near(step_rate(9, 10), 0.001, kExact, "epoch 9 of 10");
  expect_near(step_rate(5, 7), 0.1, 0, "epoch 5 of 7");
  expect_near(step_rate(6, 7), 0.01, kExact, "epoch 6 of 7");
}

TEST(step_schedule, of_one_epoch_never_falls) { EXPECT_EQ(step_rate(0, 1), 0.1); }

TEST(cosine_schedule, begins_at_lr_and_is_half_in_the_middle) {
  expect_near(learning_rate(Schedule::cosine, 0.1, 0, 100), 0.1, 0, "epoch 0");
  expect_near(learning_rate(Schedule::cosine, 0.1, 50, 100), 0.05, kExact, "epoch 50");
  expect_near(learning_rate(Schedule::cosine, 0.1, 25, 100), 0.1 * (1 + std::sqrt(0.5)) / 2, kExact,
              "epoch 25");
  expect_near(learning_rate(Schedule::cosine, 0.1, 100, 100), 0, kExact, "the end");
}

TEST(poly_schedule, is_the_power_0_9_of_what_remains) {
  expect_near(learning_rate(Schedule::poly, 0.1, 0, 100), 0.1, 0, "epoch 0");
  expect_near(learning_rate(Schedule::poly, 0.1, 50, 100), 0.1 * std::pow(0.5, 0.9), kExact,
              "epoch 50");
  expect_near(learning_rate(Schedule::poly, 0.1, 100, 100), 0, 0, "the end");
}

TEST(warm_up, rises_in_equal_steps_to_where_the_schedule_is) {
  for (std::int64_t epoch = 0; epoch < 4; ++epoch) {
    expect_near(learning_rate(Schedule::constant, 0.1, epoch, 100, 4),
                0.02 * static_cast<double>(epoch + 1), kExact, "epoch " + std::to_string(epoch));
  }
  for (Schedule schedule : {Schedule::constant, Schedule::cosine, Schedule::step}) {
    EXPECT_EQ(learning_rate(schedule, 0.1, 4, 100, 4), learning_rate(schedule, 0.1, 4, 100));
    EXPECT_EQ(learning_rate(schedule, 0.1, 90, 100, 4), learning_rate(schedule, 0.1, 90, 100));
  }
  expect_near(learning_rate(Schedule::cosine, 0.1, 1, 100, 4),
              learning_rate(Schedule::cosine, 0.1, 1, 100) * 2 / 5, kExact, "cosine");
}

TEST(linear_schedule, falls_by_equal_steps_towards_0) {
  EXPECT_EQ(learning_rate(Schedule::linear, 0.1, 0, 4), 0.1);
  EXPECT_EQ(learning_rate(Schedule::linear, 0.1, 1, 4), 0.1 * 0.75);
  EXPECT_EQ(learning_rate(Schedule::linear, 0.1, 3, 4), 0.1 * 0.25);
}

TEST(constant_schedule, is_lr) {
  EXPECT_EQ(learning_rate(Schedule::constant, 0.1, 0, 100), 0.1);
  EXPECT_EQ(learning_rate(Schedule::constant, 0.1, 99, 100), 0.1);
}

TEST(schedules, go_by_name) {
  EXPECT_EQ(schedule_named("step"), Schedule::step);
  EXPECT_EQ(schedule_named("cosine"), Schedule::cosine);
  EXPECT_EQ(schedule_named("poly"), Schedule::poly);
  EXPECT_EQ(schedule_named("linear"), Schedule::linear);
  EXPECT_EQ(schedule_named("constant"), Schedule::constant);
}

TEST(schedules, of_another_name_are_an_error_that_lists_those_there_are) {
  EXPECT_CONTAINS(message_of<Error>([] { schedule_named("square"); }),
                  "schedule 'square' is unknown. There are step, cosine, poly, linear, constant");
}

}  // namespace
}  // namespace saddle
