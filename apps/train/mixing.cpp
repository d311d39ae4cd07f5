#include "apps/train/mixing.h"

#include <algorithm>
#include <boost/math/distributions/beta.hpp>
#include <cmath>

#include "kernels/mixing.h"
#include "kernels/philox.h"

namespace saddle {
namespace {

double beta(double alpha, std::uint32_t bits) {
  return boost::math::quantile(boost::math::beta_distribution<double>(alpha, alpha),
                               (bits + 0.5) / 4294967296.0);
}

Mix cut(double lambda, std::int64_t height, std::int64_t width, const Random4& bits) {
  const double side = std::sqrt(1 - lambda);
  // From and to along an axis of `extent` pixels, around a pixel drawn from all.
  const auto span = [&](std::int64_t extent, std::uint32_t word) {
    const auto centre =
        static_cast<std::int64_t>(uniform_below(word, static_cast<std::uint32_t>(extent)));
    const auto half = static_cast<std::int64_t>(static_cast<double>(extent) * side) / 2;
    return std::pair{static_cast<std::int32_t>(std::max<std::int64_t>(0, centre - half)),
                     static_cast<std::int32_t>(std::min(extent, centre + half))};
  };
  const auto [top, bottom] = span(height, bits.v[2]);
  const auto [left, right] = span(width, bits.v[3]);
  const double area = static_cast<double>(bottom - top) * (right - left);
  return {1.f,
          static_cast<float>(1 - area / static_cast<double>(height * width)),
          {top, left, bottom, right}};
}

}  // namespace

Mix draw_mix(double mixup, double cutmix, std::int64_t height, std::int64_t width,
             std::uint64_t seed, std::uint32_t step) {
  const Random4 bits = Stream{seed, Purpose::mixing, step}.bits(0, 0);
  const bool cuts = cutmix > 0 && (mixup <= 0 || (bits.v[0] & 1u) != 0);
  if (cuts) return cut(beta(cutmix, bits.v[1]), height, width, bits);
  const auto blend = static_cast<float>(mixup > 0 ? beta(mixup, bits.v[1]) : 1);
  return {blend, blend, {}};
}

DeviceMix::DeviceMix(Device& device) : weights_(device, {2}), box_(device, {4}, DType::i32) {}

void DeviceMix::set(const Mix& mix) {
  const std::array<float, 2> weights = {mix.blend, mix.share};
  weights_.copy_from_host(weights.data());
  box_.copy_from_host(mix.box.data());
}

void DeviceMix::mix(Batch& batch) const {
  Device& device = weights_.device();
  const Shape& shape = batch.inputs.shape();
  const Tensor images(device, shape);
  launch(device,
         MixImages{batch.inputs.array(), images.array(), weights_.slice(0, {1}).array(),
                   box_.array<std::int32_t>(), shape[0], shape[1], shape[2], shape[3]},
         shape[0], shape[1] * shape[2]);
  batch.inputs = images;
  batch.mixed = {Tensor(device, {shape[0]}, DType::i32), Tensor(device, {shape[0]})};
  launch(device,
         MixLabels{batch.targets.array<std::int32_t>(), batch.mixed.other.array<std::int32_t>(),
                   weights_.slice(1, {1}).array(), batch.mixed.share.array()},
         shape[0]);
}

}  // namespace saddle
