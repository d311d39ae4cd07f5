// Eight-bit: adversarial images as image files can hold them, every pixel k / 255.
//
// An attack moves pixels by fractions of a level; a PNG cannot. What withstands an attack in float
// may fall once it is rounded, and the reverse, so rounded images are judged again.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "apps/common/evaluate.h"

namespace saddle {

// `adversarial` on the grid k / 255, for images of `image` values each; both are [N, image] in
// [0, 1], and `clean` lies on the grid. Each value goes to the nearest level; where that would
// leave the ball it goes towards the clean image (l-inf: the value alone; l1 and l2: all values of
// the image), which never leaves it.
std::vector<float> rounded_to_eight_bit(std::span<const float> clean,
                                        std::span<const float> adversarial, std::size_t image,
                                        const std::optional<Ball>& ball);

}  // namespace saddle
