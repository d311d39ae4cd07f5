// Tag files: parts of speech that another tagger found, by example. A trained tagger is better than
// ours (tagger.h), and what it said of the original text holds for its substitutes, too, where they
// have the part of speech of the word that they replace.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "attacks/text/part_of_speech.h"
#include "core/file.h"

namespace saddle {

using TagsOfExample = std::map<std::int64_t, std::vector<PartOfSpeech>>;

// JSON lines: {"index": 3, "tags": ["DET", "NOUN", ...]}, an example each, in any order; blank
// lines and further keys count for nothing. Throws Error with the line's number for anything else,
// tags that are not universal ones, and examples that come twice.
TagsOfExample parse_tag_file(Bytes bytes, const std::string& name);
TagsOfExample load_tag_file(const std::filesystem::path& file);

}  // namespace saddle
