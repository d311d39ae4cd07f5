// Command line: what all programs share: flags, exit codes, and one way for an error to look.
//
// A program's main is one call of run_program. Its configure function declares flags by the
// functions below, its execute function does the work and throws where it cannot. CLI11 reads the
// command line; only command_line.cpp sees it, for it takes the compiler many seconds.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace CLI {
class App;
}  // namespace CLI

namespace saddle {

using Configure = std::function<void(CLI::App& app)>;

// Parses the command line into what `configure` declares, then calls `execute`, and returns the
// exit code: 0 done (also --help and --version), 2 the command line is wrong (UsageError, and what
// CLI11 rejects), 1 it could not be done (any other exception). An error is one line on stderr,
// "NAME: error: WHAT", printable. A reader that closes stdout early is no error; a stdout that
// cannot be written (a full disk) is.
int run_program(const std::string& name, const std::string& description, int argc,
                const char* const* argv, const Configure& configure,
                const std::function<void()>& execute);

// A program of several commands, "saddle-segment train ...": each is a program of its own that the
// first word chooses.
struct SubCommand {
  std::string name, description;
  Configure configure;
  std::function<void()> execute;
};
int run_commands(const std::string& name, const std::string& description, int argc,
                 const char* const* argv, const std::vector<SubCommand>& commands);

// "NAME 0.1.0, backends: cpu (oneDNN 3.2.0), cuda-emulated"
std::string version_line(const std::string& name);

// "NAME: warning: WHAT" on stderr, printable: one line.
void print_warning(const std::string& name, const std::string& what);

// ---- flags: errors name the flag, --help shows `shown_default` where given, else the value ----

// Runs `parse` on what is given. `type` is what --help calls it: "NAME", "C,H,W".
void add_parsed(CLI::App& app, const std::string& flag, const std::string& help,
                const std::string& type, const std::string& shown_default,
                const std::function<void(const std::string&)>& parse);

// A fraction; several, with commas between them. `help` ends in the unit.
void add_number(CLI::App& app, const std::string& flag, double& value, const std::string& help,
                const std::string& shown_default = "");
void add_number(CLI::App& app, const std::string& flag, std::optional<double>& value,
                const std::string& help, const std::string& shown_default = "");
void add_numbers(CLI::App& app, const std::string& flag, std::vector<double>& values,
                 const std::string& help, const std::string& shown_default);
// An integer of at least `least`; several, with commas between them.
void add_integer(CLI::App& app, const std::string& flag, std::int64_t& value, std::int64_t least,
                 const std::string& help, const std::string& shown_default = "");
void add_integer(CLI::App& app, const std::string& flag, std::optional<std::int64_t>& value,
                 std::int64_t least, const std::string& help,
                 const std::string& shown_default = "");
void add_integers(CLI::App& app, const std::string& flag, std::vector<std::int64_t>& values,
                  std::int64_t least, const std::string& help);
// One of `choices`; several, with commas between them.
void add_choice(CLI::App& app, const std::string& flag, std::string& value,
                const std::vector<std::string>& choices, const std::string& help);
void add_choices(CLI::App& app, const std::string& flag, std::vector<std::string>& values,
                 const std::vector<std::string>& choices, const std::string& help);

// A flag without a value.
void add_switch(CLI::App& app, const std::string& flag, bool& value, const std::string& help);
// Any text, of `type`. The second form takes one for each time that the flag is given. None of
// these shows a default that is not named.
void add_text(CLI::App& app, const std::string& flag, std::string& value, const std::string& type,
              const std::string& help, const std::string& shown_default = "");
void add_texts(CLI::App& app, const std::string& flag, std::vector<std::string>& values,
               const std::string& type, const std::string& help);
void add_required_text(CLI::App& app, const std::string& flag, std::string& value,
                       const std::string& type, const std::string& help);

// Takes a flag back: who gives it is told `why`.
void refuse_flag(CLI::App& app, const std::string& flag, const std::string& why);

}  // namespace saddle
