#include "attacks/text/greedy.h"

#include <utility>

#include "attacks/text/greedy_search.h"

namespace saddle {

TextSearch greedy(CandidatesInText candidates, IsStopWord is_stop_word) {
  return greedy_search(WordOrder::best_of_all, {.in_text = std::move(candidates),
                                                .is_stop_word = std::move(is_stop_word),
                                                .repeats = Repeats::forbidden});
}

}  // namespace saddle
