// AttackPicture: what attacks did to a segmentation network, for the eye.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

#include "apps/segment/attack_report.h"

namespace saddle {

// [H, W, 3] in [0, 1] of labels or predictions [H, W]; void is white.
std::vector<float> coloured(std::span<const std::uint8_t> labels, const Palette& palette);

// A row for each of the first images whose adversarial images were kept and that are as large as
// the first: the image, its labels, what the network takes it for, and for each attack the
// perturbation (stretched so that its largest element is white or black), the adversarial image and
// what it is taken for, with the mean IoU of the image below.
void save_picture(const std::filesystem::path& path, const SegmentationReport& report,
                  const SegmentationSet& set, const LogitsFunction& logits, Device& device);

}  // namespace saddle
