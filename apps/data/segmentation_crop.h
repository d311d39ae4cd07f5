// SegmentationCrop: what a training image and its labels become before a network sees them.
//
// A batch needs images of one size, and a network that has seen each image in one size and place
// alone learns these. So each epoch takes another crop of each image, in this order: resized,
// padded where it is too small, cropped, its colours jittered, mirrored. Labels go where the pixels
// go, and are never mixed. Chen et al., "Rethinking atrous convolution", 2017, and the
// segmentation code of the reference (weizeming/SAM_AT) do the same.
//
// make_crop draws a CropPlan and executes it. The draws depend on (seed, epoch, image) alone: not
// on other images, batches or threads. On the host, in bytes; safe to call from many threads.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "apps/data/segmentation_set.h"

namespace saddle {

struct CropRecipe {
  std::int64_t height = 0, width = 0;        // of the crop, pixels
  std::optional<std::int64_t> shorter_side;  // the image's own size is resized to this at first
  double scale_low = 1, scale_high = 1;      // then by a factor drawn between these, uniformly
  std::uint8_t pad_label = 255;              // of pixels beyond the image; 255: void
  std::array<std::uint8_t, 3> pad_colour = {};

  // Of the reference: where one axis is too small, all four sides are padded by half of what is
  // missing, rounded up; first for the width, then for the height. Otherwise the short axis alone
  // is padded, and the crop holds all of the image in that axis.
  bool pads_all_sides = false;

  // Of brightness, contrast and saturation: each changes by a factor from [1 - j, 1 + j], one after
  // the other, in an order that is drawn too (ColourJitter). 0 leaves a colour as it is.
  std::array<float, 3> jitter = {};
  bool mirror = true;  // left to right, every second time
};

// The draws for one crop, as numbers.
struct CropPlan {
  std::int64_t scaled_height = 0, scaled_width = 0;  // what the whole image is resized to
  // Of the crop's corner in the resized image. What lies outside the image is padding: above and to
  // the left of it where these are below 0.
  std::int64_t top = 0, left = 0;
  std::array<float, 3> factors = {1, 1, 1};  // of brightness, contrast, saturation
  std::array<int, 3> order = {0, 1, 2};      // which of them comes first, second and third
  bool mirrored = false;
};

// The recipe of the set:
// - fashion-scenes: whole scenes of 96 x 96, mirrored or not.
// - voc2012, voc-folder: 513 x 513 of the image at 0.5 to 2 times its size. Where the images of a
//   folder are of another size than photographs, set the crop's.
// - stanford-background: the shorter side resized to 256, 240 x 240, jitter 0.5.
CropRecipe default_crop(const SegmentationSet& set);

// The same as the reference has it: padding on all sides, labelled 0 (which is a class).
CropRecipe official_crop(const SegmentationSet& set);

// Throws UsageError where no crop could be made by the recipe, or not of this set's images.
void check(const CropRecipe& recipe, const SegmentationSet& set);

// Image `image` in epoch `epoch`, as `recipe` (which check() has passed) says: pixels
// [height, width, 3] and labels [height, width], of the crop. Throws Error where there is no such
// image or a span has another size.
void make_crop(const SegmentationSet& set, std::int64_t image, const CropRecipe& recipe,
               std::uint64_t seed, std::uint32_t epoch, std::span<std::uint8_t> pixels,
               std::span<std::uint8_t> labels);

// The two halves of make_crop. Of an image of height x width pixels; a resized side is the product
// truncated, but at least 1 pixel.
CropPlan draw_crop(const CropRecipe& recipe, const SegmentationImage& size, std::uint64_t seed,
                   std::uint32_t epoch, std::uint32_t image);

// Of the recipe, the crop's size and what the padding is count.
void execute_crop(const SegmentationSet& set, std::int64_t image, const CropRecipe& recipe,
                  const CropPlan& plan, std::span<std::uint8_t> pixels,
                  std::span<std::uint8_t> labels);

}  // namespace saddle
