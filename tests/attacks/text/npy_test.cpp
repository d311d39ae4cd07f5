// NPY files: what is read, and what is refused.
#include "attacks/text/npy.h"

#include <gtest/gtest.h>

#include "core/error.h"
#include "tests/attacks/text/npy_files.h"
#include "tests/attacks/text/tiny_wordnet.h"
#include "tests/support/expect_near.h"

namespace saddle {
namespace {

std::string refusal(const std::string& file) {
  return testing_support::message_of<Error>([&] { parse_npy(bytes_of(file), "v.npy"); });
}

std::string refusal_of_header(const std::string& header) {
  return refusal(npy_text(header, std::string(24, '\0')));
}

TEST(Npy, gives_rows_columns_and_numbers_of_four_types) {
  const std::string f4 = npy_matrix<float>("<f4", "3, 2", {1, 2, 3, 4, 5, -0.5f});
  const std::string f8 = npy_matrix<double>("<f8", "1, 2", {1e300, 0.1});
  const std::string i4 = npy_matrix<std::int32_t>("<i4", "2, 1", {-7, 1 << 30});
  const std::string i8 = npy_matrix<std::int64_t>("<i8", "1, 1", {std::int64_t{1} << 40});

  const NpyMatrix matrix = parse_npy(bytes_of(f4), "v.npy");
  EXPECT_EQ(matrix.type, NpyType::f32);
  EXPECT_EQ(matrix.rows, 3);
  EXPECT_EQ(matrix.columns, 2);
  EXPECT_EQ(matrix.real(5), -0.5);
  EXPECT_EQ(parse_npy(bytes_of(f8), "v.npy").real(0), 1e300);
  EXPECT_EQ(parse_npy(bytes_of(f8), "v.npy").real(1), 0.1);
  EXPECT_EQ(parse_npy(bytes_of(i4), "v.npy").integer(0), -7);
  EXPECT_EQ(parse_npy(bytes_of(i4), "v.npy").integer(1), 1 << 30);
  EXPECT_EQ(parse_npy(bytes_of(i8), "v.npy").integer(0), std::int64_t{1} << 40);
}

TEST(Npy, headers_may_have_their_keys_in_any_order_and_quotes_of_either_kind) {
  const std::string header = R"({"shape":(3,2) , "descr":'<f4', 'fortran_order':False})";

  EXPECT_EQ(parse_npy(bytes_of(npy_text(header, std::string(24, '\0'))), "v.npy").rows, 3);
}

TEST(Npy, of_version_2_has_a_longer_length) {
  std::string file = npy_matrix<float>("<f4", "1, 1", {2});
  file[6] = 2;
  file.insert(10, 2, '\0');

  EXPECT_EQ(parse_npy(bytes_of(file), "v.npy").real(0), 2);
}

TEST(Npy, is_refused_in_column_major_order_and_of_other_types) {
  EXPECT_CONTAINS(
      refusal_of_header("{'descr': '<f4', 'fortran_order': True, 'shape': (3, 2), }"),
      "v.npy is column-major. Write it with numpy.save(file, numpy.ascontiguousarray(x))");
  EXPECT_CONTAINS(refusal_of_header(npy_header(">f4", "3, 2")), "type '>f4'");
  EXPECT_CONTAINS(refusal_of_header(npy_header("|O", "3, 2")), "type '|O'");
  EXPECT_CONTAINS(refusal_of_header(npy_header("<f4", "6,")), "has 1 extents, expected 2");
  EXPECT_CONTAINS(refusal_of_header(npy_header("<f4", "")), "has 0 extents, expected 2");
  EXPECT_CONTAINS(refusal_of_header(npy_header("<f4", "3, 2, 1")), "has 3 extents, expected 2");
}

TEST(Npy, is_refused_where_length_and_shape_differ) {
  EXPECT_CONTAINS(refusal_of_header(npy_header("<f4", "3, 3")),
                  "holds 24 bytes behind its header, which says 3 x 3 numbers of 4");
  EXPECT_CONTAINS(refusal_of_header(npy_header("<f4", "2, 2")), "holds 24 bytes");
  EXPECT_CONTAINS(refusal_of_header(npy_header("<f4", "0, 2")), "holds 24 bytes");
  EXPECT_CONTAINS(refusal_of_header(npy_header("<f4", "6, 0")), "holds 24 bytes");
  EXPECT_CONTAINS(refusal_of_header(npy_header("<f8", "4611686018427387904, 6")), "holds 24");
  EXPECT_CONTAINS(refusal_of_header(npy_header("<f4", "2147483648, 2147483648")), "holds 24");
  EXPECT_CONTAINS(refusal_of_header(npy_header("<f4", "9223372036854775808, 1")),
                  "expected a whole number");
  EXPECT_CONTAINS(refusal_of_header(npy_header("<f4", "-3, -2")), "expected a whole number");
}

TEST(Npy, is_refused_with_any_other_header) {
  EXPECT_CONTAINS(refusal_of_header(""), "has '', expected {");
  EXPECT_CONTAINS(refusal_of_header("{}"), "expected descr, fortran_order and shape, and no more");
  EXPECT_CONTAINS(refusal_of_header("{'descr': '<f4', 'descr': '<f4'}"), "each once");
  EXPECT_CONTAINS(refusal_of_header("{'descr': [('a', '<f4')], }"), "expected \"");
  EXPECT_CONTAINS(refusal_of_header("{'fortran_order': 0}"), "expected False");
  EXPECT_CONTAINS(refusal_of_header("{'other': 1}"), "each once");
  EXPECT_CONTAINS(refusal_of_header("{'descr"), "the end of a string");
  EXPECT_CONTAINS(refusal_of_header("{'shape': (3 2)}"), "expected ,");
  EXPECT_CONTAINS(refusal_of_header("{'shape': (,)}"), "expected a whole number");
  EXPECT_CONTAINS(refusal_of_header(npy_header("<f4", "3, 2") + "import os"), "and no more");
}

TEST(Npy, is_refused_cut_off_and_of_other_formats) {
  const std::string whole = npy_matrix<float>("<f4", "1, 1", {2});

  EXPECT_CONTAINS(refusal(""), "v.npy is no NPY file");
  EXPECT_CONTAINS(refusal("the 0.1 0.2 0.3\n"), "v.npy is no NPY file");
  EXPECT_CONTAINS(refusal(whole.substr(0, 11)), "v.npy is no NPY file");
  EXPECT_CONTAINS(refusal(whole.substr(0, 40)), "v.npy ends inside its header");
  EXPECT_CONTAINS(refusal(whole.substr(0, whole.size() - 1)), "holds 3 bytes");
  std::string version = whole;
  version[6] = 4;
  EXPECT_CONTAINS(refusal(version), "of NPY version 4");
}

}  // namespace
}  // namespace saddle
