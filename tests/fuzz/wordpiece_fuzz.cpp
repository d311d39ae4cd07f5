// Fuzzes the tokeniser: of any bytes up to the first NUL as vocab.txt and any behind it as a text
// there come an Error or ids of the vocabulary, [CLS] first, [SEP] last, no more than there is room
// for.
#include <algorithm>
#include <cstdlib>
#include <string>
#include <utility>

#include "apps/data/wordpiece.h"
#include "core/error.h"

namespace {

using saddle::EncodedText, saddle::Vocabulary, saddle::WordPiece;

void expect(bool ok) {
  if (!ok) std::abort();
}

void check(const Vocabulary& vocabulary, std::string_view text, saddle::SpecialTokens special) {
  constexpr std::int64_t kLength = 16;
  const WordPiece wordpiece(vocabulary, special);
  const EncodedText whole = wordpiece.encode(text, 1 << 20);
  const EncodedText some = wordpiece.encode(text, kLength);
  expect(whole.cut_off == 0 && whole.ids.size() >= 2 && whole.ids.size() <= text.size() + 2);
  expect(whole.ids.front() == vocabulary.begin() && whole.ids.back() == vocabulary.end());
  expect(
      std::ranges::all_of(whole.ids, [&](auto id) { return id >= 0 && id < vocabulary.size(); }));
  const auto pieces = static_cast<std::int64_t>(whole.ids.size());
  expect(some.cut_off == std::max<std::int64_t>(pieces - kLength, 0));
  expect(std::int64_t(some.ids.size()) == std::min(pieces, kLength));
  expect(std::equal(some.ids.begin(), some.ids.end() - 1, whole.ids.begin()));
  expect(some.ids.back() == vocabulary.end());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view all(reinterpret_cast<const char*>(data), size);
  const std::size_t end = std::min(all.find('\0'), size);
  try {
    const Vocabulary vocabulary =
        Vocabulary::parse(std::as_bytes(std::span(data, size)).first(end), "fuzz");
    const std::string_view text = all.substr(std::min(end + 1, size));
    check(vocabulary, text, saddle::SpecialTokens::recognised);
    check(vocabulary, text, saddle::SpecialTokens::plain_text);
  } catch (const saddle::Error&) {
    // refused
  }
  return 0;
}
