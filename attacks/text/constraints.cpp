#include "attacks/text/constraints.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "attacks/text/words.h"

namespace saddle {
namespace {

constexpr std::size_t kBefore = 4, kBehind = 3;  // words around it that a tagger is shown

}  // namespace

std::size_t most_changed_words(std::size_t n, double share) {
  return static_cast<std::size_t>(std::ceil(static_cast<double>(n) * share));
}

WordFilter within_distance(WordMeasure squared_distance, float most) {
  return [measure = std::move(squared_distance), most](std::string_view a, std::string_view b) {
    const std::optional<float> distance = measure(lower_case(a), lower_case(b));
    return !distance || *distance <= most;
  };
}

WordFilter with_cosine(WordMeasure cosine, float least) {
  return [measure = std::move(cosine), least](std::string_view a, std::string_view b) {
    const std::optional<float> value = measure(lower_case(a), lower_case(b));
    return !value || *value >= least;
  };
}

PlaceFilter same_part_of_speech(TagOf tag) {
  return [tag = std::move(tag)](std::span<const std::string_view> original, std::size_t index,
                                std::string_view candidate) {
    const std::size_t begin = index - std::min(index, kBefore);
    const std::size_t end = std::min(original.size(), index + kBehind + 1);
    std::vector<std::string_view> window(original.begin() + static_cast<std::ptrdiff_t>(begin),
                                         original.begin() + static_cast<std::ptrdiff_t>(end));
    const std::string_view old_tag = tag(window, index - begin);
    window[index - begin] = candidate;
    const std::string_view new_tag = tag(window, index - begin);
    const auto swappable = [](std::string_view name) { return name == "NOUN" || name == "VERB"; };
    return old_tag == new_tag || (swappable(old_tag) && swappable(new_tag));
  };
}

}  // namespace saddle
