// Inflection: a base form put into the form that another word has, "film" as "movies" into "films".
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "attacks/text/wordnet.h"

namespace saddle {

enum class Inflection { plural, third_person, past, ing, comparative, superlative };

// The form that `word` is of `base`, another word. Past tense and participle are not told apart.
// Nothing where its ending does not say: adverbs, and the persons of "be".
std::optional<Inflection> inflection_of(std::string_view word, std::string_view base, WordClass of);

// By rule: "story" gives "stories", "stop" gives "stopped". Nothing for the degrees of adjectives
// of more than one syllable, but for those in -y: they take "more" and "most".
std::optional<std::string> regular_form(std::string_view base, Inflection inflection);

// As WordNet's exceptions have it, the first of several ("children"; "saw", not "seen"), and by
// rule where they have nothing.
std::optional<std::string> inflected(const WordNet& wordnet, std::string_view base, WordClass of,
                                     Inflection inflection);

}  // namespace saddle
