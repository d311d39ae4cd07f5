// Variable: a variable of the environment that a test sets, and restores.
#pragma once

#include <cstdlib>
#include <optional>
#include <string>

namespace saddle {

// A variable of the environment, for a while; none: without it.
class Variable {
 public:
  Variable(const char* name, const char* value) : name_(name) {
    if (const char* previous = std::getenv(name)) previous_ = previous;
    set(value);
  }
  ~Variable() { set(previous_ ? previous_->c_str() : nullptr); }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

 private:
  void set(const char* value) {
    if (value != nullptr) {
      setenv(name_, value, 1);
    } else {
      unsetenv(name_);
    }
  }

  const char* name_;
  std::optional<std::string> previous_;
};

}  // namespace saddle
