#include "core/safetensors.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <utility>

#include "core/error.h"
#include "core/safetensors_format.h"
#include "core/safetensors_header.h"

namespace saddle {

using namespace safetensors;

namespace {

// One number of the type; beyond I64, its largest.
std::int64_t widen(const IntegerType& type, const std::byte* from) {
  std::uint64_t bits = 0;
  std::memcpy(&bits, from, type.bytes);
  const bool negative = type.is_signed && (bits >> (8 * type.bytes - 1)) != 0;
  if (negative) bits |= ~std::uint64_t{0} << (8 * type.bytes);
  constexpr std::uint64_t kLargest = std::numeric_limits<std::int64_t>::max();
  return static_cast<std::int64_t>(negative ? bits : std::min(bits, kLargest));
}

// Appends the tensors of small or unsigned integers as I64, and points their entries there.
void widen_integers(std::map<std::string, Entry>& entries, std::size_t data_at,
                    std::vector<std::byte>& bytes) {
  for (auto& [name, entry] : entries) {
    if (!entry.widened) continue;
    const auto count = static_cast<std::size_t>(entry.shape.count());
    const std::size_t place = bytes.size();
    bytes.resize(place + count * sizeof(std::int64_t));
    for (std::size_t i = 0; i < count; ++i) {
      const std::int64_t value =
          widen(*entry.widened, bytes.data() + data_at + entry.begin + i * entry.widened->bytes);
      std::memcpy(bytes.data() + place + i * sizeof value, &value, sizeof value);
    }
    entry.begin = place - data_at;
    entry.end = bytes.size() - data_at;
  }
}

// Every element of type Stored, read wherever it lies and converted.
template <class Stored, class Convert>
auto converted(Bytes bytes, Convert convert) {
  std::vector<decltype(convert(Stored{}))> values(bytes.size() / sizeof(Stored));
  for (std::size_t i = 0; i < values.size(); ++i) {
    Stored stored;
    std::memcpy(&stored, bytes.data() + i * sizeof(Stored), sizeof(Stored));
    values[i] = convert(stored);
  }
  return values;
}

float from_bf16(std::uint16_t bits) { return std::bit_cast<float>(std::uint32_t{bits} << 16); }

// IEEE binary16: 1 sign, 5 exponent (bias 15), 10 fraction bits. Every value is exact in float.
float from_f16(std::uint16_t bits) {
  const std::uint32_t sign = std::uint32_t{bits} >> 15 << 31;
  const std::uint32_t exponent = bits >> 10 & 31u;
  const std::uint32_t fraction = bits & 1023u;
  if (exponent == 0) {  // zero or subnormal: fraction * 2^-24
    const float magnitude = std::ldexp(static_cast<float>(fraction), -24);
    return sign ? -magnitude : magnitude;
  }
  const std::uint32_t wide_exponent = exponent == 31 ? 255 : exponent + (127 - 15);
  return std::bit_cast<float>(sign | wide_exponent << 23 | fraction << 13);
}

}  // namespace

SafetensorsFile SafetensorsFile::parse(std::vector<std::byte> bytes, std::string file_name) {
  SafetensorsFile file;
  file.file_name_ = std::move(file_name);
  file.bytes_ = std::move(bytes);

  Header header = read_header(file.bytes_, file.file_name_);
  widen_integers(header.entries, header.data_at, file.bytes_);  // moves the bytes
  const Bytes data = Bytes(file.bytes_).subspan(header.data_at);

  for (const auto& [name, entry] : header.entries) {
    const Bytes range = data.subspan(entry.begin, entry.end - entry.begin);
    require(entry.dtype != DType::boolean || holds_only_truth_values(range), file.file_name_,
            ": tensor ", shown(name), " is BOOL and holds a byte other than 0 and 1. ", kDamaged);
    file.tensors_.emplace(name, FileTensor{entry.dtype, entry.shape, range});
  }
  file.metadata_ = std::move(header.metadata);
  return file;
}

SafetensorsFile SafetensorsFile::load(const std::filesystem::path& path, std::int64_t max_bytes) {
  return parse(read_file(path, max_bytes), path.string());
}

std::vector<std::string> SafetensorsFile::names() const {
  std::vector<std::string> names;
  for (const auto& [name, tensor] : tensors_) names.push_back(name);
  return names;
}

const FileTensor& SafetensorsFile::tensor(const std::string& name) const {
  const auto found = tensors_.find(name);
  if (found != tensors_.end()) return found->second;
  fail(file_name_, ": has no tensor ", shown(name), " among its ", tensors_.size(),
       ". Is it a checkpoint of another model?");
}

std::vector<float> SafetensorsFile::read_f32(const std::string& name) const {
  const FileTensor& tensor = this->tensor(name);
  switch (tensor.dtype) {
    case DType::f32: return converted<float>(tensor.bytes, [](float value) { return value; });
    case DType::f16: return converted<std::uint16_t>(tensor.bytes, from_f16);
    case DType::bf16: return converted<std::uint16_t>(tensor.bytes, from_bf16);
    case DType::f64:
      return converted<double>(tensor.bytes,
                               [](double value) { return static_cast<float>(value); });
    default:
      fail(file_name_, ": tensor ", shown(name), " is ", file_name_of(tensor.dtype),
           ", expected F32, F16, BF16 or F64. Export it as F32.");
  }
}

std::vector<std::int64_t> SafetensorsFile::read_i64(const std::string& name) const {
  const FileTensor& tensor = this->tensor(name);
  const auto integer = [](auto value) -> std::int64_t { return value; };
  switch (tensor.dtype) {
    case DType::i64: return converted<std::int64_t>(tensor.bytes, integer);
    case DType::i32: return converted<std::int32_t>(tensor.bytes, integer);
    case DType::u8: return converted<std::uint8_t>(tensor.bytes, integer);
    default:
      fail(file_name_, ": tensor ", shown(name), " is ", file_name_of(tensor.dtype),
           ", expected I64, I32 or U8. Export it as I64.");
  }
}

}  // namespace saddle
