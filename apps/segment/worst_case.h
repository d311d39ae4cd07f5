// Worst case: how bad a segmentation network is where each image may get another of several
// attacks.
//
// Pixel accuracy: the mean over images of the least over attacks. mIoU is no mean over images, so
// the attack s(i) of image i is chosen to lower the mIoU of sum_i C[s(i)][i], greedily as SEA does
// it (Croce, Singh and Hein 2024): start from the single attack of the lowest mIoU; then in rounds,
// each through all images in a random order, give an image the attack that lowers it most, if any.
// So the result is at most every single attack's mIoU, and at least the true minimum. Where we
// differ from the authors' code: a better attack of an image is never replaced by a worse one
// (theirs compares each with the one before), classes without a union leave the mean and not the
// counts, and void pixels do not count.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "apps/segment/confusion.h"

namespace saddle {

struct WorstSegmentation {
  double pixel_accuracy;  // share; over images that have a pixel with a class, NaN: none has
  std::vector<std::int32_t> least_accurate;  // the attack of each image; ties: the first
  double miou;                               // share; NaN as above
  std::vector<std::int32_t> chosen;          // s(i)
  int rounds;                                // that were needed, the last changing next to nothing
};

// attacks[a][i]: of image i under attack a (the clean image may be one of them). The order of
// images in a round depends on (seed, round) alone. Throws Error where there is no attack or no
// image, or where an image has other classes or more pixels under one attack than under another.
WorstSegmentation worst_case_of(std::span<const std::vector<Confusion>> attacks,
                                std::uint64_t seed);

}  // namespace saddle
