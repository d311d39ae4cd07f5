// Fuzzes the safetensors reader and writer: any bytes give an Error of one line, or tensors that
// survive being written and read again.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "core/safetensors.h"

namespace {

void expect(bool ok) {
  if (!ok) std::abort();
}

bool same_bytes(saddle::Bytes a, saddle::Bytes b) { return std::ranges::equal(a, b); }

void check_error(std::string_view message) {
  expect(message.starts_with("fuzz: "));
  expect(std::ranges::all_of(message, [](char c) { return c >= 0x20 && c < 0x7f; }));
  expect(message.size() < 1000);
}

void check_conversions(const saddle::SafetensorsFile& file) {
  for (const auto& [name, tensor] : file.tensors()) {
    const auto count = static_cast<std::size_t>(tensor.shape.count());
    expect(tensor.bytes.size() == count * static_cast<std::size_t>(size_of(tensor.dtype)));
    try {
      expect(file.read_f32(name).size() == count);
    } catch (const saddle::Error& error) {
      check_error(error.what());
    }
    try {
      expect(file.read_i64(name).size() == count);
    } catch (const saddle::Error& error) {
      check_error(error.what());
    }
  }
}

std::vector<std::byte> written(const saddle::SafetensorsFile& file) {
  std::vector<saddle::NamedTensor> tensors;
  for (const auto& [name, tensor] : file.tensors()) {
    tensors.push_back({name, tensor.dtype, tensor.shape, tensor.bytes});
  }
  return saddle::serialize_safetensors(tensors, file.metadata());
}

void check_round_trip(const saddle::SafetensorsFile& file) {
  const std::vector<std::byte> bytes = written(file);
  const saddle::SafetensorsFile again = saddle::SafetensorsFile::parse(bytes, "again");

  saddle::Metadata metadata = file.metadata();
  metadata.emplace("format", "pt");
  expect(again.metadata() == metadata);
  expect(again.names() == file.names());
  for (const auto& [name, tensor] : file.tensors()) {
    const saddle::FileTensor& twin = again.tensor(name);
    expect(twin.dtype == tensor.dtype && twin.shape == tensor.shape);
    expect(same_bytes(twin.bytes, tensor.bytes));
  }
  expect(written(again) == bytes);  // the canonical form is its own canonical form
}

void check(std::vector<std::byte> bytes) {
  try {
    const saddle::SafetensorsFile file = saddle::SafetensorsFile::parse(std::move(bytes), "fuzz");
    check_conversions(file);
    check_round_trip(file);
  } catch (const saddle::Error& error) {
    check_error(error.what());  // an Error of the second parse begins with "again" and fails here
  }
}

// The same bytes with a length that ends the header at the last '}'. The fuzzer lengthens and
// shortens the JSON; without this nearly all it makes would fail at the length.
std::vector<std::byte> with_fitting_length(std::vector<std::byte> bytes) {
  const auto brace = std::find(bytes.rbegin(), bytes.rend(), std::byte{'}'});
  const auto end = static_cast<std::uint64_t>(bytes.rend() - brace);
  if (end <= 8) return bytes;
  const std::uint64_t length = end - 8;
  std::memcpy(bytes.data(), &length, 8);
  return bytes;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const saddle::Bytes input = std::as_bytes(std::span(data, size));
  const std::vector<std::byte> bytes(input.begin(), input.end());
  check(bytes);
  check(with_fitting_length(bytes));
  return 0;
}
