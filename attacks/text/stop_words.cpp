#include "attacks/text/stop_words.h"

#include <string_view>

#include "attacks/text/numbered_lines.h"
#include "core/error.h"

namespace saddle {
namespace {

constexpr std::int64_t kMaxListBytes = std::int64_t{16} << 20;

constexpr const char* kEnglish[] = {
    // personal and possessive pronouns, reflexives
    "i", "me", "my", "myself", "mine", "we", "us", "our", "ours", "ourselves", "you", "your",
    "yours", "yourself", "yourselves", "he", "him", "his", "himself", "she", "her", "hers",
    "herself", "it", "its", "itself", "they", "them", "their", "theirs", "themselves",
    // demonstratives, words that ask and relate
    "this", "that", "these", "those", "what", "which", "who", "whom", "whose", "when", "where",
    "why", "how",
    // be, have, do, modals
    "am", "is", "are", "was", "were", "be", "been", "being", "have", "has", "had", "having", "do",
    "does", "did", "doing", "can", "will", "should", "now", "just",
    // articles, conjunctions
    "a", "an", "the", "and", "but", "or", "nor", "if", "because", "as", "until", "while", "than",
    // prepositions
    "of", "at", "by", "for", "with", "about", "against", "between", "into", "through", "during",
    "before", "after", "above", "below", "to", "from", "up", "down", "in", "out", "on", "off",
    "over", "under",
    // adverbs and words of amount
    "again", "further", "then", "once", "here", "there", "all", "any", "both", "each", "few",
    "more", "most", "other", "some", "such", "no", "not", "only", "own", "same", "so", "too",
    "very",
    // contractions of pronouns
    "i'm", "i've", "i'll", "i'd", "you're", "you've", "you'll", "you'd", "he's", "he'll", "he'd",
    "she's", "she'll", "she'd", "it's", "it'll", "it'd", "we're", "we've", "we'll", "we'd",
    "they're", "they've", "they'll", "they'd", "that's", "that'll", "should've",
    // negative contractions, whole and what is left where the apostrophe was cut out
    "don't", "don", "isn't", "isn", "aren't", "aren", "wasn't", "wasn", "weren't", "weren",
    "haven't", "haven", "hasn't", "hasn", "hadn't", "hadn", "doesn't", "doesn", "didn't", "didn",
    "won't", "won", "wouldn't", "wouldn", "couldn't", "couldn", "shouldn't", "shouldn", "mustn't",
    "mustn", "mightn't", "mightn", "needn't", "needn", "shan't", "shan", "ain",
    // other pieces
    "s", "t", "d", "m", "o", "y", "ll", "re", "ve", "ma"};

}  // namespace

const StopWords& english_stop_words() {
  static const StopWords words(std::begin(kEnglish), std::end(kEnglish));
  return words;
}

StopWords parse_stop_words(Bytes bytes, const std::string& name) {
  const std::vector<std::string_view> words = plain_words(bytes, name, BlankLines::skip);
  require(!words.empty(), name, " is empty, expected a stop word a line");
  return StopWords(words.begin(), words.end());
}

StopWords load_stop_words(const std::filesystem::path& file) {
  return parse_stop_words(read_file(file, kMaxListBytes), file.string());
}

}  // namespace saddle
