// Safetensors: the one checkpoint format, read and written as the Python package does.
//
// A file is  u64 L (little-endian) | L bytes of JSON | data.  The JSON maps each tensor's name to
// its dtype, shape and byte range in the data; "__metadata__" maps strings to strings. Elements lie
// in C order, little-endian. Files come from strangers: the reader checks everything before it
// believes it. Every failure is an Error of one line, "FILE: what, where, and the mend".
//
// Here a tensor is a name and bytes; what the names mean and how axes are ordered (OIHW in files,
// NHWC inside) is the caller's business.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "core/dtype.h"
#include "core/file.h"
#include "core/shape.h"

namespace saddle {

using Metadata = std::map<std::string, std::string>;

// One tensor of a file.
struct FileTensor {
  DType dtype = DType::f32;
  Shape shape;
  Bytes bytes;  // shape.count() * size_of(dtype) bytes at any alignment: memcpy, never cast
};

// A parsed file. It owns the bytes its tensors point into, so it may be moved but not copied.
class SafetensorsFile {
 public:
  static constexpr std::int64_t kMaxHeaderBytes = 100'000'000;   // the format's own limit
  static constexpr std::int64_t kMaxFileBytes = 64'000'000'000;  // no model of ours is near

  // Parses bytes already in memory. `file_name` begins every error message. Throws Error unless the
  // whole file is sound; BOOL tensors are checked to hold only 0 and 1.
  static SafetensorsFile parse(std::vector<std::byte> bytes, std::string file_name);

  // Reads and parses a file of at most `max_bytes`.
  static SafetensorsFile load(const std::filesystem::path& path,
                              std::int64_t max_bytes = kMaxFileBytes);

  SafetensorsFile(SafetensorsFile&&) = default;
  SafetensorsFile& operator=(SafetensorsFile&&) = default;
  SafetensorsFile(const SafetensorsFile&) = delete;
  SafetensorsFile& operator=(const SafetensorsFile&) = delete;

  const std::string& file_name() const { return file_name_; }

  // Empty where the file has no metadata.
  const Metadata& metadata() const { return metadata_; }

  // Both in the order of the names, byte by byte.
  const std::map<std::string, FileTensor>& tensors() const { return tensors_; }
  std::vector<std::string> names() const;

  bool contains(const std::string& name) const { return tensors_.contains(name); }

  // The tensor of that name. Throws Error where there is none.
  const FileTensor& tensor(const std::string& name) const;

  // The elements in C order. F32, F16 and BF16 convert exactly; F64 rounds to nearest (to infinity
  // beyond float's range). Throws Error for another dtype or an unknown name.
  std::vector<float> read_f32(const std::string& name) const;

  // The elements in C order, from I64, I32 or U8. Throws Error as read_f32 does.
  std::vector<std::int64_t> read_i64(const std::string& name) const;

 private:
  SafetensorsFile() = default;

  std::string file_name_;
  std::vector<std::byte> bytes_;
  Metadata metadata_;
  std::map<std::string, FileTensor> tensors_;
};

// One tensor to write. `bytes` is the caller's memory: std::as_bytes(std::span(vector)).
struct NamedTensor {
  std::string name;
  DType dtype = DType::f32;
  Shape shape;
  Bytes bytes;
};

// The file's bytes. The order of `tensors` does not matter: they are laid out by element size
// (descending), then name, without gaps, so the same tensors always give the same bytes and every
// tensor lies aligned. Metadata is the caller's, with "format": "pt" unless it names another
// format. Throws Error for a repeated name, the name "__metadata__", bytes that do not match dtype
// and shape, a BOOL byte over 1, text that is not UTF-8, or a header over the format's limit.
std::vector<std::byte> serialize_safetensors(std::span<const NamedTensor> tensors,
                                             const Metadata& metadata);

// Writes the same bytes to a file, all or nothing, without a second copy of them.
void save_safetensors(const std::filesystem::path& path, std::span<const NamedTensor> tensors,
                      const Metadata& metadata);

}  // namespace saddle
