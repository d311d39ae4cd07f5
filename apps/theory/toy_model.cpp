#include "apps/theory/toy_model.h"

#include <algorithm>
#include <boost/math/constants/constants.hpp>
#include <boost/math/quadrature/gauss.hpp>
#include <boost/math/tools/minima.hpp>
#include <boost/math/tools/roots.hpp>
#include <boost/multiprecision/cpp_bin_float.hpp>
#include <cmath>
#include <numbers>

#include "core/error.h"

namespace saddle::theory {
namespace {

double log_odds(const ToyModel& model) { return std::log(model.p) - std::log1p(-model.p); }

void check_radius(const ToyModel& model, double eps) {
  check(model);
  require(eps >= 0 && eps < model.eta, "toy model: eps ", eps, " must lie in [0, eta), eta is ",
          model.eta, ": a larger one turns the non-robust features round");
}

// Near an optimum accuracies differ by less than doubles tell apart.
using Quad = boost::multiprecision::cpp_bin_float_quad;

// The accuracy where the sum of the non-robust weights is `sum` and their norm `norm`.
template <class Real>
Real accuracy_of(const ToyModel& model, const Real& w, const Real& sum, const Real& norm) {
  using std::erfc;
  const auto distribution = [](const Real& z) -> Real {
    return erfc(Real(-z * boost::math::constants::half_root_two<Real>())) / 2;
  };
  return model.p * distribution((w + model.eta * sum) / norm) +
         (1 - model.p) * distribution((-w + model.eta * sum) / norm);
}

// With delta = eps (cos a, sin a cos b, sin a sin b): along w, along the other weights, across.
template <class Real>
Real perturbed_accuracy(const ToyModel& model, const Real& w, double eps, const Real& a,
                        const Real& b) {
  using std::cos, std::sin, std::sqrt;
  const Real root = sqrt(Real(model.n)), radius = eps * sin(a);
  const Real along = root + radius * cos(b), across = radius * sin(b);
  return accuracy_of<Real>(model, w + eps * cos(a), root * along,
                           sqrt(Real(along * along + across * across)));
}

constexpr int kGrid = 64;  // points a half-turn
constexpr double kStep = std::numbers::pi / kGrid;

// The minimum of f over [0, pi], whose place near the best point of a grid is refined.
template <class F, class Coarse>
Quad least_over_half_turn(const F& f, const Coarse& coarse) {
  double best = 0, least = coarse(0.);
  for (int i = 1; i <= kGrid; ++i) {
    const double found = coarse(kStep * i);
    if (found < least) least = found, best = kStep * i;
  }
  constexpr int kBits = 40;
  return boost::math::tools::brent_find_minima(f, Quad(best - kStep), Quad(best + kStep), kBits)
      .second;
}

Quad worst_of_all_weights(const ToyModel& model, const Quad& w, double eps) {
  const auto coarse_w = static_cast<double>(w);
  const auto over_b = [&](const Quad& a) -> Quad {
    if (model.n < 2) {  // nothing is across
      return std::min(perturbed_accuracy<Quad>(model, w, eps, a, 0),
                      perturbed_accuracy<Quad>(model, w, eps, a, std::numbers::pi));
    }
    const auto coarse_a = static_cast<double>(a);
    return least_over_half_turn(
        [&](const Quad& b) { return perturbed_accuracy<Quad>(model, w, eps, a, b); },
        [&](double b) { return perturbed_accuracy<double>(model, coarse_w, eps, coarse_a, b); });
  };
  const auto coarse_over_b = [&](double a) {
    double least = perturbed_accuracy<double>(model, coarse_w, eps, a, 0);
    const int points = model.n < 2 ? 1 : kGrid;
    for (int i = 1; i <= points; ++i) {
      least = std::min(least, perturbed_accuracy<double>(model, coarse_w, eps, a,
                                                         std::numbers::pi * i / points));
    }
    return least;
  };
  return least_over_half_turn(over_b, coarse_over_b);
}

}  // namespace

void check(const ToyModel& model) {
  require(model.p > 0.5 && model.p < 1, "toy model: p ", model.p, " must lie in (1/2, 1)");
  require(model.eta > 0 && std::isfinite(model.eta), "toy model: eta ", model.eta,
          " must be positive");
  require(model.n >= 1 && std::isfinite(model.n), "toy model: n ", model.n, " must be at least 1");
}

double accuracy(const ToyModel& model, double w) {
  return accuracy_of<double>(model, w, model.n, std::sqrt(model.n));
}

double accuracy_slope(const ToyModel& model, double w) {
  const double n = model.n, eta = model.eta;
  const double density =
      std::exp(-(w * w + eta * eta * n * n) / (2 * n)) / std::sqrt(2 * std::numbers::pi * n);
  return density * (model.p * std::exp(-eta * w) - (1 - model.p) * std::exp(eta * w));
}

double standard_optimum(const ToyModel& model) {
  check(model);
  return log_odds(model) / (2 * model.eta);
}

double adversarial_accuracy(const ToyModel& model, double w, double eps) {
  check_radius(model, eps);
  require(w >= 0, "toy model: the adversary's gain is written for w >= 0, w is ", w);
  // Where x_1 = y it has (1 - eps) w left of w, where x_1 = -y it costs (1 + eps) w.
  const auto share = [&](double robust) {
    const double mean = robust + (model.eta - eps) * model.n;
    return 0.5 * std::erfc(-mean / std::sqrt(2 * model.n));
  };
  return model.p * share(w * (1 - eps)) + (1 - model.p) * share(-w * (1 + eps));
}

double adversarial_optimum_without_robust(const ToyModel& model, double eps) {
  check_radius(model, eps);
  return log_odds(model) / (2 * (model.eta - eps));
}

std::optional<double> adversarial_optimum(const ToyModel& model, double eps) {
  check_radius(model, eps);
  if (eps == 0) return standard_optimum(model);
  const double odds = log_odds(model) + std::log1p(-eps) - std::log1p(eps);
  if (odds <= 0) return 0.;  // the robust feature, perturbed, is no better than chance
  const double gap = model.eta - eps, curvature = 2 * eps / model.n;
  const double discriminant = gap * gap - curvature * odds;
  if (discriminant < 0) return std::nullopt;
  return odds / (gap + std::sqrt(discriminant));  // the smaller root, without cancellation
}

double density_factor(const ToyModel& model) { return 1 / (2 * model.n); }

double sam_shift(const ToyModel& model, double eps, double c) {
  require(eps > 0 && std::isfinite(eps), "toy model: the radius ", eps, " must be positive");
  const double optimum = standard_optimum(model);
  const auto h = [&](double s) {
    const double centre = optimum + s;
    return boost::math::quadrature::gauss<double, 64>::integrate(
        [&](double t) {
          return std::exp(-c * (2 * centre + t) * t) * std::sinh(model.eta * (s + t));
        },
        -eps, eps);
  };
  std::uintmax_t iterations = 200;
  const auto [low, high] = boost::math::tools::bisect(
      h, 0., eps, boost::math::tools::eps_tolerance<double>(50), iterations);
  return (low + high) / 2;
}

double worst_accuracy_of_all_weights(const ToyModel& model, double w, double eps) {
  check(model);
  return static_cast<double>(worst_of_all_weights(model, Quad(w), eps));
}

double sam_optimum_of_all_weights(const ToyModel& model, double eps) {
  require(eps > 0 && std::isfinite(eps), "toy model: the radius ", eps, " must be positive");
  const Quad optimum = standard_optimum(model);
  const auto loss = [&](const Quad& w) -> Quad { return -worst_of_all_weights(model, w, eps); };
  // In parts of eps, so that the tolerance is one of s.
  const auto found = boost::math::tools::brent_find_minima(
      [&](const Quad& part) { return loss(optimum + part * eps); }, Quad(-1), Quad(1), 30);
  return static_cast<double>(optimum + found.first * eps);
}

}  // namespace saddle::theory
