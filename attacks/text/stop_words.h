// StopWords: words that an attack leaves alone, since a sentence hangs on them.
//
// The comparison knows upper from lower case, as the published attacks do: "The" is none.
#pragma once

#include <filesystem>
#include <functional>
#include <set>
#include <string>

#include "core/file.h"

namespace saddle {

using StopWords = std::set<std::string, std::less<>>;

// The project's own list of English: pronouns, articles, conjunctions, common prepositions and
// adverbs, the forms of be, have and do, some modals, and what contractions leave behind ("isn't",
// "isn", "t"). Written to the description of the list of NLTK that the published attacks use.
const StopWords& english_stop_words();

// A file with a word a line; blank lines count for nothing. Throws Error for a line that is not one
// word of UTF-8, with its number, and for a file without words.
StopWords parse_stop_words(Bytes bytes, const std::string& name);
StopWords load_stop_words(const std::filesystem::path& file);

}  // namespace saddle
