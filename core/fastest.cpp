#include "core/fastest.h"

#include <algorithm>
#include <chrono>
#include <limits>

namespace saddle {

double steady_seconds() {
  using Clock = std::chrono::steady_clock;
  return std::chrono::duration<double>(Clock::now().time_since_epoch()).count();
}

std::size_t fastest(const std::vector<Work>& candidates, const Seconds& now) {
  constexpr int kRounds = 5;
  constexpr double kHopeless = 2, kMargin = 1.1;
  if (candidates.size() < 2) return 0;
  for (const Work& candidate : candidates) candidate();

  std::vector<double> least(candidates.size(), std::numeric_limits<double>::infinity());
  for (int round = 0; round < kRounds; ++round) {
    const double limit = kHopeless * std::ranges::min(least);
    for (std::size_t i = 0; i < candidates.size(); ++i) {
      if (round > 0 && least[i] > limit) continue;
      const double start = now();
      candidates[i]();
      least[i] = std::min(least[i], now() - start);
    }
  }
  const auto best = std::ranges::min_element(least);
  return kMargin * *best < least[0] ? static_cast<std::size_t>(best - least.begin()) : 0;
}

}  // namespace saddle
