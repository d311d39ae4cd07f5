// Files, read whole and written whole.
//
// A file is written under a temporary name beside its target and then renamed, so a reader (or a
// run that resumes after a crash) sees the old file or the new one and never half of either. Every
// failure is an Error that names the path, the system's reason and a mend.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string_view>
#include <vector>

namespace saddle {

using Bytes = std::span<const std::byte>;

// The whole of a regular file. Throws Error where the file is missing, unreadable, a directory or a
// device, larger than `max_bytes`, or does not fit into memory.
std::vector<std::byte> read_file(const std::filesystem::path& path, std::int64_t max_bytes);

// A file that appears under its name only with commit(). Without a commit the destructor removes
// what was written and an older file of that name stays as it was. A symbolic link is followed: the
// file it points at is replaced. A process that is killed leaves "NAME.tmp-PID-N" behind, which may
// be deleted.
class AtomicFile {
 public:
  // Creates the temporary file, NAME.tmp-PID-N. Throws Error where the directory is missing or
  // closed to us, or where `path` exists and is not a regular file.
  explicit AtomicFile(const std::filesystem::path& path);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  // Appends. Throws Error where the disk is full or fails.
  void write(Bytes bytes);

  // Brings everything to the disk and puts the file in place. Call once, last.
  void commit();

 private:
  std::filesystem::path target_;     // what the caller named, symbolic links resolved
  std::filesystem::path temporary_;  // empty once there is nothing to remove
  int descriptor_ = -1;
};

// One file of these bytes, all or nothing. The chunks follow each other without a copy.
void write_file_atomically(const std::filesystem::path& path, std::span<const Bytes> chunks);
void write_file_atomically(const std::filesystem::path& path, Bytes bytes);
void write_file_atomically(const std::filesystem::path& path, std::string_view text);

}  // namespace saddle
