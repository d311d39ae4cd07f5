#include "apps/common/progress.h"

#include <cmath>
#include <cstdio>
#include <sys/ioctl.h>
#include <unistd.h>

#include "core/format.h"
#include "core/printable.h"

namespace saddle {
namespace {

constexpr double kTerminalSeconds = 0.1;  // faster than this nobody reads
constexpr double kLogSeconds = 10;
constexpr std::size_t kMostOfLabel = 200;  // bytes

// Three significant digits, but no exponent for large rates.
std::string rate_text(double rate) {
  return rate >= 100 ? formatted("%.0f", rate) : formatted("%.3g", rate);
}

std::size_t terminal_columns() {
  winsize size{};
  const bool known = ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1;
  return known ? size.ws_col : 80u;
}

}  // namespace

std::string duration_text(double seconds) {
  if (!(seconds < 1e9)) return "years";  // also what is not a number
  const auto whole = static_cast<long long>(std::ceil(std::fmax(seconds, 0)));
  if (whole < 60) return formatted("%lld s", whole);
  if (whole < 3600) return formatted("%lld min %lld s", whole / 60, whole % 60);
  return formatted("%lld h %lld min", whole / 3600, whole / 60 % 60);
}

std::string progress_line(const ProgressState& state) {
  const double percent =
      state.total > 0 ? 100. * static_cast<double>(state.done) / static_cast<double>(state.total)
                      : 100.;
  std::string line =
      printable(state.label, kMostOfLabel) + ": " + formatted("%.0f %%", std::floor(percent));
  if (state.rate > 0) line += ", " + rate_text(state.rate) + " " + state.unit + "/s";
  if (state.values.loss) line += formatted(", loss %.4g", *state.values.loss);
  if (state.values.accuracy) line += formatted(", accuracy %.1f %%", *state.values.accuracy);
  if (state.rate > 0) line += ", " + duration_text(state.seconds_left) + " left";
  return line;
}

Progress::Progress(const std::string& label, std::int64_t total, const std::string& unit, Show show,
                   std::int64_t done)
    : state_{label, unit, done, total, 0, 0, {}},
      show_(show),
      terminal_(::isatty(STDERR_FILENO) == 1),
      done_at_start_(done),
      start_(Clock::now()),
      last_shown_(start_) {}

Progress::~Progress() { clear(); }

void Progress::advance(std::int64_t units, const ProgressValues& values) {
  state_.done += units;
  state_.values = values;
  if (show_ == Show::nothing) return;
  const auto now = Clock::now();
  const std::chrono::duration<double> since_shown = now - last_shown_, elapsed = now - start_;
  if (since_shown.count() < (terminal_ ? kTerminalSeconds : kLogSeconds)) return;
  last_shown_ = now;
  state_.rate = static_cast<double>(state_.done - done_at_start_) / elapsed.count();
  state_.seconds_left = static_cast<double>(state_.total - state_.done) / state_.rate;
  show();
}

void Progress::print(const std::string& line) {
  clear();
  std::fprintf(stderr, "%s\n", printable(line).c_str());
}

void Progress::show() {
  const std::string line = progress_line(state_);
  if (terminal_) {
    // A line that wraps could not be rewritten.
    std::fprintf(stderr, "\r\x1b[K%s", line.substr(0, terminal_columns() - 1).c_str());
    std::fflush(stderr);
    on_screen_ = true;
  } else {
    std::fprintf(stderr, "%s\n", line.c_str());
  }
}

void Progress::clear() {
  if (!on_screen_) return;
  std::fprintf(stderr, "\r\x1b[K");
  std::fflush(stderr);
  on_screen_ = false;
}

}  // namespace saddle
