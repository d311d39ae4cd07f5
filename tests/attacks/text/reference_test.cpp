// The searches against TextAttack's own, on the sentences of tests/vectors/text_attacks.json.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "attacks/text/greedy.h"
#include "attacks/text/iga.h"
#include "attacks/text/pso.h"
#include "attacks/text/pwws.h"
#include "attacks/text/textfooler.h"
#include "core/file.h"
#include "core/json_text.h"
#include "tests/attacks/text/word_victim.h"
#include "tests/support/source_directory.h"

namespace saddle {
namespace {

using Json = nlohmann::json;

struct Problem {
  Json stored;  // the whole file
  WordVictim victim;
  WordBank bank;
  std::map<std::string, std::vector<float>, std::less<>> vectors;
  std::map<std::string, std::string, std::less<>> tags;
  std::set<std::string, std::less<>> stop_words;
  std::vector<TextExample> examples;
};

Problem read_problem() {
  Problem problem;
  problem.stored = parse_json(
      read_file(source_directory() / "tests/vectors/text_attacks.json", std::int64_t{1} << 20));
  const Json& of = problem.stored.at("problem");
  problem.victim.bias = of.at("bias").get<float>();
  of.at("theta").get_to(problem.victim.theta);
  of.at("bank").get_to(problem.bank);
  of.at("vectors").get_to(problem.vectors);
  of.at("tags").get_to(problem.tags);
  of.at("stop_words").get_to(problem.stop_words);
  for (const Json& example : of.at("examples")) {
    problem.examples.push_back({static_cast<std::int64_t>(problem.examples.size()),
                                example.at("text"), example.at("label")});
  }
  return problem;
}

const Problem& problem() {
  static const Problem problem = read_problem();
  return problem;
}

// The sum of term(a_k, b_k) over the vectors of two words.
template <class Term>
WordMeasure measure(const Term& term) {
  return [term](std::string_view a, std::string_view b) -> std::optional<float> {
    const auto first = problem().vectors.find(a), second = problem().vectors.find(b);
    if (first == problem().vectors.end() || second == problem().vectors.end()) return std::nullopt;
    float sum = 0;
    for (std::size_t k = 0; k < first->second.size(); ++k) {
      sum += term(first->second[k], second->second[k]);
    }
    return sum;
  };
}

std::string_view tag(std::span<const std::string_view> words, std::size_t index) {
  const auto found = problem().tags.find(words[index]);
  return found == problem().tags.end() ? std::string_view() : std::string_view(found->second);
}

void expect_reference(const TextSearch& search, const std::string& name) {
  const auto outcomes = attacked(problem().examples, search, problem().victim);
  for (const TextOutcome& outcome : outcomes) {
    const Json& stored = problem().stored.at(name).at(static_cast<std::size_t>(outcome.index));
    EXPECT_EQ(name_of(outcome.status), stored.at("status").get<std::string>()) << outcome.original;
    EXPECT_EQ(outcome.queries, stored.at("queries").get<int>()) << outcome.original;
    EXPECT_EQ(outcome.adversarial, stored.at("text").get<std::string>()) << outcome.original;
  }
}

TEST(text_attack_reference, is_met_by_pwws_query_by_query) {
  expect_reference(pwws(of_word(problem().bank), stop_words(problem().stop_words)), "pwws");
}

TEST(text_attack_reference, is_met_by_textfooler_query_by_query) {
  const auto product = [](float a, float b) { return a * b; };
  expect_reference(
      textfooler(of_word(problem().bank), measure(product), tag, stop_words(problem().stop_words)),
      "textfooler");
}

TEST(text_attack_reference, is_met_by_greedy_search_query_by_query) {
  expect_reference(greedy(in_text(problem().bank), stop_words(problem().stop_words)), "greedy");
}

// Both sides draw, so their means differ by chance: by five standard errors once in a million
// times.
void expect_mean(double here, double there, double variance, const std::string& what) {
  EXPECT_NEAR(here, there, 5 * std::sqrt(variance) + 1e-9) << what;
}

#ifdef SADDLE_SANITIZE
constexpr int kRuns = 15;  // of which less is known; the code is the same
#else
constexpr int kRuns = 150;
#endif

void expect_reference_in_the_mean(const TextSearch& search, const std::string& name) {
  const Json& all = problem().stored.at(name);
  const double runs = problem().stored.at("runs");
  double here = 0, there = 0, variance = 0;
  for (std::size_t i = 0; i < all.size(); ++i) {
    std::vector<TextExample> examples;
    for (int run = 0; run < kRuns; ++run) {
      examples.push_back(problem().examples[i]);
      examples.back().index = run;
    }
    const auto outcomes = attacked(examples, search, problem().victim);
    const double p = all[i].at("successes").get<double>() / runs;
    const double q = static_cast<double>(successes(outcomes)) / kRuns;
    // A share that was 0 or 1 in all runs is not known any better than to 1 / runs.
    const double spread = std::max(p * (1 - p), q * (1 - q)) + 1 / runs;
    expect_mean(q, p, spread * (1 / runs + 1. / kRuns), "success at " + examples[0].text);
    const double deviation = all[i].at("deviation");
    const double of_queries = deviation * deviation * (1 / runs + 1. / kRuns);
    expect_mean(mean_queries(outcomes), all[i].at("queries"), of_queries + 0.01,
                "queries at " + examples[0].text);
    here += mean_queries(outcomes);
    there += all[i].at("queries").get<double>();
    variance += of_queries;
  }
  expect_mean(here, there, variance, "queries in all");
}

TEST(text_attack_reference, of_2024_is_met_by_pso_in_the_mean) {
  expect_reference_in_the_mean(pso({.quirks = quirks_of(Compat::of_2024)}, in_text(problem().bank),
                                   stop_words(problem().stop_words)),
                               "pso_2024");
}

TEST(text_attack_reference, of_2026_is_met_by_pso_in_the_mean) {
  expect_reference_in_the_mean(pso({.quirks = quirks_of(Compat::of_2026)}, in_text(problem().bank),
                                   stop_words(problem().stop_words)),
                               "pso_2026");
}

void expect_four_words(Compat compat, const std::string& name) {
  const Json& stored = problem().stored.at(name);
  const int runs = problem().stored.at("four_words_runs");
  const TextSearch search = pso({.quirks = quirks_of(compat)}, in_text(kFourWordBank), nullptr);

  const auto outcomes = attacked(copies(kFourWords, runs), search, kFourWordVictim);

  EXPECT_EQ(successes(outcomes), stored.at("successes").get<int>());
  const auto fewer_changed = [](const TextOutcome& a, const TextOutcome& b) {
    return a.changed.size() < b.changed.size();
  };
  EXPECT_EQ(std::ranges::min(outcomes, fewer_changed).changed.size(), 3u);
  const double deviation = stored.at("deviation");
  expect_mean(mean_queries(outcomes), stored.at("queries"), 2 * deviation * deviation / runs, name);
}

TEST(text_attack_reference, is_met_by_pso_upon_four_words) {
  expect_four_words(Compat::of_2024, "four_words_2024");
  expect_four_words(Compat::of_2026, "four_words_2026");
}

TEST(text_attack_reference, is_met_by_iga_in_the_mean) {
  const auto square = [](float a, float b) { return (a - b) * (a - b); };
  const TextSearch search =
      iga({}, of_word(problem().bank), measure(square), stop_words(problem().stop_words));

  expect_reference_in_the_mean(search, "iga_2024");
  expect_reference_in_the_mean(search, "iga_2026");
}

}  // namespace
}  // namespace saddle
