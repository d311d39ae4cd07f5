// Constraints: which words of a text an attack may touch, and what it may put in their places.
//
// Those of the published recipes, as TextAttack (constraints/) has them.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace saddle {

// Of a word as it stands in the text: a list in lower case does not have "The".
using IsStopWord = std::function<bool(std::string_view word)>;

// A number for two words in lower case; nothing where one of them is unknown.
using WordMeasure = std::function<std::optional<float>(std::string_view a, std::string_view b)>;

// Whether `candidate` may take the place of `word`, both as they stand in the text.
using WordFilter = std::function<bool(std::string_view word, std::string_view candidate)>;

// Whether the candidate may take the place of the original text's word at `index`.
using PlaceFilter = std::function<bool(std::span<const std::string_view> original,
                                       std::size_t index, std::string_view candidate)>;

// The name of a universal part of speech, "NOUN", of the word at `index` of these words.
using TagOf =
    std::function<std::string_view(std::span<const std::string_view> words, std::size_t index)>;

// How many words may differ from the original's n: the next whole number from share * n.
std::size_t most_changed_words(std::size_t n, double share);

// Squared distance of at most `most`, or cosine of at least `least`. Unknown words pass.
WordFilter within_distance(WordMeasure squared_distance, float most);
WordFilter with_cosine(WordMeasure cosine, float least);

// The same tag, or a noun for a verb and a verb for a noun. The tagger is given the four words
// before and the three behind, and both words in turn between them.
PlaceFilter same_part_of_speech(TagOf tag);

}  // namespace saddle
