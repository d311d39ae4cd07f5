// Nearest words: by exact search and from a table.
#include "attacks/text/neighbours.h"

#include <gtest/gtest.h>
#include <omp.h>

#include <algorithm>
#include <numeric>
#include <thread>

#include "core/error.h"
#include "kernels/philox.h"
#include "tests/attacks/text/npy_files.h"
#include "tests/attacks/text/tiny_wordnet.h"
#include "tests/support/expect_near.h"
#include "tests/support/temporary_directory.h"

namespace saddle {
namespace {

using Rows = std::vector<std::int32_t>;
using Words = std::vector<std::string>;

WordVectors from_text(std::string_view text) {
  return parse_text_vectors(bytes_of(text), RowScale::unit, "v.txt");
}

// Directions of the plane, 0, 10, 50 and 180 degrees.
WordVectors compass() {
  return from_text("a 1 0\nb 0.984808 0.173648\nc 0.642788 0.766044\nd -1 0\n");
}

WordVectors random_vectors(std::int32_t rows, std::int64_t dimensions) {
  StringTable words;
  std::vector<float> values;
  for (std::int32_t row = 0; row < rows; ++row) words.add("w" + std::to_string(row));
  for (std::uint32_t i = 0; i < static_cast<std::uint32_t>(rows * dimensions); ++i) {
    values.push_back(uniform(philox(7, {{i, 0, 0, 0}}).v[0]) - 0.5f);
  }
  return {std::move(words), dimensions, values, RowScale::unit, "random"};
}

NeighbourTable table_of(const WordVectors& vectors, const std::string& npy, int count) {
  return parse_neighbour_table(bytes_of(npy), vectors, count, "nn.npy");
}

std::string refusal(const std::string& npy) {
  return testing_support::message_of<Error>([&] { table_of(compass(), npy, 2); });
}

TEST(Neighbours, come_nearest_first_without_the_word_itself) {
  const WordVectors vectors = compass();

  EXPECT_EQ(nearest_rows(vectors, 0, 2), (Rows{1, 2}));
  EXPECT_EQ(nearest_rows(vectors, 3, 50), (Rows{2, 1, 0}));
  EXPECT_EQ(nearest_rows(vectors, 0, 0), Rows{});
}

TEST(Neighbours, of_equal_distance_come_in_the_order_of_their_rows) {
  const WordVectors vectors = from_text("a 0 1\nb 1 0\nc 0 2\nd -1 0\ne 3 0\n");

  EXPECT_EQ(nearest_rows(vectors, 0, 4), (Rows{2, 1, 3, 4}));
  EXPECT_EQ(nearest_rows(vectors, 0, 2), (Rows{2, 1}));
}

TEST(Neighbours, are_no_zero_vectors_and_no_rows_of_a_word_that_came_before) {
  const WordVectors vectors = from_text("a 1 0\nzero 0 0\na 1 0.1\nb 1 1\n");

  EXPECT_EQ(nearest_rows(vectors, 0, 50), Rows{3});
  EXPECT_EQ(nearest_rows(vectors, 1, 50), Rows{});
  EXPECT_EQ(nearest_rows(vectors, 2, 50), Rows{});
}

TEST(Neighbours, are_those_of_sorting_all_distances) {
  const WordVectors vectors = random_vectors(20'000, 3);
  Rows sorted(20'000);
  std::iota(sorted.begin(), sorted.end(), 0);
  std::erase(sorted, 777);
  std::ranges::stable_sort(sorted, {},
                           [&](std::int32_t row) { return vectors.squared_distance(777, row); });
  sorted.resize(51);

  EXPECT_EQ(nearest_rows(vectors, 777, 51), sorted);
}

TEST(Neighbours, do_not_depend_on_the_number_of_threads) {
  const WordVectors vectors = random_vectors(20'000, 3);
  const int before = omp_get_max_threads();

  omp_set_num_threads(1);
  const Rows of_one = nearest_rows(vectors, 5, 50);
  omp_set_num_threads(4);
  const Rows of_four = nearest_rows(vectors, 5, 50);
  omp_set_num_threads(before);

  EXPECT_EQ(of_one, of_four);
}

TEST(Neighbours, are_found_once_and_may_be_asked_for_by_several_threads) {
  const WordVectors vectors = random_vectors(500, 3);
  const Neighbours neighbours(vectors, 7);
  std::vector<std::vector<Rows>> found(4);

  {
    std::vector<std::jthread> threads;
    for (auto& list : found) {
      threads.emplace_back([&] {
        for (std::int32_t row = 0; row < 100; ++row) list.push_back(neighbours.of(row));
      });
    }
  }

  EXPECT_EQ(found[1], found[0]);
  EXPECT_EQ(found[2], found[0]);
  EXPECT_EQ(found[3], found[0]);
  EXPECT_EQ(found[0][99], nearest_rows(vectors, 99, 7));
  EXPECT_EQ(&neighbours.of(3), &neighbours.of(3));
}

TEST(Neighbours, may_be_asked_for_by_word) {
  const WordVectors vectors = compass();
  const Neighbours neighbours(vectors, 2);

  EXPECT_EQ(neighbours.words_near("a"), (Words{"b", "c"}));
  EXPECT_EQ(neighbours.words_near("zebra"), Words{});
}

// Both files have a word twice; the rows of their first lines count.
TEST(Neighbours, are_the_same_of_vectors_from_text_and_from_npy) {
  const WordVectors text = from_text("5 2\na 1 0\nb 0.9 0.3\na 0 1\nzero 0 0\nc 0.2 7\n");
  const WordVectors npy = parse_npy_vectors(
      bytes_of(npy_matrix<float>("<f4", "5, 2", {1, 0, 0.9f, 0.3f, 0, 1, 0, 0, 0.2f, 7})),
      bytes_of("a\nb\na\nzero\nc\n"), RowScale::unit, "v.npy", "words.txt");
  const Neighbours of_text(text, 50), of_npy(npy, 50);

  EXPECT_EQ(of_npy.words_near("a"), (Words{"b", "c"}));
  EXPECT_EQ(of_npy.words_near("c"), (Words{"b", "a"}));
  EXPECT_EQ(of_text.words_near("a"), of_npy.words_near("a"));
  EXPECT_EQ(of_text.words_near("b"), of_npy.words_near("b"));
  EXPECT_EQ(of_text.words_near("c"), of_npy.words_near("c"));
  EXPECT_EQ(of_text.words_near("zero"), of_npy.words_near("zero"));
}

TEST(NeighbourTable, takes_the_place_of_the_search) {
  const WordVectors vectors = compass();
  const std::string npy =
      npy_matrix<std::int64_t>("<i8", "4, 4", {0, 2, 1, 3, 1, 0, 2, 3, 2, 1, 0, 3, 3, 2, 1, 0});

  const Neighbours neighbours(vectors, 2, table_of(vectors, npy, 2));

  EXPECT_EQ(neighbours.of(0), (Rows{2, 1}));  // as the table has it, not as it should
  EXPECT_EQ(neighbours.of(3), (Rows{2, 1}));
  EXPECT_EQ(table_of(vectors, npy, 2).warnings, Words{});
}

TEST(NeighbourTable, that_is_narrow_gives_what_it_has_and_warns_once) {
  const WordVectors vectors = compass();
  const std::string npy = npy_matrix<std::int32_t>("<i4", "4, 2", {0, 1, 1, 0, 2, 1, 3, 2});

  const NeighbourTable table = table_of(vectors, npy, 50);

  EXPECT_EQ(table.warnings,
            Words{"nn.npy has 1 neighbours a word, fewer than the 50 that are asked for"});
  EXPECT_EQ(Neighbours(vectors, 50, table).of(2), Rows{1});
}

TEST(NeighbourTable, leaves_out_what_matches_nothing) {
  const WordVectors vectors = from_text("a 1 0\na 1 0\nzero 0 0\nb 0 1\n");
  const std::string npy =
      npy_matrix<std::int32_t>("<i4", "4, 4", {1, 0, 2, 3, 0, 1, 2, 3, 3, 0, 1, 2, 3, 2, 1, 0});

  const Neighbours neighbours(vectors, 50, table_of(vectors, npy, 3));

  EXPECT_EQ(neighbours.of(0), Rows{3});
  EXPECT_EQ(neighbours.of(2), Rows{});
  EXPECT_EQ(neighbours.of(3), Rows{0});
}

TEST(NeighbourTable, of_other_vectors_is_refused) {
  EXPECT_CONTAINS(refusal(npy_matrix<std::int32_t>("<i4", "3, 1", {0, 1, 2})),
                  "nn.npy has 3 rows, and there are 4 vectors");
  EXPECT_CONTAINS(refusal(npy_matrix<std::int32_t>("<i4", "4, 1", {0, 1, 2, 4})),
                  "row 3 has the entry 4, expected 0 to 3");
  EXPECT_CONTAINS(refusal(npy_matrix<std::int64_t>("<i8", "4, 1", {0, 1, 2, -1})),
                  "row 3 has the entry -1, expected 0 to 3");
  EXPECT_CONTAINS(refusal(npy_matrix<std::int64_t>("<i8", "4, 1", {0, 2, 1, 3})),
                  "row 1 begins with 2, expected 1 itself");
  EXPECT_CONTAINS(refusal(npy_matrix<float>("<f4", "4, 1", {0, 1, 2, 3})), "holds real numbers");
}

TEST(NeighbourTable, is_loaded_from_a_file) {
  const TemporaryDirectory directory;
  const std::string npy = npy_matrix<std::int32_t>("<i4", "4, 1", {0, 1, 2, 3});
  const Bytes bytes = bytes_of(npy);
  directory.write("nn.npy", {bytes.begin(), bytes.end()});

  EXPECT_EQ(load_neighbour_table(directory.path() / "nn.npy", compass(), 50).columns, 1);
}

}  // namespace
}  // namespace saddle
