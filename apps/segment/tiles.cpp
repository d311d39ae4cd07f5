#include "apps/segment/tiles.h"

#include <algorithm>
#include <cmath>

#include "attacks/rows.h"

namespace saddle {
namespace {

struct Window {
  std::int64_t top, left, height, width;
};

class Labeller {
 public:
  Labeller(const LogitsFunction& logits, Device& device, const std::vector<float>& image,
           std::int64_t height, std::int64_t width, const std::vector<float>& mean)
      : logits_(logits),
        device_(device),
        image_(image),
        height_(height),
        width_(width),
        mean_(mean) {}

  // Adds the probabilities within the window, [pixel, class].
  void add(const Window& window, bool mirrored) {
    const auto channels = static_cast<std::int64_t>(mean_.size());
    const Tensor x = Tensor::from_host(device_, {1, window.height, window.width, channels},
                                       pixels_of(window, mirrored));
    const Tensor z = logits_of(logits_, x);
    classes_ = z.shape()[3];
    sums_.resize(static_cast<std::size_t>(height_ * width_ * classes_));
    const std::vector<float> values = z.to_host<float>();
    for (std::int64_t y = 0; y < window.height; ++y) {
      for (std::int64_t column = 0; column < window.width; ++column) {
        const std::int64_t at = mirrored ? window.width - 1 - column : column;
        add_pixel(window.top + y, window.left + at,
                  values.data() + (y * window.width + column) * classes_);
      }
    }
  }

  std::vector<std::uint8_t> labels() const {
    std::vector<std::uint8_t> labels(static_cast<std::size_t>(height_ * width_));
    for (std::size_t pixel = 0; pixel < labels.size(); ++pixel) {
      const auto own = sums_.begin() + static_cast<std::ptrdiff_t>(pixel) * classes_;
      labels[pixel] = static_cast<std::uint8_t>(std::max_element(own, own + classes_) - own);
    }
    return labels;
  }

 private:
  std::vector<float> pixels_of(const Window& window, bool mirrored) const {
    std::vector<float> pixels;
    const auto channels = static_cast<std::int64_t>(mean_.size());
    for (std::int64_t y = window.top; y < window.top + window.height; ++y) {
      for (std::int64_t column = 0; column < window.width; ++column) {
        const std::int64_t x = window.left + (mirrored ? window.width - 1 - column : column);
        const float* from =
            y < height_ && x < width_ ? image_.data() + (y * width_ + x) * channels : mean_.data();
        pixels.insert(pixels.end(), from, from + channels);
      }
    }
    return pixels;
  }

  void add_pixel(std::int64_t y, std::int64_t x, const float* logits) {
    if (y >= height_ || x >= width_) return;
    const float largest = *std::max_element(logits, logits + classes_);
    double total = 0;
    for (std::int64_t k = 0; k < classes_; ++k) total += std::exp(double{logits[k]} - largest);
    double* sums = sums_.data() + (y * width_ + x) * classes_;
    for (std::int64_t k = 0; k < classes_; ++k) {
      sums[k] += std::exp(double{logits[k]} - largest) / total;
    }
  }

  const LogitsFunction& logits_;
  Device& device_;
  const std::vector<float>& image_;
  std::int64_t height_, width_, classes_ = 0;
  const std::vector<float>& mean_;
  std::vector<double> sums_;  // [H, W, classes]
};

}  // namespace

std::vector<std::int64_t> tile_starts(std::int64_t extent, std::int64_t tile, double overlap) {
  if (tile >= extent) return {0};
  const auto stride = std::max<std::int64_t>(
      1, static_cast<std::int64_t>(std::ceil(static_cast<double>(tile) * (1 - overlap))));
  std::vector<std::int64_t> starts;
  for (std::int64_t start = 0; start + tile < extent; start += stride) starts.push_back(start);
  starts.push_back(extent - tile);
  return starts;
}

std::vector<std::uint8_t> label_pixels(const LogitsFunction& logits, Device& device,
                                       const std::vector<float>& image, std::int64_t height,
                                       std::int64_t width, const std::vector<float>& mean,
                                       const TileOptions& options) {
  Labeller labeller(logits, device, image, height, width, mean);
  const std::int64_t tile_height = options.tile.value_or(height),
                     tile_width = options.tile.value_or(width);
  for (const std::int64_t top : tile_starts(height, tile_height, options.overlap)) {
    for (const std::int64_t left : tile_starts(width, tile_width, options.overlap)) {
      labeller.add({top, left, tile_height, tile_width}, false);
      if (options.mirror) labeller.add({top, left, tile_height, tile_width}, true);
    }
  }
  return labeller.labels();
}

}  // namespace saddle
