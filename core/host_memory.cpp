#include "core/host_memory.h"

#include <sys/mman.h>

#include <cstdlib>
#include <memory>

#include "core/error.h"

namespace saddle {

void* allocate_host(std::size_t bytes) {
  constexpr std::size_t kHugePage = std::size_t{2} << 20;
  const bool large = bytes >= kHugePage;
  const std::size_t alignment = large ? kHugePage : 64;
  void* memory = std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
  if (memory == nullptr) fail("out of memory: ", bytes, " bytes more are not to be had on the CPU");
  if (large) madvise(memory, bytes, MADV_HUGEPAGE);
  return memory;
}

float* working_memory(std::int64_t floats) {
  struct Free {
    void operator()(void* memory) const { std::free(memory); }
  };
  static std::unique_ptr<float, Free> memory;
  static std::int64_t held = 0;
  if (held < floats) {
    memory.reset();  // before more is taken: the two are never needed at once
    held = 0;
    memory.reset(
        static_cast<float*>(allocate_host(static_cast<std::size_t>(floats) * sizeof(float))));
    held = floats;
  }
  return memory.get();
}

}  // namespace saddle
