#include "attacks/text/example_search.h"

#include <algorithm>

#include "core/error.h"

namespace saddle {

ExampleSearch::ExampleSearch(TextExample example, Compat compat, std::uint64_t seed,
                             const QueryOptions& options)
    : example_(std::move(example)),
      seed_(seed),
      options_(options),
      original_(example_.text, compat),
      cache_(options.cached) {
  require(options.budget >= 1, "text attack: a budget of ", options.budget,
          " queries is below 1, the query that the original text takes");
}

ExampleSearch::Evaluation ExampleSearch::evaluate(std::vector<std::string> texts) {
  return {*this, std::move(texts)};
}

ExampleSearch::Evaluation ExampleSearch::evaluate(std::string text) {
  std::vector<std::string> texts;
  texts.push_back(std::move(text));
  return {*this, std::move(texts)};
}

void ExampleSearch::count(std::size_t queries) {
  queries_ += std::min(static_cast<std::int64_t>(queries), options_.budget - queries_);
}

void ExampleSearch::resume() { strand.next = std::exchange(waiting_, nullptr); }

ExampleSearch::Evaluation::Evaluation(ExampleSearch& search, std::vector<std::string> texts)
    : search_(search) {
  const std::int64_t before = search.queries_;
  search.count(texts.size());
  texts.resize(static_cast<std::size_t>(search.queries_ - before));
  answers_.resize(texts.size());
  for (std::size_t i = 0; i < texts.size(); ++i) {
    if (const Answer* known = search.cache_.find(texts[i])) {
      answers_[i] = *known;
    } else {
      places_.push_back(i);
      unknown_.push_back(std::move(texts[i]));
    }
  }
  search.asked_ += std::ssize(unknown_);
}

void ExampleSearch::Evaluation::await_suspend(std::coroutine_handle<> waiting) {
  search_.wanted_ = std::move(unknown_);
  search_.given_.assign(search_.wanted_.size(), {});
  search_.waiting_ = waiting;
}

std::vector<Answer> ExampleSearch::Evaluation::await_resume() {
  for (std::size_t j = 0; j < places_.size(); ++j) {
    answers_[places_[j]] = search_.given_[j];
    search_.cache_.put(std::move(search_.wanted_[j]), search_.given_[j]);
  }
  if (!places_.empty()) search_.wanted_.clear();
  return std::move(answers_);
}

}  // namespace saddle
