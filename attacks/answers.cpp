#include "attacks/answers.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/error.h"

namespace saddle {

std::vector<float> finite_logits(const LogitsFunction& logits, const Tensor& inputs,
                                 std::span<const std::int32_t> indices, const char* what) {
  Tape tape;
  const Tensor values = logits(tape, tape.input(inputs, Gradient::none)).value();
  require(
      values.shape().rank() == 2 && values.shape()[0] == inputs.shape()[0] && values.shape()[1] > 0,
      "evaluate: logits are ", values.shape(), " for images ", inputs.shape(),
      ", expected [N, classes]");
  std::vector<float> host = values.to_host<float>();
  const auto bad =
      std::find_if(host.begin(), host.end(), [](float z) { return !std::isfinite(z); });
  if (bad != host.end()) {
    const auto row = static_cast<std::size_t>((bad - host.begin()) / values.shape()[1]);
    fail("evaluate: the model answers ", *bad, " on the ", what, " example ", indices[row],
         ", so nothing can be said of its robustness. Check the weights, and mean and std");
  }
  return host;
}

double cross_entropy_of(std::span<const float> z, std::int32_t y) {
  const double largest = *std::max_element(z.begin(), z.end());
  double sum = 0;
  for (float value : z) sum += std::exp(value - largest);
  return std::log(sum) + largest - z[static_cast<std::size_t>(y)];
}

double margin_of(std::span<const float> z, std::int32_t y) {
  float rival = -std::numeric_limits<float>::infinity();
  for (std::size_t k = 0; k < z.size(); ++k) {
    if (static_cast<std::int32_t>(k) != y) rival = std::max(rival, z[k]);
  }
  return static_cast<double>(z[static_cast<std::size_t>(y)]) - rival;
}

double percent(std::int64_t part, std::int64_t whole) {
  return whole > 0 ? 100. * static_cast<double>(part) / static_cast<double>(whole) : 0.;
}

}  // namespace saddle
