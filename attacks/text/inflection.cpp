#include "attacks/text/inflection.h"

#include <algorithm>

namespace saddle {
namespace {

bool is_vowel(char c) { return std::string_view("aeiou").find(c) != std::string_view::npos; }
bool is_consonant(char c) { return c >= 'a' && c <= 'z' && !is_vowel(c); }

bool ends_in_consonant_and(std::string_view word, char last) {
  return word.size() >= 2 && word.back() == last && is_consonant(word[word.size() - 2]);
}

bool ends_in_sibilant(std::string_view word) {
  return word.ends_with('s') || word.ends_with('x') || word.ends_with('z') ||
         word.ends_with("ch") || word.ends_with("sh");
}

std::string_view without_last(std::string_view word) { return word.substr(0, word.size() - 1); }

// Groups of vowels, y among them behind the first letter, without an e that is not heard and the u
// of qu.
int syllables_of(std::string_view word) {
  int syllables = 0;
  bool in_vowels = false;
  for (std::size_t i = 0; i < word.size(); ++i) {
    const bool silent = i > 0 && word[i] == 'u' && word[i - 1] == 'q';
    const bool vowel = (is_vowel(word[i]) || (word[i] == 'y' && i > 0)) && !silent;
    if (vowel && !in_vowels) ++syllables;
    in_vowels = vowel;
  }
  if (syllables > 1 && ends_in_consonant_and(word, 'e') && !word.ends_with("le")) --syllables;
  return syllables;
}

// Whether the last consonant is doubled: stop, stopping; not load, fix, or visit.
bool doubles(std::string_view word) {
  const std::size_t size = word.size();
  if (size < 2 || syllables_of(word) != 1) return false;
  const char last = word[size - 1], vowel = word[size - 2];
  const bool one_vowel =
      is_vowel(vowel) && (size < 3 || !is_vowel(word[size - 3]) || word.substr(0, 2) == "qu");
  return one_vowel && is_consonant(last) && last != 'w' && last != 'x' && last != 'y';
}

std::string with(std::string_view stem, std::string_view ending) {
  return std::string(stem).append(ending);
}

std::string stem_for_ending(std::string_view base) {
  std::string stem(base);
  if (doubles(base)) stem += base.back();
  return stem;
}

// -s of nouns and verbs.
std::string s_form(std::string_view base, Inflection inflection) {
  if (ends_in_consonant_and(base, 'y')) return with(without_last(base), "ies");
  if (ends_in_sibilant(base)) return with(base, "es");
  if (inflection == Inflection::third_person && ends_in_consonant_and(base, 'o')) {
    return with(base, "es");
  }
  return with(base, "s");
}

// -ed, -er, -est.
std::string e_form(std::string_view base, std::string_view ending) {
  if (base.ends_with('e')) return with(base, ending.substr(1));
  if (ends_in_consonant_and(base, 'y')) return with(with(without_last(base), "i"), ending);
  return with(stem_for_ending(base), ending);
}

std::string ing_form(std::string_view base) {
  if (base.ends_with("ie")) return with(base.substr(0, base.size() - 2), "ying");
  const bool keeps_e = base.ends_with("ee") || base.ends_with("oe") || base.ends_with("ye");
  if (base.ends_with('e') && !keeps_e) return with(without_last(base), "ing");
  return with(stem_for_ending(base), "ing");
}

// Whether an exception of a verb or adjective may be that form. Nouns have plurals alone.
bool may_be(std::string_view form, Inflection inflection) {
  switch (inflection) {
    case Inflection::plural: return true;
    case Inflection::third_person: return form.ends_with('s');
    case Inflection::ing: return form.ends_with("ing");
    case Inflection::past: return !form.ends_with('s') && !form.ends_with("ing");
    case Inflection::comparative: return !form.ends_with("st");
    case Inflection::superlative: return form.ends_with("st");
  }
  return false;
}

// The forms of "be", whose endings say nothing.
std::optional<Inflection> inflection_of_be(std::string_view word) {
  if (word == "is") return Inflection::third_person;
  if (word == "was" || word == "were" || word == "been") return Inflection::past;
  if (word == "being") return Inflection::ing;
  return std::nullopt;
}

}  // namespace

std::optional<Inflection> inflection_of(std::string_view word, std::string_view base,
                                        WordClass of) {
  switch (of) {
    case WordClass::noun: return Inflection::plural;
    case WordClass::adj:
      return word.ends_with("st") ? Inflection::superlative : Inflection::comparative;
    case WordClass::verb:
      if (base == "be") return inflection_of_be(word);
      if (word.ends_with("ing")) return Inflection::ing;
      return word.ends_with('s') ? Inflection::third_person : Inflection::past;
    default: return std::nullopt;
  }
}

std::optional<std::string> regular_form(std::string_view base, Inflection inflection) {
  if (base.empty()) return std::nullopt;
  switch (inflection) {
    case Inflection::plural:
    case Inflection::third_person: return s_form(base, inflection);
    case Inflection::past: return e_form(base, "ed");
    case Inflection::ing: return ing_form(base);
    default: break;
  }
  if (syllables_of(base) > 1 && !base.ends_with('y')) return std::nullopt;
  return e_form(base, inflection == Inflection::comparative ? "er" : "est");
}

std::optional<std::string> inflected(const WordNet& wordnet, std::string_view base, WordClass of,
                                     Inflection inflection) {
  if (base == "be" && inflection == Inflection::past) return "was";  // the list begins with "am"
  const auto& forms = wordnet.table(of).exceptions.forms;
  if (const auto found = forms.find(base); found != forms.end()) {
    const auto form = std::ranges::find_if(found->second, [&](const std::string& candidate) {
      return candidate != base && may_be(candidate, inflection);
    });
    if (form != found->second.end()) return *form;
  }
  return regular_form(base, inflection);
}

}  // namespace saddle
