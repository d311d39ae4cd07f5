// TextOutcome: what became of an example under an attack on its words.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "attacks/text/answer.h"

namespace saddle {

enum class TextStatus { skipped, succeeded, failed };

// "skipped", "succeeded", "failed"
std::string_view name_of(TextStatus status);

// What became of an example. Skipped: the victim takes the original for another class already.
struct TextOutcome {
  std::int64_t index = 0;
  std::int32_t label = 0;
  TextStatus status = TextStatus::failed;
  std::int64_t queries = 0;
  std::int64_t asked = 0;                       // of these the ones that the victim had to answer
  std::string original = {}, adversarial = {};  // the latter: what the search ended with
  std::size_t words = 0;                        // of the original
  std::vector<std::size_t> changed = {};        // indices of words
  Answer before = {}, after = {};               // to both texts
  std::int64_t rejected_candidates = 0;  // how often one was left out since it was not one word

  bool operator==(const TextOutcome&) const = default;
};

}  // namespace saddle
