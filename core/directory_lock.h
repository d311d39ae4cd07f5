// DirectoryLock: the right to write into a directory, held by one process at a time.
//
// The lock is the kernel's, on the directory itself: it leaves no file behind and ends with the
// process, however that ends.
#pragma once

#include <chrono>
#include <filesystem>
#include <string>

#include "core/descriptor.h"

namespace saddle {

// Whether programs that are started meanwhile hold the lock as well, until they too have ended.
enum class Inherited { yes, no };

class DirectoryLock {
 public:
  // Locks a directory that exists. Throws Error, "DIRECTORY: IS_HELD", where another process (or
  // another DirectoryLock of this one) holds it, and goes on holding it for as long as `patience`.
  // A file system without locks gives none.
  DirectoryLock(const std::filesystem::path& directory, const std::string& is_held,
                Inherited inherited,
                std::chrono::milliseconds patience = std::chrono::milliseconds(0));

 private:
  Descriptor descriptor_;
};

}  // namespace saddle
