#include "apps/data/fashion_scenes.h"

#include <algorithm>
#include <utility>

#include "core/error.h"
#include "kernels/philox.h"

namespace saddle {
namespace {

constexpr std::uint64_t kSeed = 20240223;
constexpr int kSceneSide = FashionScenes::kSide;
constexpr std::size_t kScenePixels = std::size_t{kSceneSide} * kSceneSide;
constexpr int kGarmentSide = 28, kGarmentPixels = kGarmentSide * kGarmentSide;
constexpr int kPaddedSide = kGarmentSide + 2;
constexpr int kLargestSide = 72;  // of a garment in a scene; the smallest is 40

// Where the random words of a scene's parts begin: element e of item i.
constexpr std::uint32_t kLayout = 0, kGarments = 16, kTexture = 256, kNoise = 4096;

struct Draws {
  Stream stream;
  std::uint32_t scene;

  Random4 operator()(std::uint32_t element) const { return stream.bits(scene, element); }
};

using Colour = std::array<int, 3>;

int byte_of(std::uint32_t word, int k) { return static_cast<int>(word >> 8 * k & 255); }

int below(std::uint32_t word, int n) {
  return static_cast<int>(uniform_below(word, static_cast<std::uint32_t>(n)));
}

// One octave of value noise: random bytes on a lattice, bilinear in between. Cells are 32, 16 and 8
// pixels wide.
class Octave {
 public:
  Octave(const Draws& draws, int octave)
      : shift_(5 - octave), columns_((kSceneSide >> shift_) + 1) {
    const auto first = kTexture + 256 * static_cast<std::uint32_t>(octave);
    for (int i = 0; i < columns_ * columns_; ++i)
      lattice_[i] = static_cast<int>(draws(first + static_cast<std::uint32_t>(i)).v[0] & 255);
  }

  int at(int y, int x) const {  // 0 to 255
    const int row = y >> shift_, column = x >> shift_;
    const int down = weight(y), right = weight(x);
    const int* upper = &lattice_[row * columns_ + column];
    const int* lower = upper + columns_;
    const int left_mean = upper[0] * (256 - down) + lower[0] * down;
    const int right_mean = upper[1] * (256 - down) + lower[1] * down;
    return (left_mean * (256 - right) + right_mean * right) >> 16;
  }

 private:
  // 256 (position mod cell) / cell
  int weight(int position) const { return (position & ((1 << shift_) - 1)) << (8 - shift_); }

  int shift_, columns_;
  std::array<int, 13 * 13> lattice_;
};

// pixel = (c0 (255 - t) + c1 t) / 255 with t = (4 o0 + 2 o1 + o2) / 7
void paint_background(const Draws& draws, std::span<std::uint8_t> pixels) {
  const Random4 layout = draws(kLayout);
  Colour c0, c1;
  for (int k = 0; k < 3; ++k) {
    c0[k] = byte_of(layout.v[1], k) / 2;
    c1[k] = byte_of(layout.v[2], k) / 2;
  }
  const Octave coarse(draws, 0), middle(draws, 1), fine(draws, 2);
  std::size_t at = 0;
  for (int y = 0; y < kSceneSide; ++y) {
    for (int x = 0; x < kSceneSide; ++x) {
      const int t = (4 * coarse.at(y, x) + 2 * middle.at(y, x) + fine.at(y, x)) / 7;
      for (int k = 0; k < 3; ++k)
        pixels[at++] = static_cast<std::uint8_t>((c0[k] * (255 - t) + c1[k] * t) / 255);
    }
  }
}

struct Placement {
  std::size_t garment = 0;
  int side = 0, left = 0, top = 0;  // pixels of the scene; parts may lie outside
  Colour tint{};                    // 128 to 255
  bool mirrored = false;
};

// left, top = below(w, 97 - floor(3 s / 4)) - floor(s / 8): up to an eighth of a garment's side
// lies beyond an edge of the scene.
Placement place(const Draws& draws, std::uint32_t number, std::size_t garments) {
  const Random4 where = draws(kGarments + 2 * number), how = draws(kGarments + 2 * number + 1);
  Placement placement;
  placement.garment = uniform_below(where.v[0], static_cast<std::uint32_t>(garments));
  placement.side = 40 + below(where.v[1], kLargestSide - 40 + 1);
  const int room = kSceneSide + 1 - 3 * placement.side / 4;
  placement.left = below(where.v[2], room) - placement.side / 8;
  placement.top = below(where.v[3], room) - placement.side / 8;
  for (int k = 0; k < 3; ++k) placement.tint[k] = 128 + (byte_of(how.v[0], k) & 127);
  placement.mirrored = (how.v[1] & 1) != 0;
  return placement;
}

// A garment's grey, or the alpha of its silhouette, with its margin.
using Plane = std::array<std::array<int, kPaddedSide>, kPaddedSide>;

Plane padded_grey(std::span<const std::uint8_t> image) {
  Plane plane;
  for (int y = 0; y < kPaddedSide; ++y) {
    const int row = std::clamp(y - 1, 0, kGarmentSide - 1);
    for (int x = 0; x < kPaddedSide; ++x)
      plane[y][x] = image[row * kGarmentSide + std::clamp(x - 1, 0, kGarmentSide - 1)];
  }
  return plane;
}

Plane padded_alpha(const std::array<std::uint32_t, kPaddedSide>& silhouette) {
  Plane plane;
  for (int y = 0; y < kPaddedSide; ++y)
    for (int x = 0; x < kPaddedSide; ++x) plane[y][x] = (silhouette[y] >> x & 1) != 0 ? 255 : 0;
  return plane;
}

// Between which two rows, or columns, of a plane the centre of an enlarged one lies; `weight`
// 256ths of it are the second.
struct Tap {
  int first = 0, second = 0, weight = 0;
};

// f = floor((2 d + 1) 28 2^15 / s) - 2^15 + 2^16, in units of 2^-16 pixels of the plane.
Tap tap_of(int d, int side) {
  const int f = (2 * d + 1) * kGarmentSide * 32768 / side - 32768 + 65536;
  return {f >> 16, std::min((f >> 16) + 1, kPaddedSide - 1), f >> 8 & 255};
}

using PlaneRow = std::array<int, kPaddedSide>;

PlaneRow between_rows(const Plane& plane, const Tap& tap) {
  PlaneRow row;
  for (int x = 0; x < kPaddedSide; ++x)
    row[x] = plane[tap.first][x] * (256 - tap.weight) + plane[tap.second][x] * tap.weight;
  return row;
}

int between_columns(const PlaneRow& row, const Tap& tap) {
  return (row[tap.first] * (256 - tap.weight) + row[tap.second] * tap.weight + 32768) >> 16;
}

// colour = tint (grey + 64) / 319; pixel = (pixel (255 - alpha) + colour alpha + 127) / 255
void blend(const Colour& tint, int grey, int alpha, std::uint8_t* pixel) {
  for (int k = 0; k < 3; ++k) {
    const int colour = tint[k] * (grey + 64) / 319;
    pixel[k] = static_cast<std::uint8_t>((pixel[k] * (255 - alpha) + colour * alpha + 127) / 255);
  }
}

struct Garment {
  Plane grey, alpha;
  std::uint8_t label;
};

void paint(const Garment& garment, const Placement& placement, std::span<std::uint8_t> pixels,
           std::span<std::uint8_t> labels) {
  const int side = placement.side;
  for (int row = 0; row < side; ++row) {
    const int y = placement.top + row;
    if (y < 0 || y >= kSceneSide) continue;
    const PlaneRow grey = between_rows(garment.grey, tap_of(row, side));
    const PlaneRow alpha = between_rows(garment.alpha, tap_of(row, side));
    for (int column = 0; column < side; ++column) {
      const int x = placement.left + column;
      if (x < 0 || x >= kSceneSide) continue;
      const Tap tap = tap_of(placement.mirrored ? side - 1 - column : column, side);
      const int cover = between_columns(alpha, tap);
      if (cover == 0) continue;
      const int at = y * kSceneSide + x;
      blend(placement.tint, between_columns(grey, tap), cover, &pixels[3 * at]);
      if (cover >= 64) labels[at] = cover > 191 ? garment.label : FashionScenes::kVoid;
    }
  }
}

// channel <- clamp(channel + floor(17 w / 2^32) - 8, 0, 255)
void add_noise(const Draws& draws, std::span<std::uint8_t> pixels) {
  for (std::uint32_t i = 0; i < kScenePixels; ++i) {
    const Random4 words = draws(kNoise + i);
    for (std::uint32_t k = 0; k < 3; ++k) {
      const int noisy = pixels[3 * i + k] + below(words.v[k], 17) - 8;
      pixels[3 * i + k] = static_cast<std::uint8_t>(std::clamp(noisy, 0, 255));
    }
  }
}

void check_sizes(std::int64_t first, std::size_t scenes, std::size_t pixels, std::size_t labels) {
  constexpr std::int64_t kNumbers = std::int64_t{1} << 32;  // an item of Philox's counter
  require(first >= 0 && first <= kNumbers && static_cast<std::int64_t>(scenes) <= kNumbers - first,
          "fashion-scenes: ", scenes, " scenes from number ", first,
          " on, expected numbers from 0 to 2^32 - 1");
  require(pixels == 3 * kScenePixels * scenes && labels == kScenePixels * scenes,
          "fashion-scenes: room for ", pixels, " bytes of pixels and ", labels,
          " labels, expected ", 3 * kScenePixels, " and ", kScenePixels, " a scene");
}

}  // namespace

// Dark pixels (below 16) that are connected with the margin through dark ones, along rows and
// columns, are outside; all others, dark insides and the holes of bags among them, are inside.
FashionScenes::Silhouette FashionScenes::silhouette_of(std::span<const std::uint8_t> image) {
  constexpr std::uint32_t kRow = (std::uint32_t{1} << kPaddedSide) - 1;
  Silhouette dark, outside{};
  dark.fill(kRow);
  for (int y = 0; y < kGarmentSide; ++y)
    for (int x = 0; x < kGarmentSide; ++x)
      if (image[y * kGarmentSide + x] >= 16) dark[y + 1] &= ~(std::uint32_t{2} << x);
  outside.front() = outside.back() = kRow;
  for (bool spreading = true; spreading;) {
    spreading = false;
    for (int y = 1; y + 1 < kPaddedSide; ++y) {
      const std::uint32_t row = outside[y];
      const std::uint32_t near = row | row << 1 | row >> 1 | outside[y - 1] | outside[y + 1];
      outside[y] = near & dark[y];
      spreading |= outside[y] != row;
    }
  }
  Silhouette inside;
  for (int y = 0; y < kPaddedSide; ++y) inside[y] = ~outside[y] & kRow;
  return inside;
}

FashionScenes::FashionScenes(std::vector<std::uint8_t> images, std::vector<std::int32_t> labels,
                             Split split)
    : images_(std::move(images)), labels_(std::move(labels)), split_(split) {
  require(!labels_.empty() && images_.size() == kGarmentPixels * labels_.size(),
          "fashion-scenes: ", images_.size(), " bytes of garments for ", labels_.size(),
          " labels, expected 28 x 28 for each and at least one");
  for (std::size_t i = 0; i < labels_.size(); ++i) {
    require(labels_[i] >= 0 && labels_[i] < kClasses - 1, "fashion-scenes: garment ", i,
            " has label ", labels_[i], ", expected 0 to 9. Are these Fashion-MNIST's?");
  }
  silhouettes_.resize(labels_.size());
#pragma omp parallel for
  for (std::size_t i = 0; i < labels_.size(); ++i)
    silhouettes_[i] = silhouette_of(std::span(images_).subspan(kGarmentPixels * i, kGarmentPixels));
}

void FashionScenes::compose(std::int64_t i, std::span<std::uint8_t> pixels,
                            std::span<std::uint8_t> labels) const {
  check_sizes(i, 1, pixels.size(), labels.size());
  const std::uint32_t step = split_ == Split::test ? 1 : 0;
  const Draws draws{{kSeed, Purpose::scenes, step}, static_cast<std::uint32_t>(i)};
  paint_background(draws, pixels);
  std::ranges::fill(labels, kBackground);
  const std::uint32_t garments = 2 + uniform_below(draws(kLayout).v[0], 3);
  for (std::uint32_t number = 0; number < garments; ++number) {
    const Placement placement = place(draws, number, labels_.size());
    const std::size_t source = placement.garment;
    const auto image = std::span(images_).subspan(kGarmentPixels * source, kGarmentPixels);
    const auto label = static_cast<std::uint8_t>(1 + labels_[source]);
    paint({padded_grey(image), padded_alpha(silhouettes_[source]), label}, placement, pixels,
          labels);
  }
  add_noise(draws, pixels);
}

void FashionScenes::compose_range(std::int64_t first, std::span<std::uint8_t> pixels,
                                  std::span<std::uint8_t> labels) const {
  const std::size_t scenes = labels.size() / kScenePixels;
  check_sizes(first, scenes, pixels.size(), labels.size());
#pragma omp parallel for
  for (std::size_t i = 0; i < scenes; ++i) {
    compose(first + static_cast<std::int64_t>(i),
            pixels.subspan(3 * kScenePixels * i, 3 * kScenePixels),
            labels.subspan(kScenePixels * i, kScenePixels));
  }
}

}  // namespace saddle
