// APGD beside its algorithm written out in double, on a model that is not linear.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "attacks/apgd.h"
#include "attacks/apgd_rows.h"
#include "attacks/rows.h"
#include "tests/support/devices.h"
#include "tests/support/expect_near.h"
#include "tests/support/random_values.h"

namespace saddle {
namespace {

using namespace testing_support;
using Floats = std::vector<float>;
using Integers = std::vector<std::int32_t>;
using Doubles = std::vector<double>;

// With f(x) = sum over i of sin(9 x_i + i) the logits (3 - f, f, 0) give a
// loss with hills and valleys. Images [1, 1, 1, n].
double wave(double x, std::size_t i) { return std::sin(9 * x + static_cast<double>(i)); }
double wave_slope(double x, std::size_t i) { return 9 * std::cos(9 * x + static_cast<double>(i)); }

// As an op of its own on the host: what an attack may be given is any function with a gradient.
LogitsFunction wave_model() {
  return [](Tape& tape, const Var& pixels) {
    const Floats x = pixels.value().to_host<float>();
    double f = 0;
    for (std::size_t i = 0; i < x.size(); ++i) f += wave(x[i], i);
    const Floats z = {static_cast<float>(3 - f), static_cast<float>(f), 0};
    return tape.record(
        Tensor::from_host(pixels.device(), {1, 3}, z), {pixels}, [=](const Tensor& dz) {
          const Floats d = dz.to_host<float>();
          Floats dx;
          for (std::size_t i = 0; i < x.size(); ++i) {
            dx.push_back(static_cast<float>((d[1] - d[0]) * wave_slope(x[i], i)));
          }
          pixels.add_gradient(Tensor::from_host(pixels.device(), pixels.shape(), dx));
        });
  };
}

struct LossAndSlope {
  double loss;
  Doubles slope;
};

// Cross-entropy of label 0, or log p_aim.
LossAndSlope wave_loss(const Doubles& x, std::optional<std::size_t> aim) {
  double f = 0;
  for (std::size_t i = 0; i < x.size(); ++i) f += wave(x[i], i);
  const Doubles z = {3 - f, f, 0}, dz = {-1, 1, 0};
  double sum = 0;
  for (double value : z) sum += std::exp(value);
  const double log_sum = std::log(sum), d_log_sum = (std::exp(z[1]) - std::exp(z[0])) / sum;
  LossAndSlope found{aim ? z[*aim] - log_sum : log_sum - z[0], {}};
  const double d = aim ? dz[*aim] - d_log_sum : d_log_sum - dz[0];
  for (std::size_t i = 0; i < x.size(); ++i) found.slope.push_back(d * wave_slope(x[i], i));
  return found;
}

double l2_norm(const Doubles& values) {
  double squares = 0;
  for (double value : values) squares += value * value;
  return std::sqrt(squares);
}

Doubles onto_ball(const Doubles& x, Doubles moved, Norm norm, double eps) {
  Doubles delta;
  for (std::size_t i = 0; i < x.size(); ++i) delta.push_back(moved[i] - x[i]);
  const double length = l2_norm(delta);
  for (std::size_t i = 0; i < x.size(); ++i) {
    delta[i] =
        norm == Norm::l2 ? delta[i] * std::min(1., eps / length) : std::clamp(delta[i], -eps, eps);
    moved[i] = std::clamp(x[i] + delta[i], 0., 1.);
  }
  return moved;
}

// Algorithm 1 of the paper, line by line, from x0; the best iterate, and how often it went back.
std::pair<Doubles, int> apgd_in_double(const Doubles& x, Doubles now, Norm norm, double eps,
                                       int steps, std::optional<std::size_t> aim) {
  Doubles best = now, old = now, losses = {wave_loss(now, aim).loss};
  Doubles g = wave_loss(now, aim).slope, g_best = g;
  double best_loss = losses[0], step = 2 * eps, best_at_check = best_loss;
  bool reduced = true;
  int backs = 0, last_check = 0;
  const std::vector<int> checkpoints = apgd_checkpoints(steps);
  for (int k = 1; k <= steps; ++k) {
    const double a = k == 1 ? 1 : .75, length = l2_norm(g);
    Doubles z = now, next = now;
    for (std::size_t i = 0; i < x.size(); ++i) {
      z[i] += step * (norm == Norm::l2 ? g[i] / length : g[i] > 0 ? 1. : -1.);
    }
    z = onto_ball(x, z, norm, eps);
    for (std::size_t i = 0; i < x.size(); ++i) {
      next[i] = now[i] + a * (z[i] - now[i]) + (1 - a) * (now[i] - old[i]);
    }
    old = now;
    now = onto_ball(x, next, norm, eps);
    const LossAndSlope at = wave_loss(now, aim);
    g = at.slope;
    losses.push_back(at.loss);
    if (at.loss > best_loss) best_loss = at.loss, best = now, g_best = g;
    if (std::find(checkpoints.begin(), checkpoints.end(), k) == checkpoints.end()) continue;
    int increases = 0;
    for (int i = last_check + 1; i <= k; ++i) {
      increases += losses[static_cast<std::size_t>(i)] > losses[static_cast<std::size_t>(i) - 1];
    }
    const bool oscillates = increases <= .75 * (k - last_check);
    const bool stands_still = !reduced && best_at_check >= best_loss;
    reduced = oscillates || stands_still;
    best_at_check = best_loss, last_check = k;
    if (reduced) step /= 2, now = best, g = g_best, ++backs;
  }
  return {best, backs};
}

void expect_the_algorithm_in_double(Norm norm, float eps, std::optional<std::size_t> aim = {}) {
  const Floats x = random_values(7, 5, .2f, .8f);
  Batch batch{Tensor::from_host(cpu_device(), {1, 1, 1, 7}, x),
              Tensor::from_host(cpu_device(), {1}, Integers{0}),
              Tensor::from_host(cpu_device(), {1}, Integers{0})};
  if (aim) batch.aims = row_numbers(cpu_device(), {static_cast<std::int32_t>(*aim)});
  ApgdOptions options;
  options.norm = norm, options.eps = eps, options.loss = ApgdLoss::ce, options.steps = 40;
  options.answer = ApgdAnswer::best_loss;
  // A model of one answer keeps the start for the best.
  const LogitsFunction flat = [](Tape& tape, const Var& pixels) {
    return tape.record(Tensor::filled(pixels.device(), {1, 3}, 0.f), {pixels}, [=](const Tensor&) {
      pixels.add_gradient(Tensor::filled(pixels.device(), pixels.shape(), 0.f));
    });
  };
  int all_backs = 0;
  for (std::uint64_t seed = 0; seed < 5; ++seed) {
    const Floats start = Apgd(flat, options)(batch, seed).to_host<float>();

    const Floats got = Apgd(wave_model(), options)(batch, seed).to_host<float>();

    const auto [want, backs] =
        apgd_in_double(Doubles(x.begin(), x.end()), Doubles(start.begin(), start.end()), norm,
                       double{eps}, 40, aim);
    all_backs += backs;
    for (std::size_t i = 0; i < x.size(); ++i) {
      // Forty steps of numbers up to 1, each rounded, on slopes up to 81 that are climbed, not
      // fallen.
      expect_near(got[i], want[i], 1e-4,
                  "seed " + std::to_string(seed) + ", pixel " + std::to_string(i));
    }
  }
  EXPECT_GE(all_backs, 10) << "the step is hardly ever halved: the test says little";
}

TEST(apgd, linf_follows_the_algorithm_written_out_in_double) {
  expect_the_algorithm_in_double(Norm::linf, .3f);
}

TEST(apgd, l2_follows_the_algorithm_written_out_in_double) {
  expect_the_algorithm_in_double(Norm::l2, .5f);
}

TEST(apgd, aimed_at_a_class_follows_the_algorithm_written_out_in_double) {
  expect_the_algorithm_in_double(Norm::linf, .05f, 1);
  expect_the_algorithm_in_double(Norm::l2, .1f, 1);
}

}  // namespace
}  // namespace saddle
