#include "apps/theory/statements.h"

#include <algorithm>
#include <boost/math/tools/roots.hpp>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "apps/common/table.h"
#include "core/error.h"
#include "core/format.h"

namespace saddle::theory {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
constexpr double kTwoThirds = 2. / 3;

// Whether `holds` is true of every row.
template <class Holds>
bool of_all(const Statement& statement, const Holds& holds) {
  return std::ranges::all_of(statement.rows, holds);
}

Statement standard_training(const TheoryOptions& options) {
  Statement found{"theorem_4_1",
                  "Standard training's optimum is w* = ln(p / (1 - p)) / (2 eta), W_R = w* / n.",
                  {},
                  {"p", "eta", "n", "w*", "W_R*", "slope at 0.999 w*", "slope at 1.001 w*", "u(w*)",
                   "best u on a grid"},
                  {}};
  for (const ToyModel& model : options.models) {
    const double w = standard_optimum(model);
    double best = 0;
    for (int i = -2000; i <= 2000; ++i) best = std::max(best, accuracy(model, w + w * i / 500.));
    found.rows.push_back({model.p, model.eta, model.n, w, w / model.n,
                          accuracy_slope(model, 0.999 * w), accuracy_slope(model, 1.001 * w),
                          accuracy(model, w), best});
  }
  const bool holds = of_all(
      found, [](const auto& row) { return row[5] > 0 && row[6] < 0 && row[7] >= row[8] - 1e-15; });
  found.verdict = holds ? "HOLDS (it is a maximum; the paper's text says minimum)" : "FAILS";
  return found;
}

Statement adversarial_training(const TheoryOptions& options) {
  Statement found{"theorem_4_2",
                  "AT's optimum is ln(p / (1 - p)) / (2 (eta - eps)), above w*.",
                  {},
                  {"p", "eta", "n", "eps", "printed", "x_1 left alone", "all features attacked",
                   "accuracy rises for ever"},
                  {}};
  for (const ToyModel& model : options.models) {
    for (const double share : options.at_shares) {
      const double eps = share * model.eta;
      const std::optional<double> all = adversarial_optimum(model, eps);
      const double printed = standard_optimum(model) * model.eta / (model.eta - eps);
      found.rows.push_back({model.p, model.eta, model.n, eps, printed,
                            adversarial_optimum_without_robust(model, eps), all.value_or(kNone),
                            all ? 0. : 1.});
    }
  }
  const bool alone =
      of_all(found, [](const auto& row) { return std::abs(row[5] / row[4] - 1) < 1e-12; });
  const bool all =
      of_all(found, [](const auto& row) { return std::abs(row[6] / row[4] - 1) < 1e-3; });
  found.verdict = !alone ? "FAILS" : all ? "HOLDS" : "HOLDS ONLY IF the adversary leaves x_1 alone";
  return found;
}

Statement sharpness_aware(const TheoryOptions& options) {
  Statement found{"theorem_4_3",
                  "SAM's optimum w_SAM = w* + s lies above w*: 0 < s < eps.",
                  {},
                  {"p", "eta", "n", "eps", "w*", "s", "w_SAM / w*"},
                  {}};
  for (const ToyModel& model : options.models) {
    const double w = standard_optimum(model);
    for (const double eps : options.radii) {
      const double s = sam_shift(model, eps, density_factor(model));
      found.rows.push_back({model.p, model.eta, model.n, eps, w, s, 1 + s / w});
    }
  }
  const bool holds = of_all(found, [](const auto& row) { return 0 < row[5] && row[5] < row[3]; });
  found.verdict = holds ? "HOLDS where w_1 alone is perturbed (see sam_over_all_weights)" : "FAILS";
  return found;
}

Statement all_weights(const TheoryOptions& options) {
  Statement found{"sam_over_all_weights",
                  "The same where every weight is perturbed, ||delta|| <= eps, as SAM does.",
                  {},
                  {"p", "eta", "n", "eps", "w / w*, w_1 perturbed", "w / w*, all perturbed"},
                  {}};
  for (const ToyModel& model : options.models) {
    const double w = standard_optimum(model);
    for (const double eps : options.radii) {
      if (eps >= std::sqrt(model.n)) continue;  // would turn every non-robust weight round
      found.rows.push_back({model.p, model.eta, model.n, eps,
                            1 + sam_shift(model, eps, density_factor(model)) / w,
                            sam_optimum_of_all_weights(model, eps) / w});
    }
  }
  const bool above = of_all(found, [](const auto& row) { return row[5] > 1; });
  found.verdict = above ? "HOLDS on these models"
                        : "DOES NOT EXTEND: the robust feature's weight may fall below w*";
  return found;
}

Statement small_radius(const TheoryOptions& options) {
  Statement found{"theorem_4_4",
                  "For small eps, W_R of SAM is W_R* (1 + (2/3) eps^2).",
                  {},
                  {"p", "eta", "n", "eps", "s", "s / ((2/3) w* eps^2)", "s / (w* eps^2 / (3 n))",
                   "1 / (2 n)", "s / ((2/3) w* eps^2), density e^(-w^2)"},
                  {}};
  for (const ToyModel& model : options.models) {
    const double w = standard_optimum(model);
    for (const double eps : options.radii) {
      const double s = sam_shift(model, eps, density_factor(model)), unit = w * eps * eps;
      found.rows.push_back({model.p, model.eta, model.n, eps, s, s / (kTwoThirds * unit),
                            s / (unit / (3 * model.n)), 1 / (2 * model.n),
                            sam_shift(model, eps, 1) / (kTwoThirds * unit)});
    }
  }
  // The expansion is one in w* eps / n, too.
  const auto is_small = [](const std::vector<double>& row) {
    const double w = standard_optimum({row[0], row[1], row[2]});
    return row[3] * row[3] / row[2] <= 1e-3 && w * row[3] / row[2] <= 0.03;
  };
  bool any = false, printed = true, corrected = true;
  for (const std::vector<double>& row : found.rows) {
    if (!is_small(row)) continue;
    any = true;
    printed = printed && std::abs(row[5] - 1) < 1e-2;
    corrected = corrected && std::abs(row[6] - 1) < 1e-2;
  }
  found.verdict = !any        ? "NOT TESTED: no radius is small"
                  : printed   ? "HOLDS"
                  : corrected ? "DOES NOT FOLLOW AS PRINTED: the coefficient is 1 / (3 n), not 2/3"
                              : "FAILS";
  return found;
}

Statement duality(const TheoryOptions& options) {
  Statement found{"equation_14",
                  "SAM and AT reach the same W_R where 2 + 3 / eps_SAM^2 = 2 eta / eps_AT.",
                  {},
                  {"p", "eta", "n", "eps_AT", "eps_SAM", "as printed", "2 + 6 n / eps_SAM^2"},
                  {}};
  for (const ToyModel& model : options.models) {
    for (const double share : options.at_shares) {
      const double eps = share * model.eta;
      const double shift = adversarial_optimum_without_robust(model, eps) - standard_optimum(model);
      found.rows.push_back({model.p, model.eta, model.n, eps,
                            sam_radius_of_shift(model, shift, 100 * std::sqrt(model.n)),
                            printed_radius(model, eps), corrected_radius(model, eps)});
    }
  }
  bool printed = true, corrected = true, larger = true;
  for (const std::vector<double>& row : found.rows) {
    if (row[3] > 0.02 * row[1] || std::isnan(row[4])) continue;
    printed = printed && std::abs(row[5] / row[4] - 1) < 0.05;
    corrected = corrected && std::abs(row[6] / row[4] - 1) < 0.05;
    larger = larger && row[4] > row[3];
  }
  found.verdict = printed     ? "HOLDS"
                  : corrected ? "DOES NOT FOLLOW AS PRINTED: 3 must be 6 n (small eps_AT)"
                              : "FAILS";
  if (larger) found.verdict += "; that SAM needs the larger radius holds";
  return found;
}

struct Learnt {
  double mean, standard_error;
};

Learnt learn(Device& device, const TheoryOptions& options, ToyTraining method, double radius) {
  std::vector<double> weights;
  for (std::int64_t i = 0; i < options.training_seeds; ++i) {
    ToyTrainingOptions training;
    training.method = method;
    training.radius = radius;
    training.seed = options.seed + static_cast<std::uint64_t>(i);
    weights.push_back(learnt_weight(device, options.training_model, training));
  }
  const auto n = static_cast<double>(weights.size());
  Learnt learnt{0, 0};
  for (const double w : weights) learnt.mean += w / n;
  for (const double w : weights) learnt.standard_error += (w - learnt.mean) * (w - learnt.mean);
  learnt.standard_error = n > 1 ? std::sqrt(learnt.standard_error / (n - 1) / n) : kNone;
  return learnt;
}

Statement training(Device& device, const TheoryOptions& options) {
  const ToyModel& model = options.training_model;
  Statement found{
      "training",
      "What Saddle's training learns on drawn examples: standard, adversarial (x_1 left "
      "alone), SAM (radius 0: standard).",
      {},
      {"p", "eta", "n", "eps of AT", "rho of SAM", "learnt w", "standard error", "theory"},
      {}};
  const double eps = options.training_at_share * model.eta, rho = options.training_rho;
  const auto add = [&](ToyTraining method, double at_eps, double at_rho, double theory) {
    const Learnt learnt = learn(device, options, method, std::max(at_eps, at_rho));
    found.rows.push_back(
        {model.p, model.eta, model.n, at_eps, at_rho, learnt.mean, learnt.standard_error, theory});
  };
  const double standard = standard_optimum(model);
  add(ToyTraining::standard, 0, 0, standard);
  add(ToyTraining::adversarial, eps, 0, adversarial_optimum_without_robust(model, eps));
  add(ToyTraining::sam, 0, rho, kNone);
  const auto agrees = [](const std::vector<double>& row) {
    return std::abs(row[5] - row[7]) < 4 * row[6];
  };
  const auto& sam = found.rows[2];
  const double apart = (sam[5] - found.rows[0][5]) / std::hypot(sam[6], found.rows[0][6]);
  found.verdict =
      std::string(agrees(found.rows[0]) && agrees(found.rows[1]) ? "AGREES" : "DISAGREES") +
      " with theorems 4.1 and 4.2; SAM's weight is " +
      (std::abs(apart) < 4 ? "not told apart from"
       : apart > 0         ? "above"
                           : "below") +
      " standard training's";
  return found;
}

std::string number_text(double value) { return std::isnan(value) ? "-" : formatted("%.6g", value); }

}  // namespace

double sam_radius_of_shift(const ToyModel& model, double shift, double largest) {
  const auto gap = [&](double eps) { return sam_shift(model, eps, density_factor(model)) - shift; };
  if (gap(largest) < 0) return kNone;
  std::uintmax_t iterations = 200;
  const auto [low, high] = boost::math::tools::bisect(
      gap, 1e-6, largest, boost::math::tools::eps_tolerance<double>(40), iterations);
  return (low + high) / 2;
}

double printed_radius(const ToyModel& model, double at_eps) {
  return std::sqrt(3 / (2 * model.eta / at_eps - 2));
}

double corrected_radius(const ToyModel& model, double at_eps) {
  return std::sqrt(6 * model.n / (2 * model.eta / at_eps - 2));
}

std::vector<Statement> check_statements(Device& device, const TheoryOptions& options) {
  for (const ToyModel& model : options.models) check(model);
  for (const double share : options.at_shares) {
    require(share > 0 && share < 1, "theory: AT's eps over eta, ", share, ", must lie in (0, 1)");
  }
  std::vector<Statement> found = {standard_training(options), adversarial_training(options),
                                  sharpness_aware(options),   small_radius(options),
                                  duality(options),           all_weights(options)};
  if (options.training_seeds > 0) found.push_back(training(device, options));
  return found;
}

nlohmann::json to_json(const Statement& statement) {
  return {{"statement", statement.name},
          {"claim", statement.claim},
          {"verdict", statement.verdict},
          {"columns", statement.columns},
          {"rows", statement.rows}};
}

std::string to_markdown(const Statement& statement) {
  Table table(statement.columns);
  for (const std::vector<double>& row : statement.rows) {
    std::vector<std::string> line;
    for (const double value : row) line.push_back(number_text(value));
    table.add(line);
  }
  return "### " + statement.name + "\n\n" + statement.claim + "\n\n**" + statement.verdict +
         "**\n\n" + table.markdown();
}

}  // namespace saddle::theory
