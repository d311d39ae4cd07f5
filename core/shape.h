// Shape: the extents of a tensor, outermost first. Images are N H W C inside the engine.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <ostream>
#include <vector>

#include "core/error.h"

namespace saddle {

class Shape {
 public:
  static constexpr int kMaxRank = 8;

  Shape() = default;  // rank 0: a scalar, one element
  Shape(std::initializer_list<std::int64_t> extents) { assign(extents.begin(), extents.end()); }
  explicit Shape(const std::vector<std::int64_t>& extents) {
    assign(extents.begin(), extents.end());
  }

  int rank() const { return rank_; }
  std::int64_t operator[](int axis) const { return extents_[static_cast<std::size_t>(axis)]; }
  const std::int64_t* begin() const { return extents_.data(); }
  const std::int64_t* end() const { return extents_.data() + rank_; }

  // Number of elements; 1 for a scalar. Throws where the product leaves 63 bits.
  std::int64_t count() const {
    std::int64_t product = 1;
    for (std::int64_t extent : *this) {
      require(!__builtin_mul_overflow(product, extent, &product), "shape: too many elements");
    }
    return product;
  }

  bool operator==(const Shape& other) const = default;

 private:
  template <class Iterator>
  void assign(Iterator first, Iterator last) {
    require(last - first <= kMaxRank, "shape: rank ", last - first, " is over ", kMaxRank);
    for (; first != last; ++first) {
      require(*first >= 0, "shape: extent ", *first, " is negative");
      extents_[static_cast<std::size_t>(rank_++)] = *first;
    }
  }

  std::array<std::int64_t, kMaxRank> extents_{};  // unused axes stay 0, so == may compare them all
  int rank_ = 0;
};

// "[2, 3, 3]"
inline std::ostream& operator<<(std::ostream& out, const Shape& shape) {
  out << '[';
  for (int axis = 0; axis < shape.rank(); ++axis) out << (axis ? ", " : "") << shape[axis];
  return out << ']';
}

}  // namespace saddle
