#include "tests/attacks/text/plain_search.h"

#include <gtest/gtest.h>

#include <array>

#include "attacks/text/iga.h"
#include "attacks/text/pso.h"
#include "kernels/philox.h"

namespace saddle {
namespace {

constexpr std::uint64_t kSeed = 765;

// Whether the numbers of two words "w17" and "w23" say that they are near: of three pairs two.
bool near_words(const std::string& a, const std::string& b) {
  return (std::stoi(a.substr(1)) + std::stoi(b.substr(1))) % 3 != 0;
}

// Sentences of 3 to 14 of 30 words w0 to w29, each with up to five others as candidates, some
// twice. Numbers of words are quarters, so scores tie often. The victim takes all for class 1.
PlainProblem made_up_problem(std::int64_t number, std::int64_t budget) {
  TextDraws draws(3, Purpose::toy_examples, number);
  const auto word = [&] { return "w" + std::to_string(draws.below(30)); };
  PlainProblem problem{.victim = {}, .bank = {}, .original = {}, .budget = budget};
  for (int i = 0; i < 30; ++i) {
    const std::string name = "w" + std::to_string(i);
    problem.victim.theta[name] = static_cast<float>(draws.below(9)) / 4 - 1;
    for (std::size_t count = draws.below(6); count > 0; --count)
      problem.bank[name].push_back(word());
  }
  for (std::size_t count = 3 + draws.below(12); count > 0; --count)
    problem.original.push_back(word());
  float z = 0;
  for (const std::string& one : problem.original) z += problem.victim.theta[one];
  problem.victim.bias = static_cast<float>(1 + draws.below(8)) / 2 - z;
  return problem;
}

struct Tally {
  int successes = 0, failures = 0;
};

// Both searches on 40 problems.
template <class Plain>
Tally compare(const std::function<TextSearch(const PlainProblem&)>& search, const Plain& plain,
              std::int64_t budget) {
  Tally tally;
  for (std::int64_t number = 0; number < 40; ++number) {
    const PlainProblem problem = made_up_problem(number, budget);
    const std::vector<TextExample> examples{{number, joined_words(problem.original), 1}};
    TextAttackOptions options;
    options.seed = kSeed;
    options.queries.budget = budget;

    const TextOutcome outcome = attacked(examples, search(problem), problem.victim, options)[0];
    const PlainEnd end = plain(problem, number);

    EXPECT_EQ(outcome.adversarial, end.text) << number;
    EXPECT_EQ(outcome.queries, end.queries) << number;
    EXPECT_EQ(outcome.status == TextStatus::succeeded, end.success) << number;
    ++(end.success ? tally.successes : tally.failures);
  }
  return tally;
}

Tally compare_pso(const Quirks& quirks, std::int64_t budget = kNoQueryBudget) {
  return compare(
      [&](const PlainProblem& problem) {
        return pso({.quirks = quirks}, in_text(problem.bank), nullptr);
      },
      [&](const PlainProblem& problem, std::int64_t number) {
        return plain_pso(problem, quirks, TextDraws(kSeed, Purpose::text_pso, number));
      },
      budget);
}

Tally compare_iga(const Quirks& quirks, std::int64_t budget = kNoQueryBudget) {
  const WordMeasure distance = [](std::string_view a, std::string_view b) {
    return near_words(std::string(a), std::string(b)) ? 0.5f : 0.51f;
  };
  return compare(
      [&](const PlainProblem& problem) {
        return iga({.quirks = quirks}, of_word(problem.bank), distance, nullptr);
      },
      [&](const PlainProblem& problem, std::int64_t number) {
        return plain_iga(problem, near_words, quirks, TextDraws(kSeed, Purpose::text_iga, number));
      },
      budget);
}

void expect_both(const Tally& tally) {
  EXPECT_GE(tally.successes, 5);
  EXPECT_GE(tally.failures, 5);
}

TEST(plain_search, of_the_swarm_of_2024_asks_the_same) {
  expect_both(compare_pso(quirks_of(Compat::of_2024)));
}

TEST(plain_search, of_the_swarm_of_2026_asks_the_same) {
  expect_both(compare_pso(quirks_of(Compat::of_2026)));
}

TEST(plain_search, of_the_swarm_asks_the_same_within_budgets) {
  compare_pso(quirks_of(Compat::of_2024), 1);
  compare_pso(quirks_of(Compat::of_2024), 17);
  compare_pso(quirks_of(Compat::of_2024), 300);
  compare_pso(quirks_of(Compat::of_2026), 301);
}

TEST(plain_search, of_the_genetic_kind_asks_the_same) { expect_both(compare_iga({})); }

TEST(plain_search, of_the_genetic_kind_without_quirks_asks_the_same) {
  expect_both(compare_iga(kNoQuirks));
}

TEST(plain_search, of_the_genetic_kind_with_checked_children_asks_the_same) {
  Quirks checked;
  checked.unchecked_children = false;

  expect_both(compare_iga(checked));
}

TEST(plain_search, of_the_genetic_kind_asks_the_same_within_budgets) {
  compare_iga({}, 1);
  compare_iga({}, 10);
  compare_iga({}, 60);
  compare_iga(kNoQuirks, 61);
  compare_iga({}, 150);
}

}  // namespace
}  // namespace saddle
