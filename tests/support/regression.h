// Linear regression on a weight buffer of four slots: losses and gradients that are known exactly.
//
//   L_n(w) = 1/2 (<x_n, w> - y_n)^2;  L the mean over all examples, or over some
#pragma once

#include <cmath>
#include <vector>

#include "optim/objective.h"
#include "optim/sam.h"
#include "tests/support/random_values.h"

namespace saddle::testing_support {

// A matrix, a normalisation layer and a bias: sizes that leave gaps, 64 elements in all.
inline WeightLayout four_slots() {
  WeightLayout layout;
  layout.add("linear.weight", {3, 4}, {});
  layout.add("norm.weight", {5}, {}, SlotKind::norm_scale);
  layout.add("norm.bias", {5}, {}, SlotKind::norm_shift);
  layout.add("linear.bias", {3}, {}, SlotKind::bias);
  return layout;
}

// A buffer of the layout with random values, the gaps zero.
inline std::vector<float> random_buffer(const WeightLayout& layout, std::uint64_t seed) {
  const std::vector<float> values = random_values(layout.size(), seed);
  std::vector<float> buffer(values.size(), 0.f);
  for (const Slot& slot : layout.slots()) {
    for (std::int64_t i = slot.offset; i < slot.offset + slot.shape.count(); ++i) {
      buffer[static_cast<std::size_t>(i)] = values[static_cast<std::size_t>(i)];
    }
  }
  return buffer;
}

struct Regression {
  static constexpr std::int64_t kExamples = 11;
  std::vector<std::vector<float>> x;
  std::vector<float> y;
  // What was asked: the weights, and how many examples, of each gradient; forward passes alone.
  std::vector<GradientAt> asked;
  std::vector<std::vector<float>> at;
  std::vector<std::size_t> examples;
  int forwards_alone = 0;

  explicit Regression(const WeightLayout& layout) : y(random_values(kExamples, 99)) {
    for (std::uint64_t n = 0; n < kExamples; ++n) x.push_back(random_buffer(layout, 100 + n));
  }

  double residual(std::size_t n, const std::vector<float>& w) const {
    double sum = -double{y[n]};
    for (std::size_t i = 0; i < w.size(); ++i) sum += double{x[n][i]} * w[i];
    return sum;
  }

  std::vector<float> gradient(const std::vector<float>& w,
                              const std::vector<std::int32_t>& rows) const {
    std::vector<double> g(w.size(), 0.);
    for (std::int32_t row : rows) {
      const auto n = static_cast<std::size_t>(row);
      const double r = residual(n, w) / static_cast<double>(rows.size());
      for (std::size_t i = 0; i < w.size(); ++i) g[i] += r * x[n][i];
    }
    return {g.begin(), g.end()};
  }

  std::vector<float> losses(const std::vector<float>& w) const {
    std::vector<float> all;
    for (std::size_t n = 0; n < kExamples; ++n) {
      all.push_back(static_cast<float>(std::pow(residual(n, w), 2) / 2));
    }
    return all;
  }

  Objective objective() {
    const auto gradient_at = [this](const Parameters& w, const Tensor& g,
                                    const GradientRequest& request) {
      std::vector<std::int32_t> rows;
      for (std::int32_t n = 0; n < kExamples; ++n) rows.push_back(n);
      if (request.rows) rows = request.rows.to_host<std::int32_t>();
      asked.push_back(request.at);
      at.push_back(w.values.to_host<float>());
      examples.push_back(rows.size());
      if (request.losses) Tensor(request.losses).copy_from_host(losses(at.back()).data());
      Tensor(g).copy_from_host(gradient(at.back(), rows).data());
    };
    const auto losses_at = [this](const Parameters& w, const Tensor& to) {
      ++forwards_alone;
      Tensor(to).copy_from_host(losses(w.values.to_host<float>()).data());
    };
    return {gradient_at, losses_at, kExamples};
  }

  // SSAM's gradients of single examples, at fixed weights.
  ExampleGradient of_example(const std::vector<float>& w) const {
    return [this, w](std::int64_t example, const Tensor& g) {
      Tensor(g).copy_from_host(gradient(w, {static_cast<std::int32_t>(example)}).data());
    };
  }
};

}  // namespace saddle::testing_support
