#include "core/directory_lock.h"

#include <cerrno>

#include <fcntl.h>
#include <sys/file.h>

#include "core/error.h"

namespace saddle {

DirectoryLock::DirectoryLock(const std::filesystem::path& directory, const std::string& is_held,
                             Inherited inherited)
    : descriptor_(::open(directory.c_str(),
                         O_RDONLY | O_DIRECTORY | (inherited == Inherited::yes ? 0 : O_CLOEXEC))) {
  if (descriptor_.get() < 0) return;  // may be written but not read
  if (::flock(descriptor_.get(), LOCK_EX | LOCK_NB) == 0) return;
  require(errno != EWOULDBLOCK, directory.string(), ": ", is_held);
  descriptor_.close();
}

}  // namespace saddle
