#include "apps/data/csv.h"

#include <algorithm>

#include "core/error.h"
#include "core/format.h"
#include "core/printable.h"
#include "core/unicode.h"

namespace saddle {

CsvReader::CsvReader(std::string_view text, const std::string& name, char delimiter)
    : text_(text), name_(name), delimiter_(delimiter) {
  skip_empty_lines();
  require(at_ < text_.size(), name_, " is empty, expected a line with the names of the columns");
  row_line_ = line_;
  read_field(columns_.emplace_back());
  while (!at_line_end()) {
    require(columns_.size() < kMaxCsvColumns, where(), " names more than ", kMaxCsvColumns,
            " columns. Is it a table of texts?");
    ++at_;  // the delimiter
    read_field(columns_.emplace_back());
  }
  leave_line();
}

std::size_t CsvReader::column(const std::string& called) const {
  const auto found = std::ranges::find(columns_, called);
  require(found != columns_.end(), name_, " has no column '", printable(called, 60),
          "'. Its columns: ", column_names());
  require(std::find(found + 1, columns_.end(), called) == columns_.end(), name_,
          " has the column '", printable(called, 60), "' twice. Rename one");
  return static_cast<std::size_t>(found - columns_.begin());
}

bool CsvReader::next(std::vector<std::string>& fields) {
  skip_empty_lines();
  if (at_ == text_.size()) return false;
  row_line_ = line_;
  fields.resize(columns_.size());
  for (std::size_t i = 0; i < fields.size(); ++i) {
    if (i > 0) {
      if (at_line_end()) fail_row(text("ends after ", i, " of "));
      ++at_;  // the delimiter
    }
    read_field(fields[i]);
  }
  if (!at_line_end()) fail_row("goes on after ");
  leave_line();
  return true;
}

std::string CsvReader::where() const { return text(name_, ", line ", row_line_); }

void CsvReader::skip_empty_lines() {
  while (at_ < text_.size() && at_line_end()) leave_line();
}

bool CsvReader::at_line_end() const {
  const std::string_view rest = text_.substr(at_, 2);
  return rest.empty() || rest[0] == '\n' || rest == "\r\n" || rest == "\r";
}

void CsvReader::leave_line() {
  const std::size_t end = std::min(text_.find('\n', at_), text_.size());
  at_ = std::min(end + 1, text_.size());
  ++line_;
}

void CsvReader::read_field(std::string& field) {
  field.clear();
  if (text_.substr(at_, 1) == "\"") return read_quoted(field);
  const char ends[] = {delimiter_, '\n'};
  const std::size_t end = std::min(text_.find_first_of({ends, 2}, at_), text_.size());
  std::string_view whole = text_.substr(at_, end - at_);
  const bool of_line = end == text_.size() || text_[end] == '\n';
  if (of_line && whole.ends_with('\r')) whole.remove_suffix(1);
  append(field, whole);
  at_ += whole.size();
}

void CsvReader::read_quoted(std::string& field) {
  const std::int64_t opened = line_;
  for (bool closed = false; !closed;) {
    ++at_;  // the quote that opens, or the second of two
    const std::size_t quote = text_.find('"', at_);
    require(quote != std::string_view::npos, name_, ", line ", opened,
            ": a double quote opens a field and is never closed. Close it; one that belongs to a "
            "text is doubled, and the text stands in quotes");
    const std::string_view part = text_.substr(at_, quote - at_);
    append(field, part);
    line_ += std::ranges::count(part, '\n');
    at_ = quote + 1;
    closed = text_.substr(at_, 1) != "\"";
    if (!closed) append(field, "\"");
  }
  if (at_line_end() || text_[at_] == delimiter_) return;
  const std::size_t next = first_character(text_.substr(at_)).bytes;
  fail(name_, ", line ", line_, ": '", printable(text_.substr(at_, next)),
       "' follows the double quote that closes the field of line ", opened,
       ". One that belongs to a text is doubled, and the text stands in quotes");
}

void CsvReader::append(std::string& field, std::string_view part) const {
  require(part.size() <= kMaxCsvField - field.size(), name_, ", line ", line_,
          ": a field has more than ", kMaxCsvField, " bytes. Is a double quote missing?");
  field += part;
}

void CsvReader::fail_row(const std::string& what) const {
  fail(where(), " ", what, columns_.size(), " fields: ", column_names(),
       ". A text with delimiters or line breaks stands in double quotes");
}

std::string CsvReader::column_names() const { return printable(joined(columns_), 300); }

}  // namespace saddle
