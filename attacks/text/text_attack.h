// text_attack: one search on many examples at a time, so that the victim is given full batches.
//
// A search asks about few texts at once, a GPU wants hundreds. So many searches run side by side,
// each until it asks; then the victim is given what all of them ask, every text once, in batches of
// texts of about the same length; then all go on. What comes of an example depends on (seed,
// example) alone: neither the batch size, nor how many run, nor which others do, changes anything,
// as long as the victim's answer to a text does not depend on its batch.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "attacks/text/example_search.h"
#include "attacks/text/text_outcome.h"

namespace saddle {

// [texts][classes], logits. All that an attack knows of the model.
using TextVictim =
    std::function<std::vector<std::vector<float>>(std::span<const std::string> texts)>;

struct TextAttackOptions {
  Compat compat = Compat::of_2024;
  std::uint64_t seed = 765;  // TextAttack's
  QueryOptions queries = {};
  std::size_t concurrent = 64;   // searches side by side
  std::size_t batch_size = 512;  // texts the victim is given at most
  // What batches are sorted by: tokens, say. None: bytes.
  std::function<std::size_t(std::string_view text)> length = {};
};

struct TextAttackEvents {
  // An example is done: keep it, and an attack that is begun anew need not try it again. In no
  // particular order.
  std::function<void(const TextOutcome& outcome)> done = {};
  // Asked before every batch; false leaves the examples that are not done. None: go on.
  std::function<bool()> keep_going = {};
};

// Whether all examples are done. What victim, search or events throw goes through.
enum class TextAttackEnd { all_done, left_early };
TextAttackEnd attack_texts(std::span<const TextExample> examples, const TextSearch& search,
                           const TextVictim& victim, const TextAttackOptions& options,
                           const TextAttackEvents& events);

}  // namespace saddle
