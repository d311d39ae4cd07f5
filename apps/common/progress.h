// Progress: one line on stderr that says how far long work has come.
//
//   Progress progress("pgd", examples, "images", options.quiet ? Progress::Show::nothing : ...);
//   ... progress.advance(batch, {loss, accuracy}) ...
// On a terminal the line is rewritten in place; elsewhere (a log file) a plain line appears every
// ten seconds. stdout is left to results.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace saddle {

// What the line says. Means of whatever the caller counts over; accuracy in percent.
struct ProgressValues {
  std::optional<double> loss, accuracy;
};

struct ProgressState {
  std::string label;  // "epoch 3/30"
  std::string unit;   // "images"
  std::int64_t done = 0, total = 0;
  double rate = 0;          // units a second; 0: not known yet
  double seconds_left = 0;  // read only where the rate is known
  ProgressValues values;
};

// "epoch 3/30: 42 %, 512 images/s, loss 0.532, accuracy 81.2 %, 3 min 20 s left"
std::string progress_line(const ProgressState& state);

// "9 s", "3 min 20 s", "2 h 5 min"
std::string duration_text(double seconds);

class Progress {
 public:
  enum class Show { nothing, line };

  // `total` units of work, of which a resumed run has `done` behind it: they do not count for the
  // rate.
  Progress(const std::string& label, std::int64_t total, const std::string& unit, Show show,
           std::int64_t done = 0);
  ~Progress();  // clears the line
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void set_label(const std::string& label) { state_.label = label; }
  // `units` more are done. Cheap enough for every batch.
  void advance(std::int64_t units, const ProgressValues& values = {});
  // A line of its own (a result, a warning), which the progress line does not tear. Shown even
  // where progress is not.
  void print(const std::string& line);

 private:
  using Clock = std::chrono::steady_clock;

  void show();
  void clear();

  ProgressState state_;
  Show show_;
  bool terminal_;
  bool on_screen_ = false;  // whether the terminal's last line is ours
  std::int64_t done_at_start_;
  Clock::time_point start_, last_shown_;
};

}  // namespace saddle
