#include "core/guarded_memory.h"

#include <cstdlib>
#include <cstring>
#include <new>

#include "core/error.h"

namespace saddle {
namespace {

constexpr std::size_t kPage = 4096;
// As a float -2.9e-16, as an index far out of range: nothing that a kernel would write by chance.
constexpr int kPattern = 0xa5;

// Each byte as the one before it: the library compares many at once.
bool holds_pattern(const std::byte* zone, std::size_t bytes) {
  return zone[0] == std::byte{kPattern} && std::memcmp(zone, zone + 1, bytes - 1) == 0;
}

}  // namespace

void GuardedMemory::Free::operator()(std::byte* memory) const { std::free(memory); }

GuardedMemory::GuardedMemory(std::size_t guard) : guard_(guard) {
  require(guard > 0 && guard % kPage == 0, "guarded memory: zones of ", guard,
          " bytes, expected a multiple of ", kPage);
}

void* GuardedMemory::resize(std::size_t bytes) {
  const std::size_t rounded = (bytes + kPage - 1) / kPage * kPage;
  if (!storage_ || rounded > capacity_) {
    storage_.reset();
    capacity_ = 0;
    storage_.reset(static_cast<std::byte*>(std::aligned_alloc(kPage, rounded + 2 * guard_)));
    if (!storage_) throw std::bad_alloc();
    capacity_ = rounded;
    std::memset(storage_.get(), kPattern, guard_);
  }
  size_ = bytes;
  std::memset(storage_.get() + guard_ + bytes, kPattern, guard_);
  return data();
}

bool GuardedMemory::intact() const {
  return !storage_ || (holds_pattern(storage_.get(), guard_) &&
                       holds_pattern(storage_.get() + guard_ + size_, guard_));
}

}  // namespace saddle
