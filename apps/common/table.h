// Table: lines of words under a heading, aligned for a terminal or as Markdown.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace saddle {

class Table {
 public:
  explicit Table(std::vector<std::string> heading) : lines_{std::move(heading)} {}

  // As many words as the heading has.
  void add(std::vector<std::string> line);

  // Columns as wide as their widest word: the first two to the left, numbers to the right. Without
  // the first `hidden` columns; nothing where there is only the heading.
  std::string aligned(std::size_t hidden = 0) const;
  std::string markdown() const;

 private:
  std::vector<std::vector<std::string>> lines_;
};

// The same line by line, for what is measured while it is printed. Numbers, all but the first
// column, stand to the right.
std::string markdown_heading(const std::vector<std::string>& heading);
std::string markdown_line(const std::vector<std::string>& line);

}  // namespace saddle
