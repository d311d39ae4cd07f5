// A linear model of four classes and images around grey, for tests that know what attacks on it can
// reach.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "apps/attack/attack_table.h"
#include "apps/common/device_dataset.h"
#include "apps/common/evaluate.h"
#include "core/ops.h"
#include "tests/support/random_values.h"

namespace saddle::testing_support {

constexpr std::int64_t kClasses = 4, kPixels = 4;

// Rows of W [4, 4]; no biases.
inline const std::vector<float>& weights() {
  static const std::vector<float> w = random_values(kClasses * kPixels, 11, -2.f, 2.f);
  return w;
}

inline LogitsFunction linear_classifier(Device& device) {
  const Var w(Tensor::from_host(device, {kClasses, 1, 1, kPixels}, weights()), Gradient::none);
  return [w](Tape& tape, const Var& x) {
    return global_average_pool(tape, convolution(tape, x, w, {1, 0}));
  };
}

inline std::vector<double> logits_of_example(const Dataset& data, std::size_t example) {
  std::vector<double> z(kClasses, 0.);
  for (std::size_t k = 0; k < kClasses; ++k) {
    for (std::size_t i = 0; i < kPixels; ++i) {
      z[k] += double{weights()[k * kPixels + i]} * data.pixels[example * kPixels + i] / 255;
    }
  }
  return z;
}

// Images around grey, of the label the classifier gives them; every fifth has another label.
inline Dataset random_examples(std::int64_t size) {
  Dataset data{"linear", 1, 1, kPixels, kClasses, {}, {}, {}, {}, {}};
  for (float value : random_values(size * kPixels, 12, 0.3f, 0.7f)) {
    data.pixels.push_back(static_cast<std::uint8_t>(std::lround(value * 255)));
  }
  for (std::int64_t n = 0; n < size; ++n) {
    const std::vector<double> z = logits_of_example(data, static_cast<std::size_t>(n));
    const auto best = std::max_element(z.begin(), z.end()) - z.begin();
    data.labels.push_back(static_cast<std::int32_t>(n % 5 == 4 ? (best + 1) % kClasses : best));
  }
  return data;
}

// The distance to the nearest boundary; negative where the prediction is wrong.
inline double distance(const Dataset& data, std::size_t example, Norm norm) {
  const std::vector<double> z = logits_of_example(data, example);
  const auto y = static_cast<std::size_t>(data.labels[example]);
  double least = std::numeric_limits<double>::infinity();
  for (std::size_t s = 0; s < kClasses; ++s) {
    if (s == y) continue;
    double l1 = 0, square = 0, linf = 0;
    for (std::size_t i = 0; i < kPixels; ++i) {
      const double w = std::fabs(double{weights()[s * kPixels + i]} - weights()[y * kPixels + i]);
      l1 += w;
      square += w * w;
      linf = std::max(linf, w);
    }
    const double dual = norm == Norm::linf ? l1 : norm == Norm::l2 ? std::sqrt(square) : linf;
    least = std::min(least, (z[y] - z[s]) / dual);
  }
  return least;
}

struct Target {
  explicit Target(Device& device, std::int64_t size)
      : examples(random_examples(size)),
        data(device, examples),
        logits(linear_classifier(device)),
        clean(evaluate(logits, data, 7)) {}

  AttackResult attack(const std::string& spec, std::int64_t batch_size = 16) const {
    const Attack attack = make_attack(parse_attack_spec(spec), 3);
    return evaluate_attack(logits, data, clean, attack, AttackedExamples::correct_only, batch_size);
  }

  Dataset examples;
  DeviceDataset data;
  LogitsFunction logits;
  Evaluation clean;
};

// Behind "autoattack:...": a few steps are enough for a linear model.
constexpr const char* kShort = ",steps=12,queries=60,classes=3";

}  // namespace saddle::testing_support
