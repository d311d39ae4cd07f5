#include "apps/attacking/state_file.h"

#include "core/device.h"
#include "core/error.h"

namespace saddle {

void check_command(const Command& command, std::map<std::string, std::string> saved,
                   const std::string& file) {
  const auto refuse = [&](const std::string& name, const std::string& was, const std::string& is) {
    fail(file, ": is the state of a run with other ", name, " ('", was, "', this one has '", is,
         "'). Repeat that command, name another --json, or begin anew with --restart");
  };
  for (const auto& [name, value] : command) {
    if (saved[name] != value) refuse(name, saved[name], value);
    saved.erase(name);
  }
  if (!saved.empty()) refuse(saved.begin()->first, saved.begin()->second, "");
}

std::string kind_of(const Device& device) {
  const std::string name = device.name();
  return name.substr(0, name.find_first_of(": "));
}

std::filesystem::path state_path(const std::filesystem::path& json) {
  std::filesystem::path path = json;
  path += ".state";
  return path;
}

bool SaveClock::due() const {
  constexpr auto kAtMostEvery = std::chrono::seconds(5);
  constexpr int kWorkPerSave = 20;  // at most a twentieth of the time goes into saving
  const auto since = Clock::now() - last_;
  return since >= kAtMostEvery && since >= kWorkPerSave * cost_;
}

}  // namespace saddle
