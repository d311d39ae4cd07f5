#include "apps/data/wordpiece.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "apps/data/pre_tokens.h"
#include "core/error.h"

namespace saddle {
namespace {

constexpr std::size_t kMostCharacters = 100;  // of a word; a longer one is unknown

bool is_too_long(std::string_view word) {
  if (word.size() <= kMostCharacters) return false;
  const auto begins_character = [](char byte) { return (byte & 0xc0) != 0x80; };
  return std::ranges::count_if(word, begins_character) > std::ptrdiff_t{kMostCharacters};
}

}  // namespace

WordPiece::WordPiece(Vocabulary vocabulary, SpecialTokens special)
    : vocabulary_(std::move(vocabulary)) {
  if (special == SpecialTokens::plain_text) return;
  for (const std::string_view text : {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"}) {
    if (const auto id = vocabulary_.id_of(text)) specials_.push_back({text, *id});
  }
}

EncodedText WordPiece::encode(std::string_view text, std::int64_t max_length) const {
  require(max_length >= 2, "wordpiece: max_length is ", max_length,
          ", expected 2 at least, for [CLS] and [SEP]");
  EncodedText encoded;
  std::vector<std::int32_t>& ids = encoded.ids;
  ids.reserve(text.size() / 4 + 2);  // English has more than four bytes a piece
  ids.push_back(vocabulary_.begin());
  append_text(text, ids);
  const auto length = static_cast<std::int64_t>(ids.size()) + 1;
  if (length > max_length) {
    encoded.cut_off = length - max_length;
    ids.resize(static_cast<std::size_t>(max_length - 1));
  }
  ids.push_back(vocabulary_.end());
  return encoded;
}

// Special tokens are cut out first: the text is split at them as at blanks.
void WordPiece::append_text(std::string_view text, std::vector<std::int32_t>& ids) const {
  const auto append_words = [&](std::string_view part) {
    const PreTokens words = pre_tokens(part);
    for (std::size_t i = 0; i < words.size(); ++i) append_word(words[i], ids);
  };
  for (std::size_t at = text.find('['); at < text.size(); at = text.find('[', at)) {
    const std::string_view here = text.substr(at);
    const auto special = std::ranges::find_if(
        specials_, [&](const Special& each) { return here.starts_with(each.text); });
    if (special == specials_.end()) {
      ++at;
      continue;
    }
    append_words(text.substr(0, at));
    ids.push_back(special->id);
    text = here.substr(special->text.size());
    at = 0;
  }
  append_words(text);
}

// Where nothing matches, the whole word is unknown.
void WordPiece::append_word(std::string_view word, std::vector<std::int32_t>& ids) const {
  const std::size_t before = ids.size();
  bool known = !is_too_long(word);
  PiecePlace place = PiecePlace::begins_word;
  while (known && !word.empty()) {
    const PieceTrie::Match match = vocabulary_.longest_piece(word, place);
    known = match.bytes > 0;
    ids.push_back(match.id);
    word.remove_prefix(match.bytes);
    place = PiecePlace::goes_on;
  }
  if (known) return;
  ids.resize(before);
  ids.push_back(vocabulary_.unknown());
}

}  // namespace saddle
