#include "attacks/text/wordnet.h"

#include "core/file.h"

namespace saddle {
namespace {

constexpr std::int64_t kMaxWordnetBytes = 100'000'000;  // an offset has eight decimal digits

std::string data_name(WordClass of) { return "data." + std::string(name_of(of)); }
std::string index_name(WordClass of) { return "index." + std::string(name_of(of)); }
std::string exceptions_name(WordClass of) { return std::string(name_of(of)) + ".exc"; }
constexpr const char* kCountsName = "cntlist.rev";

}  // namespace

std::int64_t WordNet::tag_count(std::string_view word, WordClass of) const {
  const std::optional<std::size_t> at = lemma(word, of);
  return at ? table(of).tag_counts[*at] : 0;
}

std::vector<std::string> wordnet_file_names() {
  std::vector<std::string> names;
  for (const WordClass of : kWordClasses) {
    for (const std::string& name : {index_name(of), data_name(of), exceptions_name(of)}) {
      names.push_back(name);
    }
  }
  names.push_back(kCountsName);
  return names;
}

WordNet load_wordnet(const std::filesystem::path& directory) {
  return read_wordnet(
      [&](const std::string& name) { return read_file(directory / name, kMaxWordnetBytes); },
      directory);
}

WordNet read_wordnet(const FileContents& contents, const std::filesystem::path& place) {
  const auto path = [&](const std::string& name) { return (place / name).string(); };
  WordNet wordnet;
  std::array<std::string, kWordClasses.size()> data_paths;
  for (const WordClass of : kWordClasses) {
    data_paths[place_of(of)] = path(data_name(of));
    parse_wordnet_data(contents(data_name(of)), of, path(data_name(of)),
                       wordnet.tables[place_of(of)]);
  }
  link_wordnet_pointers(wordnet.tables, data_paths);
  for (const WordClass of : kWordClasses) {
    WordNetTable& table = wordnet.tables[place_of(of)];
    parse_wordnet_index(contents(index_name(of)), of, path(index_name(of)), table);
    table.exceptions =
        parse_wordnet_exceptions(contents(exceptions_name(of)), path(exceptions_name(of)));
  }
  parse_wordnet_counts(contents(kCountsName), path(kCountsName), wordnet.tables);
  return wordnet;
}

}  // namespace saddle
