#include "tests/apps/segmentation_runs.h"

#include <random>

namespace saddle {
namespace {

constexpr std::uint8_t kVoid = 255;

void add_image(SegmentationSet& set, std::int64_t height, std::int64_t width,
               std::mt19937& random) {
  const auto below = [&](std::int64_t n) { return static_cast<std::int64_t>(random()) % n; };
  const std::int64_t side = 10, places_down = height - side, places_right = width - side;
  const std::int64_t y1 = below(places_down), x1 = below(places_right), y2 = below(places_down),
                     x2 = below(places_right);
  set.images.push_back({text("image", set.images.size()), height, width,
                        static_cast<std::int64_t>(set.labels.size())});
  const auto in = [&](std::int64_t y, std::int64_t x, std::int64_t top, std::int64_t left) {
    return y >= top && y < top + side && x >= left && x < left + side;
  };
  for (std::int64_t y = 0; y < height; ++y) {
    for (std::int64_t x = 0; x < width; ++x) {
      const int label = in(y, x, y2, x2) ? 2 : in(y, x, y1, x1) ? 1 : 0;
      const int base = label == 0 ? 100 : label == 1 ? 190 : 20;
      for (int c = 0; c < 3; ++c) {
        set.pixels.push_back(static_cast<std::uint8_t>(base + below(40) + 5 * c));
      }
      set.labels.push_back(y == 0 ? kVoid : static_cast<std::uint8_t>(label));
    }
  }
}

}  // namespace

SegmentationSet squares(std::int64_t images, std::uint64_t seed,
                        const std::vector<std::pair<std::int64_t, std::int64_t>>& sizes) {
  SegmentationSet set;
  set.name = "squares";
  set.split = "train";
  set.classes = 3;
  set.mean = {0.4f, 0.45f, 0.5f};
  set.std = {0.2f, 0.25f, 0.3f};
  set.class_names = {"ground", "bright", "dark"};
  set.palette = voc_palette(3);
  std::mt19937 random(static_cast<std::uint32_t>(seed));
  for (std::int64_t i = 0; i < images; ++i) {
    const auto [height, width] = sizes[static_cast<std::size_t>(i) % sizes.size()];
    add_image(set, height, width, random);
  }
  for (const std::uint8_t label : set.labels) ++set.census[label];
  return set;
}

SegmentationSet square_training_data() { return squares(14, 1); }

SegmentationSet square_test_data() { return squares(5, 2, {{32, 32}, {24, 40}, {33, 31}}); }

SegmentTrainOptions small_segment_run(const std::filesystem::path& output) {
  SegmentTrainOptions options;
  options.common.quiet = true;
  options.common.device = "cpu";
  options.common.seed = 5;
  options.data.name = "voc-folder";
  options.width = 0.0625;
  options.output_stride = 8;
  options.aspp_rates = "1,2,3";
  options.aspp_channels = 8;
  options.mobilenet_padding = "inside";
  options.epochs = 4;
  options.batch_size = 4;
  options.descent.lr = 0.05;
  options.run.output = output.string();
  return options;
}

TrainResult train_small(const SegmentTrainOptions& options) {
  return train(resolved(options), square_training_data(), square_test_data());
}

ModelDescription small_segmenter(std::int64_t classes) {
  ModelDescription description;
  NetworkOptions& network = description.network;
  network.model = "deeplabv3_mobilenetv2";
  network.classes = classes;
  network.deeplab = {0.0625, 8, {1, 2, 3}, 8, 0.1f, BlockPadding::inside};
  description.mean = {0.4f, 0.45f, 0.5f};
  description.std = {0.2f, 0.25f, 0.3f};
  return description;
}

}  // namespace saddle
