#include "attacks/text/word_vectors.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <numeric>
#include <utility>

#include "attacks/text/npy.h"
#include "attacks/text/numbered_lines.h"
#include "core/error.h"
#include "core/printable.h"

namespace saddle {
namespace {

constexpr std::int64_t kMaxVectorBytes = std::int64_t{8} << 30;
constexpr std::int64_t kLanes = 8;  // sums beside each other, however wide the processor's are

// The length of a row; 0 for zeros alone. Squares of floats cannot overflow a double.
double length_of(std::span<const float> row) {
  double squares = 0;
  for (const float value : row) squares += double{value} * double{value};
  return std::sqrt(squares);
}

// Takes blank-separated fields off a line of text vectors.
class VectorLine {
 public:
  VectorLine(std::string_view line, const NumberedLines& lines)
      : rest_(line.substr(0, line.find_last_not_of(" \t") + 1)), lines_(&lines) {}

  // How many fields single blanks make.
  std::int64_t fields() const { return rest_.empty() ? 0 : 1 + std::ranges::count(rest_, ' '); }

  std::string_view field() {
    const std::string_view found = rest_.substr(0, rest_.find(' '));
    rest_.remove_prefix(std::min(found.size() + 1, rest_.size()));
    return found;
  }

  float number() {
    const std::string_view found = field();
    double value = 0;
    const auto [end, error] = std::from_chars(found.data(), found.data() + found.size(), value);
    const bool whole = error == std::errc() && end == found.data() + found.size();
    const float narrow = static_cast<float>(value);
    if (!whole || !std::isfinite(narrow)) {
      fail(lines_->where(), " has '", printable(found, 60), "', expected a finite number");
    }
    return narrow;
  }

 private:
  std::string_view rest_;
  const NumberedLines* lines_;
};

std::optional<std::int32_t> whole_number(std::string_view field) {
  std::int32_t number = 0;
  const char* end = field.data() + field.size();
  const auto [rest, error] = std::from_chars(field.data(), end, number);
  if (error != std::errc() || rest != end || number < 0) return std::nullopt;
  return number;
}

// word2vec's first line.
struct VectorCounts {
  std::int32_t words = 0, dimensions = 0;
};

VectorCounts take_counts(std::string_view line, const NumberedLines& lines) {
  VectorLine fields(line, lines);
  const auto words = whole_number(fields.field()), dimensions = whole_number(fields.field());
  if (!words || !dimensions) {
    fail(lines.where(), " has two fields, '", printable(line, 60),
         "', expected a word and its numbers, or how many words and numbers follow");
  }
  return {*words, *dimensions};
}

struct TextRows {
  StringTable words;
  std::int64_t dimensions = 0;
  std::vector<float> values;
};

// Room for all rows at once. A number takes two bytes of text at least, so this is no more than the
// file could fill, whatever its first line pretends.
void make_room(Bytes bytes, TextRows& rows) {
  const auto dimensions = static_cast<std::size_t>(rows.dimensions);
  const auto lines = static_cast<std::size_t>(std::ranges::count(bytes, std::byte{'\n'})) + 1;
  rows.values.reserve(std::min(lines * dimensions, bytes.size() / 2));
}

void take_row(std::string_view line, const NumberedLines& lines, TextRows& rows) {
  VectorLine fields(line, lines);
  const std::int64_t count = fields.fields();
  if (count != rows.dimensions + 1) {
    fail(lines.where(), " has ", count, " fields, expected a word and ", rows.dimensions,
         " numbers between single blanks");
  }
  const std::string_view word = fields.field();
  check_plain_word(word, lines);
  rows.words.add(word);
  for (std::int64_t i = 0; i < rows.dimensions; ++i) rows.values.push_back(fields.number());
}

}  // namespace

WordVectors::WordVectors(StringTable words, std::int64_t dimensions, std::span<const float> values,
                         RowScale scale, const std::string& name)
    : words_(std::move(words)),
      dimensions_(dimensions),
      stride_((dimensions + kLanes - 1) / kLanes * kLanes),
      matches_(words_.size(), 1) {
  require(words_.size() > 0 && dimensions > 0, name,
          " holds no vectors, expected a word and its numbers a line");
  require(std::cmp_equal(values.size(), size() * dimensions), name, " has ", values.size(),
          " numbers, expected ", size(), " x ", dimensions);
  copy_rows(values, scale, name);
  sort_words();
}

void WordVectors::copy_rows(std::span<const float> values, RowScale scale,
                            const std::string& name) {
  const auto dimensions = static_cast<std::size_t>(dimensions_);
  const auto stride = static_cast<std::size_t>(stride_);
  values_.resize(words_.size() * stride);
  for (std::size_t row = 0; row < words_.size(); ++row) {
    const std::span<const float> from = values.subspan(row * dimensions, dimensions);
    const double length = length_of(from);
    if (!std::isfinite(length)) fail(name, ": row ", row, " has a number that is not finite");
    if (length == 0) matches_[row] = 0;
    const double divisor = scale == RowScale::unit && length > 0 ? length : 1;
    std::ranges::transform(from, values_.begin() + static_cast<std::ptrdiff_t>(row * stride),
                           [=](float value) { return static_cast<float>(value / divisor); });
  }
}

void WordVectors::sort_words() {
  by_word_.resize(words_.size());
  std::iota(by_word_.begin(), by_word_.end(), 0);
  std::ranges::stable_sort(by_word_, {}, [&](std::int32_t row) { return word(row); });
  for (std::size_t i = 1; i < by_word_.size(); ++i) {
    if (word(by_word_[i]) == word(by_word_[i - 1])) {
      matches_[static_cast<std::size_t>(by_word_[i])] = 0;
    }
  }
}

std::optional<std::int32_t> WordVectors::row_of(std::string_view wanted) const {
  const auto found =
      std::ranges::lower_bound(by_word_, wanted, {}, [&](std::int32_t row) { return word(row); });
  if (found == by_word_.end() || word(*found) != wanted) return std::nullopt;
  return *found;
}

float WordVectors::squared_distance(std::int32_t a, std::int32_t b) const {
  const float *x = begin_of(a), *y = begin_of(b);
  std::array<float, kLanes> sums{};
  for (std::int64_t k = 0; k < stride_; k += kLanes) {
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      const float difference = x[lane] - y[lane];
      sums[lane] += difference * difference;
    }
    x += kLanes, y += kLanes;
  }
  return ((sums[0] + sums[4]) + (sums[2] + sums[6])) + ((sums[1] + sums[5]) + (sums[3] + sums[7]));
}

std::optional<float> WordVectors::squared_distance(std::string_view a, std::string_view b) const {
  const std::optional<std::int32_t> row_a = row_of(a), row_b = row_of(b);
  if (!row_a || !row_b) return std::nullopt;
  return squared_distance(*row_a, *row_b);
}

WordVectors parse_text_vectors(Bytes bytes, RowScale scale, const std::string& name) {
  NumberedLines lines(bytes, name);
  TextRows rows;
  std::optional<VectorCounts> counts;
  while (const auto line = lines.next()) {
    const std::int64_t fields = VectorLine(*line, lines).fields();
    if (lines.number() == 1 && fields == 2) {
      counts = take_counts(*line, lines);
      continue;
    }
    if (rows.words.size() == 0) {
      rows.dimensions = counts ? counts->dimensions : std::max<std::int64_t>(fields - 1, 1);
      make_room(bytes, rows);
    }
    take_row(*line, lines, rows);
  }
  if (counts && std::cmp_not_equal(counts->words, rows.words.size())) {
    fail(name, " has ", rows.words.size(), " words, its first line says ", counts->words,
         ". Copy it again");
  }
  return {std::move(rows.words), rows.dimensions, rows.values, scale, name};
}

WordVectors parse_npy_vectors(Bytes vectors, Bytes words, RowScale scale, const std::string& name,
                              const std::string& words_name) {
  const NpyMatrix matrix = parse_npy(vectors, name);
  require(matrix.type == NpyType::f32 || matrix.type == NpyType::f64, name,
          " holds whole numbers, expected vectors of float32 or float64");
  StringTable table;
  for (const std::string_view word : plain_words(words, words_name, BlankLines::refuse)) {
    table.add(word);
  }
  require(std::cmp_equal(table.size(), matrix.rows), words_name, " has ", table.size(),
          " words, and ", name, " ", matrix.rows, " rows. They do not belong together");
  std::vector<float> values(static_cast<std::size_t>(matrix.rows * matrix.columns));
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = static_cast<float>(matrix.real(static_cast<std::int64_t>(i)));
  }
  return {std::move(table), matrix.columns, values, scale, name};
}

WordVectors load_word_vectors(const std::filesystem::path& file, RowScale scale) {
  const std::vector<std::filesystem::path> files = word_vector_files(file);
  const std::vector<std::byte> bytes = read_file(file, kMaxVectorBytes);
  if (files.size() == 1) return parse_text_vectors(bytes, scale, file.string());
  const std::vector<std::byte> words = read_file(files[1], kMaxVectorBytes);
  return parse_npy_vectors(bytes, words, scale, file.string(), files[1].string());
}

std::vector<std::filesystem::path> word_vector_files(const std::filesystem::path& file) {
  if (file.extension() != ".npy") return {file};
  return {file, file.parent_path() / "words.txt"};
}

}  // namespace saddle
