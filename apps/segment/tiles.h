// Tiles: what a segmentation network takes the pixels of an image for that is larger than what it
// was trained on, or than the memory there is.
//
// Windows of one size that overlap, the last of a row and of a column flush with the edge; where
// several cover a pixel their softmax probabilities are added. A network that is shown windows of
// another size than its training crops does worse on them than on the whole image.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "core/loss.h"

namespace saddle {

struct TileOptions {
  std::optional<std::int64_t> tile;  // pixels a side; empty: the whole image at once
  double overlap = 1. / 3;           // share of a tile that the next one covers again, in [0, 1)
  bool mirror = false;               // adds the probabilities on the mirrored image (flip test)
};

// Where windows of `tile` pixels begin along `extent`: every ceil(tile (1 - overlap)), the last one
// flush with the end; 0 alone where the tile is not smaller.
std::vector<std::int64_t> tile_starts(std::int64_t extent, std::int64_t tile, double overlap);

// The class of each pixel [H, W] of an image [H, W, C] in [0, 1]. What a tile has beyond the image
// is of the colour `mean`, [C].
std::vector<std::uint8_t> label_pixels(const LogitsFunction& logits, Device& device,
                                       const std::vector<float>& image, std::int64_t height,
                                       std::int64_t width, const std::vector<float>& mean,
                                       const TileOptions& options);

}  // namespace saddle
