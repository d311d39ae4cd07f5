#include "attacks/text/neighbours.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "attacks/text/npy.h"
#include "core/error.h"

namespace saddle {
namespace {

constexpr std::int64_t kMaxTableBytes = std::int64_t{8} << 30;
constexpr std::int32_t kRowsOfPart = 8192;

struct Near {
  float distance;
  std::int32_t row;

  bool operator<(const Near& other) const {
    return std::tie(distance, row) < std::tie(other.distance, other.row);
  }
};

// The `count` nearest of the rows of a part, as a heap with the farthest on top. `nearest` has room
// for them.
void search_part(const WordVectors& vectors, std::int32_t row, std::int32_t part, std::size_t count,
                 std::vector<Near>& nearest) {
  const std::int32_t begin = part * kRowsOfPart;
  const std::int32_t end = begin + std::min(kRowsOfPart, vectors.size() - begin);
  for (std::int32_t other = begin; other < end; ++other) {
    if (other == row || !vectors.matches(other)) continue;
    const Near near{vectors.squared_distance(row, other), other};
    if (nearest.size() == count && !(near < nearest.front())) continue;
    if (nearest.size() == count) {
      std::pop_heap(nearest.begin(), nearest.end());
      nearest.pop_back();
    }
    nearest.push_back(near);
    std::push_heap(nearest.begin(), nearest.end());
  }
}

// That the table was made of these vectors shows in the first entries: each row is its own nearest,
// or one of those that lie at the same place.
void check_first(const WordVectors& vectors, std::int32_t row, std::int32_t first,
                 const std::string& name) {
  if (first == row || !vectors.matches(row) || vectors.squared_distance(row, first) == 0) return;
  fail(name, ": row ", row, " begins with ", first, ", expected ", row,
       " itself. The table belongs to other vectors");
}

}  // namespace

std::vector<std::int32_t> nearest_rows(const WordVectors& vectors, std::int32_t row, int count) {
  if (count <= 0 || !vectors.matches(row)) return {};
  const auto most = static_cast<std::size_t>(std::min(count, vectors.size()));
  const std::int32_t parts = (vectors.size() - 1) / kRowsOfPart + 1;
  std::vector<std::vector<Near>> of_parts(static_cast<std::size_t>(parts));
  for (std::vector<Near>& nearest : of_parts) nearest.reserve(most);
#pragma omp parallel for schedule(static)
  for (std::int32_t part = 0; part < parts; ++part) {
    search_part(vectors, row, part, most, of_parts[static_cast<std::size_t>(part)]);
  }
  std::vector<Near> all;
  for (const std::vector<Near>& nearest : of_parts) {
    all.insert(all.end(), nearest.begin(), nearest.end());
  }
  std::sort(all.begin(), all.end());
  std::vector<std::int32_t> rows;
  for (std::size_t i = 0; i < std::min(most, all.size()); ++i) rows.push_back(all[i].row);
  return rows;
}

NeighbourTable parse_neighbour_table(Bytes bytes, const WordVectors& vectors, int count,
                                     const std::string& name) {
  const NpyMatrix matrix = parse_npy(bytes, name);
  require(matrix.type == NpyType::i32 || matrix.type == NpyType::i64, name,
          " holds real numbers, expected rows as int32 or int64");
  require(matrix.rows == vectors.size(), name, " has ", matrix.rows, " rows, and there are ",
          vectors.size(), " vectors. The table belongs to other vectors");
  NeighbourTable table{.columns = matrix.columns, .rows = {}};
  table.rows.reserve(static_cast<std::size_t>(matrix.rows * matrix.columns));
  for (std::int64_t i = 0; i < matrix.rows * matrix.columns; ++i) {
    const std::int64_t entry = matrix.integer(i);
    if (entry < 0 || entry >= vectors.size()) {
      fail(name, ": row ", i / matrix.columns, " has the entry ", entry, ", expected 0 to ",
           vectors.size() - 1);
    }
    table.rows.push_back(static_cast<std::int32_t>(entry));
    if (i % matrix.columns == 0) {
      check_first(vectors, static_cast<std::int32_t>(i / matrix.columns), table.rows.back(), name);
    }
  }
  if (matrix.columns - 1 < count) {
    table.warnings.push_back(text(name, " has ", matrix.columns - 1,
                                  " neighbours a word, fewer than the ", count,
                                  " that are asked for"));
  }
  return table;
}

NeighbourTable load_neighbour_table(const std::filesystem::path& file, const WordVectors& vectors,
                                    int count) {
  return parse_neighbour_table(read_file(file, kMaxTableBytes), vectors, count, file.string());
}

const std::vector<std::int32_t>& Neighbours::of(std::int32_t row) const {
  {
    const std::lock_guard lock(mutex_);
    if (const auto known = found_.find(row); known != found_.end()) return known->second;
  }
  std::vector<std::int32_t> rows = find(row);  // two threads may do so and find the same
  const std::lock_guard lock(mutex_);
  return found_.emplace(row, std::move(rows)).first->second;
}

std::vector<std::string> Neighbours::words_near(std::string_view word) const {
  std::vector<std::string> words;
  if (const std::optional<std::int32_t> row = vectors_->row_of(word)) {
    for (const std::int32_t other : of(*row)) words.emplace_back(vectors_->word(other));
  }
  return words;
}

std::vector<std::int32_t> Neighbours::find(std::int32_t row) const {
  if (!table_) return nearest_rows(*vectors_, row, count_);
  std::vector<std::int32_t> rows;
  if (!vectors_->matches(row)) return rows;
  const auto begin = static_cast<std::size_t>(row * table_->columns);
  for (std::size_t i = 1; i < static_cast<std::size_t>(table_->columns); ++i) {
    const std::int32_t other = table_->rows[begin + i];
    if (static_cast<int>(rows.size()) == count_) break;
    if (other != row && vectors_->matches(other)) rows.push_back(other);
  }
  return rows;
}

}  // namespace saddle
