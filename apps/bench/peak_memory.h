// PeakMemory: by how much this process has grown, at the most, since it was made: tensors, and what
// libraries take beside them. torch_peer.py measures itself in the same way.
#pragma once

#include <malloc.h>

#include <cstddef>
#include <fstream>
#include <string>

namespace saddle::bench {

class PeakMemory {
 public:
  PeakMemory() {
    ::malloc_trim(0);  // what earlier rows have left would be taken again unseen
    std::ofstream("/proc/self/clear_refs") << 5;  // the high-water mark begins anew (proc(5))
    before_ = bytes_of("VmRSS:");
  }
  std::size_t bytes() const {
    const std::size_t peak = bytes_of("VmHWM:");
    return peak > before_ ? peak - before_ : 0;
  }

 private:
  static std::size_t bytes_of(const std::string& field) {
    std::ifstream status("/proc/self/status");
    for (std::string word; status >> word;) {
      std::size_t kibibytes = 0;
      if (word == field && status >> kibibytes) return kibibytes << 10;
    }
    return 0;
  }

  std::size_t before_ = 0;
};

}  // namespace saddle::bench
