// Plans: which implementation was found fastest for each problem on one machine, and the files that
// keep them. Two runs that take their plans from one file compute the same bits.
//
//   {"saddle_plans": 1,
//    "machine": "AMD EPYC 9B45 (0xb40f21), avx512, oneDNN 3.2.0",
//    "plans": {"forward 32x32, 16 > 32, kernel 3, stride 2, padding 1, 2 threads": "brgconv:..."}}
//
// What a problem and an implementation are is for those to say who choose (plans.h).
#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <map>
#include <span>
#include <string>

namespace saddle {

using Plans = std::map<std::string, std::string>;  // problem -> implementation

// What a file of plans says, and its text. parse_plans throws Error where the bytes are none.
struct PlanFile {
  std::string machine;
  Plans plans;
};
PlanFile parse_plans(std::span<const std::byte> bytes);
std::string text_of(const PlanFile& file);

// Throws Error where the file is missing, damaged or of another machine than `machine`; the last
// names both and ends with `mend`.
Plans read_plans(const std::filesystem::path& file, const std::string& machine,
                 const std::string& mend);
void write_plans(const std::filesystem::path& file, const std::string& machine, const Plans& plans);

// The plans of a machine in a folder that its programs share: each problem is measured once, by
// whoever meets it first, and from then on the file decides.
class MeasuredPlans {
 public:
  // What the user should know, each in a line: that something is measured, and where it is kept
  // (once); and why plans are measured anew or cannot be kept.
  struct Tell {
    std::function<void(const std::string&)> notice, warning;
  };

  // Nothing is read or written yet. `folder` may be missing, or empty: there is no place for one.
  MeasuredPlans(const std::filesystem::path& folder, std::string machine, Tell tell);

  // The implementation that the file has for the problem, or that which `measure` returns, once it
  // stands there. Empty, for the rules, where the file cannot be written or another program keeps
  // it locked for a minute: what is measured and not kept would differ from run to run.
  std::string find(const std::string& problem, const std::function<std::string()>& measure);

  const std::filesystem::path& file() const { return file_; }

 private:
  void read();
  // Whether it could be done; where not, the user is told, and nothing is tried again.
  bool try_to(const std::function<void()>& work);

  std::filesystem::path folder_, file_;
  std::string machine_;
  Tell tell_;
  Plans plans_;
  bool has_measured_ = false, given_up_ = false;
};

}  // namespace saddle
