// How the threads of a grid span kernel share its rows out, and the numbers of its columns.
#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

#include "kernels/emulator.h"
#include "kernels/math.h"
#include "kernels/span.h"
#include "tests/support/view.h"

namespace saddle {
namespace {

using testing_support::view;

// Counts how often its functions are called.
struct CountCalls {
  static constexpr int kSpan = 4;
  Array<int> fetched, finished;  // [rows, columns / 4]
  Array<int> of_columns;         // [columns / 4]
  std::int64_t columns_of_row;
  template <int N>
  int columns(std::int64_t column) const {
    return ++of_columns[column / N];
  }
  template <int N>
  std::int64_t fetch(std::int64_t row, std::int64_t column) const {
    const std::int64_t i = (row * columns_of_row + column) / N;
    ++fetched[i];
    return i;
  }
  template <int N>
  void finish(std::int64_t row, std::int64_t column, std::int64_t i, int) const {
    if (i == (row * columns_of_row + column) / N) ++finished[i];
  }
  bool aligned(std::int64_t) const { return true; }
};

void expect_calls_of_each_span(std::int64_t rows) {
  const std::int64_t columns = 12;
  std::vector<int> fetched(static_cast<std::size_t>(rows * 3)), finished = fetched, of_columns(3);
  const GridSpans<CountCalls> spans{{view(fetched), view(finished), view(of_columns), columns},
                                    rows};

  emulate_flat(spans, spans.row_threads(), columns / 4);

  const int threads = static_cast<int>(ceil_divide(rows, kRowsOfThread));
  EXPECT_EQ(fetched, std::vector<int>(fetched.size(), 1)) << rows << " rows";
  EXPECT_EQ(finished, std::vector<int>(fetched.size(), 1)) << rows << " rows";
  EXPECT_EQ(of_columns, std::vector<int>(3, threads)) << rows << " rows";
}

TEST(grid_spans, take_every_row_once_and_the_numbers_of_columns_once_a_thread) {
  expect_calls_of_each_span(0);
  expect_calls_of_each_span(1);
  expect_calls_of_each_span(2);
  expect_calls_of_each_span(7);
  expect_calls_of_each_span(31);
  expect_calls_of_each_span(32);
  expect_calls_of_each_span(33);
}

}  // namespace
}  // namespace saddle
