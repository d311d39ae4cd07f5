// The verdicts on the paper's statements, and equation 14's two forms.
#include "apps/theory/statements.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/json_text.h"
#include "tests/support/expect_near.h"

namespace saddle::theory {
namespace {

using namespace testing_support;

TheoryOptions small() {
  TheoryOptions options;
  options.models = {{0.95, 0.1, 100}, {0.9, 0.5, 10}};
  options.radii = {0.01, 1};
  options.at_shares = {0.01, 0.3};
  options.training_model = {0.8, 0.5, 4};
  options.training_seeds = 0;
  return options;
}

const Statement& named(const std::vector<Statement>& all, const std::string& name) {
  for (const Statement& statement : all) {
    if (statement.name == name) return statement;
  }
  fail("tests: no statement ", name);
}

TEST(statements, judge_the_papers_theorems) {
  const std::vector<Statement> all = check_statements(cpu_device(), small());

  EXPECT_CONTAINS(named(all, "theorem_4_1").verdict, "HOLDS");
  EXPECT_CONTAINS(named(all, "theorem_4_2").verdict,
                  "HOLDS ONLY IF the adversary leaves x_1 alone");
  EXPECT_CONTAINS(named(all, "theorem_4_3").verdict, "HOLDS");
  EXPECT_CONTAINS(named(all, "theorem_4_4").verdict, "DOES NOT FOLLOW AS PRINTED");
  EXPECT_CONTAINS(named(all, "equation_14").verdict, "DOES NOT FOLLOW AS PRINTED");
  EXPECT_CONTAINS(named(all, "equation_14").verdict, "SAM needs the larger radius holds");
  EXPECT_CONTAINS(named(all, "sam_over_all_weights").verdict, "DOES NOT EXTEND");
}

// A verdict depends on its rows: where no radius is small nothing is said of small radii, and one
// model above w* is no counterexample.
TEST(statements, say_no_more_than_their_rows) {
  TheoryOptions options = small();
  options.models = {{0.95, 0.1, 100}};
  options.radii = {1};
  const std::vector<Statement> all = check_statements(cpu_device(), options);

  EXPECT_CONTAINS(named(all, "sam_over_all_weights").verdict, "HOLDS on these models");
  options.radii = {5};
  EXPECT_CONTAINS(named(check_statements(cpu_device(), options), "theorem_4_4").verdict,
                  "NOT TESTED");
}

TEST(statements, solve_equation_14_in_both_forms) {
  const ToyModel model{0.95, 0.1, 100};
  for (const double at_eps : {0.001, 0.01}) {
    const double printed = printed_radius(model, at_eps),
                 corrected = corrected_radius(model, at_eps);
    EXPECT_NEAR(2 + 3 / (printed * printed), 2 * model.eta / at_eps, 1e-9);
    EXPECT_NEAR(2 + 600 / (corrected * corrected), 2 * model.eta / at_eps, 1e-9);
    const double shift =
        adversarial_optimum_without_robust(model, at_eps) - standard_optimum(model);
    const double true_radius = sam_radius_of_shift(model, shift, 100);
    EXPECT_NEAR(sam_shift(model, true_radius, density_factor(model)), shift, 1e-9 * shift);
    EXPECT_NEAR(corrected / true_radius, 1, 0.01);
  }
  EXPECT_NEAR(sam_radius_of_shift(model, 0.14872, 100), 1.7411, 1e-3);
}

TEST(statements, train_and_compare_with_the_theorems) {
  TheoryOptions options = small();
  options.training_seeds = 3;
  const Statement trained = named(check_statements(cpu_device(), options), "training");

  ASSERT_EQ(trained.rows.size(), 3u);
  EXPECT_NEAR(trained.rows[0][5] / trained.rows[0][7], 1, 0.1);
  EXPECT_NEAR(trained.rows[1][5] / trained.rows[1][7], 1, 0.1);
  EXPECT_TRUE(std::isnan(trained.rows[2][7]));
}

TEST(statements, become_json_and_markdown) {
  const Statement statement{
      "name", "claim", "HOLDS", {"a", "b"}, {{1.5, std::numeric_limits<double>::quiet_NaN()}}};

  EXPECT_TRUE(to_json(statement).at("rows")[0][0] == 1.5);
  EXPECT_CONTAINS(json_text(to_json(statement)), "null");
  EXPECT_CONTAINS(to_markdown(statement), "| 1.5 | - |");
  EXPECT_CONTAINS(to_markdown(statement), "**HOLDS**");
}

TEST(statements, refuse_a_radius_that_turns_features_round) {
  TheoryOptions options = small();
  options.at_shares = {1};
  EXPECT_CONTAINS(message_of<Error>([&] { check_statements(cpu_device(), options); }),
                  "must lie in (0, 1)");
}

}  // namespace
}  // namespace saddle::theory
