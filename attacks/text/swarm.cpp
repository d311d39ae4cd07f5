#include "attacks/text/swarm.h"

#include <algorithm>
#include <numeric>

namespace saddle {

std::vector<double> move_probabilities(std::span<const double> gains) {
  std::vector<double> p(gains.begin(), gains.end());
  for (double& value : p) value = std::max(0., value);
  const double sum = std::accumulate(p.begin(), p.end(), 0.);
  for (double& value : p) value = sum > 0 ? value / sum : 1. / static_cast<double>(p.size());
  return p;
}

AttackedText turned(const AttackedText& particle, const AttackedText& elite,
                    std::span<const double> keep, TextDraws& draws) {
  std::vector<bool> kept(keep.size());
  for (std::size_t d = 0; d < keep.size(); ++d) kept[d] = draws.uniform() < keep[d];
  return mixed(elite, particle, kept);
}

}  // namespace saddle
