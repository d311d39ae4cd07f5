// Segmentation images whose pixels say what they are, and crops of them.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "apps/data/segmentation_crop.h"

namespace saddle {

using Bytes8 = std::vector<std::uint8_t>;

// Each pixel tells its label, row and column.
inline SegmentationSet telling_set(
    const std::vector<std::pair<std::int64_t, std::int64_t>>& sizes) {
  SegmentationSet set;
  set.name = "telling";
  set.classes = 7;
  std::int64_t offset = 0;
  for (const auto& [height, width] : sizes) {
    set.images.push_back({"image", height, width, offset});
    offset += height * width;
    for (std::int64_t y = 0; y < height; ++y) {
      for (std::int64_t x = 0; x < width; ++x) {
        const auto label = static_cast<std::uint8_t>((3 * y + 5 * x + x * y) % 7);
        set.labels.push_back(label);
        for (const std::int64_t value : {std::int64_t{label}, y, x})
          set.pixels.push_back(static_cast<std::uint8_t>(value));
      }
    }
  }
  return set;
}

inline CropRecipe recipe_of(std::int64_t height, std::int64_t width) {
  CropRecipe recipe;
  recipe.height = height;
  recipe.width = width;
  return recipe;
}

struct Crop {
  Bytes8 pixels, labels;

  explicit Crop(const CropRecipe& recipe)
      : pixels(static_cast<std::size_t>(3 * recipe.height * recipe.width), 99),
        labels(static_cast<std::size_t>(recipe.height * recipe.width), 99) {}

  bool operator==(const Crop&) const = default;
};

inline Crop crop_of(const SegmentationSet& set, std::int64_t image, const CropRecipe& recipe,
                    std::uint64_t seed, std::uint32_t epoch) {
  Crop crop(recipe);
  make_crop(set, image, recipe, seed, epoch, crop.pixels, crop.labels);
  return crop;
}

}  // namespace saddle
