// NumberedLines: the lines of a file that a stranger may have written, one after the other, each
// with its number for messages.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/file.h"

namespace saddle {

// The bytes must outlive it and what it hands out.
class NumberedLines {
 public:
  NumberedLines(Bytes bytes, std::string name) : text_(as_text(bytes)), name_(std::move(name)) {}

  static std::string_view as_text(Bytes bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }

  // The next line without its end (a line feed, or a carriage return and a line feed); nothing
  // behind the last.
  std::optional<std::string_view> next() {
    if (at_ == text_.size()) return std::nullopt;
    begin_ = at_;
    std::string_view line = text_.substr(at_, text_.find('\n', at_) - at_);
    at_ += line.size();
    if (at_ < text_.size()) ++at_;
    ++number_;
    if (line.ends_with('\r')) line.remove_suffix(1);
    return line;
  }

  // Of the line that next() handed out last: its first byte's position, its number from 1, and
  // "FILE, line 3".
  std::size_t begin() const { return begin_; }
  std::size_t number() const { return number_; }
  std::string where() const { return name_ + ", line " + std::to_string(number_); }

 private:
  std::string_view text_;
  std::string name_;
  std::size_t at_ = 0, begin_ = 0, number_ = 0;
};

// Throws Error that begins with lines.where() unless `word` is UTF-8 and has no blanks or
// control characters of ASCII.
void check_plain_word(std::string_view word, const NumberedLines& lines);

// The words of a file with one a line, checked so. Blanks at the ends of lines and the mark that
// some editors put in front (EF BB BF) are no part of them.
enum class BlankLines { refuse, skip };
std::vector<std::string_view> plain_words(Bytes bytes, const std::string& name, BlankLines blank);

}  // namespace saddle
