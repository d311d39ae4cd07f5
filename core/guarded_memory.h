// GuardedMemory: a block between two guard zones, by which is seen whether somebody wrote beside
// it.
//
// For memory that is handed to code that is not ours and that no sanitizer looks into, such as the
// machine code a library generates at run time.
#pragma once

#include <cstddef>
#include <memory>

namespace saddle {

class GuardedMemory {
 public:
  // Zones of `guard` bytes, a multiple of the page size so that the block begins on a page.
  explicit GuardedMemory(std::size_t guard);

  // Makes the block `bytes` large, with fresh zones around it; what it held may be lost. Memory is
  // taken only where it has never been as large. Throws std::bad_alloc.
  void* resize(std::size_t bytes);

  void* data() const { return storage_.get() + guard_; }
  // The same as f32 values.
  float* floats() const { return reinterpret_cast<float*>(storage_.get() + guard_); }
  std::size_t size() const { return size_; }
  // Whether both zones hold what resize put there.
  bool intact() const;

 private:
  struct Free {
    void operator()(std::byte* memory) const;
  };

  std::unique_ptr<std::byte, Free> storage_;  // zone, block, zone
  std::size_t guard_, size_ = 0, capacity_ = 0;
};

}  // namespace saddle
