#include "apps/data/segmentation_crop.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "apps/data/colour_jitter.h"
#include "apps/data/image_limits.h"
#include "apps/data/image_resize.h"
#include "core/error.h"
#include "kernels/philox.h"

namespace saddle {
namespace {

constexpr std::uint8_t kVoid = 255;

// Far over what a photograph can be enlarged to, and far below where products of sides overflow.
constexpr double kMaxScaledSide = 1 << 20;

// What the image is before the factor: {height, width}.
std::pair<std::int64_t, std::int64_t> size_before_scale(const CropRecipe& recipe,
                                                        const SegmentationImage& image) {
  if (!recipe.shorter_side) return {image.height, image.width};
  const std::int64_t shorter = std::min(image.height, image.width);
  const auto resized = [&](std::int64_t side) { return *recipe.shorter_side * side / shorter; };
  return {resized(image.height), resized(image.width)};
}

// Truncated, but at least 1.
std::int64_t scaled(std::int64_t side, double factor) {
  return std::max<std::int64_t>(static_cast<std::int64_t>(static_cast<double>(side) * factor), 1);
}

// Of each of the four sides, where a short axis pads them all.
std::int64_t padding_of_all_sides(const CropRecipe& recipe, std::int64_t height,
                                  std::int64_t width) {
  const auto half_of_missing = [](std::int64_t crop, std::int64_t side) {
    return side < crop ? (crop + 1 - side) / 2 : 0;
  };
  const std::int64_t padding = half_of_missing(recipe.width, width);
  return padding + half_of_missing(recipe.height, height + 2 * padding);
}

// Where the crop begins: anywhere within the image and `padding` before and after it. Where the
// image is short of the crop nonetheless, anywhere such that the crop holds all of it.
std::int64_t corner(std::uint32_t bits, std::int64_t crop, std::int64_t side,
                    std::int64_t padding) {
  const std::int64_t room = side + 2 * padding - crop;  // below 0: what is short
  const auto places = static_cast<std::uint32_t>(std::abs(room) + 1);
  return std::min<std::int64_t>(room, 0) - padding + uniform_below(bits, places);
}

// All orders of three, in the order of the words.
std::array<int, 3> order_of(std::uint32_t bits) {
  static constexpr std::array<std::array<int, 3>, 6> kOrders{
      {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}}};
  return kOrders[uniform_below(bits, 6)];
}

// The part of an axis of the crop that shows the image: its first pixel, and what is resized to it.
struct Shown {
  std::int64_t begin = 0;
  ResizedAxis axis;

  Shown(std::int64_t side, std::int64_t scaled_side, std::int64_t corner, std::int64_t crop)
      : begin(std::max<std::int64_t>(-corner, 0)) {
    const std::int64_t first = std::max<std::int64_t>(corner, 0);
    axis = {side, scaled_side, first, std::min(corner + crop, scaled_side) - first};
  }
};

// The rows of an image [rows, columns, channels] to their place in the crop.
void place(std::span<const std::uint8_t> image, const Shown& rows, const Shown& columns,
           std::int64_t crop_width, std::int64_t channels, std::span<std::uint8_t> crop) {
  const std::int64_t length = columns.axis.count * channels;
  for (std::int64_t y = 0; y < rows.axis.count; ++y) {
    const std::int64_t to = ((rows.begin + y) * crop_width + columns.begin) * channels;
    std::copy_n(image.data() + y * length, length, crop.data() + to);
  }
}

// Of an image [rows, width, channels].
void mirror_rows(std::span<std::uint8_t> image, std::int64_t width, std::int64_t channels) {
  for (auto row = image.begin(); row != image.end(); row += width * channels) {
    auto left = row, right = row + (width - 1) * channels;
    for (; left < right; left += channels, right -= channels)
      std::swap_ranges(left, left + channels, right);
  }
}

// What every refusal begins with.
std::string crops_of(const SegmentationSet& set) { return set.name + ": crops "; }

void check_usage(bool ok, const std::string& message) {
  if (!ok) throw UsageError(message);
}

void check_numbers(const CropRecipe& recipe, const SegmentationSet& set) {
  const std::string crops = crops_of(set);
  const auto is_side = [](std::int64_t side) { return side >= 1 && side <= kMaxImageSide; };
  check_usage(is_side(recipe.height) && is_side(recipe.width),
              text(crops, "of ", recipe.width, " x ", recipe.height, " pixels, expected 1 to ",
                   kMaxImageSide, " a side"));
  check_usage(!recipe.shorter_side || is_side(*recipe.shorter_side),
              text(crops, "of images whose shorter side is resized to ",
                   recipe.shorter_side.value_or(0), " pixels, expected 1 to ", kMaxImageSide));
  check_usage(recipe.scale_low > 0 && recipe.scale_low <= recipe.scale_high &&
                  std::isfinite(recipe.scale_high),
              text(crops, "of images at ", recipe.scale_low, " to ", recipe.scale_high,
                   " times their size, expected factors over 0, the lower one first"));
  check_usage(recipe.pad_label == kVoid || recipe.pad_label < set.classes,
              text(crops, "padded with label ", int{recipe.pad_label}, ", expected a class, 0 to ",
                   set.classes - 1, ", or ", int{kVoid}, " for void"));
  for (const float jitter : recipe.jitter) {
    check_usage(jitter >= 0 && jitter <= 1, text(crops, "whose colours are jittered by ", jitter,
                                                 ", expected 0 (not at all) to 1"));
  }
}

}  // namespace

CropRecipe default_crop(const SegmentationSet& set) {
  CropRecipe recipe;
  if (set.name == "fashion-scenes") {
    recipe.height = recipe.width = 96;
  } else if (set.name == "stanford-background") {
    recipe.height = recipe.width = 240;
    recipe.shorter_side = 256;
    recipe.jitter = {0.5f, 0.5f, 0.5f};
  } else {
    recipe.height = recipe.width = 513;
    recipe.scale_low = 0.5;
    recipe.scale_high = 2;
  }
  return recipe;
}

CropRecipe official_crop(const SegmentationSet& set) {
  CropRecipe recipe = default_crop(set);
  recipe.pads_all_sides = true;
  recipe.pad_label = 0;
  return recipe;
}

void check(const CropRecipe& recipe, const SegmentationSet& set) {
  check_numbers(recipe, set);
  require(set.channels == 3, crops_of(set), "of images of ", set.channels,
          " channels, expected 3 (RGB)");
  for (const SegmentationImage& image : set.images) {
    const auto [height, width] = size_before_scale(recipe, image);
    const double longest = static_cast<double>(std::max(height, width)) * recipe.scale_high;
    check_usage(longest <= kMaxScaledSide,
                text(crops_of(set), "of ", image.id, ", ", image.width, " x ", image.height,
                     " pixels, which would be enlarged to a side of ", longest,
                     ". Take a smaller factor or shorter side"));
  }
}

void make_crop(const SegmentationSet& set, std::int64_t image, const CropRecipe& recipe,
               std::uint64_t seed, std::uint32_t epoch, std::span<std::uint8_t> pixels,
               std::span<std::uint8_t> labels) {
  require(image >= 0 && image < set.size(), set.name, ": a crop of image ", image, " of ",
          set.size());
  const SegmentationImage& size = set.images[static_cast<std::size_t>(image)];
  const CropPlan plan = draw_crop(recipe, size, seed, epoch, static_cast<std::uint32_t>(image));
  execute_crop(set, image, recipe, plan, pixels, labels);
}

CropPlan draw_crop(const CropRecipe& recipe, const SegmentationImage& size, std::uint64_t seed,
                   std::uint32_t epoch, std::uint32_t image) {
  // Each word has its place, so that what is drawn for the one does not change with another.
  const Stream stream{seed, Purpose::segmentation_crop, epoch};
  const Random4 where = stream.bits(image, 0), colours = stream.bits(image, 1);
  const double factor = recipe.scale_low + (recipe.scale_high - recipe.scale_low) *
                                               static_cast<double>(uniform(where.v[0]));
  const auto [height, width] = size_before_scale(recipe, size);
  CropPlan plan;
  plan.scaled_height = scaled(height, factor);
  plan.scaled_width = scaled(width, factor);
  const std::int64_t padding =
      recipe.pads_all_sides ? padding_of_all_sides(recipe, plan.scaled_height, plan.scaled_width)
                            : 0;
  plan.top = corner(where.v[1], recipe.height, plan.scaled_height, padding);
  plan.left = corner(where.v[2], recipe.width, plan.scaled_width, padding);
  plan.mirrored = recipe.mirror && uniform_below(where.v[3], 2) == 1;
  for (std::size_t i = 0; i < 3; ++i)
    plan.factors[i] = 1 + recipe.jitter[i] * (2 * uniform(colours.v[i]) - 1);
  plan.order = order_of(colours.v[3]);
  return plan;
}

void execute_crop(const SegmentationSet& set, std::int64_t image, const CropRecipe& recipe,
                  const CropPlan& plan, std::span<std::uint8_t> pixels,
                  std::span<std::uint8_t> labels) {
  const auto area = static_cast<std::size_t>(recipe.height * recipe.width);
  require(pixels.size() == 3 * area && labels.size() == area, set.name, ": a crop of ",
          recipe.width, " x ", recipe.height, " pixels into ", pixels.size(), " bytes and ",
          labels.size(), " labels, expected ", 3 * area, " and ", area);
  const SegmentationImage& size = set.images[static_cast<std::size_t>(image)];
  const Shown rows(size.height, plan.scaled_height, plan.top, recipe.height);
  const Shown columns(size.width, plan.scaled_width, plan.left, recipe.width);
  const bool shows_any = rows.axis.count > 0 && columns.axis.count > 0;
  if (!shows_any || rows.axis.count < recipe.height || columns.axis.count < recipe.width) {
    std::ranges::fill(labels, recipe.pad_label);
    for (auto pixel = pixels.begin(); pixel != pixels.end(); pixel += 3)
      std::ranges::copy(recipe.pad_colour, pixel);
  }
  if (shows_any) {  // else it lies in the padding of the reference, which may be wide
    place(resize_bilinear(set.pixels_of(image), rows.axis, columns.axis), rows, columns,
          recipe.width, 3, pixels);
    place(resize_nearest(set.labels_of(image), rows.axis, columns.axis), rows, columns,
          recipe.width, 1, labels);
  }
  jitter_colours(pixels, plan.factors, plan.order);
  if (!plan.mirrored) return;
  mirror_rows(pixels, recipe.width, 3);
  mirror_rows(labels, recipe.width, 1);
}

}  // namespace saddle
