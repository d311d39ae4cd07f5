// StringTable: many short strings in one piece of memory.
//
// The half million words of a lexicon would take several times their size as std::string each.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace saddle {

class StringTable {
 public:
  void add(std::string_view string) {
    text_ += string;
    ends_.push_back(text_.size());
  }

  std::size_t size() const { return ends_.size(); }

  std::string_view operator[](std::size_t i) const {
    const std::size_t begin = i == 0 ? 0 : ends_[i - 1];
    return std::string_view(text_).substr(begin, ends_[i] - begin);
  }

  // Where `string` stands in a table whose strings ascend by their bytes.
  std::optional<std::size_t> find_sorted(std::string_view string) const {
    std::size_t low = 0, high = size();
    while (low < high) {
      const std::size_t middle = low + (high - low) / 2;
      if ((*this)[middle] < string) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    if (low == size() || (*this)[low] != string) return std::nullopt;
    return low;
  }

 private:
  std::string text_;
  std::vector<std::size_t> ends_;
};

}  // namespace saddle
