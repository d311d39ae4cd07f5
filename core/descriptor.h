// Descriptor: an open file descriptor, closed at the end of its scope or before.
#pragma once

#include <unistd.h>

namespace saddle {

class Descriptor {
 public:
  // Owns `value`; a negative one, as a failed open() gives, is nothing to close.
  explicit Descriptor(int value) : value_(value) {}
  ~Descriptor() { close(); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  int get() const { return value_; }
  void close() {
    if (value_ >= 0) ::close(value_);
    value_ = -1;
  }

 private:
  int value_;
};

}  // namespace saddle
