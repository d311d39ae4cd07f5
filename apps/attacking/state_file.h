// StateFile: what the files have in common in which interrupted attacks leave where they stand,
// beside their --json file: of which command they are, where they lie, when they are written.
#pragma once

#include <chrono>
#include <filesystem>
#include <map>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "core/error.h"

namespace saddle {

class Device;

// What decides about the results of a run: (name, value), e.g. ("attacks", "fgsm pgd:steps=2").
using Command = std::vector<std::pair<std::string, std::string>>;

// Throws Error where the state in `file` is of another command, naming the first part that differs.
void check_command(const Command& command, std::map<std::string, std::string> saved,
                   const std::string& file);

// What `read` returns. A state may have been damaged or edited: what it throws becomes an Error
// that names the file and the mend.
template <class Read>
auto readable(const std::filesystem::path& file, const Read& read) {
  try {
    return read();
  } catch (const std::bad_alloc&) {
    throw;
  } catch (const std::exception& error) {
    fail(file.string(), ": the state of the attack cannot be read (", error.what(),
         "). Begin anew with --restart");
  }
}

// "cpu", "cuda", "emulated": results of another kind of device differ by more than their last bits.
std::string kind_of(const Device& device);

// "r.json.state" for "r.json".
std::filesystem::path state_path(const std::filesystem::path& json);

// Says when the state should be written: every few seconds, but with little of the time spent on
// it.
class SaveClock {
 public:
  // Whether enough time has passed since the last save.
  bool due() const;
  // Runs `save` and notes how long it took.
  template <class Save>
  void run(const Save& save) {
    const auto start = Clock::now();
    save();
    last_ = Clock::now();
    cost_ = last_ - start;
  }

 private:
  using Clock = std::chrono::steady_clock;

  Clock::time_point last_ = Clock::now();
  Clock::duration cost_{};
};

}  // namespace saddle
