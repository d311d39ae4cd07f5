#include "core/file.h"

#include <atomic>
#include <cerrno>
#include <new>
#include <string>
#include <system_error>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/descriptor.h"
#include "core/error.h"

namespace saddle {
namespace {

const char* mend_for(int code) {
  switch (code) {
    case ENOENT:
    case ENOTDIR: return "Check that the path exists.";
    case EACCES:
    case EPERM:
    case EROFS: return "Check the permissions.";
    case EISDIR: return "Name a file, not a directory.";
    case ENOSPC:
    case EDQUOT:
    case EFBIG: return "Free some space or write elsewhere.";
    default: return "Try again or use another disk.";
  }
}

// "runs/last.safetensors: cannot be opened: No such file or directory. Check that the path exists."
[[noreturn]] void fail_system(const std::filesystem::path& path, const char* what, int code) {
  fail(path.string(), ": ", what, ": ", std::generic_category().message(code), ". ",
       mend_for(code));
}

std::vector<std::byte> allocate(const std::filesystem::path& path, std::size_t size) {
  try {
    return std::vector<std::byte>(size);
  } catch (const std::bad_alloc&) {
    fail(path.string(), ": is ", size,
         " bytes, more than the memory that is free. Close other programs.");
  }
}

// Where a write to `path` ends up: the file behind a symbolic link, or `path` itself.
std::filesystem::path resolve_target(const std::filesystem::path& path) {
  struct stat status;
  if (::stat(path.c_str(), &status) != 0) return path;  // new, or open() will say what is wrong
  if (S_ISDIR(status.st_mode)) fail_system(path, "cannot be written", EISDIR);
  // A rename over /dev/null would replace the device for everybody.
  require(S_ISREG(status.st_mode), path.string(),
          ": cannot be written: it is a device or a pipe. Name a regular file.");
  std::error_code ignored;
  const std::filesystem::path resolved = std::filesystem::canonical(path, ignored);
  return ignored ? path : resolved;
}

// Makes the rename survive a power cut. A directory that may be written but not read cannot be
// opened; the file is complete all the same, so that is no failure, nor is a file system without
// such a sync.
void sync_directory_of(const std::filesystem::path& file) {
  const std::filesystem::path parent = file.has_parent_path() ? file.parent_path() : ".";
  const Descriptor directory(::open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (directory.get() < 0) return;
  if (::fsync(directory.get()) == 0 || errno == EINVAL || errno == ENOTSUP) return;
  fail_system(parent, "cannot be brought to the disk", errno);
}

}  // namespace

std::vector<std::byte> read_file(const std::filesystem::path& path, std::int64_t max_bytes) {
  // O_NONBLOCK: opening a pipe must not wait for a writer that never comes.
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.get() < 0) fail_system(path, "cannot be opened", errno);
  struct stat status;
  if (::fstat(file.get(), &status) != 0) fail_system(path, "cannot be examined", errno);
  if (S_ISDIR(status.st_mode)) fail_system(path, "cannot be read", EISDIR);
  require(S_ISREG(status.st_mode), path.string(),
          ": cannot be read: it is a device or a pipe. Name a regular file.");
  require(status.st_size <= max_bytes, path.string(), ": is ", status.st_size,
          " bytes, expected at most ", max_bytes, ". Is it the right file?");

  const auto size = static_cast<std::size_t>(status.st_size);
  std::vector<std::byte> bytes = allocate(path, size);
  std::size_t filled = 0;
  while (filled < size) {
    const ssize_t got = ::read(file.get(), bytes.data() + filled, size - filled);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail_system(path, "cannot be read", errno);
    require(got > 0, path.string(), ": ended after ", filled, " of ", size,
            " bytes. Something shortened it while it was read; try again.");
    filled += static_cast<std::size_t>(got);
  }
  return bytes;
}

AtomicFile::AtomicFile(const std::filesystem::path& path) : target_(resolve_target(path)) {
  static std::atomic<std::uint64_t> serial{0};
  // A killed process of the same number may have left its file behind (containers start counting
  // processes anew), so a taken name is skipped.
  while (descriptor_ < 0) {
    temporary_ = target_;
    temporary_ += text(".tmp-", ::getpid(), "-", serial++);
    descriptor_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (descriptor_ < 0 && errno != EEXIST) fail_system(target_, "cannot be written", errno);
  }
}

AtomicFile::~AtomicFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

void AtomicFile::write(Bytes bytes) {
  require(descriptor_ >= 0, target_.string(), ": write() after commit(). Open another AtomicFile.");
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor_, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail_system(target_, "cannot be written", errno);
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
}

void AtomicFile::commit() {
  require(descriptor_ >= 0, target_.string(), ": commit() twice. Open another AtomicFile.");
  if (::fsync(descriptor_) != 0) fail_system(target_, "cannot be brought to the disk", errno);
  const int closed = ::close(descriptor_);  // network file systems report a full disk only here
  const int close_error = errno;
  descriptor_ = -1;
  if (closed != 0) fail_system(target_, "cannot be written", close_error);
  if (::rename(temporary_.c_str(), target_.c_str()) != 0) {
    fail_system(target_, "cannot be put in place", errno);
  }
  temporary_.clear();
  sync_directory_of(target_);
}

void write_file_atomically(const std::filesystem::path& path, std::span<const Bytes> chunks) {
  AtomicFile file(path);
  for (const Bytes chunk : chunks) file.write(chunk);
  file.commit();
}

void write_file_atomically(const std::filesystem::path& path, Bytes bytes) {
  write_file_atomically(path, std::span<const Bytes>(&bytes, 1));
}

void write_file_atomically(const std::filesystem::path& path, std::string_view text) {
  write_file_atomically(path, std::as_bytes(std::span(text)));
}

}  // namespace saddle
