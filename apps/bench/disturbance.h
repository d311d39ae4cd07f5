// Disturbance: what else the machine did while something was measured. Where others take its
// processors, or memory is swapped, a ratio says nothing.
#pragma once

#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <fstream>
#include <string>

namespace saddle::bench {

class Disturbance {
 public:
  Disturbance() : before_(now()) {}

  // Processors, in the mean, that since then worked neither for this process nor for the children
  // that it has waited for; what a hypervisor has withheld counts as taken.
  double other_processors() const {
    const Readings after = now();
    const double taken = (after.busy - before_.busy) - (after.ours - before_.ours);
    const double seconds = std::chrono::duration<double>(after.time - before_.time).count();
    return taken > 0 && seconds > 0 ? taken / seconds : 0;
  }
  std::int64_t pages_swapped() const { return now().swapped - before_.swapped; }

 private:
  struct Readings {
    std::chrono::steady_clock::time_point time;
    double busy = 0, ours = 0;  // seconds of processors
    std::int64_t swapped = 0;   // pages
  };

  static double seconds_of(int who) {
    rusage usage{};
    ::getrusage(who, &usage);
    const auto seconds = [](const timeval& t) {
      return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec);
    };
    return seconds(usage.ru_utime) + seconds(usage.ru_stime);
  }

  static Readings now() {
    Readings readings;
    readings.time = std::chrono::steady_clock::now();
    readings.ours = seconds_of(RUSAGE_SELF) + seconds_of(RUSAGE_CHILDREN);
    // proc(5): cpu, then ticks of user, nice, system, idle, iowait, irq, softirq and steal.
    std::ifstream stat("/proc/stat");
    std::string name;
    double user = 0, nice = 0, system = 0, idle = 0, wait = 0, irq = 0, softirq = 0, steal = 0;
    stat >> name >> user >> nice >> system >> idle >> wait >> irq >> softirq >> steal;
    readings.busy = (user + nice + system + irq + softirq + steal) /
                    static_cast<double>(::sysconf(_SC_CLK_TCK));
    std::ifstream memory("/proc/vmstat");
    std::int64_t pages = 0;
    while (memory >> name >> pages) {
      if (name == "pswpin" || name == "pswpout") readings.swapped += pages;
    }
    return readings;
  }

  Readings before_;
};

}  // namespace saddle::bench
