// PieceTrie: strings with numbers, of which the longest at the beginning of a text is found by one
// walk along the text.
//
// A hash table would have to be asked for every length. Here a step takes a search among the bytes
// that go on, and no text, however it was made, takes more steps than it has bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace saddle {

class PieceTrie {
 public:
  using Node = std::uint32_t;  // where a walk is: the bytes gone over so far
  static constexpr Node kRoot = 0;
  static constexpr Node kNowhere = UINT32_MAX;  // no piece begins with these bytes

  struct Match {
    std::int32_t id = -1;
    std::size_t bytes = 0;  // 0: no match
  };

  // `order` has the ids of all pieces, that is their positions, sorted by the pieces' bytes; no
  // piece is there twice. All of them together have less than 2^32 bytes.
  PieceTrie(std::span<const std::string> pieces, std::span<const std::int32_t> order);

  // Where one gets from a node by the bytes of `text`.
  Node walk(Node from, std::string_view text) const;
  // Of the piece that ends at a node; -1 where none does.
  std::int32_t id(Node node) const { return node == kNowhere ? -1 : ids_[node]; }
  // The longest beginning of `text`, one byte at least, that leads from a node to a piece's end.
  Match longest(Node from, std::string_view text) const;

 private:
  Node step(Node from, char byte) const;

  // Nodes are numbered level by level, so that those after one node lie together:
  // first_[n] to first_[n + 1], sorted by the byte that leads to them.
  std::vector<Node> first_;          // [nodes + 1]
  std::vector<std::int32_t> ids_;    // [nodes]
  std::vector<unsigned char> byte_;  // [nodes]
};

}  // namespace saddle
