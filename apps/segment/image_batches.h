// ImageBatches: images of a segmentation set on the device, as a network and attacks see them.
//
// Sets stay bytes on the host, for their images differ in size and need not fit on a device. Whole
// images go there when they are asked for; the crops of training are made by the host's threads
// while the device is still at work on earlier steps, and lie in the same place for each batch, so
// that the step can be captured.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "apps/data/segmentation_crop.h"
#include "apps/training/task.h"

namespace saddle {

// What a pixel value of 0 and 1 is. `stretched` is the reference's: pixels are normalised, and each
// image's least and largest value over all channels become 0 and 1; the network then normalises
// again. A radius of an attack is of these units, and its meaning differs from image to image.
enum class PixelRange { plain, stretched };

// Pixel values as `range` has them, x scale + shift of x in [0, 1].
struct PixelUnits {
  std::vector<float> scale, shift;  // [channels]
};
// Of one image's bytes [..., channels]. An image whose normalised values are all the same stays as
// it is.
PixelUnits units_of(std::span<const std::uint8_t> pixels, std::span<const float> mean,
                    std::span<const float> std, PixelRange range);

// Whole images of one size, by their numbers: inputs [N, H, W, C], targets u8 [N, H, W].
Batch whole_images(Device& device, const SegmentationSet& set,
                   std::span<const std::int32_t> indices, PixelRange range);

class CropBatches {
 public:
  // Of `set`, which must outlive this, in batches of at most `largest`. `recipe` has passed
  // check().
  CropBatches(Device& device, const SegmentationSet& set, const CropRecipe& recipe,
              PixelRange range, std::uint64_t seed, std::int64_t largest);

  // Makes the crops of the images, by all threads, and puts them on the device.
  void prepare(const Upcoming& upcoming);
  // The batch last prepared; `indices`, i32 [N], are its images' numbers. Device work.
  Batch batch(const Tensor& indices) const;

 private:
  const SegmentationSet& set_;
  CropRecipe recipe_;
  PixelRange range_;
  std::uint64_t seed_;
  std::vector<std::uint8_t> host_pixels_, host_labels_;
  std::vector<float> host_scale_, host_shift_;
  Tensor pixels_, labels_;  // u8 [largest, height, width, channels], [largest, height, width]
  Tensor rows_;             // i32 [largest]: 0, 1, 2, ...
  Tensor scale_, shift_;    // f32 [largest, channels]
};

}  // namespace saddle
