#include "attacks/text/pso.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "attacks/text/swarm.h"
#include "core/error.h"
#include "tests/attacks/text/word_victim.h"

namespace saddle {
namespace {

constexpr Quirks kOf2024 = quirks_of(Compat::of_2024), kOf2026 = quirks_of(Compat::of_2026);

TextSearch search(const WordBank& bank, const Quirks& quirks = kOf2024) {
  return pso({.quirks = quirks}, in_text(bank), nullptr);
}

TEST(pso, asks_1201_times_where_no_word_has_a_candidate) {
  const WordVictim victim{.theta = {{"a", 1}}, .bias = 0};

  const TextOutcome outcome = attacked("a b c d e f g h i j", search({}), victim);

  EXPECT_EQ(outcome.status, TextStatus::failed);
  EXPECT_EQ(outcome.queries, 1201);
  EXPECT_EQ(outcome.adversarial, "a b c d e f g h i j");
  EXPECT_TRUE(outcome.changed.empty());
}

TEST(pso, of_2026_asks_1201_times_too_where_no_word_has_a_candidate) {
  const WordVictim victim{.theta = {{"a", 1}}, .bias = 0};

  const TextOutcome outcome = attacked("a b c d e f g h i j", search({}, kOf2026), victim);

  EXPECT_EQ(outcome.status, TextStatus::failed);
  EXPECT_EQ(outcome.queries, 1201);
}

TEST(pso, succeeds_before_the_first_iteration_where_one_swap_suffices) {
  const WordVictim victim{.theta = {{"good", 2}, {"bad", -2}, {"ok", 1}}, .bias = 0};

  const TextOutcome outcome = attacked("good", search({{"good", {"ok", "bad"}}}), victim);

  EXPECT_EQ(outcome.status, TextStatus::succeeded);
  EXPECT_EQ(outcome.adversarial, "bad");
  EXPECT_EQ(outcome.queries, 3);
}

TEST(pso, finds_the_one_word_of_twenty_that_has_a_candidate) {
  const WordVictim victim{.theta = {{"g", 1}, {"h", -1}}, .bias = 0.2f};

  const TextOutcome outcome =
      attacked("w w w w w w w w w w w w w w w w w w w g", search({{"g", {"h"}}}), victim);

  EXPECT_EQ(outcome.status, TextStatus::succeeded);
  EXPECT_EQ(outcome.queries, 2);
  EXPECT_EQ(outcome.changed, std::vector<std::size_t>{19});
}

TEST(pso, leaves_stop_words_alone) {
  const WordVictim victim{.theta = {{"good", 2}, {"bad", -2}}, .bias = 0};

  const TextOutcome outcome =
      attacked("good", pso({}, in_text({{"good", {"bad"}}}), stop_words({"good"})), victim);

  EXPECT_EQ(outcome.status, TextStatus::failed);
  EXPECT_EQ(outcome.queries, 1201);
}

// Each word stays or becomes one of two others: the digits to the base 3.
TEST(pso, may_find_15_of_the_81_texts_of_four_words_none_with_fewer_than_3_changed) {
  int flipped = 0, fewest = 4;
  for (int text = 0; text < 81; ++text) {
    std::string letters;
    int changed = 0;
    for (int word = 0, rest = text; word < 4; ++word, rest /= 3) {
      letters += std::string(1, "axy"[rest % 3]) + std::to_string(word) + " ";
      changed += rest % 3 != 0 ? 1 : 0;
    }
    if (kFourWordVictim(std::vector{letters})[0][1] > 0) continue;
    ++flipped;
    fewest = std::min(fewest, changed);
  }

  EXPECT_EQ(flipped, 15);
  EXPECT_EQ(fewest, 3);
}

// As fast as TextAttack with them: reference_test. An independent simulation without them needed
// 298 queries in the mean of 300 seeds; 15 of 100 are some ten standard errors.
TEST(pso, solves_four_words_slower_without_shared_elites) {
  const Quirks quirks{.ratio_of_one_word = true, .shared_elites = false};

  const auto outcomes =
      attacked(copies(kFourWords, 300), search(kFourWordBank, quirks), kFourWordVictim);

  EXPECT_NEAR(mean_queries(outcomes), 298, 0.15 * 298);
}

TEST(pso, asks_about_all_candidates_of_the_original_before_the_first_round) {
  std::vector<std::size_t> batches;
  const auto victim = [&](std::span<const std::string> texts) {
    batches.push_back(texts.size());
    return kFourWordVictim(texts);
  };

  attacked(kFourWords, search(kFourWordBank), victim);

  ASSERT_GE(batches.size(), 3u);
  EXPECT_EQ(batches[0], 1u);
  EXPECT_EQ(batches[1], 8u);
}

// Of the 8 candidates of the first word 4 are asked about; none of the other words.
TEST(pso, returns_the_best_of_what_the_budget_allows) {
  const WordVictim victim{.theta = {{"c", -0.5f}, {"f", -5}}, .bias = 1};
  const WordBank bank{{"a", {"h", "g", "f", "e", "d", "c", "b", "i"}}, {"z", {"f"}}};

  const TextOutcome outcome = attacked("a z", search(bank), victim, {.queries = {.budget = 5}});

  EXPECT_EQ(outcome.queries, 5);
  EXPECT_EQ(outcome.adversarial, "c z");
  EXPECT_EQ(outcome.status, TextStatus::failed);
}

TEST(pso, of_2026_returns_the_best_of_what_the_budget_allows_too) {
  const WordVictim victim{.theta = {{"c", -5}, {"f", -9}}, .bias = 1};
  const WordBank bank{{"a", {"h", "g", "f", "e", "d", "c", "b", "i"}}, {"z", {"f"}}};

  const TextOutcome outcome =
      attacked("a z", search(bank, kOf2026), victim, {.queries = {.budget = 5}});

  EXPECT_EQ(outcome.queries, 5);
  EXPECT_EQ(outcome.adversarial, "c z");
  EXPECT_EQ(outcome.status, TextStatus::succeeded);
}

TEST(pso, returns_a_success_that_took_the_last_query) {
  const WordVictim victim{.theta = {{"d", -5}}, .bias = 1};

  const TextOutcome outcome =
      attacked("a", search({{"a", {"b", "c", "d", "e"}}}), victim, {.queries = {.budget = 4}});

  EXPECT_EQ(outcome.queries, 4);
  EXPECT_EQ(outcome.status, TextStatus::succeeded);
}

TEST(pso, ends_where_the_budget_leaves_no_particle) {
  const WordVictim victim{.theta = {}, .bias = 1};

  EXPECT_EQ(attacked("a", search({}), victim, {.queries = {.budget = 1}}).queries, 1);
  EXPECT_EQ(attacked("a", search({}), victim, {.queries = {.budget = 31}}).queries, 31);
  EXPECT_EQ(attacked("a", search({}), victim, {.queries = {.budget = 61}}).queries, 61);
}

TEST(pso, refuses_a_population_of_nobody) {
  EXPECT_THROW(pso({.population = 0}, in_text({}), nullptr), Error);
  EXPECT_THROW(pso({.iterations = 0}, in_text({}), nullptr), Error);
}

TEST(changed_share, of_2024_is_that_of_one_word) {
  const AttackedText original("a b c d e f g h i j", Compat::of_2024);
  const AttackedText four("A B C D e f g h i j", Compat::of_2024);
  const AttackedText six("A B C D E F g h i j", Compat::of_2024);
  const auto mutation = [&](const AttackedText& text, const Quirks& quirks) {
    return mutation_probability(changed_share(text, original, quirks));
  };

  EXPECT_DOUBLE_EQ(mutation(four, kOf2024), 0.8);
  EXPECT_DOUBLE_EQ(mutation(four, kOf2026), 0.2);
  EXPECT_NEAR(mutation(six, kOf2026), -0.2, 1e-12);
  EXPECT_EQ(mutation(original, kOf2024), 1);
}

TEST(swarm, has_rates_that_cross_in_the_middle) {
  EXPECT_DOUBLE_EQ(swarm_rates(0, 20).inertia, 0.8);
  EXPECT_DOUBLE_EQ(swarm_rates(0, 20).to_local, 0.8);
  EXPECT_DOUBLE_EQ(swarm_rates(0, 20).to_global, 0.2);
  EXPECT_DOUBLE_EQ(swarm_rates(10, 20).inertia, 0.5);
  EXPECT_DOUBLE_EQ(swarm_rates(10, 20).to_local, 0.5);
  EXPECT_DOUBLE_EQ(swarm_rates(10, 20).to_global, 0.5);
  EXPECT_NEAR(swarm_rates(19, 20).inertia, 0.23, 1e-12);
  EXPECT_NEAR(swarm_rates(19, 20).to_local, 0.23, 1e-12);
  EXPECT_NEAR(swarm_rates(19, 20).to_global, 0.77, 1e-12);
}

TEST(swarm, keeps_words_that_differ_from_the_elites_and_turns_those_that_agree) {
  const double inertia = swarm_rates(0, 20).inertia;

  EXPECT_NEAR(next_velocity(1, inertia, 2), -0.4, 1e-12);
  EXPECT_NEAR(next_velocity(1, inertia, 1), 0.8, 1e-12);
  EXPECT_NEAR(next_velocity(1, inertia, 0), 2, 1e-12);
  EXPECT_NEAR(next_velocity(1, swarm_rates(10, 20).inertia, 2), -2.5, 1e-12);
  EXPECT_NEAR(keep_probability(-0.4), 0.401312, 5e-7);
  EXPECT_NEAR(keep_probability(0.8), 0.689974, 5e-7);
  EXPECT_NEAR(keep_probability(2), 0.880797, 5e-7);
}

TEST(turned, is_the_elite_where_nothing_is_kept_and_the_particle_where_all_is) {
  TextDraws draws(0, Purpose::text_pso, 0);
  const AttackedText particle("a b c", Compat::of_2024), elite("x y z", Compat::of_2024);

  EXPECT_EQ(turned(particle, elite, std::vector<double>{0, 0, 0}, draws).text(), "x y z");
  EXPECT_EQ(turned(particle, elite, std::vector<double>{1, 1, 1}, draws).text(), "a b c");
  EXPECT_EQ(turned(particle, elite, std::vector<double>{0, 1, 0}, draws).text(), "x b z");
}

TEST(turned, has_every_word_of_one_or_the_other) {
  TextDraws draws(0, Purpose::text_pso, 0);
  const AttackedText particle("a b c", Compat::of_2024), elite("x y z", Compat::of_2024);
  std::set<std::string> texts;
  for (int i = 0; i < 1000; ++i) {
    texts.insert(turned(particle, elite, std::vector<double>{0.5, 0.5, 0.5}, draws).text());
  }

  EXPECT_EQ(texts, (std::set<std::string>{"a b c", "a b z", "a y c", "a y z", "x b c", "x b z",
                                          "x y c", "x y z"}));
}

TEST(turned, keeps_a_word_as_often_as_told) {
  TextDraws draws(0, Purpose::text_pso, 0);
  const AttackedText particle("a", Compat::of_2024), elite("x", Compat::of_2024);
  int kept = 0;
  for (int i = 0; i < 10000; ++i) {
    kept += turned(particle, elite, std::vector<double>{0.2}, draws).text() == "a";
  }

  EXPECT_NEAR(kept, 2000, 5 * 40);
}

TEST(move_probabilities, follow_what_is_gained) {
  const std::vector<double> p = move_probabilities(std::vector<double>{0.3, 0, -0.2, 0.1});

  EXPECT_DOUBLE_EQ(p[0], 0.75);
  EXPECT_EQ(p[1], 0);
  EXPECT_EQ(p[2], 0);
  EXPECT_DOUBLE_EQ(p[3], 0.25);
}

TEST(move_probabilities, are_equal_where_nothing_is_gained) {
  EXPECT_EQ(move_probabilities(std::vector<double>{-1, 0, -0.2, 0}),
            (std::vector<double>{0.25, 0.25, 0.25, 0.25}));
}

}  // namespace
}  // namespace saddle
