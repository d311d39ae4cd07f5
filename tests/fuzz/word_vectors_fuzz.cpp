// Fuzzes word vectors as text and as NPY, and tables of neighbours: an Error of one line, or rows
// of length 1 or 0 that find each other.
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <string_view>

#include "attacks/text/neighbours.h"
#include "attacks/text/npy.h"
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

void check(const WordVectors& vectors) {
  expect(vectors.size() > 0 && vectors.dimensions() > 0);
  for (std::int32_t row = 0; row < vectors.size(); ++row) {
    double squares = 0;
    for (const float value : vectors.vector(row)) squares += double{value} * double{value};
    expect(squares == 0 || std::abs(squares - 1) < 1e-5);
    const auto found = vectors.row_of(vectors.word(row));
    expect(found && *found <= row && vectors.word(*found) == vectors.word(row));
  }
  float before = 0;
  for (const std::int32_t row : nearest_rows(vectors, 0, 5)) {
    expect(row > 0 && vectors.matches(row) && vectors.squared_distance(0, row) >= before);
    before = vectors.squared_distance(0, row);
  }
}

std::string numbered_words(std::int64_t count) {
  std::string words;
  for (std::int64_t i = 0; i < count; ++i) words += "w" + std::to_string(i) + "\n";
  return words;
}

Bytes bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Bytes bytes = std::as_bytes(std::span(data, size));
  refused_or([&] { check(parse_text_vectors(bytes, RowScale::unit, "fuzz")); });
  refused_or([&] {
    const std::string words = numbered_words(parse_npy(bytes, "fuzz").rows);
    check(parse_npy_vectors(bytes, bytes_of(words), RowScale::unit, "fuzz", "fuzz-words"));
  });
  refused_or([&] {
    const WordVectors vectors =
        parse_text_vectors(bytes_of("a 1 0\nb 1 1\nc 0 1\n"), RowScale::unit, "three");
    const Neighbours neighbours(vectors, 2, parse_neighbour_table(bytes, vectors, 2, "fuzz"));
    for (const std::int32_t row : neighbours.of(0)) expect(row == 1 || row == 2);
  });
  return 0;
}
