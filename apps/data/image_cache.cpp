#include "apps/data/image_cache.h"

#include <algorithm>
#include <array>
#include <fstream>
#include <iomanip>
#include <sstream>
#include <string_view>

#include <zlib.h>

#include "apps/data/image_file.h"
#include "core/error.h"
#include "core/file.h"

namespace saddle {
namespace {

namespace fs = std::filesystem;

// A new number wherever the same files would give other pixels.
constexpr std::string_view kMagic = "saddle images 1\n";

// Key, height, width, images, broken.
using Numbers = std::array<std::uint64_t, 5>;
static_assert(sizeof(Numbers) == 40);

constexpr std::size_t kChecksumBytes = 8;

std::uint32_t checksum(std::uint32_t before, Bytes bytes) {
  if (bytes.empty()) return before;  // zlib would begin anew at a null pointer
  return static_cast<std::uint32_t>(::crc32_z(before, reinterpret_cast<const Bytef*>(bytes.data()),
                                              static_cast<z_size_t>(bytes.size())));
}

// FNV-1a. Whoever may write into the cache may as well write into the data set.
class Digest {
 public:
  void add(std::string_view part) {
    for (const char letter : part) add_byte(static_cast<unsigned char>(letter));
    add_byte(0);  // "ab", "c" is not "a", "bc"
  }
  std::uint64_t value() const { return value_; }

 private:
  void add_byte(std::uint64_t byte) { value_ = (value_ ^ byte) * 0x100000001b3u; }

  std::uint64_t value_ = 0xcbf29ce484222325u;
};

template <class T>
std::span<std::byte> bytes_of(std::vector<T>& values) {
  return std::as_writable_bytes(std::span(values));
}

// A stream that adds up the checksum of what went through it.
class CheckedReader {
 public:
  explicit CheckedReader(const fs::path& path) : stream_(path, std::ios::binary) {}

  bool read(std::span<std::byte> bytes) {
    stream_.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    sum_ = checksum(sum_, bytes);
    return stream_.good();
  }
  std::uint32_t sum() const { return sum_; }

 private:
  std::ifstream stream_;
  std::uint32_t sum_ = 0;
};

// The images, or nothing where anything about the file is not as it was written. No number from the
// file is believed before it is known to fit the file's length.
std::optional<DecodedImages> read_sound(const fs::path& file, std::uint64_t key,
                                        std::size_t listed) {
  const std::uint64_t length = fs::file_size(file);
  CheckedReader reader(file);
  std::array<char, kMagic.size()> magic;
  Numbers numbers;
  if (!reader.read(std::as_writable_bytes(std::span(magic))) ||
      !std::ranges::equal(magic, kMagic) ||
      !reader.read(std::as_writable_bytes(std::span(numbers)))) {
    return std::nullopt;
  }
  const auto [stored_key, height, width, images, broken] = numbers;
  const auto side_is_sound = [](std::uint64_t side) {
    return side > 0 && side <= static_cast<std::uint64_t>(kMaxImageSide);
  };
  if (stored_key != key || !side_is_sound(height) || !side_is_sound(width) || images > listed ||
      broken > listed || images + broken != listed) {
    return std::nullopt;
  }
  const std::uint64_t image_bytes = 3 * height * width;  // below 2^30
  if (listed > (std::uint64_t{1} << 32) || length != kMagic.size() + sizeof numbers + 8 * broken +
                                                         images * image_bytes + kChecksumBytes) {
    return std::nullopt;
  }
  DecodedImages result{static_cast<std::int64_t>(height), static_cast<std::int64_t>(width), {}, {}};
  result.broken.resize(broken);
  result.pixels.resize(images * image_bytes);
  if (!reader.read(bytes_of(result.broken)) || !reader.read(bytes_of(result.pixels)))
    return std::nullopt;
  const std::uint64_t sum = reader.sum();
  std::array<std::uint64_t, 1> stored_sum;
  if (!reader.read(std::as_writable_bytes(std::span(stored_sum))) || stored_sum[0] != sum)
    return std::nullopt;
  return result;
}

}  // namespace

std::uint64_t cache_key(const ImageList& list, const ImageOptions& options) {
  Digest digest;
  digest.add(kMagic);
  digest.add(options.side ? text(*options.side) : "as they are");
  digest.add(options.broken == BrokenImages::skip ? "skip" : "error");
  for (const fs::path& file : list.files) {
    std::error_code error;
    const std::uintmax_t size = fs::file_size(file, error);
    const auto time = error ? fs::file_time_type() : fs::last_write_time(file, error);
    require(!error, file.string(), ": ", error.message(), ". Check that the image is there.");
    digest.add(fs::absolute(file).generic_string());
    digest.add(text(size, ' ', time.time_since_epoch().count()));
  }
  return digest.value();
}

fs::path cache_file(const fs::path& directory, const std::string& name, std::uint64_t key) {
  std::ostringstream digits;
  digits << std::hex << std::setw(16) << std::setfill('0') << key;
  return directory / text(name, '-', digits.str(), ".images");
}

CacheAnswer read_image_cache(const fs::path& file, std::uint64_t key, std::size_t listed) {
  std::error_code ignored;
  if (!fs::exists(file, ignored)) return {};
  try {
    std::optional<DecodedImages> images = read_sound(file, key, listed);
    const bool damaged = !images;
    return {std::move(images), damaged};
  } catch (const fs::filesystem_error&) {
    return {std::nullopt, true};
  }
}

void write_image_cache(const fs::path& file, std::uint64_t key, const DecodedImages& images) {
  std::error_code ignored;  // the file that cannot be made says why
  fs::create_directories(file.parent_path(), ignored);
  const std::uint64_t image_bytes = static_cast<std::uint64_t>(3 * images.height * images.width);
  const Numbers numbers{key, static_cast<std::uint64_t>(images.height),
                        static_cast<std::uint64_t>(images.width),
                        images.pixels.size() / image_bytes, images.broken.size()};
  std::array<Bytes, 5> chunks{std::as_bytes(std::span(kMagic)), std::as_bytes(std::span(numbers)),
                              std::as_bytes(std::span(images.broken)),
                              std::as_bytes(std::span(images.pixels)), Bytes()};
  std::uint32_t sum = 0;
  for (const Bytes chunk : chunks) sum = checksum(sum, chunk);
  const std::array<std::uint64_t, 1> stored_sum{sum};
  chunks.back() = std::as_bytes(std::span(stored_sum));
  write_file_atomically(file, chunks);
}

}  // namespace saddle
