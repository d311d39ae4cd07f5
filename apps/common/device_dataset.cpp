#include "apps/common/device_dataset.h"

#include <numeric>
#include <utility>

#include "kernels/images.h"
#include "kernels/philox.h"

namespace saddle {

Augmentation default_augmentation(const std::string& dataset) {
  if (dataset == "mnist") return {2, false};
  if (dataset == "fashion-mnist") return {0, true};
  return {4, true};
}

DeviceDataset::DeviceDataset(Device& device, const Dataset& dataset)
    : pixels_(Tensor::from_host(device,
                                {dataset.size(), dataset.height, dataset.width, dataset.channels},
                                dataset.pixels)),
      labels_(Tensor::from_host(device, {dataset.size()}, dataset.labels)),
      size_(dataset.size()),
      height_(dataset.height),
      width_(dataset.width),
      channels_(dataset.channels) {}

Batch DeviceDataset::batch(const Tensor& indices, const Augmentation& augmentation,
                           std::uint64_t seed, const Tensor& epoch) const {
  Device& device = pixels_.device();
  const std::int64_t count = indices.count();
  const Batch batch{Tensor(device, {count, height_, width_, channels_}),
                    Tensor(device, {count}, DType::i32), indices};
  launch(device,
         BytesToImages{pixels_.array<std::uint8_t>(),
                       indices.array<std::int32_t>(),
                       batch.inputs.array(),
                       height_,
                       width_,
                       channels_,
                       {seed, Purpose::crop_and_flip},
                       epoch.array<std::int32_t>(),
                       augmentation.padding,
                       augmentation.flip ? 1 : 0},
         count, height_ * width_);
  launch(device,
         GatherLabels{labels_.array<std::int32_t>(), indices.array<std::int32_t>(),
                      batch.targets.array<std::int32_t>()},
         count);
  return batch;
}

Batch DeviceDataset::batch(const std::vector<std::int32_t>& indices,
                           const Augmentation& augmentation, std::uint64_t seed,
                           std::uint32_t epoch) const {
  Device& device = pixels_.device();
  return batch(Tensor::from_host(device, {static_cast<std::int64_t>(indices.size())}, indices),
               augmentation, seed,
               Tensor::from_host(device, {1}, std::vector{static_cast<std::int32_t>(epoch)}));
}

Batch DeviceDataset::batch(std::int64_t first, std::int64_t count) const {
  require(first >= 0 && count >= 0 && first + count <= size_, "data: examples ", first, " to ",
          first + count, " leave the ", size_, " there are");
  std::vector<std::int32_t> indices(static_cast<std::size_t>(count));
  std::iota(indices.begin(), indices.end(), static_cast<std::int32_t>(first));
  return batch(indices, {}, 0, 0);
}

Examples DeviceDataset::examples() const {
  return {&device(), size_,
          [this](const std::vector<std::int32_t>& indices) { return batch(indices, {}, 0, 0); }};
}

}  // namespace saddle
