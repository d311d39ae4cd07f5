#include "apps/data/pre_tokens.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>

#include "core/unicode.h"

namespace saddle {
namespace {

// What becomes of an ASCII character: 0, it is dropped; a blank; itself in lower case; or itself
// with kMark, a punctuation mark.
constexpr std::uint8_t kMark = 0x80;

constexpr std::uint8_t fate_of(std::uint8_t c) {
  if (c == '\t' || c == '\n' || c == '\r') return ' ';
  if (c < 0x20 || c == 0x7f) return 0;
  if (c >= 'A' && c <= 'Z') return c | 0x20;
  const bool plain = c == ' ' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z');
  return plain ? c : c | kMark;
}

constexpr auto kFates = [] {
  std::array<std::uint8_t, 128> fates{};
  for (std::uint8_t c = 0; c < 128; ++c) fates[c] = fate_of(c);
  return fates;
}();

// Control and format characters, private use; what is not assigned stays.
bool is_dropped(char32_t code) {
  const std::string_view category = category_of(code);
  return code == kReplacement || (category[0] == 'C' && category != "Cn");
}

// Ideographs, which are written without blanks. Not Kana, not Hangul. The sixth range begins at
// 2B820 in Google's tokeniser and at 2B920 in Hugging Face's.
bool is_ideograph(char32_t code) {
  struct Range {
    char32_t first, last;
  };
  constexpr Range kRanges[] = {{0x3400, 0x4dbf},   {0x4e00, 0x9fff},   {0xf900, 0xfaff},
                               {0x20000, 0x2a6df}, {0x2a700, 0x2b73f}, {0x2b740, 0x2b81f},
                               {0x2b920, 0x2ceaf}, {0x2f800, 0x2fa1f}};
  return code >= kRanges[0].first && std::ranges::any_of(kRanges, [&](const Range& range) {
           return code >= range.first && code <= range.last;
         });
}

bool is_punctuation(char32_t code) {
  return code < 0x80 ? (kFates[code] & kMark) != 0 : category_of(code)[0] == 'P';
}

}  // namespace

class PreTokenizer {
 public:
  explicit PreTokenizer(std::size_t bytes) { out_.letters_.reserve(bytes); }

  void take_ascii(std::uint8_t c) {
    const std::uint8_t fate = kFates[c];
    if (fate == 0) return;
    end_foreign();
    if (fate == ' ') return end_token();
    if ((fate & kMark) == 0) {
      out_.letters_ += static_cast<char>(fate);
      return;
    }
    end_token();
    out_.letters_ += static_cast<char>(c);
    end_token();
  }

  void take(char32_t code) {
    if (is_dropped(code)) return;
    const bool blank = is_white_space(code), ideograph = is_ideograph(code);
    if (blank || ideograph) end_word();
    if (!blank) foreign_ += code;
    if (ideograph) end_word();
  }

  PreTokens finish() {
    end_word();
    return std::move(out_);
  }

 private:
  void end_token() {
    const std::size_t begin = out_.ends_.empty() ? 0 : out_.ends_.back();
    if (out_.letters_.size() > begin) out_.ends_.push_back(out_.letters_.size());
  }

  void end_word() {
    end_foreign();
    end_token();
  }

  // Lower case by the simple mapping. The full one differs in U+0130 alone, which has been taken
  // apart into I and a dot by now.
  void end_foreign() {
    if (foreign_.empty()) return;
    for (const char32_t code : canonical_decomposition(foreign_)) {
      if (category_of(code) == "Mn") continue;
      const bool mark = is_punctuation(code);
      if (mark) end_token();
      append_utf8(out_.letters_, to_lower(code));
      if (mark) end_token();
    }
    foreign_.clear();
  }

  PreTokens out_;
  // Neighbours beyond ASCII, not yet decomposed: marks among them may change places.
  std::u32string foreign_;
};

PreTokens pre_tokens(std::string_view text) {
  PreTokenizer tokens(text.size());
  while (!text.empty()) {
    const auto first = static_cast<std::uint8_t>(text[0]);
    if (first < 0x80) {
      tokens.take_ascii(first);
      text.remove_prefix(1);
      continue;
    }
    const Character character = first_character(text);
    tokens.take(character.code);
    text.remove_prefix(character.bytes);
  }
  return tokens.finish();
}

}  // namespace saddle
