// Bytes as numpy.save writes them.
#pragma once

#include <cstring>
#include <string>
#include <vector>

namespace saddle {

// Format 1.0 around any header and data.
inline std::string npy_text(std::string header, const std::string& data) {
  header += '\n';
  const auto size = static_cast<unsigned>(header.size());
  std::string text("\x93NUMPY\x01\x00", 8);
  text += static_cast<char>(size & 0xff);
  text += static_cast<char>(size >> 8);
  return text + header + data;
}

inline std::string npy_header(const std::string& descr, const std::string& shape) {
  return "{'descr': '" + descr + "', 'fortran_order': False, 'shape': (" + shape + "), }      ";
}

// "<f4" of float, "<f8" of double, "<i4" and "<i8" of whole numbers.
template <class T>
std::string npy_matrix(const std::string& descr, const std::string& shape,
                       const std::vector<T>& values) {
  std::string data(values.size() * sizeof(T), '\0');
  std::memcpy(data.data(), values.data(), data.size());
  return npy_text(npy_header(descr, shape), data);
}

}  // namespace saddle
