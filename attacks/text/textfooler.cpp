#include "attacks/text/textfooler.h"

#include <utility>

#include "attacks/text/greedy_search.h"

namespace saddle {

TextSearch textfooler(CandidatesOfWord neighbours, WordMeasure cosine, TagOf tag,
                      IsStopWord is_stop_word) {
  constexpr float kLeastCosine = 0.5f;  // of the recipe, by the authors' code; their paper has 0.7
  return greedy_search(
      WordOrder::by_deletion,
      {.of_word = std::move(neighbours),
       .is_stop_word = std::move(is_stop_word),
       .repeats = Repeats::forbidden,
       .accepts = with_cosine(std::move(cosine), kLeastCosine),
       .accepts_in_text = tag ? same_part_of_speech(std::move(tag)) : PlaceFilter()});
}

}  // namespace saddle
