// DeviceDataset: a data set resident on the device as bytes, and batches drawn from it.
#pragma once

#include <cstdint>
#include <vector>

#include "apps/data/dataset.h"
#include "attacks/verdict.h"

namespace saddle {

// Random changes of training images: a crop of the image padded by reflection, and a mirror.
struct Augmentation {
  int padding = 0;
  bool flip = false;
};

// What suits a data set: CIFAR 4 and mirrored (the paper), Fashion-MNIST mirrored, MNIST a crop
// of 2.
Augmentation default_augmentation(const std::string& dataset);

class DeviceDataset {
 public:
  DeviceDataset(Device& device, const Dataset& dataset);

  std::int64_t size() const { return size_; }
  Shape image_shape() const { return {height_, width_, channels_}; }
  Device& device() const { return pixels_.device(); }

  // The examples at `indices`: pixels / 255 and labels. The augmentation of an image depends on
  // (seed, epoch, its index) alone.
  Batch batch(const std::vector<std::int32_t>& indices, const Augmentation& augmentation,
              std::uint64_t seed, std::uint32_t epoch) const;
  // The same with indices i32 [N] and epoch i32 [1] on the device, where captured work reads them.
  Batch batch(const Tensor& indices, const Augmentation& augmentation, std::uint64_t seed,
              const Tensor& epoch) const;
  // Examples [first, first + count) as they are.
  Batch batch(std::int64_t first, std::int64_t count) const;
  // The same as an attack receives them, for as long as this data set lives.
  Examples examples() const;

 private:
  Tensor pixels_, labels_;
  std::int64_t size_, height_, width_, channels_;
};

}  // namespace saddle
