#include "optim/schedule.h"

#include <cmath>
#include <numbers>

#include "core/error.h"

namespace saddle {

Schedule schedule_named(const std::string& name) {
  if (name == "step") return Schedule::step;
  if (name == "cosine") return Schedule::cosine;
  if (name == "poly") return Schedule::poly;
  if (name == "linear") return Schedule::linear;
  if (name == "constant") return Schedule::constant;
  fail("schedule '", name, "' is unknown. There are step, cosine, poly, linear, constant");
}

double learning_rate(Schedule schedule, double lr, std::int64_t epoch, std::int64_t epochs,
                     std::int64_t warmup) {
  if (epoch < warmup) {
    lr *= static_cast<double>(epoch + 1) / static_cast<double>(warmup + 1);
  }
  const double progress = static_cast<double>(epoch) / static_cast<double>(epochs);
  switch (schedule) {
    case Schedule::step:
      // Compared in whole numbers, so that epoch 75 of 100 is exactly where the rate falls.
      return epoch * 10 >= epochs * 9 ? lr * 0.01 : epoch * 4 >= epochs * 3 ? lr * 0.1 : lr;
    case Schedule::cosine: return lr * (1 + std::cos(std::numbers::pi * progress)) / 2;
    case Schedule::poly: return lr * std::pow(1 - progress, 0.9);
    case Schedule::linear: return lr * (1 - progress);
    case Schedule::constant: return lr;
  }
  return lr;
}

}  // namespace saddle
