#include "apps/common/table.h"

#include <algorithm>

#include "core/error.h"

namespace saddle {

void Table::add(std::vector<std::string> line) {
  require(line.size() == lines_.front().size(), "table: ", line.size(), " words in ",
          lines_.front().size(), " columns");
  lines_.push_back(std::move(line));
}

std::string Table::aligned(std::size_t hidden) const {
  if (lines_.size() == 1) return "";
  std::string all;
  for (const std::vector<std::string>& line : lines_) {
    for (std::size_t column = hidden; column < line.size(); ++column) {
      std::size_t width = 0;
      for (const std::vector<std::string>& other : lines_)
        width = std::max(width, other[column].size());
      const std::string space(width - line[column].size(), ' ');
      all += (column > hidden ? "  " : "") +
             (column < 2 ? line[column] + space : space + line[column]);
    }
    all += "\n";
  }
  return all;
}

std::string Table::markdown() const {
  std::string all = markdown_heading(lines_.front());
  for (std::size_t i = 1; i < lines_.size(); ++i) all += markdown_line(lines_[i]);
  return all;
}

std::string markdown_heading(const std::vector<std::string>& heading) {
  std::string rule = "|---|";
  for (std::size_t i = 1; i < heading.size(); ++i) rule += "---:|";
  return markdown_line(heading) + rule + "\n";
}

std::string markdown_line(const std::vector<std::string>& line) {
  std::string made = "|";
  for (const std::string& word : line) made += " " + word + " |";
  return made + "\n";
}

}  // namespace saddle
