// AnswerCache: answers to texts that the victim was asked about; what was not asked for of late
// goes.
//
// Two halves: what is new or asked for goes to the young one, and when that is full it becomes the
// old one, whose content goes. Cheaper than an order of all, and forgets nothing sooner than the
// last capacity / 2 different texts.
#pragma once

#include <cstddef>
#include <string>
#include <unordered_map>
#include <utility>

#include "attacks/text/answer.h"

namespace saddle {

class AnswerCache {
 public:
  // `capacity`: the most texts there are; 2 of a lower one.
  explicit AnswerCache(std::size_t capacity) : half_(capacity / 2) {}

  // Null where the text is unknown; valid until the next call.
  const Answer* find(const std::string& text) {
    const auto young = young_.find(text);
    if (young != young_.end()) return &young->second;
    auto old = old_.extract(text);
    if (old.empty()) return nullptr;
    return &put(std::move(old.key()), old.mapped());
  }

  const Answer& put(std::string text, const Answer& answer) {
    if (young_.size() >= half_) {
      old_ = std::move(young_);
      young_.clear();
    }
    return young_.insert_or_assign(std::move(text), answer).first->second;
  }

  std::size_t size() const { return young_.size() + old_.size(); }

 private:
  std::size_t half_;
  std::unordered_map<std::string, Answer> young_, old_;
};

}  // namespace saddle
