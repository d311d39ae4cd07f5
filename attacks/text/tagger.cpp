#include "attacks/text/tagger.h"

#include <algorithm>
#include <array>
#include <optional>

#include "attacks/text/base_forms.h"
#include "attacks/text/closed_classes.h"
#include "core/unicode.h"

namespace saddle {
namespace {

constexpr double kContext = 4;   // how much a neighbour counts,
constexpr double kCertain = 64;  // and one that leaves hardly a choice

using Scores = std::array<double, kWordClasses.size()>;

// What is known of a word by itself.
struct Reading {
  std::string word;                    // in lower case
  std::optional<PartOfSpeech> closed;  // decided without neighbours
  Scores scores{};
  bool verb_form = false;  // -ing, -ed, or an irregular form: "seen"
};

std::string lower(std::string_view word) {
  std::u32string characters = characters_of(word);
  for (char32_t& c : characters) c = to_lower(c);
  return utf8_of(characters);
}

bool is_capitalised(std::string_view word) {
  return !word.empty() && category_of(first_character(word).code) == "Lu";
}

bool ends_in_any(std::string_view word, std::initializer_list<std::string_view> endings) {
  return std::ranges::any_of(endings, [&](std::string_view e) { return word.ends_with(e); });
}

bool is_number(std::string_view word) {
  return !word.empty() && word[0] >= '0' && word[0] <= '9' &&
         word.find_first_not_of("0123456789.,") == std::string_view::npos;
}

double& score_of(Scores& scores, WordClass of) { return scores[place_of(of)]; }

Scores count_readings(const WordNet& wordnet, std::string_view word) {
  Scores scores{};
  for (const WordClass of : kWordClasses) {
    const std::vector<std::string> bases = base_forms(wordnet, word, of);
    double& score = score_of(scores, of);
    for (const std::string& base : bases) {
      score += static_cast<double>(wordnet.tag_count(base, of));
    }
    if (!bases.empty()) score += 1;
  }
  return scores;
}

bool is_known(const Scores& scores) {
  return std::ranges::any_of(scores, [](double score) { return score > 0; });
}

// Of words that WordNet does not have.
void guess(const WordNet& wordnet, Reading& reading) {
  const std::string_view word = reading.word;
  const std::size_t hyphen = word.rfind('-');
  if (hyphen != std::string_view::npos && hyphen + 1 < word.size()) {
    const Scores last = count_readings(wordnet, word.substr(hyphen + 1));
    score_of(reading.scores, WordClass::noun) = 1;
    const bool adj = ends_in_any(word, {"ed", "ing"}) ||
                     last[place_of(WordClass::adj)] > last[place_of(WordClass::noun)];
    score_of(reading.scores, WordClass::adj) = adj ? 2 : 0.5;
  } else if (word.ends_with("ly")) {
    score_of(reading.scores, WordClass::adv) = 1;
  } else if (ends_in_any(word, {"less", "ful", "ous", "able", "ible", "ish", "esque"})) {
    score_of(reading.scores, WordClass::adj) = 1;
  } else {
    score_of(reading.scores, WordClass::noun) = 1;
  }
}

Reading read_word(const WordNet& wordnet, std::string_view word, bool first) {
  Reading reading{.word = lower(word), .closed = closed_class(lower(word))};
  if (is_number(reading.word)) reading.closed = PartOfSpeech::num;
  if (reading.closed) return reading;
  std::string_view plain = reading.word;
  for (const std::string_view ending : {"'s", "'"}) {
    if (plain.ends_with(ending)) plain.remove_suffix(ending.size());
  }
  reading.scores = count_readings(wordnet, plain);
  const std::vector<std::string> verbs = base_forms(wordnet, plain, WordClass::verb);
  reading.verb_form = !verbs.empty() && verbs.front() != plain && !plain.ends_with('s');
  if (plain != reading.word) {
    reading.closed = PartOfSpeech::noun;  // a possessive
  } else if (!is_known(reading.scores)) {
    if (is_capitalised(word) && !first) reading.closed = PartOfSpeech::propn;
    guess(wordnet, reading);
  }
  return reading;
}

PartOfSpeech best_of(const Scores& scores) {
  return tag_of(
      kWordClasses[static_cast<std::size_t>(std::ranges::max_element(scores) - scores.begin())]);
}

PartOfSpeech alone(const Reading& reading) {
  return reading.closed ? *reading.closed : best_of(reading.scores);
}

// A word between its neighbours: what is known of all words, and the tags of those before.
struct Place {
  std::span<const Reading> readings;
  std::span<const PartOfSpeech> tags;  // [at]
  std::size_t at = 0;

  const Reading& word() const { return readings[at]; }
  std::string_view before() const { return at > 0 ? std::string_view(readings[at - 1].word) : ""; }
  std::optional<PartOfSpeech> tag_before() const {
    return at > 0 ? std::optional(tags[at - 1]) : std::nullopt;
  }
  // The word `steps` further on, by itself; nothing behind the last.
  const Reading* after(std::size_t steps = 1) const {
    return at + steps < readings.size() ? &readings[at + steps] : nullptr;
  }
  std::optional<PartOfSpeech> tag_after() const {
    return after() ? std::optional(alone(*after())) : std::nullopt;
  }
};

bool may_be_infinitive(const Reading& reading) {
  if (belongs_to(reading.word, ClosedGroup::have_and_do)) return true;
  if (reading.closed) return reading.word == "be";
  Scores scores = reading.scores;
  score_of(scores, WordClass::verb) *= kContext;
  return !reading.verb_form && best_of(scores) == PartOfSpeech::verb;
}

// Whether a main verb follows, behind adverbs and "not".
bool helps_a_verb(const Place& place) {
  for (std::size_t steps = 1;; ++steps) {
    const Reading* next = place.after(steps);
    if (!next) return false;
    const PartOfSpeech tag = alone(*next);
    if (tag == PartOfSpeech::adv || tag == PartOfSpeech::part) continue;
    return tag == PartOfSpeech::aux || tag == PartOfSpeech::verb || next->verb_form;
  }
}

bool is_subject(const Reading* reading) {
  return reading && belongs_to(reading->word, ClosedGroup::subjects);
}

bool is_one_of(std::string_view word, std::initializer_list<std::string_view> words) {
  return std::ranges::find(words, word) != words.end();
}

PartOfSpeech tag_of_that(const Place& place) {
  using enum PartOfSpeech;
  const std::optional<PartOfSpeech> before = place.tag_before(), after = place.tag_after();
  const bool clause = after == pron || after == det;
  return clause && before != noun && before != propn && before ? sconj : pron;
}

// Words of closed classes that their neighbours decide about.
PartOfSpeech closed_tag(const Place& place) {
  using enum PartOfSpeech;
  const std::string& word = place.word().word;
  const PartOfSpeech tag = *place.word().closed;
  const std::optional<PartOfSpeech> before = place.tag_before(), after = place.tag_after();
  const bool names_a_thing = after == noun || after == adj || after == num;
  if (word == "to") return place.after() && may_be_infinitive(*place.after()) ? part : tag;
  if (is_one_of(word, {"this", "that", "these", "those"}) && names_a_thing) return det;
  if (word == "that") return tag_of_that(place);
  if (is_one_of(word, {"before", "after", "until", "as", "than", "like"}) &&
      is_subject(place.after())) {
    return before == pron && word == "like" ? verb : sconj;
  }
  if (word == "there" && after == aux) return pron;
  if (place.before() == "there" && belongs_to(word, ClosedGroup::forms_of_be)) return verb;
  if (belongs_to(word, ClosedGroup::have_and_do) && !helps_a_verb(place)) return verb;
  if (word == "only" && (before == det || belongs_to(place.before(), ClosedGroup::possessives))) {
    return adj;
  }
  return tag;
}

// What the word before makes likely.
void weigh_before(const Place& place, Scores& scores) {
  using enum WordClass;
  const auto times = [&](double factor, std::initializer_list<WordClass> classes) {
    for (const WordClass of : classes) score_of(scores, of) *= factor;
  };
  const std::string_view before = place.before();
  const std::optional<PartOfSpeech> tag = place.tag_before(), after = place.tag_after();
  const bool ends_phrase = after != PartOfSpeech::noun && after != PartOfSpeech::adj;
  if (tag == PartOfSpeech::det || belongs_to(before, ClosedGroup::possessives)) {
    times(kContext, {noun, adj});
    if (!place.word().verb_form || ends_phrase) times(1 / kCertain, {verb});
  }
  if (tag == PartOfSpeech::adj || tag == PartOfSpeech::num) {
    times(kContext, {noun, adj});
    if (!place.word().verb_form) times(1 / kContext, {verb});
  }
  if (tag == PartOfSpeech::part && before == "to") times(kCertain, {verb});
  if (belongs_to(before, ClosedGroup::modals) || belongs_to(before, ClosedGroup::subjects)) {
    times(kContext, {verb});
  }
  if (belongs_to(before, ClosedGroup::degrees)) times(kContext, {adj, adv});
  if (belongs_to(before, ClosedGroup::forms_of_be)) {
    times(kContext, {adj});
    if (place.word().verb_form) times(kContext, {verb});
  }
}

PartOfSpeech open_tag(const Place& place) {
  using enum PartOfSpeech;
  const std::string& word = place.word().word;
  const std::optional<PartOfSpeech> after = place.tag_after();
  if (is_one_of(word, {"more", "most", "less", "least"})) {
    const bool amount = after == noun || (place.after() && place.after()->word == "than");
    return amount ? adj : adv;
  }
  Scores scores = place.word().scores;
  if (after == noun) score_of(scores, WordClass::adj) *= kContext;
  weigh_before(place, scores);
  return best_of(scores);
}

}  // namespace

std::vector<PartOfSpeech> tag_words(const WordNet& wordnet,
                                    std::span<const std::string_view> words) {
  std::vector<Reading> readings;
  for (std::size_t i = 0; i < words.size(); ++i) {
    readings.push_back(read_word(wordnet, words[i], i == 0));
  }
  std::vector<PartOfSpeech> tags;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const Place place{readings, tags, i};
    tags.push_back(readings[i].closed ? closed_tag(place) : open_tag(place));
  }
  return tags;
}

}  // namespace saddle
