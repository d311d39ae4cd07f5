// Labels of a user's own images: windows, flips, masks that are read back, and what is refused.
#include <gtest/gtest.h>

#include "apps/common/checkpoint.h"
#include "apps/data/image_file.h"
#include "apps/data/label_png.h"
#include "apps/segment/predict.h"
#include "apps/segment/tiles.h"
#include "core/file.h"
#include "core/format.h"
#include "tests/apps/image_files.h"
#include "tests/apps/pixel_scenes.h"
#include "tests/support/expect_near.h"

namespace saddle {
namespace {

using namespace testing_support;
using Starts = std::vector<std::int64_t>;

TEST(TileStarts, step_by_what_is_not_covered_again_and_end_flush) {
  EXPECT_EQ(tile_starts(100, 40, 0.25), (Starts{0, 30, 60}));  // 60 + 40 = 100
  EXPECT_EQ(tile_starts(101, 40, 0.25), (Starts{0, 30, 60, 61}));
  EXPECT_EQ(tile_starts(10, 4, 0), (Starts{0, 4, 6}));
  EXPECT_EQ(tile_starts(10, 3, 1. / 3), (Starts{0, 2, 4, 6, 7}));
  EXPECT_EQ(tile_starts(10, 5, 1. / 3), (Starts{0, 4, 5}));    // ceil(5 * 2 / 3) = 4
  EXPECT_EQ(tile_starts(5, 1, 0.9), (Starts{0, 1, 2, 3, 4}));  // at least one further
}

TEST(TileStarts, are_one_where_the_tile_is_not_smaller) {
  EXPECT_EQ(tile_starts(10, 10, 0.5), (Starts{0}));
  EXPECT_EQ(tile_starts(1, 513, 0.5), (Starts{0}));
}

struct Picture {
  std::int64_t height, width;
  std::vector<float> pixels;
};

Picture noise(std::int64_t height, std::int64_t width) {
  return {height, width, random_values(height * width * 3, 5, 0.f, 1.f)};
}

const std::vector<float> kMean = {0.4f, 0.45f, 0.5f};

std::vector<std::uint8_t> labelled(const LogitsFunction& f, const Picture& picture,
                                   const TileOptions& options = {}) {
  return label_pixels(f, cpu_device(), picture.pixels, picture.height, picture.width, kMean,
                      options);
}

// As judge_pixels says it of the whole image.
std::vector<std::uint8_t> judged(const LogitsFunction& f, const Picture& picture) {
  const std::vector<std::uint8_t> labels(picture.pixels.size() / 3, 0);
  return judge_pixels(
             f,
             Tensor::from_host(cpu_device(), {1, picture.height, picture.width, 3}, picture.pixels),
             Tensor::from_host(cpu_device(), {1, picture.height, picture.width}, labels),
             kSceneClasses)
      .predictions;
}

TEST(LabelPixels, are_the_networks_on_the_whole_image) {
  const LogitsFunction f = linear_segmenter(kSceneClasses);

  EXPECT_EQ(labelled(f, noise(17, 23)), judged(f, noise(17, 23)));
  EXPECT_EQ(labelled(f, noise(1, 1)), judged(f, noise(1, 1)));
}

TEST(LabelPixels, are_the_same_by_any_tiles_of_a_network_that_sees_one_pixel) {
  const LogitsFunction f = linear_segmenter(kSceneClasses, 1);
  const Picture picture = noise(17, 23);
  const auto whole = judged(f, picture);

  EXPECT_EQ(labelled(f, picture, {5, 1. / 3, false}), whole);
  EXPECT_EQ(labelled(f, picture, {7, 0., false}), whole);
  EXPECT_EQ(labelled(f, picture, {20, 0.5, false}), whole);  // taller than the image
  EXPECT_EQ(labelled(f, picture, {64, 0.5, false}), whole);  // larger than the image
  EXPECT_EQ(labelled(f, picture, {1, 0.9, false}), whole);
  EXPECT_EQ(labelled(f, picture, {{}, 0.5, true}), whole);
  EXPECT_EQ(labelled(f, picture, {6, 0.25, true}), whole);
}

TEST(LabelPixels, of_one_tile_as_large_as_the_image_are_the_images) {
  const LogitsFunction f = linear_segmenter(kSceneClasses);
  const Picture picture = noise(19, 19);

  EXPECT_EQ(labelled(f, picture, {19, 1. / 3, false}), judged(f, picture));
}

TEST(LabelPixels, see_the_mean_colour_beyond_the_image) {
  const LogitsFunction f = linear_segmenter(kSceneClasses);
  const Picture picture = noise(6, 9);
  Picture padded{12, 12, {}};
  for (std::int64_t y = 0; y < 12; ++y) {
    for (std::int64_t x = 0; x < 12; ++x) {
      const float* from = y < 6 && x < 9 ? picture.pixels.data() + (y * 9 + x) * 3 : kMean.data();
      padded.pixels.insert(padded.pixels.end(), from, from + 3);
    }
  }

  const auto labels = labelled(f, picture, {12, 0.5, false});

  const auto whole = judged(f, padded);
  for (std::size_t y = 0; y < 6; ++y) {
    for (std::size_t x = 0; x < 9; ++x) EXPECT_EQ(labels[y * 9 + x], whole[y * 12 + x]);
  }
}

TEST(LabelPixels, add_probabilities_and_not_logits) {
  // Logits 0, 3, 0 in one window and 8, 0, 8 in the next: their sum says 0, but of the
  // probabilities, 0.05 + 0.5, 0.91 + 0 and 0.05 + 0.5, the second is the largest.
  int calls = 0;
  const LogitsFunction f = [&calls](Tape& tape, const Var& x) {
    const std::vector<float> shift =
        ++calls % 2 == 1 ? std::vector<float>{0.f, 3.f, 0.f} : std::vector<float>{8.f, 0.f, 8.f};
    return affine(tape, x, Tensor::from_host(cpu_device(), {3}, std::vector<float>(3, 0.f)),
                  Tensor::from_host(cpu_device(), {3}, shift), Activation::none);
  };
  EXPECT_EQ(labelled(f, noise(1, 1), {{}, 0, true}), (std::vector<std::uint8_t>{1}));
  // Windows 0 and 1 of a row of three pixels, tile 2: the middle pixel is in both.
  calls = 1;
  EXPECT_EQ(labelled(f, {1, 3, std::vector<float>(9, 0.f)}, {2, 0.5, false}),
            (std::vector<std::uint8_t>{0, 1, 1}));
}

TEST(LabelPixels, of_the_flip_test_are_the_mirrored_ones_of_the_mirrored_image) {
  const LogitsFunction f = linear_segmenter(kSceneClasses);
  const Picture picture = noise(9, 8);
  Picture mirrored = picture;
  for (std::size_t y = 0; y < 9; ++y)
    for (std::size_t x = 0; x < 8; ++x)
      for (std::size_t k = 0; k < 3; ++k)
        mirrored.pixels[(y * 8 + x) * 3 + k] = picture.pixels[(y * 8 + 7 - x) * 3 + k];

  const auto labels = labelled(f, picture, {{}, 0, true});
  const auto of_mirrored = labelled(f, mirrored, {{}, 0, true});

  EXPECT_NE(labels, labelled(f, picture));
  for (std::size_t y = 0; y < 9; ++y)
    for (std::size_t x = 0; x < 8; ++x) EXPECT_EQ(labels[y * 8 + x], of_mirrored[y * 8 + 7 - x]);
}

// ---- the program ----

// A checkpoint and a folder of images of its own.
class Predict : public testing::Test {
 protected:
  Predict() {
    ModelDescription description;
    description.network.model = "deeplabv3_mobilenetv2";
    description.network.classes = kSceneClasses;
    description.network.deeplab = {0.0625, 8, {1, 2, 3}, 8, 0.1f, BlockPadding::inside};
    description.mean = kMean;
    description.std = {0.2f, 0.25f, 0.3f};
    description.class_names = {"ground", "cat", "dog"};
    save_checkpoint(file("model"), Model(cpu_device(), description, 4));
    options_.common.device = "cpu";
    options_.common.quiet = true;
    options_.checkpoint = file("model").string();
    options_.images = file("photos").string();
    options_.masks = file("masks").string();
  }

  std::filesystem::path file(const std::string& name) const { return directory_.path() / name; }

  void write_photo(const std::string& name, int height, int width) {
    const Picture picture = noise(height, width);
    std::vector<std::uint8_t> pixels;
    for (float value : picture.pixels)
      pixels.push_back(static_cast<std::uint8_t>(std::lround(255 * value)));
    directory_.write("photos/" + name, png_of(height, width, 3, pixels));
  }

  // What it prints.
  std::string output() {
    testing::internal::CaptureStdout();
    try {
      predict(options_);
    } catch (...) {
      testing::internal::GetCapturedStdout();
      throw;
    }
    return testing::internal::GetCapturedStdout();
  }

  LabelImage mask(const std::string& name) const {
    return decode_label_png(read_file(file("masks/" + name), 1 << 20), name);
  }

  std::string refusal() {
    const std::string message = error_of([this] { output(); });
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
    return message;
  }

  TemporaryDirectory directory_;
  PredictOptions options_;
};

TEST_F(Predict, writes_masks_that_are_the_networks_labels) {
  write_photo("b.png", 33, 21);
  write_photo("a.png", 32, 32);

  const std::string lines = output();

  const Model model = load_checkpoint(options_.checkpoint, cpu_device(), {}, {});
  const Image photo = decode_image(read_file(file("photos/b.png"), 1 << 20), "b");
  Picture picture{33, 21, {}};
  for (const std::uint8_t value : photo.pixels)
    picture.pixels.push_back(static_cast<float>(value) / 255.f);
  EXPECT_EQ(mask("b.png").labels, judged(model.evaluation(), picture));
  EXPECT_EQ(mask("b.png").height, 33);
  EXPECT_EQ(mask("a.png").width, 32);
  EXPECT_TRUE(lines.starts_with("a.png: ")) << lines;  // in the order of the names
  EXPECT_CONTAINS(lines, " %\nb.png: ");
}

TEST_F(Predict, prints_the_share_of_each_class) {
  write_photo("a.png", 32, 32);

  const std::string line = output();

  const LabelImage labels = mask("a.png");
  const char* names[] = {"ground", "cat", "dog"};
  for (std::uint8_t c = 0; c < 3; ++c) {
    const auto count = static_cast<double>(std::ranges::count(labels.labels, c));
    if (count == 0) continue;
    EXPECT_CONTAINS(line, text(names[c], formatted(" %.1f %%", 100 * count / 1024)));
  }
}

TEST_F(Predict, takes_one_file_images_of_one_pixel_and_capital_endings) {
  write_photo("ONE.PNG", 1, 1);
  output();
  EXPECT_EQ(mask("ONE.png").labels.size(), 1u);

  options_.images = file("photos/ONE.PNG").string();
  options_.masks = file("other").string();
  output();
  EXPECT_TRUE(std::filesystem::exists(file("other/ONE.png")));
}

TEST_F(Predict, draws_overlays_whose_opacity_is_asked_for) {
  write_photo("a.png", 32, 200);
  options_.overlays = file("overlays").string();
  options_.opacity = 0;

  output();

  const Image photo = decode_image(read_file(file("photos/a.png"), 1 << 20), "a");
  const Image overlay = decode_image(read_file(file("overlays/a.png"), 1 << 20), "a");
  EXPECT_EQ(overlay.width, 200);
  EXPECT_GT(overlay.height, 32);  // names below
  EXPECT_TRUE(std::equal(photo.pixels.begin(), photo.pixels.end(), overlay.pixels.begin()));
}

TEST_F(Predict, shows_classes_in_the_palettes_colours) {
  write_photo("a.png", 8, 8);
  directory_.write("palette", bytes_of("1 2 3\n40 50 60\n70 80 90\n"));
  options_.palette = file("palette").string();

  output();

  const Image shown = decode_image(read_file(file("masks/a.png"), 1 << 20), "a");
  const LabelImage labels = mask("a.png");
  const std::uint8_t reds[] = {1, 40, 70};
  for (std::size_t i = 0; i < 64; ++i) EXPECT_EQ(shown.pixels[3 * i], reds[labels.labels[i]]);
}

TEST_F(Predict, refuses_a_palette_of_other_classes) {
  write_photo("a.png", 8, 8);
  options_.palette = file("palette").string();
  directory_.write("palette", bytes_of("1 2 3\n40 50 60\n"));
  expect_part("has 2 lines of `red green blue`, the model 3 classes", refusal());

  directory_.write("palette", bytes_of("1 2 3\n40 50 60\n7 8 256\n"));
  expect_part("line 3 has 256, expected 0 to 255", refusal());

  directory_.write("palette", bytes_of("1 2 3\n#ff0000\n40 50 60\n7 8 9\n"));
  expect_part("line 2", refusal());
}

TEST_F(Predict, refuses_two_images_of_one_mask) {
  write_photo("a.png", 8, 8);
  directory_.write("photos/a.jpg", jpeg_of(8, 8, plain(8, 8, 1, 2, 3)));

  expect_part("another image has the same name but for its ending", refusal());
}

TEST_F(Predict, refuses_what_holds_no_image) {
  std::filesystem::create_directories(file("photos"));
  directory_.write("photos/readme.txt", bytes_of("no image"));
  expect_part("holds no image (.png", refusal());

  options_.images = file("nowhere").string();
  expect_part(file("nowhere").string(), refusal());
}

TEST_F(Predict, names_the_image_that_is_broken) {
  directory_.write("photos/a.png", without_last(30, png_of(8, 8, 3, plain(8, 8, 1, 2, 3))));

  expect_part("photos/a.png", refusal());
  EXPECT_FALSE(std::filesystem::exists(file("masks/a.png")));
}

TEST_F(Predict, refuses_options_that_cannot_be) {
  const auto with = [this](auto member, const auto& value) {
    PredictOptions changed = options_;
    changed.*member = value;
    const std::string message = message_of<UsageError>([&] { predict(changed); });
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
    return message;
  };
  write_photo("a.png", 8, 8);
  EXPECT_CONTAINS(with(&PredictOptions::checkpoint, ""), "--checkpoint is missing");
  EXPECT_CONTAINS(with(&PredictOptions::images, ""), "--images is missing");
  EXPECT_CONTAINS(with(&PredictOptions::masks, ""), "give --masks DIR, --overlays DIR, or both");
  EXPECT_CONTAINS(with(&PredictOptions::overlays, options_.masks), "Name two folders");
  EXPECT_CONTAINS(with(&PredictOptions::opacity, 1.5), "--opacity 1.5 must lie in [0, 1]");
  EXPECT_CONTAINS(with(&PredictOptions::overlap, 1.), "--overlap 1 must lie in [0, 1)");
}

TEST_F(Predict, does_not_write_masks_over_the_images) {
  write_photo("a.png", 8, 8);
  const auto before = read_file(file("photos/a.png"), 1 << 20);
  options_.masks = file("photos").string();

  expect_part("--masks", refusal());
  EXPECT_EQ(read_file(file("photos/a.png"), 1 << 20), before);

  options_.masks = file("masks").string();
  options_.overlays = file("./photos/").string();
  expect_part("--overlays", refusal());
}

TEST_F(Predict, names_the_folder_that_cannot_be_made) {
  write_photo("a.png", 8, 8);
  directory_.write("masks", bytes_of("a file"));

  expect_part(file("masks").string() + ": cannot be made: ", refusal());
}

TEST_F(Predict, refuses_an_overlap_of_no_tiles) {
  write_photo("a.png", 8, 8);
  options_.overlap = 0.5;

  expect_part("--overlap does nothing without --tile", refusal());
}

TEST_F(Predict, refuses_an_opacity_of_no_overlays) {
  write_photo("a.png", 8, 8);
  options_.opacity = 0.25;

  expect_part("--opacity does nothing without --overlays", refusal());
}

}  // namespace
}  // namespace saddle
