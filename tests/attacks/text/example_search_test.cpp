#include "attacks/text/example_search.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <set>
#include <stdexcept>

#include "attacks/text/text_attack.h"
#include "core/error.h"
#include "tests/attacks/text/word_victim.h"

namespace saddle {
namespace {

constexpr std::array<float, 2> kEven{0.f, 0.f}, kOne{0.f, 2.f};

TEST(answer_of, scores_what_the_softmax_leaves_for_other_classes) {
  const Answer answer = answer_of(kOne, 1);

  EXPECT_NEAR(answer.score, 1 - 1 / (1 + std::exp(-2.)), 1e-7);
  EXPECT_EQ(answer.predicted, 1);
  EXPECT_FALSE(answer.success);
  EXPECT_TRUE(answer_of(kOne, 0).success);
}

TEST(answer_of, gives_a_tie_to_the_lowest_class) {
  EXPECT_TRUE(answer_of(kEven, 1).success);
  EXPECT_FALSE(answer_of(kEven, 0).success);
  EXPECT_EQ(answer_of(kEven, 1).score, 0.5f);
}

TEST(answer_of, bears_large_logits) {
  const std::array<float, 3> logits{1e30f, -1e30f, 3e30f};

  EXPECT_EQ(answer_of(logits, 2).score, 0.f);
  EXPECT_EQ(answer_of(logits, 0).score, 1.f);
}

TEST(answer_of, refuses_logits_that_are_none_and_labels_without_one) {
  const std::array<float, 2> broken{0.f, std::numeric_limits<float>::quiet_NaN()};

  EXPECT_THROW(answer_of(broken, 0), Error);
  EXPECT_THROW(answer_of(std::span(kEven).first(1), 0), Error);
  EXPECT_THROW(answer_of(kEven, 2), Error);
  EXPECT_THROW(answer_of(kEven, -1), Error);
}

TEST(answer_cache, forgets_what_was_not_asked_for_of_late) {
  AnswerCache cache(4);
  cache.put("a", {0.25f, 0, true});
  cache.put("b", {});
  cache.put("c", {});

  ASSERT_NE(cache.find("a"), nullptr);
  cache.put("d", {});
  cache.put("e", {});

  EXPECT_EQ(cache.find("a")->score, 0.25f);
  EXPECT_EQ(cache.find("b"), nullptr);
  EXPECT_LE(cache.size(), 4u);
}

TEST(text_draws, depend_on_seed_purpose_and_example_alone) {
  TextDraws draws(1, Purpose::text_pso, 5), same(1, Purpose::text_pso, 5);
  std::set<double> firsts{TextDraws(2, Purpose::text_pso, 5).uniform(),
                          TextDraws(1, Purpose::text_iga, 5).uniform(),
                          TextDraws(1, Purpose::text_pso, 6).uniform()};

  const double first = draws.uniform(), second = draws.uniform();

  EXPECT_EQ(same.uniform(), first);
  EXPECT_EQ(same.uniform(), second);
  firsts.insert({first, second});
  EXPECT_EQ(firsts.size(), 5u);
}

// The mean of n uniform numbers has the deviation 1 / sqrt(12 n).
TEST(text_draws, are_uniform) {
  TextDraws draws(0, Purpose::text_iga, 0);
  double sum = 0, least = 1, most = 0;
  for (int i = 0; i < 100000; ++i) {
    const double u = draws.uniform();
    sum += u;
    least = std::min(least, u);
    most = std::max(most, u);
  }

  EXPECT_NEAR(sum / 100000, 0.5, 5 / std::sqrt(12 * 1e5));
  EXPECT_GE(least, 0);
  EXPECT_LT(most, 1);
}

TEST(text_draws, choose_by_weight_and_never_what_has_none) {
  TextDraws draws(0, Purpose::text_pso, 0);
  const std::vector<double> weights{0, 3, 0, 1, 0};
  std::vector<int> counts(5);
  for (int i = 0; i < 10000; ++i) ++counts[draws.choose(weights)];

  EXPECT_EQ(counts[0] + counts[2] + counts[4], 0);
  EXPECT_NEAR(counts[1], 7500, 5 * std::sqrt(10000 * 0.75 * 0.25));
}

TEST(text_draws, below_stay_below) {
  TextDraws draws(0, Purpose::text_pso, 0);
  std::set<std::size_t> seen;
  for (int i = 0; i < 1000; ++i) seen.insert(draws.below(3));

  EXPECT_EQ(seen, (std::set<std::size_t>{0, 1, 2}));
}

// A search that asks about lists of texts and keeps how many answers came back.
Coroutine<Judged> ask(std::vector<std::vector<std::string>> lists, std::vector<std::size_t>& counts,
                      ExampleSearch& example) {
  for (std::vector<std::string>& list : lists) {
    const std::vector<Answer> answers = co_await example.evaluate(std::move(list));
    counts.push_back(answers.size());
  }
  co_return Judged{example.original(), example.first_answer()};
}

struct Asked {
  TextOutcome outcome;
  std::vector<std::size_t> counts;
  std::vector<std::string> victim;  // the texts that it was given
};

Asked asked(const std::vector<std::vector<std::string>>& lists, const QueryOptions& queries) {
  Asked result;
  const WordVictim model{.theta = {}, .bias = 1};
  const auto victim = [&](std::span<const std::string> texts) {
    result.victim.insert(result.victim.end(), texts.begin(), texts.end());
    return model(texts);
  };
  const auto search = [&](ExampleSearch& example) { return ask(lists, result.counts, example); };
  result.outcome = attacked("a", search, victim, {.queries = queries});
  return result;
}

using Counts = std::vector<std::size_t>;
using Texts = std::vector<std::string>;

TEST(evaluate, counts_a_text_again_but_asks_the_victim_once) {
  const Asked result = asked({{"b", "c", "b"}, {"b", "c", "b"}, {"a"}}, {});

  EXPECT_EQ(result.outcome.queries, 1 + 3 + 3 + 1);
  EXPECT_EQ(result.counts, (Counts{3, 3, 1}));
  EXPECT_EQ(result.victim, (Texts{"a", "b", "c"}));
}

TEST(evaluate, ends_with_the_budget) {
  const Asked result = asked({{"b", "c"}, {"b", "d", "e"}, {"f"}}, {.budget = 5});

  EXPECT_EQ(result.outcome.queries, 5);
  EXPECT_EQ(result.counts, (Counts{2, 2, 0}));
  EXPECT_EQ(result.victim, (Texts{"a", "b", "c", "d"}));
}

TEST(evaluate, counts_the_same_without_a_cache) {
  const Asked result = asked({{"b", "c"}, {"b", "c"}}, {.cached = 0});

  EXPECT_EQ(result.outcome.queries, 5);
  EXPECT_EQ(result.counts, (Counts{2, 2}));
}

TEST(evaluate, gives_the_answers_in_the_order_of_the_texts) {
  const WordVictim model{.theta = {{"b", 1}, {"c", 2}, {"d", 3}}, .bias = 0.5f};
  std::vector<Answer> got;
  const auto search = [&](ExampleSearch& example) -> Coroutine<Judged> {
    return [](std::vector<Answer>& answers, ExampleSearch& of) -> Coroutine<Judged> {
      std::vector<std::string> texts{"d d d", "c", "d", "b b", "c"};
      answers = co_await of.evaluate(std::move(texts));
      co_return Judged{of.original(), of.first_answer()};
    }(got, example);
  };

  attacked("b", search, model, {.batch_size = 2});

  ASSERT_EQ(got.size(), 5u);
  const auto score = [](double z) { return 1 - 1 / (1 + std::exp(-z)); };
  EXPECT_NEAR(got[0].score, score(9.5), 1e-6);
  EXPECT_NEAR(got[1].score, score(2.5), 1e-6);
  EXPECT_NEAR(got[2].score, score(3.5), 1e-6);
  EXPECT_NEAR(got[3].score, score(2.5), 1e-6);
  EXPECT_EQ(got[4], got[1]);
}

TEST(example_search, refuses_a_budget_without_room_for_the_original) {
  EXPECT_THROW(asked({}, {.budget = 0}), Error);
  EXPECT_EQ(asked({}, {.budget = 1}).outcome.queries, 1);
}

Coroutine<int> two() { co_return 2; }

// Each of many calls is done at once; the machine's stack would not bear a frame for each.
Coroutine<int> sum_of_many() {
  int sum = 0;
  for (int i = 0; i < 300000; ++i) sum += co_await two();
  co_return sum;
}

Coroutine<int> nested(int depth) {
  if (depth == 0) co_return 1;
  const int below = co_await nested(depth - 1);
  co_return below + 1;
}

Coroutine<int> failing(int depth) {
  if (depth == 0) throw std::runtime_error("down there");
  const int below = co_await failing(depth - 1);
  co_return below;
}

Coroutine<int> catching() {
  try {
    co_await failing(3);
  } catch (const std::runtime_error&) {
    co_return 5;
  }
  co_return 0;
}

int run(Coroutine<int> coroutine) {
  Strand strand;
  coroutine.start(strand);
  strand.run();
  EXPECT_TRUE(coroutine.done());
  return coroutine.result();
}

TEST(coroutine, calls_others_without_end) {
  EXPECT_EQ(run(sum_of_many()), 600000);
  EXPECT_EQ(run(nested(100000)), 100001);
}

TEST(coroutine, lets_exceptions_through_to_who_awaits_it) {
  EXPECT_THROW(run(failing(3)), std::runtime_error);
  EXPECT_EQ(run(catching()), 5);
}

}  // namespace
}  // namespace saddle
