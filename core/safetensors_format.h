// What reading and writing of safetensors have in common.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <string>
#include <string_view>

#include "core/safetensors.h"

namespace saddle::safetensors {

static_assert(std::endian::native == std::endian::little,
              "safetensors stores little-endian numbers");

inline constexpr std::size_t kLengthBytes = 8;  // the u64 in front of the header
inline constexpr const char* kMetadataKey = "__metadata__";
inline constexpr const char* kDamaged = "The file is damaged or not safetensors; export it again.";

struct DTypeName {
  DType dtype;
  const char* name;
};

inline constexpr std::array<DTypeName, 8> kDTypes{{{DType::f64, "F64"},
                                                   {DType::f32, "F32"},
                                                   {DType::f16, "F16"},
                                                   {DType::bf16, "BF16"},
                                                   {DType::i64, "I64"},
                                                   {DType::i32, "I32"},
                                                   {DType::u8, "U8"},
                                                   {DType::boolean, "BOOL"}}};

// "F32"
const char* file_name_of(DType dtype);

// Text from a file, quoted for a message: a stranger's name must not break the line, drive the
// terminal or fill the screen.
std::string shown(std::string_view raw);

// What BOOL tensors must.
bool holds_only_truth_values(Bytes bytes);

}  // namespace saddle::safetensors
