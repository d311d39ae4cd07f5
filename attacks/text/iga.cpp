#include "attacks/text/iga.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <optional>
#include <utility>

#include "core/error.h"

namespace saddle {
namespace {

struct Settings {
  IgaOptions options;
  SwapRules rules;
};

struct Individual {
  AttackedText text;
  Answer answer;
  std::vector<int> left;  // [words], how often each may still be replaced
};

class Population {
 public:
  Population(const Settings& settings, ExampleSearch& example)
      : options_(settings.options),
        example_(example),
        swaps_(settings.rules, example.original(), example.index()),
        draws_(example.draws(Purpose::text_iga)),
        words_(example.original().word_count()) {}

  Coroutine<Judged> run() {
    const Individual original{example_.original(), example_.first_answer(),
                              std::vector<int>(words_, options_.replacements)};
    for (std::size_t i = 0; i < words_; ++i) {
      const bool at_random = i == 0 && options_.quirks.first_word_at_random;
      Individual member = co_await perturbed(original, at_random ? std::nullopt : std::optional(i));
      // All words are tried, and counted, also those whose members find no place.
      if (members_.size() < most_members()) members_.push_back(std::move(member));
    }
    for (int i = 0; i < options_.iterations; ++i) {
      std::ranges::stable_sort(members_, std::greater(), score_of);
      if (members_[0].answer.success || example_.over()) co_return as_end(members_[0]);
      members_ = co_await next_generation();
    }
    const bool unseen = options_.quirks.last_generation_unseen;
    co_return as_end(unseen ? members_[0] : *std::ranges::max_element(members_, {}, score_of));
  }

  std::int64_t rejected() const { return swaps_.rejected(); }

 private:
  static float score_of(const Individual& member) { return member.answer.score; }
  static Judged as_end(const Individual& member) { return {member.text, member.answer}; }
  std::size_t most_members() const { return static_cast<std::size_t>(options_.population); }

  // The member with one word, at `place` or at random, replaced by the best candidate that gains
  // something; the member itself where none does.
  Coroutine<Individual> perturbed(Individual member, std::optional<std::size_t> place) {
    std::vector<double> weights(member.left.begin(), member.left.end());
    const auto tries = static_cast<std::size_t>(
        std::ranges::count_if(weights, [](double weight) { return weight > 0; }));
    for (std::size_t tried = 1; tried <= tries; ++tried) {
      const std::size_t i = place ? *place : draws_.choose(weights);
      std::vector<Swap> swaps = swaps_.find(member.text, {&i, 1});
      if (swaps.empty()) continue;
      const std::vector<Answer> answers = co_await example_.evaluate(texts_out_of(swaps));
      const auto best = std::ranges::max_element(answers, {}, &Answer::score);
      if (best != answers.end() && best->score - member.answer.score > 0) {
        const Swap& swap = swaps[static_cast<std::size_t>(best - answers.begin())];
        --member.left[i];
        co_return Individual{swapped(member.text, swap), *best, std::move(member.left)};
      }
      weights[i] = 0;
      if (example_.over()) break;
      if (!place) continue;
      // The reference asks about the same texts in every try that is left.
      example_.count(swaps.size() * (tries - tried));
      break;
    }
    co_return member;
  }

  // The best member and the children of the others. The members are sorted.
  Coroutine<std::vector<Individual>> next_generation() {
    std::vector<float> scores;
    for (const Individual& member : members_) scores.push_back(score_of(member));
    const std::vector<double> p =
        parent_probabilities(scores, options_.temperature, options_.quirks);
    std::vector<std::size_t> parents(2 * (members_.size() - 1));  // the first of all, the second
    for (std::size_t& parent : parents) parent = draws_.choose(p);
    std::vector<Individual> next{members_[0]};
    for (std::size_t j = 0; j + 1 < members_.size() && !example_.over(); ++j) {
      Individual child =
          co_await child_of(members_[parents[j]], members_[parents[j + members_.size() - 1]]);
      if (example_.over()) break;  // the reference drops it
      next.push_back(co_await perturbed(std::move(child), std::nullopt));
    }
    co_return next;
  }

  Coroutine<Individual> child_of(const Individual& a, const Individual& b) {
    const int retries = options_.quirks.unchecked_children ? 0 : options_.crossover_retries;
    for (int tried = 0; tried <= retries; ++tried) {
      const std::size_t cut = draws_.below(words_);
      const AttackedText text = crossed(a.text, b.text, cut);
      if (!may_live(text, a.text, b.text)) continue;
      std::vector<int> left = a.left;
      std::copy(b.left.begin() + static_cast<std::ptrdiff_t>(cut), b.left.end(),
                left.begin() + static_cast<std::ptrdiff_t>(cut));
      const std::vector<Answer> answers = co_await example_.evaluate(text.text());
      co_return Individual{text, answers[0], std::move(left)};
    }
    co_return draws_.uniform() < 0.5 ? a : b;
  }

  bool may_live(const AttackedText& child, const AttackedText& a, const AttackedText& b) const {
    if (options_.quirks.unchecked_children || !child.transformed()) return true;
    return swaps_.passes(child, a.transformed() ? a : b);
  }

  IgaOptions options_;
  ExampleSearch& example_;
  SwapFinder swaps_;
  TextDraws draws_;
  std::size_t words_;
  std::vector<Individual> members_;
};

Coroutine<Judged> search(std::shared_ptr<const Settings> settings, ExampleSearch& example) {
  Population population(*settings, example);
  const Judged end = co_await population.run();
  example.rejected = population.rejected();
  co_return end;
}

}  // namespace

TextSearch iga(const IgaOptions& options, CandidatesOfWord neighbours, WordMeasure squared_distance,
               IsStopWord is_stop_word) {
  require(options.population >= 1 && options.iterations >= 1, "iga: a population of ",
          options.population, " and ", options.iterations,
          " iterations, expected 1 or more of both");
  const auto settings = std::make_shared<const Settings>(Settings{
      options,
      {.of_word = std::move(neighbours),
       .is_stop_word = std::move(is_stop_word),
       .most_changed = options.most_changed,
       .accepts = within_distance(std::move(squared_distance), options.most_squared_distance)}});
  return [settings](ExampleSearch& example) { return search(settings, example); };
}

std::vector<double> parent_probabilities(std::span<const float> scores, double temperature,
                                         const Quirks& quirks) {
  std::vector<double> p;
  double sum = 0;
  for (float score : scores) {
    p.push_back(
        std::exp((quirks.weak_parents ? -1. : 1.) * static_cast<double>(score) / temperature));
    sum += p.back();
  }
  for (double& value : p) value /= sum;
  return p;
}

AttackedText crossed(const AttackedText& before, const AttackedText& from_cut, std::size_t cut) {
  std::vector<bool> taken(before.word_count());
  for (std::size_t i = cut; i < taken.size(); ++i) taken[i] = before.word(i) != from_cut.word(i);
  return mixed(before, from_cut, taken);
}

}  // namespace saddle
