#include "apps/data/image_cache.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <functional>
#include <string_view>
#include <system_error>

#include <zlib.h>

#include "apps/data/image_file.h"
#include "core/error.h"
#include "core/file.h"
#include "core/hash.h"

namespace saddle {
namespace {

namespace fs = std::filesystem;

// A new number wherever the same files would give other pixels.
constexpr std::string_view kMagic = "saddle images 2\n";

// Key, height, width, channels, images, broken, turned.
using Numbers = std::array<std::uint64_t, 7>;
static_assert(sizeof(Numbers) == 56);

constexpr std::size_t kChecksumBytes = 8;

std::uint32_t checksum(std::uint32_t before, Bytes bytes) {
  if (bytes.empty()) return before;  // zlib would begin anew at a null pointer
  return static_cast<std::uint32_t>(::crc32_z(before, reinterpret_cast<const Bytef*>(bytes.data()),
                                              static_cast<z_size_t>(bytes.size())));
}

template <class T>
std::span<std::byte> bytes_of(std::vector<T>& values) {
  return std::as_writable_bytes(std::span(values));
}

// A file that adds up the checksum of what was read of it. A symbolic link is not followed.
class CheckedReader {
 public:
  explicit CheckedReader(const fs::path& path)
      : descriptor_(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)) {}
  ~CheckedReader() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  CheckedReader(const CheckedReader&) = delete;
  CheckedReader& operator=(const CheckedReader&) = delete;

  // Nothing where it is not open or no regular file.
  std::optional<std::uint64_t> length() const {
    struct stat status;
    if (descriptor_ < 0 || ::fstat(descriptor_, &status) != 0 || !S_ISREG(status.st_mode))
      return std::nullopt;
    return static_cast<std::uint64_t>(status.st_size);
  }
  bool read(std::span<std::byte> bytes) {
    for (std::span<std::byte> rest = bytes; !rest.empty();) {
      const ssize_t got = ::read(descriptor_, rest.data(), rest.size());
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) return false;
      rest = rest.subspan(static_cast<std::size_t>(got));
    }
    sum_ = checksum(sum_, bytes);
    return true;
  }
  std::uint32_t sum() const { return sum_; }

 private:
  int descriptor_;
  std::uint32_t sum_ = 0;
};

bool ascends_below(const std::vector<std::uint64_t>& places, std::size_t listed) {
  return std::ranges::adjacent_find(places, std::greater_equal()) == places.end() &&
         (places.empty() || places.back() < listed);
}

// The images, or nothing where anything about the file is not as it was written. No number from the
// file is believed before it is known to fit the file's length.
std::optional<DecodedImages> read_sound(const fs::path& file, std::uint64_t key,
                                        std::size_t listed) {
  CheckedReader reader(file);
  const std::optional<std::uint64_t> length = reader.length();
  if (!length) return std::nullopt;
  std::array<char, kMagic.size()> magic;
  Numbers numbers;
  if (!reader.read(std::as_writable_bytes(std::span(magic))) ||
      !std::ranges::equal(magic, kMagic) ||
      !reader.read(std::as_writable_bytes(std::span(numbers)))) {
    return std::nullopt;
  }
  const auto [stored_key, height, width, channels, images, broken, turned] = numbers;
  const auto side_is_sound = [](std::uint64_t side) {
    return side > 0 && side <= static_cast<std::uint64_t>(kMaxImageSide);
  };
  if (stored_key != key || !side_is_sound(height) || !side_is_sound(width) ||
      (channels != 1 && channels != 3) || images > listed || broken > listed || turned > listed ||
      images + broken != listed) {
    return std::nullopt;
  }
  const std::uint64_t image_bytes = channels * height * width;  // below 2^30
  if (listed > (std::uint64_t{1} << 32) || *length != kMagic.size() + sizeof numbers +
                                                          8 * (broken + turned) +
                                                          images * image_bytes + kChecksumBytes) {
    return std::nullopt;
  }
  DecodedImages result{static_cast<std::int64_t>(height),
                       static_cast<std::int64_t>(width),
                       static_cast<std::int64_t>(channels),
                       {},
                       {},
                       {}};
  result.broken.resize(broken);
  result.turned.resize(turned);
  result.pixels.resize(images * image_bytes);
  if (!reader.read(bytes_of(result.broken)) || !reader.read(bytes_of(result.turned)) ||
      !reader.read(bytes_of(result.pixels))) {
    return std::nullopt;
  }
  const std::uint64_t sum = reader.sum();
  std::array<std::uint64_t, 1> stored_sum;
  if (!reader.read(std::as_writable_bytes(std::span(stored_sum))) || stored_sum[0] != sum)
    return std::nullopt;
  if (!ascends_below(result.broken, listed) || !ascends_below(result.turned, listed))
    return std::nullopt;
  return result;
}

}  // namespace

std::uint64_t cache_key(const ImageList& list, const ImageOptions& options) {
  // Whoever may write into the cache may as well write into the data set.
  std::uint64_t key = kHashOfNothing;
  const auto add = [&](std::string_view part) { key = hash_of(part, key); };
  add(kMagic);
  add(options.side ? text(*options.side) : "as they are");
  add(options.broken == BrokenImages::skip ? "skip" : "error");
  add(text(options.channels.value_or(3)));
  for (const fs::path& file : list.files) {
    struct stat status;
    require(::stat(file.c_str(), &status) == 0, file.string(), ": ",
            std::generic_category().message(errno), ". Check that the image is there.");
    add(fs::absolute(file).generic_string());
    const auto time = [](const timespec& t) { return text(t.tv_sec, '.', t.tv_nsec); };
    add(text(status.st_ino, ' ', status.st_size, ' ', time(status.st_mtim), ' ',
             time(status.st_ctim)));
  }
  return key;
}

fs::path cache_file(const fs::path& directory, const std::string& name, std::uint64_t key) {
  return directory / text(name, '-', hexadecimal(key), ".images");
}

CacheAnswer read_image_cache(const fs::path& file, std::uint64_t key, std::size_t listed) {
  std::error_code ignored;
  // Of a link says write_image_cache what is wrong with it.
  if (!fs::exists(file, ignored) || fs::is_symlink(file, ignored)) return {};
  std::optional<DecodedImages> images = read_sound(file, key, listed);
  const bool damaged = !images;
  return {std::move(images), damaged};
}

void write_image_cache(const fs::path& file, std::uint64_t key, const DecodedImages& images) {
  std::error_code ignored;  // the file that cannot be made says why
  fs::create_directories(file.parent_path(), ignored);
  // AtomicFile would replace the file behind it, which need not be ours.
  require(!fs::is_symlink(file, ignored), file.string(), " is a symbolic link. Remove it.");
  const auto image_bytes =
      static_cast<std::uint64_t>(images.channels * images.height * images.width);
  const Numbers numbers{key,
                        static_cast<std::uint64_t>(images.height),
                        static_cast<std::uint64_t>(images.width),
                        static_cast<std::uint64_t>(images.channels),
                        images.pixels.size() / image_bytes,
                        images.broken.size(),
                        images.turned.size()};
  std::array<Bytes, 6> chunks{
      std::as_bytes(std::span(kMagic)),        std::as_bytes(std::span(numbers)),
      std::as_bytes(std::span(images.broken)), std::as_bytes(std::span(images.turned)),
      std::as_bytes(std::span(images.pixels)), Bytes()};
  std::uint32_t sum = 0;
  for (const Bytes chunk : chunks) sum = checksum(sum, chunk);
  const std::array<std::uint64_t, 1> stored_sum{sum};
  chunks.back() = std::as_bytes(std::span(stored_sum));
  write_file_atomically(file, chunks);
}

}  // namespace saddle
