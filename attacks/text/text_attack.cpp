#include "attacks/text/text_attack.h"

#include <algorithm>
#include <memory>
#include <unordered_map>
#include <utility>

#include "core/error.h"

namespace saddle {
namespace {

TextOutcome outcome_of(const ExampleSearch& example, TextStatus status, const Judged& end) {
  const AttackedText& original = example.original();
  return {.index = example.index(),
          .label = example.label(),
          .status = status,
          .queries = example.queries(),
          .asked = example.asked(),
          .original = original.text(),
          .adversarial = end.text.text(),
          .words = original.word_count(),
          .changed = differences(original, end.text),
          .before = example.first_answer(),
          .after = end.answer,
          .rejected_candidates = example.rejected};
}

// The query of the original, then the search.
Coroutine<TextOutcome> attack_example(ExampleSearch& example, const TextSearch& search) {
  const std::vector<Answer> first = co_await example.evaluate(example.original().text());
  example.begin(first[0]);
  const Judged original{example.original(), first[0]};
  if (first[0].success) co_return outcome_of(example, TextStatus::skipped, original);
  if (original.text.word_count() == 0) co_return outcome_of(example, TextStatus::failed, original);
  const Judged end = co_await search(example);
  const TextStatus status = end.answer.success ? TextStatus::succeeded : TextStatus::failed;
  co_return outcome_of(example, status, end);
}

// A search under way. Stays where it is: the coroutine refers to the example.
struct Running {
  Running(const TextExample& of, const TextSearch& search, const TextAttackOptions& options)
      : example(of, options.compat, options.seed, options.queries),
        attack(attack_example(example, search)) {
    attack.start(example.strand);
  }

  ExampleSearch example;
  Coroutine<TextOutcome> attack;
};

class Searches {
 public:
  Searches(std::span<const TextExample> examples, const TextSearch& search,
           const TextVictim& victim, const TextAttackOptions& options,
           const TextAttackEvents& events)
      : waiting_(examples), search_(search), victim_(victim), options_(options), events_(events) {}

  TextAttackEnd run() {
    while (true) {
      advance();
      if (running_.empty()) return TextAttackEnd::all_done;
      if (!answer()) return TextAttackEnd::left_early;
    }
  }

 private:
  // What a search wants to know: the place among its texts, the number among those of all.
  struct Question {
    ExampleSearch* asker;
    std::size_t place, text;
  };

  // Takes every search to its next question, and begins others in the places of those that end.
  void advance() {
    std::size_t i = 0;
    while (true) {
      if (i == running_.size()) {
        if (waiting_.empty() || i == options_.concurrent) return;
        running_.push_back(std::make_unique<Running>(waiting_.front(), search_, options_));
        waiting_ = waiting_.subspan(1);
      }
      Running& running = *running_[i];
      running.example.strand.run();
      if (!running.attack.done()) {
        ++i;
        continue;
      }
      const TextOutcome outcome = running.attack.result();  // or what the search threw
      if (events_.done) events_.done(outcome);
      std::swap(running_[i], running_.back());
      running_.pop_back();
    }
  }

  // Answers all questions; false where it was told to stop before.
  bool answer() {
    std::vector<std::string_view> texts;  // each once
    std::vector<Question> questions;
    std::unordered_map<std::string_view, std::size_t> numbers;
    for (const auto& running : running_) {
      const std::vector<std::string>& wanted = running->example.wanted();
      for (std::size_t place = 0; place < wanted.size(); ++place) {
        const auto [entry, is_new] = numbers.try_emplace(wanted[place], texts.size());
        if (is_new) texts.push_back(wanted[place]);
        questions.push_back({&running->example, place, entry->second});
      }
    }
    std::vector<std::vector<float>> logits(texts.size());
    if (!ask(texts, logits)) return false;
    for (const Question& question : questions) {
      question.asker->give(question.place, logits[question.text]);
    }
    for (const auto& running : running_) running->example.resume();
    return true;
  }

  // Asks the victim in batches of nearly equal numbers of texts of nearly equal length.
  bool ask(const std::vector<std::string_view>& texts, std::vector<std::vector<float>>& logits) {
    const std::vector<std::size_t> order = by_length(texts);
    const std::size_t batches = (texts.size() + options_.batch_size - 1) / options_.batch_size;
    for (std::size_t b = 0; b < batches; ++b) {
      if (events_.keep_going && !events_.keep_going()) return false;
      const std::size_t begin = b * texts.size() / batches, end = (b + 1) * texts.size() / batches;
      const std::span<const std::size_t> numbers = std::span(order).subspan(begin, end - begin);
      std::vector<std::string> batch;
      batch.reserve(numbers.size());
      for (std::size_t number : numbers) batch.emplace_back(texts[number]);
      std::vector<std::vector<float>> answers = victim_(batch);
      require(answers.size() == batch.size(), "text attack: the victim gave ", answers.size(),
              " answers to ", batch.size(), " texts");
      for (std::size_t i = 0; i < numbers.size(); ++i) logits[numbers[i]] = std::move(answers[i]);
    }
    return true;
  }

  std::vector<std::size_t> by_length(const std::vector<std::string_view>& texts) const {
    std::vector<std::pair<std::size_t, std::size_t>> lengths;
    for (std::size_t i = 0; i < texts.size(); ++i) {
      lengths.emplace_back(options_.length ? options_.length(texts[i]) : texts[i].size(), i);
    }
    std::ranges::sort(lengths);
    std::vector<std::size_t> order;
    for (const auto& [length, i] : lengths) order.push_back(i);
    return order;
  }

  std::span<const TextExample> waiting_;
  const TextSearch& search_;
  const TextVictim& victim_;
  const TextAttackOptions& options_;
  const TextAttackEvents& events_;
  std::vector<std::unique_ptr<Running>> running_;
};

}  // namespace

TextAttackEnd attack_texts(std::span<const TextExample> examples, const TextSearch& search,
                           const TextVictim& victim, const TextAttackOptions& options,
                           const TextAttackEvents& events) {
  require(options.concurrent >= 1 && options.batch_size >= 1, "text attack: ", options.concurrent,
          " searches and batches of ", options.batch_size, " texts, expected 1 or more of both");
  return Searches(examples, search, victim, options, events).run();
}

}  // namespace saddle
