#include "apps/data/vocabulary.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "core/error.h"
#include "core/printable.h"
#include "core/unicode.h"

namespace saddle {
namespace {

// Ids are line numbers: whoever mends a line by hand moves the others.
constexpr const char* kMend = ". Take the vocab.txt that came with the model";

void check_line(std::string_view line, const std::string& name, std::size_t number) {
  const auto place = [&] { return text(name, ", line ", number); };
  if (line.empty()) fail(place(), " is empty, expected a piece", kMend);
  while (!line.empty()) {
    const Character character = first_character(line);
    if (!character.valid) fail(place(), " is not UTF-8", kMend);
    if (character.code == 0) fail(place(), " holds a NUL", kMend);
    line.remove_prefix(character.bytes);
  }
}

std::vector<std::string> lines_of(std::string_view bytes, const std::string& name) {
  bytes = bytes.substr(0, bytes.find_last_not_of("\r\n") + 1);
  require(!bytes.empty(), name, " is empty, expected a piece a line", kMend);
  std::vector<std::string> lines;
  while (!bytes.empty()) {
    const std::size_t length = std::min(bytes.find('\n'), bytes.size());
    std::string_view line = bytes.substr(0, length);
    if (line.ends_with('\r')) line.remove_suffix(1);
    check_line(line, name, lines.size() + 1);
    lines.emplace_back(line);
    bytes.remove_prefix(std::min(length + 1, bytes.size()));
  }
  return lines;
}

// The ids, sorted by the pieces' bytes.
std::vector<std::int32_t> order_of(const std::vector<std::string>& pieces,
                                   const std::string& name) {
  const auto piece = [&](std::int32_t id) -> const std::string& {
    return pieces[static_cast<std::size_t>(id)];
  };
  std::vector<std::int32_t> order(pieces.size());
  std::iota(order.begin(), order.end(), 0);
  std::ranges::stable_sort(order, {}, piece);
  const auto twice = std::ranges::adjacent_find(order, {}, piece);
  if (twice != order.end()) {
    fail(name, " has '", printable(piece(*twice), 60), "' twice, in lines ", *twice + 1, " and ",
         *std::next(twice) + 1, kMend);
  }
  return order;
}

}  // namespace

Vocabulary::Vocabulary(std::vector<std::string> pieces, const std::string& name)
    : pieces_(std::move(pieces)),
      trie_(pieces_, order_of(pieces_, name)),
      going_on_(trie_.walk(PieceTrie::kRoot, "##")),
      pad_(required("[PAD]", name)),
      unknown_(required("[UNK]", name)),
      begin_(required("[CLS]", name)),
      end_(required("[SEP]", name)) {}

Vocabulary Vocabulary::load(const std::filesystem::path& file) {
  return parse(read_file(file, kMaxVocabularyBytes), file.string());
}

Vocabulary Vocabulary::parse(Bytes bytes, const std::string& name) {
  return {lines_of({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, name), name};
}

std::optional<std::int32_t> Vocabulary::id_of(std::string_view piece) const {
  const std::int32_t id = trie_.id(trie_.walk(PieceTrie::kRoot, piece));
  return id < 0 ? std::nullopt : std::optional(id);
}

std::int32_t Vocabulary::required(std::string_view piece, const std::string& name) const {
  const std::optional<std::int32_t> id = id_of(piece);
  require(id.has_value(), name, " has no piece ", piece, ", which a BERT cannot do without", kMend);
  return *id;
}

}  // namespace saddle
