#include "apps/segment/image_batches.h"

#include <algorithm>
#include <array>
#include <limits>
#include <numeric>

#include "apps/data/first_failure.h"
#include "kernels/images.h"

namespace saddle {
namespace {

Tensor on_device(Device& device, const std::vector<std::uint8_t>& bytes, const Shape& shape) {
  return Tensor::from_host(device, shape, bytes);
}

// i32 [count]: 0, 1, 2, ...
Tensor numbers(Device& device, std::int64_t count) {
  std::vector<std::int32_t> all(static_cast<std::size_t>(count));
  std::iota(all.begin(), all.end(), 0);
  return Tensor::from_host(device, {count}, all);
}

// pixels u8 [N, H, W, C] in the units of each image, f32. `rows` are the numbers from 0 on. Device
// work.
Tensor images_of(const Tensor& pixels, const Tensor& rows, const Tensor& scale, const Tensor& shift,
                 PixelRange range) {
  Device& device = pixels.device();
  const Shape& shape = pixels.shape();
  const std::int64_t count = shape[0], area = shape[1] * shape[2], channels = shape[3];
  const Tensor images(device, shape);
  const std::int32_t no_padding = 0, no_flip = 0;
  launch(device,
         BytesToImages{pixels.array<std::uint8_t>(), rows.array<std::int32_t>(), images.array(),
                       shape[1], shape[2], channels, Stream{}, Array<const std::int32_t>{},
                       no_padding, no_flip},
         count, area);
  if (range == PixelRange::stretched) {
    launch(device,
           RescaleImages{images.array(), scale.array(), shift.array(), area * channels, channels},
           count, area * channels);
  }
  return images;
}

}  // namespace

PixelUnits units_of(std::span<const std::uint8_t> pixels, std::span<const float> mean,
                    std::span<const float> std, PixelRange range) {
  const std::size_t channels = mean.size();
  PixelUnits units{std::vector<float>(channels, 1.f), std::vector<float>(channels, 0.f)};
  if (range == PixelRange::plain) return units;
  float low = std::numeric_limits<float>::infinity(), high = -low;
  for (std::size_t c = 0; c < channels; ++c) {
    std::uint8_t least = 255, largest = 0;
    for (std::size_t i = c; i < pixels.size(); i += channels) {
      least = std::min(least, pixels[i]);
      largest = std::max(largest, pixels[i]);
    }
    low = std::min(low, (static_cast<float>(least) / 255.f - mean[c]) / std[c]);
    high = std::max(high, (static_cast<float>(largest) / 255.f - mean[c]) / std[c]);
  }
  if (!(high > low)) return units;
  for (std::size_t c = 0; c < channels; ++c) {
    units.scale[c] = 1.f / (std[c] * (high - low));
    units.shift[c] = (-mean[c] / std[c] - low) / (high - low);
  }
  return units;
}

Batch whole_images(Device& device, const SegmentationSet& set,
                   std::span<const std::int32_t> indices, PixelRange range) {
  require(!indices.empty(), set.name, ": a batch of no images");
  const SegmentationImage& first = set.images[static_cast<std::size_t>(indices.front())];
  std::vector<std::uint8_t> pixels, labels;
  std::vector<float> scale, shift;
  for (const std::int32_t index : indices) {
    const SegmentationImage& image = set.images[static_cast<std::size_t>(index)];
    require(image.height == first.height && image.width == first.width, set.name,
            ": a batch of images of different sizes, ", first.id, " and ", image.id);
    const auto own = set.pixels_of(index), of_labels = set.labels_of(index);
    pixels.insert(pixels.end(), own.begin(), own.end());
    labels.insert(labels.end(), of_labels.begin(), of_labels.end());
    const PixelUnits units = units_of(own, set.mean, set.std, range);
    scale.insert(scale.end(), units.scale.begin(), units.scale.end());
    shift.insert(shift.end(), units.shift.begin(), units.shift.end());
  }
  const auto count = static_cast<std::int64_t>(indices.size());
  const Tensor bytes = on_device(device, pixels, {count, first.height, first.width, set.channels});
  return {images_of(bytes, numbers(device, count),
                    Tensor::from_host(device, {count, set.channels}, scale),
                    Tensor::from_host(device, {count, set.channels}, shift), range),
          on_device(device, labels, {count, first.height, first.width}),
          Tensor::from_host(device, {count},
                            std::vector<std::int32_t>(indices.begin(), indices.end()))};
}

CropBatches::CropBatches(Device& device, const SegmentationSet& set, const CropRecipe& recipe,
                         PixelRange range, std::uint64_t seed, std::int64_t largest)
    : set_(set),
      recipe_(recipe),
      range_(range),
      seed_(seed),
      host_pixels_(static_cast<std::size_t>(largest * recipe.height * recipe.width * set.channels)),
      host_labels_(static_cast<std::size_t>(largest * recipe.height * recipe.width)),
      host_scale_(static_cast<std::size_t>(largest * set.channels)),
      host_shift_(host_scale_.size()),
      pixels_(device, {largest, recipe.height, recipe.width, set.channels}, DType::u8),
      labels_(device, {largest, recipe.height, recipe.width}, DType::u8),
      rows_(numbers(device, largest)),
      scale_(device, {largest, set.channels}),
      shift_(device, {largest, set.channels}) {}

void CropBatches::prepare(const Upcoming& upcoming) {
  const std::size_t area = static_cast<std::size_t>(recipe_.height * recipe_.width);
  const auto channels = static_cast<std::size_t>(set_.channels);
  require(upcoming.indices.size() * area <= host_labels_.size(), set_.name, ": a batch of ",
          upcoming.indices.size(), " crops, there is room for ", host_labels_.size() / area);
  FirstFailure failure;
#pragma omp parallel for schedule(dynamic)
  for (std::size_t row = 0; row < upcoming.indices.size(); ++row) {
    if (failure.before(row)) continue;
    try {
      const auto pixels = std::span(host_pixels_).subspan(row * area * channels, area * channels);
      make_crop(set_, upcoming.indices[row], recipe_, seed_, upcoming.epoch, pixels,
                std::span(host_labels_).subspan(row * area, area));
      const PixelUnits units = units_of(pixels, set_.mean, set_.std, range_);
      std::ranges::copy(units.scale, host_scale_.begin() + static_cast<long>(row * channels));
      std::ranges::copy(units.shift, host_shift_.begin() + static_cast<long>(row * channels));
    } catch (...) {
      failure.note(row, std::current_exception());
    }
  }
  failure.rethrow();
  pixels_.copy_from_host(host_pixels_.data());
  labels_.copy_from_host(host_labels_.data());
  if (range_ == PixelRange::plain) return;
  scale_.copy_from_host(host_scale_.data());
  shift_.copy_from_host(host_shift_.data());
}

Batch CropBatches::batch(const Tensor& indices) const {
  const std::int64_t count = indices.count();
  const Shape image{count, recipe_.height, recipe_.width, set_.channels};
  const Shape per_channel{count, set_.channels};
  return {images_of(pixels_.slice(0, image), rows_, scale_.slice(0, per_channel),
                    shift_.slice(0, per_channel), range_),
          labels_.slice(0, {count, recipe_.height, recipe_.width}), indices};
}

}  // namespace saddle
