// Answer: what the victim's logits for a text say to an untargeted attack.
#pragma once

#include <cstdint>
#include <span>

namespace saddle {

struct Answer {
  float score = 0;             // 1 - p[label], the attacker's gain; in [0, 1]
  std::int32_t predicted = 0;  // arg max of p, of equal ones the first
  bool success = false;        // predicted is not the label

  bool operator==(const Answer&) const = default;
};

// With p = softmax(logits) in float32. Throws Error unless there are two logits or more, all
// finite, and the label is one of them.
Answer answer_of(std::span<const float> logits, std::int32_t label);

}  // namespace saddle
