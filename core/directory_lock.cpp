#include "core/directory_lock.h"

#include <cerrno>
#include <thread>

#include <fcntl.h>
#include <sys/file.h>

#include "core/error.h"

namespace saddle {

DirectoryLock::DirectoryLock(const std::filesystem::path& directory, const std::string& is_held,
                             Inherited inherited, std::chrono::milliseconds patience)
    : descriptor_(::open(directory.c_str(),
                         O_RDONLY | O_DIRECTORY | (inherited == Inherited::yes ? 0 : O_CLOEXEC))) {
  if (descriptor_.get() < 0) return;  // may be written but not read
  const auto limit = std::chrono::steady_clock::now() + patience;
  while (::flock(descriptor_.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) {
      descriptor_.close();
      return;
    }
    require(std::chrono::steady_clock::now() < limit, directory.string(), ": ", is_held);
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
}

}  // namespace saddle
