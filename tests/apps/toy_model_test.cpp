// The toy model of the paper's Section 4 against its definitions and an independent solution.
#include "apps/theory/toy_model.h"

#include <gtest/gtest.h>

#include <boost/math/tools/roots.hpp>
#include <boost/multiprecision/cpp_bin_float.hpp>
#include <cmath>
#include <vector>

#include "core/error.h"
#include "tests/support/expect_near.h"

namespace saddle::theory {
namespace {

using namespace testing_support;

const std::vector<ToyModel> kModels = {{0.95, 0.1, 100}, {0.95, 0.1, 1000}, {0.7, 0.05, 100},
                                       {0.9, 0.5, 10},   {0.6, 0.01, 10},   {0.8, 0.2, 2},
                                       {0.95, 0.3, 1}};

TEST(toy_model, has_the_accuracy_of_its_classifier_on_drawn_examples) {
  const ToyModel model{0.8, 0.5, 3};
  const double w = 1.3;
  double right = 0;
  const int n = 200'000;
  unsigned long long state = 1;
  const auto uniform = [&] {
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
    return (static_cast<double>(state >> 11) + 0.5) / 9007199254740992.0;
  };
  const auto normal = [&] {
    const double radius = std::sqrt(-2 * std::log(uniform()));
    return radius * std::cos(6.283185307179586 * uniform());
  };
  for (int i = 0; i < n; ++i) {  // y = 1, by symmetry
    double margin = uniform() < model.p ? w : -w;
    for (int j = 0; j < 3; ++j) margin += model.eta + normal();
    right += margin > 0;
  }

  const double u = accuracy(model, w);
  EXPECT_NEAR(right / n, u, 5 * std::sqrt(u * (1 - u) / n));
}

TEST(toy_model, slope_is_the_derivative_of_accuracy) {
  for (const ToyModel& model : kModels) {
    const double h = 1e-4;
    for (const double w : {-1., 0., 0.5, 3., standard_optimum(model)}) {
      const double difference = (accuracy(model, w + h) - accuracy(model, w - h)) / (2 * h);
      EXPECT_NEAR(accuracy_slope(model, w), difference, 1e-8) << "w " << w;
    }
  }
}

TEST(toy_model, accuracy_tends_to_p_and_to_one_minus_p) {
  for (const ToyModel& model : kModels) {
    EXPECT_NEAR(accuracy(model, 1e6), model.p, 1e-12);
    EXPECT_NEAR(accuracy(model, -1e6), 1 - model.p, 1e-12);
  }
}

TEST(toy_model, standard_optimum_is_where_the_slope_turns_from_plus_to_minus) {
  for (const ToyModel& model : kModels) {
    const double w = standard_optimum(model);
    for (const double part : {0., 0.5, 0.99}) EXPECT_GT(accuracy_slope(model, part * w), 0);
    for (const double part : {1.01, 1.5, 3.}) EXPECT_LT(accuracy_slope(model, part * w), 0);
  }
}

TEST(toy_model, adversarial_optimum_maximises_the_accuracy_under_attack) {
  struct Case {
    ToyModel model;
    double eps, alone, all;  // the last two to four digits
  };
  for (const Case& c :
       {Case{{0.7, 0.1, 100}, 0.05, 8.473, 8.134}, Case{{0.95, 0.3, 100}, 0.1, 7.361, 7.112},
        Case{{0.6, 0.05, 1000}, 0.02, 6.758, 6.116}}) {
    EXPECT_NEAR(adversarial_optimum_without_robust(c.model, c.eps), c.alone, 1e-3);
    const double w = adversarial_optimum(c.model, c.eps).value();
    EXPECT_NEAR(w, c.all, 1e-3);
    const double best = adversarial_accuracy(c.model, w, c.eps);
    for (const double part : {0.9, 0.99, 1.01, 1.1}) {
      EXPECT_LT(adversarial_accuracy(c.model, part * w, c.eps), best) << part;
    }
  }
}

TEST(toy_model, under_a_strong_attack_accuracy_rises_for_ever) {
  const ToyModel model{0.95, 0.1, 100};

  EXPECT_FALSE(adversarial_optimum(model, 0.05).has_value());
  double before = 0;
  for (const double w : {1., 10., 30., 100., 300.}) {
    const double now = adversarial_accuracy(model, w, 0.05);
    EXPECT_GE(now, before);
    before = now;
  }
  EXPECT_NEAR(before, model.p, 1e-6);
}

TEST(toy_model, without_radius_every_optimum_is_the_standard_one) {
  for (const ToyModel& model : kModels) {
    EXPECT_EQ(adversarial_optimum(model, 0).value(), standard_optimum(model));
    EXPECT_DOUBLE_EQ(adversarial_optimum_without_robust(model, 0), standard_optimum(model));
    EXPECT_NEAR(adversarial_accuracy(model, 1.5, 0), accuracy(model, 1.5), 1e-15);
  }
}

// u(w - eps) = u(w + eps) by bisection in 50 decimal digits.
double sam_shift_by_accuracies(const ToyModel& model, double eps) {
  using Real = boost::multiprecision::cpp_bin_float_50;
  const Real root = sqrt(Real(model.n)), mean = Real(model.eta) * model.n;
  const auto u = [&](const Real& w) -> Real {
    const auto share = [&](const Real& m) -> Real {
      return erfc(Real(-m / root / sqrt(Real(2)))) / 2;
    };
    return model.p * share(mean + w) + (1 - Real(model.p)) * share(mean - w);
  };
  const Real optimum = log(Real(model.p) / (1 - Real(model.p))) / (2 * Real(model.eta));
  Real low = 0, high = eps;
  for (int i = 0; i < 100; ++i) {
    const Real s = (low + high) / 2;
    (u(optimum + s - eps) < u(optimum + s + eps) ? low : high) = s;
  }
  return static_cast<double>(low);
}

TEST(sam_shift, solves_the_equation_of_theorem_4_3) {
  for (const ToyModel& model : kModels) {
    for (const double eps : {0.01, 0.5, 2.}) {
      const double want = sam_shift_by_accuracies(model, eps);
      EXPECT_NEAR(sam_shift(model, eps, density_factor(model)) / want, 1, 1e-6)
          << "p " << model.p << ", n " << model.n << ", eps " << eps;
    }
  }
}

TEST(sam_shift, lies_between_zero_and_the_radius) {
  for (const ToyModel& model : kModels) {
    for (const double eps : {1e-3, 0.1, 1., 10.}) {
      const double s = sam_shift(model, eps, density_factor(model));
      EXPECT_GT(s, 0);
      EXPECT_LT(s, eps);
    }
  }
}

// s = w* eps^2 / (3 n) to the second order; the next one is in (w* eps / n)^2.
TEST(sam_shift, of_a_small_radius_has_the_coefficient_one_over_three_n) {
  for (const ToyModel& model : kModels) {
    const double eps = 1e-3, w = standard_optimum(model);
    const double s = sam_shift(model, eps, density_factor(model));
    EXPECT_NEAR(s / (w * eps * eps / (3 * model.n)), 1, 1e-3);
    EXPECT_NEAR(s / (2. / 3 * w * eps * eps), 1 / (2 * model.n), 1e-3 / (2 * model.n));
  }
}

// The printed coefficient comes from a density that falls as e^{-w^2} instead of e^{-w^2 / (2 n)}.
TEST(sam_shift, has_the_printed_coefficient_where_the_density_is_the_printed_one) {
  for (const ToyModel& model : kModels) {
    const double eps = 1e-4, w = standard_optimum(model);
    EXPECT_NEAR(sam_shift(model, eps, 1) / (2. / 3 * w * eps * eps), 1, 1e-3);
  }
}

TEST(sam_of_all_weights, falls_below_the_standard_optimum_where_the_others_matter) {
  const ToyModel model{0.9, 0.5, 10};
  const double w = standard_optimum(model);

  EXPECT_NEAR(sam_optimum_of_all_weights(model, 1) / w, 0.9495, 1e-3);
  EXPECT_NEAR(sam_optimum_of_all_weights(model, 0.5) / w, 0.98736, 1e-4);
}

TEST(sam_of_all_weights, may_lie_above_it_too) {
  const ToyModel model{0.95, 0.1, 100};

  EXPECT_NEAR(sam_optimum_of_all_weights(model, 1) / standard_optimum(model), 1.00063, 1e-5);
}

TEST(sam_of_all_weights, sees_no_better_accuracy_than_the_scalar_perturbation) {
  const ToyModel model{0.9, 0.5, 10};
  for (const double w : {0.5, 2., 4.}) {
    const double scalar = std::min(accuracy(model, w - 0.5), accuracy(model, w + 0.5));
    EXPECT_LE(worst_accuracy_of_all_weights(model, w, 0.5), scalar + 1e-15);
  }
  // Nothing else to perturb it with would be better than a random direction.
  for (const double angle : {0.3, 1.1, 2.2, 2.9}) {
    const double along = std::sqrt(10.) + 0.5 * std::sin(angle);
    const double w = 2 + 0.5 * std::cos(angle), mean = 0.5 * std::sqrt(10.) * along;
    const auto share = [&](double m) { return 0.5 * std::erfc(-m / along / std::sqrt(2.)); };
    EXPECT_GE(0.9 * share(mean + w) + 0.1 * share(mean - w) + 1e-12,
              worst_accuracy_of_all_weights(model, 2, 0.5));
  }
}

TEST(toy_model, refuses_what_makes_no_sense) {
  EXPECT_CONTAINS(message_of<Error>([] {
                    standard_optimum({0.5, 0.1, 10});
                  }),
                  "p 0.5 must lie in (1/2, 1)");
  EXPECT_CONTAINS(message_of<Error>([] { standard_optimum({0.9, 0, 10}); }), "eta 0 must be");
  EXPECT_CONTAINS(message_of<Error>([] { standard_optimum({0.9, 0.1, 0}); }), "n 0 must be");
  EXPECT_CONTAINS(message_of<Error>([] {
                    adversarial_optimum({0.9, 0.1, 10}, 0.1);
                  }),
                  "eps 0.1 must lie in [0, eta), eta is 0.1");
  EXPECT_CONTAINS(message_of<Error>([] { sam_shift({0.9, 0.1, 10}, 0, 1); }), "must be positive");
}

}  // namespace
}  // namespace saddle::theory
