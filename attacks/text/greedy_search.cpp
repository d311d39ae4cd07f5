#include "attacks/text/greedy_search.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <numeric>
#include <optional>
#include <utility>

#include "core/error.h"

namespace saddle {
namespace {

struct Settings {
  WordOrder order;
  SwapRules rules;
};

constexpr std::string_view kUnknownWord = "[UNK]";  // the token that BERT reads unknown words as

std::vector<double> softmax(const std::vector<double>& scores) {
  std::vector<double> p;
  for (double score : scores) p.push_back(std::exp(score));  // scores lie in [0, 1]
  const double sum = std::accumulate(p.begin(), p.end(), 0.);
  for (double& value : p) value /= sum;
  return p;
}

class Greedy {
 public:
  Greedy(const Settings& settings, ExampleSearch& example)
      : order_(settings.order),
        example_(example),
        swaps_(settings.rules, example.original(), example.index()) {}

  Coroutine<Judged> run() { return order_ == WordOrder::best_of_all ? best_of_all() : by_rank(); }

  std::int64_t rejected() const { return swaps_.rejected(); }

 private:
  // Word by word, the most important first.
  Coroutine<Judged> by_rank() {
    Judged current{example_.original(), example_.first_answer()};
    const std::vector<std::size_t> ranked = co_await ranking();
    for (std::size_t i : ranked) {
      if (current.answer.success || example_.over()) break;
      const std::optional<Judged> best =
          co_await best_swap(current, swaps_.find(current.text, {&i, 1}));
      if (best && best->answer.score > current.answer.score) current = *best;
    }
    co_return current;
  }

  Coroutine<Judged> best_of_all() {
    Judged current{example_.original(), example_.first_answer()};
    while (!current.answer.success && !example_.over()) {
      std::vector<Swap> swaps = swaps_.find(current.text);
      std::ranges::stable_sort(swaps, {}, &Swap::text);
      const std::optional<Judged> best = co_await best_swap(current, std::move(swaps));
      if (!best) break;
      current = *best;
    }
    co_return current;
  }

  // Of the highest score, of equal ones the first; nothing where there is none.
  Coroutine<std::optional<Judged>> best_swap(Judged current, std::vector<Swap> swaps) {
    const std::vector<Answer> answers = co_await example_.evaluate(texts_out_of(swaps));
    const auto best = std::ranges::max_element(answers, {}, &Answer::score);
    if (best == answers.end()) co_return std::nullopt;
    const Swap& swap = swaps[static_cast<std::size_t>(best - answers.begin())];
    co_return Judged{swapped(current.text, swap), *best};
  }

  // The words that may be touched, by falling importance; of equal ones the first.
  Coroutine<std::vector<std::size_t>> ranking() {
    std::vector<std::size_t> indices = swaps_.allowed(example_.original());
    std::vector<double> importance = co_await scores_without(indices);
    if (order_ == WordOrder::by_weighted_saliency) {
      const std::vector<double> saliency = softmax(importance);
      const std::vector<double> best = co_await best_scores();
      for (std::size_t j = 0; j < importance.size(); ++j) {
        importance[j] = saliency[j] * best[indices[j]];
      }
    }
    std::vector<std::size_t> order(importance.size());  // fewer than words where the budget ended
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::ranges::stable_sort(order, std::greater(), [&](std::size_t j) { return importance[j]; });
    for (std::size_t& j : order) j = indices[j];
    co_return order;
  }

  // The scores of the original without each of these words.
  Coroutine<std::vector<double>> scores_without(const std::vector<std::size_t>& indices) {
    const AttackedText& original = example_.original();
    std::vector<std::string> texts;
    for (std::size_t i : indices) {
      texts.push_back(order_ == WordOrder::by_deletion ? original.text_without(i)
                                                       : original.text_with(i, kUnknownWord));
    }
    const std::vector<Answer> answers = co_await example_.evaluate(std::move(texts));
    std::vector<double> scores;
    for (const Answer& answer : answers) scores.push_back(static_cast<double>(answer.score));
    co_return scores;
  }

  // The best score that one swap has at each word of the original; 0 where there is none.
  Coroutine<std::vector<double>> best_scores() {
    std::vector<Swap> swaps = swaps_.find(example_.original());
    const std::vector<Answer> answers = co_await example_.evaluate(texts_out_of(swaps));
    std::vector<double> best(example_.original().word_count());
    for (std::size_t j = 0; j < answers.size(); ++j) {
      double& score = best[swaps[j].index];
      score = std::max(score, static_cast<double>(answers[j].score));
    }
    co_return best;
  }

  WordOrder order_;
  ExampleSearch& example_;
  SwapFinder swaps_;
};

Coroutine<Judged> search(std::shared_ptr<const Settings> settings, ExampleSearch& example) {
  Greedy greedy(*settings, example);
  const Judged end = co_await greedy.run();
  example.rejected = greedy.rejected();
  co_return end;
}

}  // namespace

TextSearch greedy_search(WordOrder order, SwapRules rules) {
  require(order != WordOrder::best_of_all || rules.repeats == Repeats::forbidden,
          "greedy: rules that allow to replace a word twice might never end");
  const auto settings = std::make_shared<const Settings>(Settings{order, std::move(rules)});
  return [settings](ExampleSearch& example) { return search(settings, example); };
}

}  // namespace saddle
