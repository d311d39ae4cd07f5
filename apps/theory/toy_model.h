// The toy model of the paper's Section 4: one robust feature and n non-robust ones.
//
// y is 1 or -1, each half the time. x_1 = y with probability p in (1/2, 1), else -y; x_2, ...,
// x_{n+1} ~ N(eta y, 1), independent. The classifier is sgn(w x_1 + x_2 + ... + x_{n+1}): only the
// ratio of weights counts, so the non-robust ones are 1 and w = w_1 is all that is learnt. Its
// robust-feature weight is W_R = w / n.
#pragma once

#include <optional>

namespace saddle::theory {

struct ToyModel {
  double p, eta, n;
};

// Throws Error unless p is in (1/2, 1), eta positive and n at least 1.
void check(const ToyModel& model);

// Accuracy of the weight w, in [0, 1]:
//   u(w) = p Phi((w + eta n) / sqrt(n)) + (1 - p) Phi((-w + eta n) / sqrt(n))
double accuracy(const ToyModel& model, double w);

// du/dw = exp(-(w^2 + eta^2 n^2) / (2 n)) (p e^{-eta w} - (1 - p) e^{eta w}) / sqrt(2 pi n)
double accuracy_slope(const ToyModel& model, double w);

// w* = ln(p / (1 - p)) / (2 eta), where the slope changes its sign from plus to minus: the only
// maximum (Theorem 4.1).
double standard_optimum(const ToyModel& model);

// Accuracy against ||delta||_inf <= eps on every feature, of w >= 0: the margin y (w x_1 + ...)
// falls by eps (w + n).
double adversarial_accuracy(const ToyModel& model, double w, double eps);

// The maximum of accuracy where an adversary of radius eps < eta moves x_2, ..., x_{n+1} alone:
// ln(p / (1 - p)) / (2 (eta - eps)), as in Theorem 4.2.
double adversarial_optimum_without_robust(const ToyModel& model, double eps);

// The maximum where it moves x_1 too: the smaller root of
//   2 (eta - eps) w - (2 eps / n) w^2 = ln(p (1 - eps) / ((1 - p) (1 + eps))).
// Empty where there is none: accuracy then rises for ever, to p as w grows.
std::optional<double> adversarial_optimum(const ToyModel& model, double eps);

// How fast the density of the sum of non-robust features falls: it is proportional to e^{-c w^2}.
// c = 1 / (2 n) in the model; the paper's proof writes 1.
double density_factor(const ToyModel& model);

// s = w_SAM - w*, where w_SAM maximises the smallest accuracy within eps of it, so that
// u(w_SAM - eps) = u(w_SAM + eps) (Theorem 4.3), for eps > 0. By bisection of
//   h(s) = integral from -eps to eps of e^{-c ((w* + s + t)^2 - (w* + s)^2)} sinh(eta (s + t)) dt,
// which is negative at 0 and positive at eps; no difference of nearly equal accuracies is taken, so
// nearly all digits of s are right. `c` as density_factor, or another to see what it does.
double sam_shift(const ToyModel& model, double eps, double c);

// The smallest accuracy over w + delta and non-robust weights 1 + delta_j, ||delta|| <= eps. By
// symmetry delta has three parts: along w, along (1, ..., 1) and across it.
double worst_accuracy_of_all_weights(const ToyModel& model, double w, double eps);

// The w that maximises it. Differs from w_SAM, where w alone is perturbed.
double sam_optimum_of_all_weights(const ToyModel& model, double eps);

}  // namespace saddle::theory
