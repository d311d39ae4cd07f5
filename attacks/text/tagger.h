// Tagger: parts of speech from WordNet's counts and a few rules about neighbours.
//
// It stands in for a trained tagger and is weaker: of words like those of film reviews it tags
// about nine of ten as a person would (tests/attacks/text/tagged_reviews.txt). The same words are
// tagged alike on every machine.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "attacks/text/part_of_speech.h"
#include "attacks/text/wordnet.h"

namespace saddle {

// A tag a word, of the words of one text in their order, punctuation left out.
//
// 1. Words of closed classes have the tag of their table, numbers are NUM.
// 2. Any other counts, for noun, verb, adj and adv, how often its base forms were met as that (the
//    counts of WordNet), plus 1 where WordNet has a base form at all. Words without any: those in
//    -ly are ADV, capitalised ones behind the first PROPN, others by their ending or NOUN.
// 3. The neighbours multiply: after an article or a possessive nouns and adjectives, after "to", a
//    modal or a subject verbs, and so on.
// 4. The greatest wins; of equals noun, verb, adj, adv in that order.
std::vector<PartOfSpeech> tag_words(const WordNet& wordnet,
                                    std::span<const std::string_view> words);

}  // namespace saddle
