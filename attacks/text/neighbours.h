// Neighbours: the words nearest to a word, found when they are first asked for.
//
// The search is exact. A table that came with the vectors (nn.npy) is taken instead where given.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "attacks/text/word_vectors.h"
#include "core/file.h"

namespace saddle {

// The `count` rows nearest to `row` by the squared distance, the nearest first, of equally near
// ones the lower first, without `row` itself, zero vectors and rows that are nobody's. None for a
// zero vector. Runs over all rows by all threads; their number changes nothing.
std::vector<std::int32_t> nearest_rows(const WordVectors& vectors, std::int32_t row, int count);

// Of each row the rows nearest to it, itself first.
struct NeighbourTable {
  std::int64_t columns = 0;
  std::vector<std::int32_t> rows;  // [words, columns]

  // What the user should be told, one line each.
  std::vector<std::string> warnings = {};
};

// nn.npy, int32 or int64. Throws Error where it is not of these vectors: another number of rows, an
// entry that is no row, a first entry that is elsewhere than its row. Warns where it has fewer
// than `count` rows besides the word itself.
NeighbourTable parse_neighbour_table(Bytes bytes, const WordVectors& vectors, int count,
                                     const std::string& name);
NeighbourTable load_neighbour_table(const std::filesystem::path& file, const WordVectors& vectors,
                                    int count);

class Neighbours {
 public:
  // Keeps a reference to the vectors.
  Neighbours(const WordVectors& vectors, int count, std::optional<NeighbourTable> table = {})
      : vectors_(&vectors), count_(count), table_(std::move(table)) {}

  // Up to `count` rows, as nearest_rows has them, or as the table has them. They stay where they
  // are as long as this does. May be called by several threads.
  const std::vector<std::int32_t>& of(std::int32_t row) const;

  // The words of these rows; none where `word` has no vector.
  std::vector<std::string> words_near(std::string_view word) const;

 private:
  std::vector<std::int32_t> find(std::int32_t row) const;

  const WordVectors* vectors_;
  int count_;
  std::optional<NeighbourTable> table_;
  mutable std::mutex mutex_;  // of found_
  mutable std::map<std::int32_t, std::vector<std::int32_t>> found_;
};

}  // namespace saddle
