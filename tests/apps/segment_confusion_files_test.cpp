// Which class is taken for which, as a table and as a picture.
#include <gtest/gtest.h>

#include "apps/data/image_file.h"
#include "apps/segment/confusion_files.h"
#include "tests/apps/pixel_scenes.h"
#include "tests/support/temporary_directory.h"

namespace saddle {
namespace {

// Two images of two classes, one named with a quote; an attack that turns all pixels of class 1.
SegmentationReport two_classes() {
  SegmentationReport report;
  report.model.class_names = {"sky", "a \"car\""};
  report.clean.images = {Confusion(2, {6, 0, 1, 2}), Confusion(2, {3, 1, 0, 1})};
  PixelResult attack = new_results(pixel_job("pgd:eps=1/255,steps=2"), 2, 2).back();
  attack.images = {Confusion(2, {6, 0, 3, 0}), Confusion(2, {4, 0, 1, 0})};
  report.attacks = {attack};
  return report;
}

TEST(ConfusionCsv, has_a_line_for_each_attack_label_and_prediction) {
  EXPECT_EQ(confusion_csv(two_classes()),
            "attack,label,prediction,pixels\n"
            "\"clean\",\"sky\",\"sky\",9\n"
            "\"clean\",\"sky\",\"a \"\"car\"\"\",1\n"
            "\"clean\",\"a \"\"car\"\"\",\"sky\",1\n"
            "\"clean\",\"a \"\"car\"\"\",\"a \"\"car\"\"\",3\n"
            "\"pgd:eps=1/255,steps=2\",\"sky\",\"sky\",10\n"
            "\"pgd:eps=1/255,steps=2\",\"sky\",\"a \"\"car\"\"\",0\n"
            "\"pgd:eps=1/255,steps=2\",\"a \"\"car\"\"\",\"sky\",4\n"
            "\"pgd:eps=1/255,steps=2\",\"a \"\"car\"\"\",\"a \"\"car\"\"\",0\n");
}

Image decoded(const std::filesystem::path& path) {
  return decode_image(read_file(path, 1 << 24), path.string());
}

// Pixels of the shade that a share of the label's pixels is drawn in.
std::int64_t pixels_of_share(const Image& picture, double share) {
  const auto mixed = [&](double full) { return std::lround(255 + share * (full - 255)); };
  std::int64_t count = 0;
  for (std::size_t i = 0; i < picture.pixels.size(); i += 3) {
    count += picture.pixels[i] == mixed(90) && picture.pixels[i + 1] == mixed(160) &&
             picture.pixels[i + 2] == mixed(230);
  }
  return count;
}

TEST(ConfusionPicture, shades_each_cell_by_its_share_of_the_label) {
  const TemporaryDirectory directory;

  save_confusion_picture(directory.path() / "c.png", two_classes());

  const Image picture = decoded(directory.path() / "c.png");
  // Of clean images .9 and .1, .25 and .75; under attack 1 twice. A cell's letters hide little.
  for (const double share : {.9, .1, .25, .75}) {
    EXPECT_GT(pixels_of_share(picture, share), 100) << share;
    EXPECT_LT(pixels_of_share(picture, share), 300) << share;
  }
  EXPECT_GT(pixels_of_share(picture, 1), 300);
  EXPECT_EQ(pixels_of_share(picture, .5), 0);
}

TEST(ConfusionPicture, of_many_classes_with_long_names_is_drawn_too) {
  const TemporaryDirectory directory;
  SegmentationReport report;
  report.clean.images = {Confusion(200)};  // no pixels at all
  report.model.class_names.assign(200, std::string(500, 'x'));

  save_confusion_picture(directory.path() / "c.png", report);

  const Image picture = decoded(directory.path() / "c.png");
  EXPECT_GT(picture.width, 200 * 20);
  EXPECT_LT(picture.width, 200 * 30);
}

}  // namespace
}  // namespace saddle
