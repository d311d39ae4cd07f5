// ImageResize: a window of a resized image, at the cost of the window alone.
//
// Images by the triangle filter, which is bilinear interpolation where the image grows and widens
// with the pixels where it shrinks, so that nothing is skipped. With Pillow's arithmetic, which is
// integers but for the weights: the bytes are those of its BILINEAR, and those of a window are
// those of the whole. (Of tall images that shrink Pillow 13 resizes the columns first, which
// differs by a level; older ones do not.) stb_image_resize is no substitute: at the edges of a
// shrunk image it repeats the last pixel, which was seen to differ by 13 levels, and from 37 rows
// to 30 its assertions fail.
//
// Labels by the nearest pixel: they are never mixed.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace saddle {

// One axis: `size` pixels are resized to `scaled`, of which `count` from `begin` on are wanted.
struct ResizedAxis {
  std::int64_t size = 0, scaled = 0;
  std::int64_t begin = 0, count = 0;
};

// Of RGB pixels [rows.size, columns.size, 3] the window [rows.count, columns.count, 3]. Each row is
// resized and rounded to bytes, then each column; an axis that keeps its size is copied. Throws
// Error where a window is not within the resized image, or `pixels` has another size.
std::vector<std::uint8_t> resize_bilinear(std::span<const std::uint8_t> pixels,
                                          const ResizedAxis& rows, const ResizedAxis& columns);

// The same of labels [rows.size, columns.size]: at d stands what stood at
// floor((d + 1/2) size / scaled).
std::vector<std::uint8_t> resize_nearest(std::span<const std::uint8_t> labels,
                                         const ResizedAxis& rows, const ResizedAxis& columns);

}  // namespace saddle
