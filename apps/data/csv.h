// CsvReader: rows of a table in a text file, a delimiter between fields (RFC 4180).
//
// The first row names the columns. A field that begins with a double quote ends at the next, and
// may hold delimiters, line breaks and, doubled, quotes; elsewhere a quote is a letter as any
// other. Rows end with LF or CRLF; lines without a letter are passed over.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace saddle {

inline constexpr std::size_t kMaxCsvField = std::size_t{16} << 20;  // bytes
inline constexpr std::size_t kMaxCsvColumns = 4096;

class CsvReader {
 public:
  // Reads the names of the columns. `text` must outlive the reader; `name` begins every message.
  // Throws Error where nothing is in it, and as next() does.
  CsvReader(std::string_view text, const std::string& name, char delimiter);

  // Which one it is. Throws Error where no column, or more than one, is called so.
  std::size_t column(const std::string& called) const;

  // Replaces `fields` by the next row's, as many as there are columns; false at the end. Throws
  // Error, with the line, for another number of fields, a quote that is not closed or that
  // something follows, and a field over kMaxCsvField.
  bool next(std::vector<std::string>& fields);

  // "NAME, line 7": where the last row began, counted from 1.
  std::string where() const;

 private:
  void skip_empty_lines();
  bool at_line_end() const;  // or at the end of all
  void leave_line();
  void read_field(std::string& field);
  void read_quoted(std::string& field);
  void append(std::string& field, std::string_view part) const;
  [[noreturn]] void fail_row(const std::string& what) const;
  std::string column_names() const;

  std::string_view text_;
  std::string name_;
  char delimiter_;
  std::vector<std::string> columns_;
  std::size_t at_ = 0;
  std::int64_t line_ = 1, row_line_ = 1;  // of at_; of the last row's begin
};

}  // namespace saddle
