#include "core/directory_lock.h"

#include <cerrno>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "core/error.h"

namespace saddle {

DirectoryLock::DirectoryLock(const std::filesystem::path& directory, const std::string& is_held,
                             Inherited inherited) {
  const int close_in_children = inherited == Inherited::yes ? 0 : O_CLOEXEC;
  descriptor_ = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | close_in_children);
  if (descriptor_ < 0) return;  // may be written but not read
  if (::flock(descriptor_, LOCK_EX | LOCK_NB) == 0) return;
  const int code = errno;
  ::close(descriptor_);
  descriptor_ = -1;
  require(code != EWOULDBLOCK, directory.string(), ": ", is_held);
}

DirectoryLock::~DirectoryLock() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

}  // namespace saddle
