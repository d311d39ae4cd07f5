// The statements of the paper's Section 4, each checked on a grid of toy models.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "apps/theory/linear_training.h"
#include "core/device.h"

namespace saddle::theory {

struct TheoryOptions {
  std::vector<ToyModel> models;
  std::vector<double> radii;       // of SAM, in the scale where non-robust weights are 1
  std::vector<double> at_shares;   // of AT: eps / eta, in (0, 1)
  ToyModel training_model;         // of what is trained; n is rounded
  double training_at_share = 0.4;  // eps / eta
  double training_rho = 0.5;
  std::int64_t training_seeds = 5;  // 0: nothing is trained
  std::uint64_t seed = 0;
};

// A table of what was found, and what it says about the statement.
struct Statement {
  std::string name;     // "theorem_4_1"
  std::string claim;    // the statement, in a line
  std::string verdict;  // "HOLDS", "HOLDS ONLY IF ...", "DOES NOT FOLLOW AS PRINTED ..."
  std::vector<std::string> columns;
  std::vector<std::vector<double>> rows;  // NaN where there is no such number
};

// Theorems 4.1 to 4.4, equation 14, SAM over all weights, and training. Each verdict is computed
// from its rows. Throws Error for a model or radius that makes no sense.
std::vector<Statement> check_statements(Device& device, const TheoryOptions& options);

// As JSON (NaN becomes null) and as Markdown.
nlohmann::json to_json(const Statement& statement);
std::string to_markdown(const Statement& statement);

// The radius of SAM whose shift s is `shift`; NaN where none up to `largest` has it.
double sam_radius_of_shift(const ToyModel& model, double shift, double largest);
// Equation 14 as printed, 2 + 3 / eps_SAM^2 = 2 eta / eps_AT, and with the coefficient that follows
// from the model, 2 + 6 n / eps_SAM^2 = 2 eta / eps_AT; both solved for eps_SAM.
double printed_radius(const ToyModel& model, double at_eps);
double corrected_radius(const ToyModel& model, double at_eps);

}  // namespace saddle::theory
