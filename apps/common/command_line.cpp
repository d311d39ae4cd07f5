#include "apps/common/command_line.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <fcntl.h>
#include <iostream>
#include <memory>
#include <new>
#include <sys/stat.h>
#include <unistd.h>

#include "apps/common/evaluate.h"
#include "apps/common/parse.h"
#include "core/device.h"
#include "core/error.h"
#include "core/format.h"
#include "core/printable.h"

namespace saddle {
namespace {

// "--rho R       Radius of the perturbation [default: 0.05]" instead of "--rho R=0.05": defaults
// may be sentences.
class HelpFormatter : public CLI::Formatter {
  std::string make_option_opts(const CLI::Option* option) const override {
    return option->get_type_name().empty() ? "" : " " + option->get_type_name();
  }
  std::string make_option_desc(const CLI::Option* option) const override {
    const std::string shown = option->get_default_str();
    return option->get_description() + (option->get_required() ? " [required]" : "") +
           (shown.empty() ? "" : " [default: " + shown + "]");
  }
};

int report(const std::string& name, const std::string& what, int exit_code) {
  std::cout.flush();
  std::fprintf(stderr, "%s: error: %s\n", name.c_str(), printable(what).c_str());
  return exit_code;
}

constexpr const char* kMemoryMend =
    "Use a smaller --batch-size or fewer --threads, or close other programs";

// Takes no memory.
int report_out_of_memory(const std::string& name) {
  std::cout.flush();
  std::fprintf(stderr, "%s: error: out of memory. %s\n", name.c_str(), kMemoryMend);
  return 1;
}

// A failed write is told as such, and is no death in mid-work: to a pipe that was closed, to a file
// beyond the limit of its size (ulimit -f).
void ignore_signals_of_failed_writes() {
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
}

// A stream closed by the caller would give its number to the next file we open, and our output
// would end up in that file.
void occupy_standard_streams() {
  for (int descriptor = 0; descriptor <= 2; ++descriptor) {
    if (::fcntl(descriptor, F_GETFD) == -1 && errno == EBADF) {
      if (::open("/dev/null", O_RDWR) < 0) return;  // takes the lowest free number: this one
    }
  }
}

// Brings the result out. A pipe whose reader has seen enough is no failure.
void finish_output() {
  std::cout.flush();
  const bool written = std::fflush(stdout) == 0 && std::ferror(stdout) == 0 && std::cout.good();
  if (written) return;
  struct stat status;
  if (::fstat(STDOUT_FILENO, &status) == 0 &&
      (S_ISFIFO(status.st_mode) || S_ISSOCK(status.st_mode))) {
    return;
  }
  fail("the standard output cannot be written. Is the disk full?");
}

void check_choice(const std::string& given, const std::vector<std::string>& choices) {
  if (std::ranges::find(choices, given) == choices.end()) {
    throw UsageError(text("'", given, "' is not one of ", joined(choices)));
  }
}

}  // namespace

std::string version_line(const std::string& name) {
  return text(name, " ", SADDLE_VERSION, ", backends: ", backends());
}

void print_warning(const std::string& name, const std::string& what) {
  std::fprintf(stderr, "%s: warning: %s\n", name.c_str(), printable(what).c_str());
}

namespace {

// run_program without what must come first and last.
int parse_and_execute(const std::string& name, const std::string& description, int argc,
                      const char* const* argv, const Configure& configure,
                      const std::function<void()>& execute) {
  try {
    CLI::App app(description, name);
    app.set_version_flag(
        "--version", [&name] { return version_line(name); },
        "Print the version and the compiled backends");
    const auto formatter = std::make_shared<HelpFormatter>();
    formatter->column_width(28);
    app.formatter(formatter);
    try {
      configure(app);
      app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
      if (error.get_exit_code() == 0) {  // --help, --version
        app.exit(error, std::cout, std::cerr);
        finish_output();
        return 0;
      }
      return report(name, text(error.what(), ". ", name, " --help lists the flags"), 2);
    }
    execute();
    finish_output();
    return 0;
  } catch (const UsageError& error) {
    return report(name, error.what(), 2);
  } catch (const std::length_error&) {  // more than any memory
    throw std::bad_alloc();
  } catch (const std::exception& error) {
    if (dynamic_cast<const std::bad_alloc*>(&error) != nullptr) throw;
    const char* mend = is_out_of_memory(error) ? kMemoryMend : nullptr;
    return report(name, mend ? text(error.what(), ". ", mend) : error.what(), 1);
  }
}

}  // namespace

int run_program(const std::string& name, const std::string& description, int argc,
                const char* const* argv, const Configure& configure,
                const std::function<void()>& execute) {
  occupy_standard_streams();
  ignore_signals_of_failed_writes();
  try {
    return parse_and_execute(name, description, argc, argv, configure, execute);
  } catch (const std::bad_alloc&) {
    return report_out_of_memory(name);
  }
}

namespace {

std::string no_command(const std::string& name, const std::string& first,
                       const std::vector<SubCommand>& commands) {
  std::string names;
  for (const SubCommand& command : commands) {
    names += text(names.empty() ? "" : ", ", command.name);
  }
  const std::string what =
      first.empty() ? "the first word must be a command" : text("'", first, "' is no command");
  return text(what, ": there are ", names, ". ", name, " --help says what they do");
}

}  // namespace

int run_commands(const std::string& name, const std::string& description, int argc,
                 const char* const* argv, const std::vector<SubCommand>& commands) {
  const std::string first = argc > 1 ? argv[1] : "";
  for (const SubCommand& command : commands) {
    if (command.name == first) {
      return run_program(name + " " + command.name, command.description, argc - 1, argv + 1,
                         command.configure, command.execute);
    }
  }
  const bool asks = first == "-h" || first == "--help" || first == "--version" || first == "help";
  const char* const words[] = {name.c_str(), first == "help" ? "--help" : first.c_str()};
  return run_program(
      name, description, asks ? 2 : 1, words,
      [&](CLI::App& app) {
        for (const SubCommand& command : commands) {
          app.add_subcommand(command.name, command.description);
        }
        app.footer(name + " COMMAND --help lists the flags of a command.");
      },
      [&] { throw UsageError(no_command(name, first, commands)); });
}

void add_parsed(CLI::App& app, const std::string& flag, const std::string& help,
                const std::string& type, const std::string& shown_default,
                const std::function<void(const std::string&)>& parse) {
  CLI::Option* option = app.add_option_function<std::string>(
      flag, [flag, parse](const std::string& value) { for_flag(flag, [&] { parse(value); }); },
      help);
  option->type_name(type);
  if (!shown_default.empty()) option->default_str(shown_default);
}

void add_number(CLI::App& app, const std::string& flag, double& value, const std::string& help,
                const std::string& shown_default) {
  add_parsed(app, flag, help, "R", shown_default.empty() ? text(value) : shown_default,
             [&value](const std::string& given) { value = parse_number(given); });
}

void add_number(CLI::App& app, const std::string& flag, std::optional<double>& value,
                const std::string& help, const std::string& shown_default) {
  add_parsed(app, flag, help, "R", shown_default,
             [&value](const std::string& given) { value = parse_number(given); });
}

void add_numbers(CLI::App& app, const std::string& flag, std::vector<double>& values,
                 const std::string& help, const std::string& shown_default) {
  add_parsed(app, flag, help, "R,...", shown_default,
             [&values](const std::string& given) { values = parse_numbers(given); });
}

void add_integer(CLI::App& app, const std::string& flag, std::int64_t& value, std::int64_t least,
                 const std::string& help, const std::string& shown_default) {
  add_parsed(
      app, flag, help, "N", shown_default.empty() ? text(value) : shown_default,
      [&value, least](const std::string& given) { value = parse_integer_from(given, least); });
}

void add_integer(CLI::App& app, const std::string& flag, std::optional<std::int64_t>& value,
                 std::int64_t least, const std::string& help, const std::string& shown_default) {
  add_parsed(app, flag, help, "N", shown_default, [&value, least](const std::string& given) {
    value = parse_integer_from(given, least);
  });
}

void add_integers(CLI::App& app, const std::string& flag, std::vector<std::int64_t>& values,
                  std::int64_t least, const std::string& help) {
  std::vector<std::string> shown;
  for (std::int64_t value : values) shown.push_back(text(value));
  add_parsed(app, flag, help, "N,...", joined(shown), [&values, least](const std::string& given) {
    values.clear();
    for (const std::string& part : split_at_commas(given)) {
      values.push_back(parse_integer_from(part, least));
    }
  });
}

void add_choice(CLI::App& app, const std::string& flag, std::string& value,
                const std::vector<std::string>& choices, const std::string& help) {
  add_parsed(app, flag, text(help, " (", joined(choices), ")"), "NAME", value,
             [&value, choices](const std::string& given) {
               check_choice(given, choices);
               value = given;
             });
}

void add_choices(CLI::App& app, const std::string& flag, std::vector<std::string>& values,
                 const std::vector<std::string>& choices, const std::string& help) {
  add_parsed(app, flag, text(help, " (", joined(choices), ")"), "NAME,...", joined(values),
             [&values, choices](const std::string& given) {
               values = split_at_commas(given);
               for (const std::string& value : values) check_choice(value, choices);
             });
}

void add_switch(CLI::App& app, const std::string& flag, bool& value, const std::string& help) {
  app.add_flag(flag, value, help);
}

void add_text(CLI::App& app, const std::string& flag, std::string& value, const std::string& type,
              const std::string& help, const std::string& shown_default) {
  app.add_option(flag, value, help)->type_name(type)->default_str(shown_default);
}

void add_texts(CLI::App& app, const std::string& flag, std::vector<std::string>& values,
               const std::string& type, const std::string& help) {
  app.add_option(flag, values, help)->type_name(type)->take_all()->allow_extra_args(false);
}

void add_required_text(CLI::App& app, const std::string& flag, std::string& value,
                       const std::string& type, const std::string& help) {
  app.add_option(flag, value, help)->type_name(type)->required();
}

void refuse_flag(CLI::App& app, const std::string& flag, const std::string& why) {
  app.remove_option(app.get_option(flag));
  add_parsed(app, flag, "", "", "", [why](const std::string&) { throw UsageError(why); });
  app.get_option(flag)->group("");  // not among those that --help lists
}

}  // namespace saddle
