// Pool: keeps freed device memory by size class and hands it out again.
//
// Training repeats the same shapes, so after the first step every request is met from the pool; the
// counters let a test state that. One host thread drives a device; the pool takes no lock.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <vector>

namespace saddle {

class Pool {
 public:
  struct Counters {
    std::int64_t device_allocations = 0;  // requests that went to the device
    std::int64_t requests = 0;            // all requests
    std::size_t bytes_in_use = 0;
    std::size_t peak_bytes_in_use = 0;
    std::size_t bytes_held = 0;  // in use or cached
  };

  using Allocate = std::function<void*(std::size_t bytes)>;  // throws Error when out of memory
  using Release = std::function<void(void*, std::size_t bytes)>;

  Pool(Allocate allocate, Release release);
  ~Pool();
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  // At least `bytes` bytes. Where the device is out of memory, gives the cache back and tries once
  // more.
  void* take(std::size_t bytes);
  // Returns memory of take(bytes); stays cached.
  void give(void* memory, std::size_t bytes) noexcept;
  // Returns all cached memory to the device.
  void trim() noexcept;

  const Counters& counters() const { return counters_; }

  // The size a request is rounded up to: four classes an octave, at least 256 bytes.
  static std::size_t size_class(std::size_t bytes);

 private:
  Allocate allocate_;
  Release release_;
  std::map<std::size_t, std::vector<void*>> free_;
  Counters counters_;
};

// A pool for captured work (Device::capture): takes its memory from `outer`, so that what the same
// work left there when it was called is used again, and returns all of it when this pool and
// whatever was taken from it are gone. Until then nothing goes back: replays write to all of it.
std::shared_ptr<Pool> pool_within(std::shared_ptr<Pool> outer);

}  // namespace saddle
