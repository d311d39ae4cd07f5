#include "attacks/text/answer.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/error.h"

namespace saddle {

Answer answer_of(std::span<const float> logits, std::int32_t label) {
  const auto classes = static_cast<std::int64_t>(logits.size());
  require(classes >= 2, "text attack: the victim gave ", classes,
          " logits for a text, expected 2 or more");
  require(label >= 0 && label < classes, "text attack: label ", label,
          " of an example is not one of the victim's ", classes, " classes");
  require(std::ranges::all_of(logits, [](float z) { return std::isfinite(z); }),
          "text attack: the victim gave a logit that is not finite. Did its training diverge?");
  std::vector<float> p(logits.begin(), logits.end());
  const float largest = std::ranges::max(p);
  float sum = 0;
  for (float& value : p) sum += value = std::exp(value - largest);
  for (float& value : p) value /= sum;
  const auto predicted = static_cast<std::int32_t>(std::ranges::max_element(p) - p.begin());
  return {1.f - p[static_cast<std::size_t>(label)], predicted, predicted != label};
}

}  // namespace saddle
