#include "apps/data/rotten_tomatoes.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <filesystem>
#include <string_view>
#include <system_error>

#include "apps/data/data_places.h"
#include "apps/data/text_lines.h"
#include "core/error.h"
#include "core/file.h"
#include "core/format.h"

namespace saddle {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kMaxFileBytes = std::int64_t{16} << 20;  // the largest has 1383098
constexpr std::size_t kPolarityLines = 5331;                    // of each of the two files
constexpr std::int32_t kNegative = 0, kPositive = 1;
constexpr std::array<const char*, 3> kSplits{"train", "validation", "test"};

constexpr const char* kPolarityMend =
    "Unpack https://www.cs.cornell.edu/people/pabo/movie-review-data/rt-polaritydata.tar.gz there; "
    "--data-dir names the folder";
constexpr const char* kRatedMend =
    "`make text-data` fetches it; --data-dir names the folder that has it";

// The first of the places that has any of the files; it must have all.
fs::path folder_with(const TextRequest& request, const std::string& archive_folder,
                     const std::vector<std::string>& files, const char* mend) {
  const std::vector<fs::path> places =
      places_to_search(request.name, {archive_folder}, "", request.directory);
  for (const fs::path& place : places) {
    const auto is_in_place = [&](const std::string& file) { return is_there(place / file); };
    if (std::ranges::none_of(files, is_in_place)) continue;
    for (const std::string& file : files) {
      require(is_in_place(file), request.name, ": ", (place / file).string(), " is missing. ",
              mend);
    }
    return place;
  }
  fail(request.name, ": found no ", joined(files), " in ", joined_places(places), ". ", mend);
}

// The texts of one class, in UTF-8. Accented letters in Latin-1 are never UTF-8 throughout, so a
// copy that somebody has converted can be told from the published file.
std::vector<std::string> read_polarity(const TextRequest& request, const fs::path& file) {
  const std::vector<std::byte> bytes = read_file(file, kMaxFileBytes);
  std::string letters(letters_of(bytes));
  const std::string name = text(request.name, ": ", file.string());
  if (!is_utf8(letters)) letters = utf8_of_latin1(letters);
  require_utf8(letters, name);
  std::vector<std::string> texts;
  for (const std::string_view line : lines_in(letters)) texts.emplace_back(stripped(line));
  require(request.records == Records::any || texts.size() == kPolarityLines, name, " has ",
          texts.size(), " lines, expected ", kPolarityLines, ". ", kPolarityMend);
  return texts;
}

const char* split_of_sentence(std::size_t i, std::size_t count) {
  const auto share = [&](double part) {
    return static_cast<std::size_t>(part * static_cast<double>(count) + 0.5);
  };
  return kSplits[i < share(0.8) ? 0 : i < share(0.9) ? 1 : 2];
}

// The rated file's parts, each with the last line of its "train", "validation" and "test", after
// tests/vectors/rated_splits.py, which compares the two sets.
constexpr std::size_t kRatedParts[][3] = {
    {4122, 4632, 5152},   // the positives of the other set
    {9281, 9791, 10312},  // its negatives
    {10341, 10346, 10347}, {10372, 10376, 10378}, {10461, 10471, 10481},  // some of both, in turn
    {10577, 10595, 10603}, {10603, 10604, 10604}, {10605, 10605, 10605},
};
constexpr std::size_t kRatedLines = 10605;

const char* split_of_snippet(std::size_t line) {
  const auto* part = kRatedParts;
  while (line > (*part)[2]) ++part;
  return kSplits[line <= (*part)[0] ? 0 : line <= (*part)[1] ? 1 : 2];
}

struct RatedSnippet {
  double mean;
  std::string_view text;
};

// A whole number or decimal, and nothing else.
template <class Number>
bool parse_number(std::string_view digits, Number& number) {
  const char* end = digits.data() + digits.size();
  const auto [rest, error] = std::from_chars(digits.data(), end, number);
  return error == std::errc() && rest == end;
}

RatedSnippet parse_snippet(std::string_view line, std::size_t number, const std::string& name) {
  const std::size_t first = std::min(line.find('\t'), line.size());
  const std::size_t second = std::min(line.find('\t', first + 1), line.size());
  std::size_t counted = 0;
  RatedSnippet snippet{0, {}};
  const bool fits = second < line.size() && parse_number(line.substr(0, first), counted) &&
                    counted == number &&
                    parse_number(line.substr(first + 1, second - first - 1), snippet.mean) &&
                    snippet.mean >= -4 && snippet.mean <= 4;
  require(fits, name, ", line ", number, " is not '", number,
          "', a rating from -4 to 4 and a text, with tabs between. Fetch it again. ", kRatedMend);
  snippet.text = stripped(line.substr(second + 1));
  return snippet;
}

}  // namespace

TextSplits load_rotten_tomatoes(const TextRequest& request) {
  const fs::path folder = folder_with(request, "rt-polaritydata",
                                      {"rt-polarity.pos", "rt-polarity.neg"}, kPolarityMend);
  TextSplits loaded;
  loaded.class_names = {"negative", "positive"};
  for (const std::int32_t label : {kPositive, kNegative}) {
    const char* file = label == kPositive ? "rt-polarity.pos" : "rt-polarity.neg";
    const std::vector<std::string> texts = read_polarity(request, folder / file);
    for (std::size_t i = 0; i < texts.size(); ++i) {
      loaded.splits[split_of_sentence(i, texts.size())].add(texts[i], label);
    }
  }
  return loaded;
}

TextSplits load_rated_rotten_tomatoes(const TextRequest& request) {
  constexpr const char* kFile = "movieReviewSnippets_GroundTruth.txt";
  const fs::path file = folder_with(request, "hutto_ICWSM_2014", {kFile}, kRatedMend) / kFile;
  const std::string name = text(request.name, ": ", file.string());
  const std::vector<std::byte> bytes = read_file(file, kMaxFileBytes);
  require_utf8(letters_of(bytes), name);
  const std::vector<std::string_view> lines = lines_in(letters_of(bytes));
  require(lines.size() == kRatedLines, name, " has ", lines.size(), " lines, expected ",
          kRatedLines, ". Fetch it again. ", kRatedMend);
  TextSplits loaded;
  loaded.class_names = {"negative", "positive"};
  std::size_t undecided = 0;
  for (std::size_t line = 1; line <= lines.size(); ++line) {
    const RatedSnippet snippet = parse_snippet(lines[line - 1], line, name);
    if (snippet.mean == 0) {
      ++undecided;
      continue;
    }
    loaded.splits[split_of_snippet(line)].add(snippet.text,
                                              snippet.mean > 0 ? kPositive : kNegative);
  }
  loaded.warnings.push_back(
      text(request.name,
           ": labels are the sign of the mean rating of 15 to 29 people, not the verdicts "
           "of the reviewers; ",
           undecided, " of ", kRatedLines,
           " snippets have a mean of 0 and are left "
           "out"));
  return loaded;
}

}  // namespace saddle
