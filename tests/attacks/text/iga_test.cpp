#include "attacks/text/iga.h"

#include <gtest/gtest.h>

#include <set>

#include "core/error.h"
#include "tests/attacks/text/word_victim.h"

namespace saddle {
namespace {

constexpr Quirks kReference{};

TextSearch search(const WordBank& bank, const IgaOptions& options = {.quirks = kReference}) {
  return iga(options, of_word(bank), near, nullptr);
}

// "w0 w1 ..."
std::string words(int n) {
  std::string text = "w0";
  for (int i = 1; i < n; ++i) text += " w" + std::to_string(i);
  return text;
}

const WordVictim kUnmoved{.theta = {}, .bias = 1};

TEST(iga, asks_about_every_child_where_no_word_has_a_candidate) {
  EXPECT_EQ(attacked(words(10), search({}), kUnmoved).queries, 1 + 20 * 9);
  EXPECT_EQ(attacked(words(1), search({}), kUnmoved).queries, 1);
  EXPECT_EQ(attacked(words(60), search({}), kUnmoved).queries, 1 + 20 * 59);
  EXPECT_EQ(attacked(words(61), search({}), kUnmoved).queries, 1 + 20 * 59);
}

TEST(iga, fails_and_changes_nothing_where_no_word_has_a_candidate) {
  const TextOutcome outcome = attacked(words(10), search({}), kUnmoved);

  EXPECT_EQ(outcome.status, TextStatus::failed);
  EXPECT_EQ(outcome.adversarial, words(10));
}

// Five words, two candidates each, all worse: 1 + 5 * 5 * 2 + 20 * 4 * (1 + 5 * 2).
TEST(iga, asks_again_for_candidates_that_gain_nothing) {
  const WordVictim victim{.theta = {{"u", 1}, {"v", 1}}, .bias = 1};
  WordBank bank;
  for (const char* word : {"w0", "w1", "w2", "w3", "w4"}) bank[word] = {"u", "v"};

  std::set<std::int64_t> queries;
  for (const TextOutcome& outcome : attacked(copies(words(5), 20), search(bank), victim)) {
    queries.insert(outcome.queries);
  }

  EXPECT_EQ(queries, std::set<std::int64_t>{931});
}

// One generation of five words with three candidates each, all worse, and next to nothing is
// remembered: the original, its 15 neighbours, and four children with theirs. That each neighbour
// of the original counts five times is no work.
TEST(iga, counts_what_it_asks_again_without_asking) {
  const WordVictim victim{.theta = {{"t", 1}, {"u", 1}, {"v", 1}}, .bias = 1};
  WordBank bank;
  for (const char* word : {"w0", "w1", "w2", "w3", "w4"}) bank[word] = {"t", "u", "v"};
  IgaOptions options{.iterations = 1};
  options.quirks.first_word_at_random = false;

  const TextOutcome outcome =
      attacked(words(5), search(bank, options), victim, {.queries = {.cached = 0}});

  EXPECT_EQ(outcome.queries, 1 + 5 * 5 * 3 + 4 * (1 + 5 * 3));
  EXPECT_LE(outcome.asked, 1 + 5 * 3 + 4 * (1 + 5 * 3));
}

TEST(parent_probabilities, prefer_the_weak_unless_mended) {
  const std::vector<float> scores{0.9f, 0.5f, 0.1f};
  const std::vector<double> weak = parent_probabilities(scores, 0.3, kReference);
  const std::vector<double> fit = parent_probabilities(scores, 0.3, kNoQuirks);

  EXPECT_NEAR(weak[0], 0.0521, 5e-5);
  EXPECT_NEAR(weak[1], 0.1977, 5e-5);
  EXPECT_NEAR(weak[2], 0.7501, 5e-5);
  EXPECT_NEAR(fit[0], weak[2], 1e-7);
  EXPECT_NEAR(fit[1], weak[1], 1e-7);
  EXPECT_NEAR(fit[2], weak[0], 1e-7);
}

TEST(crossed, joins_the_beginning_of_one_and_the_end_of_the_other) {
  const AttackedText first("A B C D", Compat::of_2024), second("a b c d", Compat::of_2024);

  EXPECT_EQ(crossed(first, second, 0).text(), "a b c d");
  EXPECT_EQ(crossed(first, second, 3).text(), "A B C d");
}

TEST(crossed, takes_over_the_history_of_words_that_differ) {
  const AttackedText original("a b c", Compat::of_2024);
  const AttackedText first = swapped(original, {1, "x", ""});
  const AttackedText second = swapped(swapped(original, {2, "y", ""}), {1, "x", ""});

  const AttackedText child = crossed(first, second, 0);

  EXPECT_EQ(child.text(), "a x y");
  EXPECT_TRUE(child.modified(1));
  EXPECT_TRUE(child.modified(2));
  EXPECT_EQ(child.newly_modified(), std::vector<std::size_t>{2});
}

// Each word may be replaced once, so a child with both replaced has none left, from whichever of
// its parents it has the one or the other.
TEST(iga, joins_what_is_left_of_the_words_as_it_joins_the_words) {
  const WordBank bank{{"a", {"x"}}, {"x", {"xx"}}, {"b", {"y"}}, {"y", {"yy"}}};
  const WordVictim model{.theta = {{"x", -1}, {"xx", -2}, {"y", -1}, {"yy", -2}}, .bias = 9};
  std::set<std::string> asked;
  const auto victim = [&](std::span<const std::string> texts) {
    asked.insert(texts.begin(), texts.end());
    return model(texts);
  };

  attacked(copies("a b", 20), search(bank, {.replacements = 1, .most_changed = 1}), victim);

  EXPECT_EQ(asked, (std::set<std::string>{"a b", "x b", "a y", "x y"}));
}

// One word of four may change, three must: only children that nobody checks succeed, each by
// splicing three texts of one changed word. The reference needs that luck in 10 of 100 runs; 300
// runs have a standard error of 1.7 of 100.
TEST(iga, exceeds_the_limit_of_changed_words_by_crossover_alone) {
  const auto outcomes = attacked(copies(kFourWords, 300), search(kFourWordBank), kFourWordVictim);

  std::set<std::size_t> changed;
  for (const TextOutcome& outcome : outcomes) {
    if (outcome.status == TextStatus::succeeded) changed.insert(outcome.changed.size());
  }
  EXPECT_NEAR(static_cast<double>(successes(outcomes)), 30, 5 * 5.2);
  EXPECT_EQ(changed, std::set<std::size_t>{3});
}

TEST(iga, keeps_to_the_limit_where_children_are_checked) {
  IgaOptions options;
  options.quirks.unchecked_children = false;

  const auto outcomes =
      attacked(copies(kFourWords, 300), search(kFourWordBank, options), kFourWordVictim);

  EXPECT_EQ(successes(outcomes), 0);
  for (const TextOutcome& outcome : outcomes) EXPECT_LE(outcome.changed.size(), 1u);
}

// c0 -> c1 -> ... -> c7, each a little better.
const WordBank kChain{{"c0", {"c1"}}, {"c1", {"c2"}}, {"c2", {"c3"}}, {"c3", {"c4"}},
                      {"c4", {"c5"}}, {"c5", {"c6"}}, {"c6", {"c7"}}};

// A victim that c0 and its successors up to that one do not fool.
WordVictim chain_victim(int last_in_vain) {
  WordVictim victim;
  for (int i = 0; i < 8; ++i) {
    victim.theta["c" + std::to_string(i)] = static_cast<float>(last_in_vain - i) + 0.5f;
  }
  return victim;
}

TEST(iga, replaces_a_word_five_times_at_most) {
  const auto outcomes = attacked(copies("w c0 w w w w", 20), search(kChain), chain_victim(5));

  std::set<std::string> texts;
  for (const TextOutcome& outcome : outcomes) texts.insert(outcome.adversarial);
  EXPECT_EQ(successes(outcomes), 0);
  EXPECT_TRUE(texts.contains("w c5 w w w w"));
  EXPECT_FALSE(texts.contains("w c6 w w w w"));
  EXPECT_EQ(successes(attacked(copies("w c0 w w w w", 20), search(kChain), chain_victim(4))), 20);
}

// b is near a, and c near b, but not near a, from where only two steps lead to it.
TEST(iga, drifts_from_word_to_word_and_keeps_where_it_ends) {
  const auto distance = [](std::string_view from, std::string_view to) -> std::optional<float> {
    return from == "a" && to == "c" ? 1.3f : 0.4f;
  };
  const TextSearch both = iga({}, of_word({{"a", {"b", "c"}}, {"b", {"c"}}}), distance, nullptr);
  const WordVictim fooled{.theta = {{"a", 2}, {"b", 1}, {"c", -1}}, .bias = 0};
  const WordVictim unmoved{.theta = {{"a", 2}, {"b", 1}, {"c", -1}}, .bias = 3};

  for (const TextOutcome& outcome : attacked(copies("w a w w w", 20), both, fooled)) {
    EXPECT_EQ(outcome.status, TextStatus::succeeded);
    EXPECT_EQ(outcome.adversarial, "w c w w w");
  }
  for (const TextOutcome& outcome : attacked(copies("w a w w w", 20), both, unmoved)) {
    EXPECT_EQ(outcome.adversarial, "w c w w w");
  }
}

// The first word's own member draws one of two words, twice at most.
TEST(iga, draws_at_random_for_the_first_word_unless_mended) {
  const WordVictim victim{.theta = {{"a", 1}, {"b", -1}}, .bias = 0};
  const auto at_once = [&](const Quirks& quirks) {
    const auto outcomes = attacked(
        copies("a w", 1000), search({{"a", {"b"}}}, {.quirks = quirks, .iterations = 1}), victim);
    return std::ranges::count_if(outcomes, [](const TextOutcome& o) {
      return o.status == TextStatus::succeeded && o.queries == 2;
    });
  };

  EXPECT_NEAR(static_cast<double>(at_once(kReference)), 750, 5 * 13.7);
  EXPECT_EQ(at_once(kNoQuirks), 1000);
}

TEST(iga, finds_the_one_word_of_twenty_that_has_a_candidate) {
  const WordVictim victim{.theta = {{"g", 1}, {"h", -1}}, .bias = 0.2f};
  const auto outcomes = attacked(copies("w w w w w w w w w w w w w w w w w w w g", 100),
                                 search({{"g", {"h"}}}), victim);

  std::set<std::int64_t> queries;
  for (const TextOutcome& outcome : outcomes) queries.insert(outcome.queries);
  EXPECT_EQ(successes(outcomes), 100);
  EXPECT_EQ(queries, (std::set<std::int64_t>{2, 3}));
}

// c2 fools the victim, and only the first generation's children can have it.
TEST(iga, does_not_look_at_the_last_generation_unless_mended) {
  const auto successes_of = [](const Quirks& quirks) {
    return successes(attacked(copies("w c0 w w w w", 100),
                              search(kChain, {.quirks = quirks, .iterations = 1}),
                              chain_victim(1)));
  };
  Quirks seen;
  seen.last_generation_unseen = false;

  EXPECT_EQ(successes_of(kReference), 0);
  EXPECT_GT(successes_of(seen), 10);
}

// The first population can have d1 and each iteration one more, so d21 comes with the twentieth. At
// so low a temperature all parents are the best so far, and each of 19 children misses the word
// that should be replaced with the probability (19 / 20)^20 = 0.36: all do once in 10^8 times.
TEST(iga, finds_in_its_twentieth_iteration_what_only_the_mended_search_looks_at) {
  WordBank bank;
  WordVictim victim;
  for (int i = 0; i < 22; ++i) {
    const auto word = [](int number) { return "d" + std::to_string(number); };
    bank[word(i)] = {word(i + 1)};
    victim.theta[word(i)] = 0.1f * (20.5f - static_cast<float>(i));
  }
  std::string text = words(20);
  text.replace(text.find("w7"), 2, "d0");
  const auto successes_of = [&](Quirks quirks, int iterations) {
    return successes(attacked(
        copies(text, 5),
        search(
            bank,
            {.quirks = quirks, .iterations = iterations, .temperature = 0.002, .replacements = 30}),
        victim));
  };
  Quirks unseen = kNoQuirks;
  unseen.last_generation_unseen = true;

  EXPECT_EQ(successes_of(kNoQuirks, 20), 5);
  EXPECT_EQ(successes_of(unseen, 20), 0);
  EXPECT_EQ(successes_of(unseen, 21), 5);
  EXPECT_EQ(successes_of(kNoQuirks, 19), 0);
}

TEST(iga, keeps_to_its_budget_and_returns_the_best_so_far) {
  const auto outcomes = attacked(copies("w c0 w w w w", 50), search(kChain), chain_victim(4),
                                 {.queries = {.budget = 12}});

  for (const TextOutcome& outcome : outcomes) {
    EXPECT_LE(outcome.queries, 12);
    EXPECT_GT(outcome.after.score, outcome.before.score);
  }
}

// Both words must change. The original and the first two members take 3 queries, so the first
// child, which alone can have both, is the fourth: the reference drops a child that spends the
// budget.
TEST(iga, drops_the_child_that_takes_the_last_query) {
  const WordVictim victim{.theta = {{"a", 1}, {"b", 1}, {"x", -1}, {"y", -1}}, .bias = 1};
  const auto successes_with = [&](std::int64_t budget) {
    return successes(attacked(copies("a b", 100), search({{"a", {"x"}}, {"b", {"y"}}}), victim,
                              {.queries = {.budget = budget}}));
  };

  EXPECT_EQ(successes_with(4), 0);
  EXPECT_GT(successes_with(5), 0);
}

TEST(iga, counts_what_is_not_one_word) {
  const TextOutcome outcome = attacked("a", search({{"a", {"b c", "d e"}}}), kUnmoved);

  EXPECT_EQ(outcome.rejected_candidates, 2);
  EXPECT_EQ(outcome.queries, 1);
}

TEST(iga, refuses_a_population_of_nobody) {
  EXPECT_THROW(search({}, {.population = 0}), Error);
  EXPECT_THROW(search({}, {.iterations = 0}), Error);
}

}  // namespace
}  // namespace saddle
