#include "apps/bench/breakdown.h"

#include <algorithm>
#include <chrono>
#include <functional>

#include "apps/bench/counted_device.h"
#include "apps/bench/timed_device.h"

namespace saddle::bench {

Breakdown break_down(Device& device, const BenchModel& model, const std::string& mode,
                     std::int64_t batch, Precision precision, double seconds) {
  using Clock = std::chrono::steady_clock;
  constexpr int kWarmUps = 3, kFewestSteps = 3;
  TimedDevice timed(device);
  Workload workload(timed, model, mode, batch, precision);
  for (int step = 0; step < kWarmUps; ++step) workload.step();
  timed.forget();
  double steps = 0, passed = 0;
  for (const auto start = Clock::now(); steps < kFewestSteps || passed < seconds; ++steps) {
    workload.step();
    passed = std::chrono::duration<double>(Clock::now() - start).count();
  }

  Breakdown result{passed / steps, {}};
  double rest = result.seconds;
  for (const auto& [name, part] : timed.parts()) {
    result.parts.push_back({name, static_cast<double>(part.calls) / steps, part.seconds / steps});
    rest -= result.parts.back().seconds;
  }
  std::ranges::sort(result.parts, std::greater{}, &StepPart::seconds);
  result.parts.push_back({"on the host itself", 0, rest});
  return result;
}

std::vector<CountedPart> count_nodes(const BenchModel& model, const std::string& mode,
                                     std::int64_t batch, Precision precision) {
  CountedDevice counted;
  Workload workload(counted, model, mode, batch, precision);
  workload.step();  // what only the first one asks for
  counted.forget();
  workload.step();
  std::vector<CountedPart> parts;
  for (const auto& [name, part] : counted.parts()) {
    parts.push_back({name, part.nodes, part.bytes});
  }
  std::ranges::sort(parts, std::greater{}, &CountedPart::bytes);
  return parts;
}

}  // namespace saddle::bench
