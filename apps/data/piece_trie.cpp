#include "apps/data/piece_trie.h"

#include <algorithm>

namespace saddle {

PieceTrie::PieceTrie(std::span<const std::string> pieces, std::span<const std::int32_t> order) {
  // The pieces that go through a node: order[first] to order[last], of which `depth` bytes are gone
  // over.
  struct Range {
    std::uint32_t first, last, depth;
  };
  std::vector<Range> ranges{{0, static_cast<std::uint32_t>(order.size()), 0}};
  byte_ = {0};
  const auto piece = [&](std::uint32_t i) -> const std::string& {
    return pieces[static_cast<std::size_t>(order[i])];
  };
  for (std::size_t node = 0; node < ranges.size(); ++node) {
    auto [first, last, depth] = ranges[node];
    const bool ends = first < last && piece(first).size() == depth;  // the shortest comes first
    ids_.push_back(ends ? order[first++] : -1);
    first_.push_back(static_cast<Node>(ranges.size()));
    while (first < last) {
      const char byte = piece(first)[depth];
      const std::uint32_t begin = first;
      while (first < last && piece(first)[depth] == byte) ++first;
      ranges.push_back({begin, first, depth + 1});
      byte_.push_back(static_cast<unsigned char>(byte));
    }
  }
  first_.push_back(static_cast<Node>(ranges.size()));
}

PieceTrie::Node PieceTrie::step(Node from, char byte) const {
  const auto wanted = static_cast<unsigned char>(byte);
  const auto begin = byte_.begin() + first_[from], end = byte_.begin() + first_[from + 1];
  const auto at = std::lower_bound(begin, end, wanted);
  return at != end && *at == wanted ? static_cast<Node>(at - byte_.begin()) : kNowhere;
}

PieceTrie::Node PieceTrie::walk(Node from, std::string_view text) const {
  for (std::size_t i = 0; i < text.size() && from != kNowhere; ++i) from = step(from, text[i]);
  return from;
}

PieceTrie::Match PieceTrie::longest(Node from, std::string_view text) const {
  Match match;
  for (std::size_t i = 0; i < text.size() && from != kNowhere; ++i) {
    from = step(from, text[i]);
    if (id(from) >= 0) match = {id(from), i + 1};
  }
  return match;
}

}  // namespace saddle
