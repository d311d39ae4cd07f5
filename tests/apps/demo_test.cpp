// saddle-demo as a whole, on a few small images.
#include "apps/demo/demo.h"

#include <nlohmann/json.hpp>

#include "apps/attack/program.h"
#include "apps/segment/attack_program.h"
#include "core/file.h"
#include "core/json_text.h"
#include "tests/apps/image_files.h"

namespace saddle {
namespace {

using Words = std::vector<std::string>;

int called(int (*program)(int, const char* const*), Words words) {
  words.insert(words.begin(), "program");
  std::vector<const char*> line;
  for (const std::string& word : words) line.push_back(word.c_str());
  return program(static_cast<int>(line.size()), line.data());
}

nlohmann::json json_in(const std::filesystem::path& path) {
  const Blob bytes = read_file(path, 1 << 20);
  return parse_json(Bytes(bytes));
}

// Two classes of noise about two greys, in different sizes; one image in the test split is broken.
void write_images(const TemporaryDirectory& directory) {
  for (const char* split : {"train", "test"}) {
    for (int i = 0; i < 24; ++i) {
      const int side = 9 + i % 3;
      std::vector<std::uint8_t> pixels;
      for (int k = 0; k < 3 * side * side; ++k)
        pixels.push_back(static_cast<std::uint8_t>((i % 2) * 40 + (k * 37 + i * 11) % 120));
      directory.write(text(split, i % 2 ? "/b/" : "/a/", i, ".png"), png_of(side, side, 3, pixels));
    }
  }
  directory.write("test/a/99.png", bytes_of("broken"));
}

// Its clean accuracy is of the whole test split with the same flags, and so is saddle-attack's.
TEST(demo, reports_the_clean_accuracy_that_saddle_attack_finds) {
  const TemporaryDirectory images, output;
  write_images(images);
  const std::string out = (output.path() / "demo").string();
  const Words data{"--quiet",
                   "--device",
                   "cpu",
                   "--dataset",
                   "image-folder",
                   "--data-dir",
                   images.path().string(),
                   "--no-cache",
                   "--broken-images",
                   "skip",
                   "--image-size",
                   "8",
                   "--pad-to",
                   "12"};
  Words demo = data, attack = data;
  demo.insert(demo.end(), {"--output", out, "--width", "1", "--epochs", "1", "--train-limit", "24",
                           "--test-limit", "6", "--at-steps", "1"});
  attack.insert(attack.end(), {"--checkpoint", out + "/sgd/last.safetensors", "--attack",
                               "fgsm:eps=1/255", "--json", out + "/attack.json"});

  ASSERT_EQ(called(demo_main, demo), 0);
  ASSERT_EQ(called(attack_main, attack), 0);

  const nlohmann::json found = json_in(out + "/attack.json");
  EXPECT_EQ(found.at("examples"), 24);
  const nlohmann::json table = json_in(out + "/table.json");
  EXPECT_EQ(table.at("rows")[0].at("clean"), found.at("clean_accuracy"));
  EXPECT_EQ(table.at("examples"), 6);
  EXPECT_EQ(table.at("clean_examples"), 24);
  EXPECT_EQ(table.at("warnings").size(), 1u) << "one image is broken";
}

// Its scores are those that saddle-segment attack finds: clean ones of all test scenes, the others
// of those attacked.
TEST(demo, of_segmentation_reports_what_saddle_segment_finds) {
  const TemporaryDirectory output;
  const std::string out = (output.path() / "demo").string();

  ASSERT_EQ(called(demo_main,
                   {"segmentation", "--quiet", "--device", "cpu", "--output", out, "--train-limit",
                    "16", "--test-limit", "4", "--attacked", "2", "--epochs", "1"}),
            0);

  const nlohmann::json table = json_in(out + "/table.json");
  EXPECT_EQ(table.at("images"), 4);
  EXPECT_EQ(table.at("images_attacked"), 2);
  EXPECT_EQ(table.at("warnings").size(), 1u) << "few steps";
  ASSERT_EQ(table.at("rows").size(), 3u);
  EXPECT_TRUE(std::filesystem::exists(out + "/attacked.png"));
  const nlohmann::json& sam = table.at("rows")[1];
  EXPECT_EQ(sam.at("attacks").size(), 5u);
  SegmentAttackOptions attack;
  attack.common.quiet = true;
  attack.common.device = "cpu";
  attack.checkpoint = out + "/sam/last.safetensors";
  attack.data.test_limit = 4;
  attack.json = out + "/clean.json";
  saddle::attack(attack);
  EXPECT_EQ(sam.at("clean"), json_in(attack.json).at("clean").at("miou"));
  attack.data.test_limit = 2;
  attack.attacks = {"segpgd:norm=linf,eps=1/255,steps=20"};
  attack.json = out + "/attack.json";
  saddle::attack(attack);
  EXPECT_EQ(sam.at("attacks").at(attack.attacks[0]),
            json_in(attack.json).at("attacks")[0].at("miou"));
}

// They would write into the root folder.
TEST(demo, needs_a_directory) {
  EXPECT_EQ(called(demo_main, {"--output", ""}), 2);
  EXPECT_EQ(called(demo_main, {"segmentation", "--output", ""}), 2);
}

}  // namespace
}  // namespace saddle
