// Small data files for the tests: bytes made by hand, gzip.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <zlib.h>

#include "core/error.h"
#include "tests/support/temporary_directory.h"

namespace saddle {

using Blob = std::vector<std::byte>;  // the bytes of a file

inline Blob bytes_of(const std::string& letters) {
  const auto* first = reinterpret_cast<const std::byte*>(letters.data());
  return {first, first + letters.size()};
}

inline Blob operator+(Blob left, const Blob& right) {
  left.insert(left.end(), right.begin(), right.end());
  return left;
}

// The bytes without their last `count`.
inline Blob without_last(std::size_t count, Blob bytes) {
  bytes.erase(bytes.end() - static_cast<std::ptrdiff_t>(count), bytes.end());
  return bytes;
}

// Byte i is (first + i * stride) mod 251: a prime, so that rows, planes and images differ.
inline Blob ramp(std::size_t count, unsigned first, unsigned stride) {
  Blob bytes;
  for (std::size_t i = 0; i < count; ++i) bytes.push_back(std::byte((first + i * stride) % 251));
  return bytes;
}

// An idx header: the magic number and the extents, big-endian.
inline Blob idx_header(std::uint32_t magic, const std::vector<std::uint32_t>& extents) {
  Blob bytes;
  const auto append = [&](std::uint32_t value) {
    for (int shift = 24; shift >= 0; shift -= 8) bytes.push_back(std::byte(value >> shift & 0xff));
  };
  append(magic);
  for (const std::uint32_t extent : extents) append(extent);
  return bytes;
}

// One gzip member, as `gzip` writes it.
inline Blob gzip(const Blob& bytes) {
  z_stream stream{};
  EXPECT_EQ(deflateInit2(&stream, Z_BEST_COMPRESSION, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY),
            Z_OK);
  Blob out(deflateBound(&stream, bytes.size()) + 32);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

// JSON that overflows the stack of whoever walks down it.
inline std::string deep_json() { return std::string(300'000, '[') + std::string(300'000, ']'); }

// The message of the saddle::Error that `call` throws; a failure of the test where it throws none.
inline std::string error_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.what();
  }
  ADD_FAILURE() << "expected an Error";
  return "";
}

inline void expect_part(const std::string& part, const std::string& message) {
  EXPECT_NE(message.find(part), std::string::npos) << "message: " << message << "\nlacks: " << part;
}

// Expects `call` to throw an Error whose message contains `part`.
inline void expect_error(const std::string& part, const std::function<void()>& call) {
  expect_part(part, error_of(call));
}

}  // namespace saddle
