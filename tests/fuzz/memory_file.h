// What fuzz targets of parsers that read a file by its name have in common.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdlib>
#include <string>
#include <vector>

namespace saddle {

inline void expect(bool ok) {
  if (!ok) std::abort();
}

// A file in memory.
class MemoryFile {
 public:
  void replace(const std::vector<std::byte>& bytes) const {
    expect(::ftruncate(descriptor_, 0) == 0);
    expect(::pwrite(descriptor_, bytes.data(), bytes.size(), 0) ==
           static_cast<ssize_t>(bytes.size()));
  }
  std::string path() const { return "/proc/self/fd/" + std::to_string(descriptor_); }

 private:
  int descriptor_ = ::memfd_create("fuzzed", 0);
};

}  // namespace saddle
