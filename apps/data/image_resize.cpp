#include "apps/data/image_resize.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"

namespace saddle {
namespace {

// Weights are integers of 1 / 2^22, as in Pillow: with 8 bits of a pixel and 2 to spare, 32 bits.
constexpr int kWeightBits = 22;
constexpr std::int32_t kHalf = 1 << (kWeightBits - 1);

// What one resized pixel is made of: `weights` of the pixels from `first` on.
struct Taps {
  std::int64_t first = 0;
  std::span<const std::int32_t> weights;
};

// The taps of an axis' window. Those beyond the image are left out, and the rest sums to 1.
class Filter {
 public:
  explicit Filter(const ResizedAxis& axis) {
    const double scale = static_cast<double>(axis.size) / static_cast<double>(axis.scaled);
    const double support = std::max(scale, 1.0);  // the triangle's half width, in source pixels
    std::vector<double> exact;
    for (std::int64_t i = axis.begin; i < axis.begin + axis.count; ++i) {
      const double centre = (static_cast<double>(i) + 0.5) * scale;
      const auto first =
          std::max<std::int64_t>(static_cast<std::int64_t>(centre - support + 0.5), 0);
      const auto end = std::min(static_cast<std::int64_t>(centre + support + 0.5), axis.size);
      double sum = 0;
      exact.clear();
      for (std::int64_t x = first; x < end; ++x) {
        // Times 1 / support, as Pillow does: a division rounds otherwise.
        const double distance = std::abs((static_cast<double>(x) - centre + 0.5) * (1.0 / support));
        exact.push_back(distance < 1 ? 1 - distance : 0);
        sum += exact.back();
      }
      firsts_.push_back(first);
      starts_.push_back(weights_.size());
      for (const double weight : exact)
        weights_.push_back(static_cast<std::int32_t>(0.5 + weight / sum * (1 << kWeightBits)));
    }
    starts_.push_back(weights_.size());
  }

  Taps operator[](std::int64_t i) const {
    const auto at = static_cast<std::size_t>(i);
    return {firsts_[at], std::span(weights_).subspan(starts_[at], starts_[at + 1] - starts_[at])};
  }

 private:
  std::vector<std::int64_t> firsts_;
  std::vector<std::size_t> starts_;
  std::vector<std::int32_t> weights_;
};

std::uint8_t byte_of(std::int32_t sum) {
  return static_cast<std::uint8_t>(std::min(sum >> kWeightBits, 255));
}

bool keeps_size(const ResizedAxis& axis) { return axis.size == axis.scaled; }

void check(const ResizedAxis& rows, const ResizedAxis& columns, std::int64_t channels,
           std::size_t bytes) {
  for (const ResizedAxis& axis : {rows, columns}) {
    require(axis.size > 0 && axis.begin >= 0 && axis.count > 0 &&
                axis.begin + axis.count <= axis.scaled,
            "resize: pixels ", axis.begin, " to ", axis.begin + axis.count - 1, " of ", axis.size,
            " resized to ", axis.scaled, ", expected at least one, and all of them within");
  }
  require(bytes == static_cast<std::size_t>(rows.size * columns.size * channels),
          "resize: an image of ", bytes, " bytes, expected ", rows.size, " x ", columns.size,
          " pixels of ", channels);
}

// Of a row [columns.size, 3] the window [columns.count, 3].
void resize_row(const std::uint8_t* row, const ResizedAxis& columns, const Filter& filter,
                std::uint8_t* resized) {
  if (keeps_size(columns)) {
    std::copy_n(row + 3 * columns.begin, 3 * columns.count, resized);
    return;
  }
  for (std::int64_t i = 0; i < columns.count; ++i, resized += 3) {
    const Taps taps = filter[i];
    const std::uint8_t* pixel = row + 3 * taps.first;
    std::int32_t r = kHalf, g = kHalf, b = kHalf;
    for (const std::int32_t weight : taps.weights) {
      r += weight * *pixel++;
      g += weight * *pixel++;
      b += weight * *pixel++;
    }
    resized[0] = byte_of(r);
    resized[1] = byte_of(g);
    resized[2] = byte_of(b);
  }
}

// Row after row, so that neighbours are added at once. `taps` count from the first of `rows`, each
// of `length` bytes; `sums` [length] is what is worked in.
void mix_rows(const std::uint8_t* rows, const Taps& taps, std::span<std::int32_t> sums,
              std::uint8_t* mixed) {
  const std::size_t length = sums.size();
  std::ranges::fill(sums, kHalf);
  const std::uint8_t* row = rows + taps.first * static_cast<std::int64_t>(length);
  for (const std::int32_t weight : taps.weights) {
    for (std::size_t i = 0; i < length; ++i) sums[i] += weight * row[i];
    row += length;
  }
  for (std::size_t i = 0; i < length; ++i) mixed[i] = byte_of(sums[i]);
}

}  // namespace

std::vector<std::uint8_t> resize_bilinear(std::span<const std::uint8_t> pixels,
                                          const ResizedAxis& rows, const ResizedAxis& columns) {
  check(rows, columns, 3, pixels.size());
  const Filter across(columns), down(rows);
  const Taps top = down[0], bottom = down[rows.count - 1];
  const std::int64_t first = keeps_size(rows) ? rows.begin : top.first;
  const std::int64_t end =
      keeps_size(rows) ? rows.begin + rows.count : bottom.first + std::ssize(bottom.weights);
  const std::int64_t length = 3 * columns.count;
  std::vector<std::uint8_t> wide(static_cast<std::size_t>((end - first) * length));
  for (std::int64_t y = first; y < end; ++y) {
    resize_row(pixels.data() + 3 * y * columns.size, columns, across,
               wide.data() + (y - first) * length);
  }
  if (keeps_size(rows)) return wide;
  std::vector<std::uint8_t> resized(static_cast<std::size_t>(rows.count * length));
  std::vector<std::int32_t> sums(static_cast<std::size_t>(length));
  for (std::int64_t y = 0; y < rows.count; ++y) {
    const Taps taps = down[y];
    mix_rows(wide.data(), {taps.first - first, taps.weights}, sums, resized.data() + y * length);
  }
  return resized;
}

std::vector<std::uint8_t> resize_nearest(std::span<const std::uint8_t> labels,
                                         const ResizedAxis& rows, const ResizedAxis& columns) {
  check(rows, columns, 1, labels.size());
  // floor((d + 1/2) size / scaled), in integers.
  const auto source = [](const ResizedAxis& axis, std::int64_t i) {
    return (2 * (axis.begin + i) + 1) * axis.size / (2 * axis.scaled);
  };
  std::vector<std::int64_t> sources;
  for (std::int64_t x = 0; x < columns.count; ++x) sources.push_back(source(columns, x));
  std::vector<std::uint8_t> resized(static_cast<std::size_t>(rows.count * columns.count));
  std::uint8_t* to = resized.data();
  for (std::int64_t y = 0; y < rows.count; ++y) {
    const std::uint8_t* row = labels.data() + source(rows, y) * columns.size;
    for (const std::int64_t x : sources) *to++ = row[x];
  }
  return resized;
}

}  // namespace saddle
