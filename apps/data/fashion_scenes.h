// FashionScenes: pictures of garments with the class of each pixel, for semantic segmentation where
// nothing can be downloaded.
//
// Composed from Fashion-MNIST (Xiao, Rasul and Vollgraf 2017): two to four garments, tinted,
// enlarged, some mirrored, the later in front of the earlier, on smooth noise of two dark colours.
// All in integers, each formula beside the line that computes it, so that every machine and
// language gets the same bytes. Random words are Philox's: scene i of a split depends on the split
// and i alone, never on other scenes or on threads.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "apps/data/dataset.h"

namespace saddle {

class FashionScenes {
 public:
  static constexpr std::int64_t kSide = 96, kChannels = 3;  // RGB
  static constexpr std::int64_t kClasses = 11;              // background, then Fashion-MNIST's ten
  static constexpr std::uint8_t kBackground = 0, kVoid = 255;  // void: the garments' outlines

  // Of the garments of a whole split: images [N, 28, 28] and labels [N], each from 0 to 9. Other
  // garments make other scenes. Throws Error where the sizes do not fit or a label is out of range.
  FashionScenes(std::vector<std::uint8_t> images, std::vector<std::int32_t> labels, Split split);

  // Scene i, 0 <= i < 2^32: pixels [96, 96, 3] and labels [96, 96], kBackground, 1 + the garment's
  // class, or kVoid. Throws Error where i or the sizes are others.
  void compose(std::int64_t i, std::span<std::uint8_t> pixels,
               std::span<std::uint8_t> labels) const;

  // Scenes first, first + 1, ..., as many as there is room for, by all threads: pixels
  // [N, 96, 96, 3], labels [N, 96, 96]. Throws as above.
  void compose_range(std::int64_t first, std::span<std::uint8_t> pixels,
                     std::span<std::uint8_t> labels) const;

 private:
  // Of a garment within a margin of one pixel: bit x of row y is set inside its outline.
  using Silhouette = std::array<std::uint32_t, 30>;

  static Silhouette silhouette_of(std::span<const std::uint8_t> image);

  std::vector<std::uint8_t> images_;
  std::vector<std::int32_t> labels_;
  std::vector<Silhouette> silhouettes_;
  Split split_;
};

}  // namespace saddle
