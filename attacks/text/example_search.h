// ExampleSearch: what a search has of its example: the text, its label, and evaluate(), which asks
// the victim and counts.
//
// A query is a text that the search asks about, whether or not it was asked about before: that is
// how TextAttack counts. Known answers come from a cache, which changes no count.
#pragma once

#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "attacks/text/answer.h"
#include "attacks/text/answer_cache.h"
#include "attacks/text/attacked_text.h"
#include "attacks/text/coroutine.h"
#include "attacks/text/draws.h"

namespace saddle {

struct TextExample {
  std::int64_t index = 0;  // its number in the data set: draws depend on it
  std::string text;
  std::int32_t label = 0;
};

constexpr std::int64_t kNoQueryBudget = std::numeric_limits<std::int64_t>::max();

struct QueryOptions {
  std::int64_t budget = kNoQueryBudget;       // queries an example may have, the first included
  std::size_t cached = std::size_t{1} << 17;  // answers kept for an example; at most some 30 MB
};

class ExampleSearch {
 public:
  ExampleSearch(TextExample example, Compat compat, std::uint64_t seed,
                const QueryOptions& options = {});
  ExampleSearch(const ExampleSearch&) = delete;
  ExampleSearch& operator=(const ExampleSearch&) = delete;

  const AttackedText& original() const { return original_; }
  // What the victim says of the original; it was asked before the search begins.
  const Answer& first_answer() const { return first_; }
  std::int64_t index() const { return example_.index; }
  std::int32_t label() const { return example_.label; }
  TextDraws draws(Purpose purpose) const { return {seed_, purpose, example_.index}; }

  // `co_await search.evaluate(texts)` gives an answer a text, in their order; fewer where the
  // budget does not suffice for all, of the first.
  class Evaluation;
  Evaluation evaluate(std::vector<std::string> texts);
  Evaluation evaluate(std::string text);

  // Counts `queries` that have the answers of others before; fewer where the budget ends.
  void count(std::size_t queries);

  std::int64_t queries() const { return queries_; }
  // How many of them the victim had to answer: the others were known.
  std::int64_t asked() const { return asked_; }
  // Whether the budget is spent.
  bool over() const { return queries_ == options_.budget; }
  // Candidates that were no words, for the report.
  std::int64_t rejected = 0;

  // What follows is for whoever runs searches. Texts whose logits the search waits for; it goes on
  // once each was given its own.
  const std::vector<std::string>& wanted() const { return wanted_; }
  void give(std::size_t place, std::span<const float> logits) {
    given_[place] = answer_of(logits, example_.label);
  }
  void resume();
  void begin(const Answer& first) { first_ = first; }
  Strand strand;

 private:
  TextExample example_;
  std::uint64_t seed_;
  QueryOptions options_;
  AttackedText original_;
  Answer first_;
  std::int64_t queries_ = 0, asked_ = 0;
  AnswerCache cache_;
  std::vector<std::string> wanted_;
  std::vector<Answer> given_;  // [wanted]
  std::coroutine_handle<> waiting_ = nullptr;
};

// What is awaited: a pause where the victim must be asked, none where all answers are known.
class ExampleSearch::Evaluation {
 public:
  Evaluation(ExampleSearch& search, std::vector<std::string> texts);

  bool await_ready() const { return places_.empty(); }
  void await_suspend(std::coroutine_handle<> waiting);
  std::vector<Answer> await_resume();

 private:
  ExampleSearch& search_;
  std::vector<std::string> unknown_;
  std::vector<std::size_t> places_;  // of the unknown texts among the answers
  std::vector<Answer> answers_;
};

// A text and the answer to it: where a search stands, or ends.
struct Judged {
  AttackedText text;
  Answer answer;
};

// A search at an example whose original the victim takes for its label. It returns the text that
// it ends with.
using TextSearch = std::function<Coroutine<Judged>(ExampleSearch& example)>;

}  // namespace saddle
