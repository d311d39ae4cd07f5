// NPY: matrices as numpy.save writes them (format 1.0 to 3.0), of the types that word vectors and
// neighbour tables come in.
#pragma once

#include <cstdint>
#include <string>

#include "core/file.h"

namespace saddle {

enum class NpyType { f32, f64, i32, i64 };

// Views the bytes that it was parsed from.
struct NpyMatrix {
  NpyType type = NpyType::f32;
  std::int64_t rows = 0, columns = 0;
  Bytes data;  // [rows, columns], little-endian

  // The numbers of a matrix of f32 or f64, or of i32 or i64, one by one.
  double real(std::int64_t i) const;
  std::int64_t integer(std::int64_t i) const;
};

// Throws Error for a header that is not as numpy writes it, another type, column-major order (with
// the call that mends it), more or fewer than two extents, and a length that does not fit the
// shape.
NpyMatrix parse_npy(Bytes bytes, const std::string& name);

}  // namespace saddle
