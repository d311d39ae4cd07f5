#include "attacks/text/pwws.h"

#include <utility>

#include "attacks/text/greedy_search.h"

namespace saddle {

TextSearch pwws(CandidatesOfWord synonyms, IsStopWord is_stop_word) {
  return greedy_search(WordOrder::by_weighted_saliency, {.of_word = std::move(synonyms),
                                                         .is_stop_word = std::move(is_stop_word),
                                                         .repeats = Repeats::forbidden});
}

}  // namespace saddle
