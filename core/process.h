// Process: another program run to its end.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace saddle {

// How it ended: by itself with a code, or killed by a signal (else 0).
struct ProcessEnd {
  int exit_code = 0, signal = 0;

  bool well() const { return exit_code == 0 && signal == 0; }
};

// Runs a command line, the program first (by its path, or a name that is looked for in PATH). Its
// output and errors go into `log`. Throws Error where `log` cannot be written, the program cannot
// be started, or its end cannot be known because SIGCHLD is ignored.
ProcessEnd run_process(const std::vector<std::string>& line, const std::filesystem::path& log);

// The same; its errors go where ours go, and `output` receives what it writes.
ProcessEnd run_process(const std::vector<std::string>& line, std::string& output);

}  // namespace saddle
