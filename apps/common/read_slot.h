// ReadSlot: the tensors of a file as the weights of a network, and what is wrong with them.
#pragma once

#include <string>
#include <vector>

#include "core/error.h"
#include "core/printable.h"
#include "core/safetensors.h"
#include "core/weights.h"

namespace saddle {

// What PyTorch calls a batch-norm's variance.
inline constexpr const char* kRunningVar = ".running_var";

// Collects what is wrong with a file, so that one message names all of it.
class Complaints {
 public:
  template <class... Parts>
  void add(const Parts&... parts) {
    constexpr int kMostListed = 20;
    constexpr std::size_t kMostShownOfOne = 160;  // bytes: a stranger's name may be long
    if (++count_ <= kMostListed) {
      list_ += (count_ > 1 ? "; " : "") + printable(text(parts...), kMostShownOfOne);
    } else if (count_ == kMostListed + 1) {
      list_ += "; and others";
    }
  }
  // Throws Error where there are any: the verdict, "FILE: does not fit the model", they, the mend.
  void raise(const std::string& verdict, const std::string& mend) const {
    if (count_ == 0) return;
    fail(verdict, " (", count_, " tensors): ", list_, ". ", mend);
  }

 private:
  int count_ = 0;
  std::string list_;
};

// The values of a slot in the file's order, which the file has under `name`; empty where they are
// none to take. Complains of what is missing, misshapen, no floats or not finite, and of a variance
// below 0.
std::vector<float> read_slot(const SafetensorsFile& file, const Slot& slot, const std::string& name,
                             Complaints& complaints);

}  // namespace saddle
