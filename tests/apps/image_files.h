// Small PNG and JPEG files for the tests.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#define STB_IMAGE_WRITE_STATIC
#define STB_IMAGE_WRITE_IMPLEMENTATION
#include <stb_image_write.h>

#include "tests/apps/data_files.h"

namespace saddle {

inline void append_bytes(void* blob, void* data, int size) {
  const auto* first = static_cast<const std::byte*>(data);
  static_cast<Blob*>(blob)->insert(static_cast<Blob*>(blob)->end(), first, first + size);
}

// pixels [height, width, channels], channels 1 grey, 2 grey and alpha, 3 RGB, 4 RGBA.
inline Blob png_of(int height, int width, int channels, const std::vector<std::uint8_t>& pixels) {
  Blob blob;
  EXPECT_NE(stbi_write_png_to_func(append_bytes, &blob, width, height, channels, pixels.data(),
                                   width * channels),
            0);
  return blob;
}

inline Blob jpeg_of(int height, int width, const std::vector<std::uint8_t>& pixels) {
  Blob blob;
  EXPECT_NE(stbi_write_jpg_to_func(append_bytes, &blob, width, height, 3, pixels.data(), 95), 0);
  return blob;
}

// An image of one colour.
inline std::vector<std::uint8_t> plain(int height, int width, std::uint8_t red, std::uint8_t green,
                                       std::uint8_t blue) {
  std::vector<std::uint8_t> pixels;
  for (int i = 0; i < height * width; ++i) pixels.insert(pixels.end(), {red, green, blue});
  return pixels;
}

inline Blob bytes_of_hex(const std::string& hex) {
  Blob blob;
  for (std::size_t i = 0; i < hex.size(); i += 2)
    blob.push_back(static_cast<std::byte>(std::stoi(hex.substr(i, 2), nullptr, 16)));
  return blob;
}

// Exif data, little-endian: a directory of one entry, the orientation.
inline Blob exif_of(int orientation) {
  Blob blob = bytes_of_hex(
      "49492a00080000000100120103000100000000000000"
      "00000000");
  blob[18] = static_cast<std::byte>(orientation);
  return blob;
}

// A JPEG with a segment of Exif data in front.
inline Blob with_exif(const Blob& jpeg, const Blob& exif) {
  const Blob head = bytes_of_hex("ffe1") + Blob{std::byte{0}, std::byte(exif.size() + 8)};
  return Blob(jpeg.begin(), jpeg.begin() + 2) + head + bytes_of(std::string("Exif\0\0", 6)) + exif +
         Blob(jpeg.begin() + 2, jpeg.end());
}

// A JPEG of a single channel, 8 x 8: every row is 0, 30, 60, 91, 119, 150, 180, 210.
inline Blob grey_jpeg() {
  const std::string hex =
      "ffd8ffe000104a46494600010100000100010000ffdb004300020101010101020101010202020202040302020202"
      "0504040304060506060605060606070908060709070606080b08090a0a0a0a0a06080b0c0b0a0c090a0a0affc000"
      "0b080008000801011100ffc40014000100000000000000000000000000000007ffc4001810000203000000000000"
      "00000000000000000a4583c1ffda0008010100003f00235dc82af0ffd9";
  return bytes_of_hex(hex);
}

}  // namespace saddle
