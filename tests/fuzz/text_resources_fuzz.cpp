// Fuzzes candidate banks, files of tags and lists of stop words: an Error of one line, or contents
// that are written and read back the same.
#include <algorithm>
#include <cstdlib>
#include <string_view>

#include "attacks/text/candidate_bank.h"
#include "attacks/text/stop_words.h"
#include "attacks/text/tag_file.h"
#include "core/error.h"

namespace {

using namespace saddle;

void expect(bool ok) {
  if (!ok) std::abort();
}

template <class Call>
void refused_or(const Call& call) {
  try {
    call();
  } catch (const Error& error) {
    const std::string_view message = error.what();
    expect(message.starts_with("fuzz") && message.find('\n') == std::string_view::npos);
    expect(message.size() < 1000);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Bytes bytes = std::as_bytes(std::span(data, size));
  refused_or([&] {
    const CandidateBank bank = parse_candidate_bank(bytes, "fuzz");
    const std::string text = candidate_bank_text(bank);
    expect(parse_candidate_bank(std::as_bytes(std::span(text)), "again").words == bank.words);
  });
  refused_or([&] {
    for (const auto& [index, tags] : parse_tag_file(bytes, "fuzz")) {
      expect(index >= 0);
      for (const PartOfSpeech tag : tags) expect(part_of_speech(name_of(tag)) == tag);
    }
  });
  refused_or([&] {
    for (const std::string& word : parse_stop_words(bytes, "fuzz")) {
      expect(!word.empty() && word.find_first_of(" \t\r\n") == std::string::npos);
    }
  });
  return 0;
}
