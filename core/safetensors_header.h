// The header of a safetensors file: what it says of each tensor.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>

#include "core/safetensors.h"

namespace saddle::safetensors {

// Integers that are read as I64: PyTorch's counters may have any type.
struct IntegerType {
  std::string_view name;
  std::size_t bytes;
  bool is_signed;
};
// What the header says of a tensor. The range is checked against the data later.
struct Entry {
  DType dtype;
  Shape shape;
  std::size_t begin, end;                // relative to the first byte of data
  const IntegerType* widened = nullptr;  // how it stands in the file, where dtype is not that
};

struct Header {
  std::map<std::string, Entry> entries;  // by the tensor's name
  Metadata metadata;
  std::size_t data_at;  // the first byte of data
};

// Of a whole file. The tensors cover the data from its first byte to its last, each byte once.
// Throws Error, which begins with `file_name`, for anything else.
Header read_header(Bytes bytes, const std::string& file_name);

}  // namespace saddle::safetensors
