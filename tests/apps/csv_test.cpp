// CsvReader: what its rows are, and what is said where a table is broken.
#include "apps/data/csv.h"

#include <gtest/gtest.h>

#include "tests/apps/data_files.h"

namespace saddle {
namespace {

using Row = std::vector<std::string>;
using Table = std::vector<Row>;

// The rows below the names of the columns.
Table table_of(const std::string& letters, char delimiter = ',') {
  CsvReader reader(letters, "t.csv", delimiter);
  Table table;
  for (Row fields; reader.next(fields);) table.push_back(fields);
  return table;
}

std::string refusal_of(const std::string& letters) {
  return error_of([&] { table_of(letters); });
}

TEST(CsvReader, reads_the_rows_below_the_names_of_the_columns) {
  EXPECT_EQ(table_of("text,label\ngood film,1\nbad film,0\n"),
            (Table{{"good film", "1"}, {"bad film", "0"}}));
}

TEST(CsvReader, needs_no_line_end_after_the_last_row) {
  EXPECT_EQ(table_of("a,b\n1,2"), (Table{{"1", "2"}}));
  EXPECT_EQ(table_of("a,b\n1,"), (Table{{"1", ""}}));
  EXPECT_EQ(table_of("a,b\n1,\"2\""), (Table{{"1", "2"}}));
  EXPECT_EQ(table_of("a,b\r\n1,2\r"), (Table{{"1", "2"}}));
  EXPECT_EQ(table_of("a,b"), Table());
}

TEST(CsvReader, takes_both_line_ends) {
  EXPECT_EQ(table_of("a,b\r\n1,2\r\n\"3\",\"4\"\r\n"), (Table{{"1", "2"}, {"3", "4"}}));
}

TEST(CsvReader, keeps_a_carriage_return_that_ends_no_line) {
  EXPECT_EQ(table_of("a,b\n1\r1,2\r2\n"), (Table{{"1\r1", "2\r2"}}));
}

TEST(CsvReader, takes_delimiters_and_line_breaks_in_quotes_for_letters) {
  EXPECT_EQ(table_of("a,b\n\"one, two\",\"three\nfour\r\nfive\"\n"),
            (Table{{"one, two", "three\nfour\r\nfive"}}));
}

TEST(CsvReader, takes_two_quotes_in_quotes_for_one) {
  EXPECT_EQ(table_of("a,b\n\"a \"\"fine\"\" film\",\"\"\"\"\n\"\",\"\"\"x\"\"\"\n"),
            (Table{{"a \"fine\" film", "\""}, {"", "\"x\""}}));
}

TEST(CsvReader, takes_a_quote_within_an_unquoted_field_for_a_letter) {
  EXPECT_EQ(table_of("a,b\na 5\" screen,x\"\"\n"), (Table{{"a 5\" screen", "x\"\""}}));
}

TEST(CsvReader, keeps_blanks) { EXPECT_EQ(table_of("a,b\n 1 ,\t2\n"), (Table{{" 1 ", "\t2"}})); }

TEST(CsvReader, passes_over_lines_without_a_letter) {
  EXPECT_EQ(table_of("\n\r\na,b\n\n1,2\n\r\n\n3,4\n\n"), (Table{{"1", "2"}, {"3", "4"}}));
}

TEST(CsvReader, takes_the_delimiter_it_is_given) {
  EXPECT_EQ(table_of("a\tb\none, two\t\"3\t4\"\n", '\t'), (Table{{"one, two", "3\t4"}}));
  EXPECT_EQ(table_of("a;b\n1,5;2\n", ';'), (Table{{"1,5", "2"}}));
}

TEST(CsvReader, finds_columns_by_their_names) {
  const CsvReader reader("id,\"the text\",label", "t.csv", ',');

  EXPECT_EQ(reader.column("id"), 0u);
  EXPECT_EQ(reader.column("the text"), 1u);
  EXPECT_EQ(reader.column("label"), 2u);
}

TEST(CsvReader, tells_which_columns_there_are_where_one_is_missing) {
  const CsvReader reader("id,Text\x1b,label", "t.csv", ',');

  EXPECT_EQ(error_of([&] { reader.column("text"); }),
            "t.csv has no column 'text'. Its columns: id, Text\\x1b, label");
}

TEST(CsvReader, refuses_to_choose_between_columns_of_one_name) {
  const CsvReader reader("text,label,text", "t.csv", ',');

  EXPECT_EQ(reader.column("label"), 1u);
  EXPECT_EQ(error_of([&] { reader.column("text"); }),
            "t.csv has the column 'text' twice. Rename one");
}

TEST(CsvReader, knows_the_line_in_which_the_last_row_began) {
  CsvReader reader("a,b\n\n\"1\n1\",2\r\n3,\"\n\n\"\n5,6\n", "t.csv", ',');
  Row fields;

  reader.next(fields);
  EXPECT_EQ(reader.where(), "t.csv, line 3");
  reader.next(fields);
  EXPECT_EQ(reader.where(), "t.csv, line 5");
  reader.next(fields);
  EXPECT_EQ(reader.where(), "t.csv, line 8");
}

TEST(CsvReader, refuses_a_file_without_names_of_columns) {
  EXPECT_EQ(refusal_of(""), "t.csv is empty, expected a line with the names of the columns");
  EXPECT_EQ(refusal_of("\n\r\n"), "t.csv is empty, expected a line with the names of the columns");
}

TEST(CsvReader, refuses_rows_of_another_number_of_fields) {
  const std::string mend = ". A text with delimiters or line breaks stands in double quotes";

  EXPECT_EQ(refusal_of("a,b,c\n1,2,3\n1,2\n"),
            "t.csv, line 3 ends after 2 of 3 fields: a, b, c" + mend);
  EXPECT_EQ(refusal_of("a,b\n\"1\n\",2\n1,2,\n"),
            "t.csv, line 4 goes on after 2 fields: a, b" + mend);
  EXPECT_EQ(refusal_of("a,b\n \n"), "t.csv, line 2 ends after 1 of 2 fields: a, b" + mend);
}

TEST(CsvReader, refuses_a_quote_that_is_never_closed) {
  const std::string mend =
      ": a double quote opens a field and is never closed. Close it; one that belongs to a text is "
      "doubled, and the text stands in quotes";

  EXPECT_EQ(refusal_of("a,b\n\"1\n1\",\"2\n3,4\n5,6\n"), "t.csv, line 3" + mend);
  EXPECT_EQ(refusal_of("a,\""), "t.csv, line 1" + mend);
  EXPECT_EQ(refusal_of("a,b\n1,\"\"\""), "t.csv, line 2" + mend);
}

TEST(CsvReader, refuses_letters_behind_a_closing_quote) {
  EXPECT_EQ(refusal_of("a,b\n\"1\n\"é,2\n"),
            "t.csv, line 3: 'é' follows the double quote that closes the field of line 2. One that "
            "belongs to a text is doubled, and the text stands in quotes");
  expect_part("line 2: '\\r' follows", refusal_of("a,b\n1,\"2\"\r3\n"));
}

TEST(CsvReader, takes_a_field_of_16_MiB_and_none_that_is_longer) {
  const std::string longest(kMaxCsvField, 'x');

  EXPECT_EQ(table_of("a,b\n" + longest + ",1\n")[0][0], longest);
  EXPECT_EQ(refusal_of("a,b\n1,2\nx" + longest + ",1\n"),
            "t.csv, line 3: a field has more than 16777216 bytes. Is a double quote missing?");
  expect_part("line 2: a field has more than", refusal_of("a,b\n1,\"" + longest + "\"\"\"\n"));
}

TEST(CsvReader, takes_4096_columns_and_no_more) {
  const std::string commas(kMaxCsvColumns - 1, ',');

  EXPECT_EQ(table_of("a" + commas + "\n1" + commas + "\n")[0].size(), kMaxCsvColumns);
  EXPECT_EQ(refusal_of("a," + commas + "\n"),
            "t.csv, line 1 names more than 4096 columns. Is it a table of texts?");
}

}  // namespace
}  // namespace saddle
