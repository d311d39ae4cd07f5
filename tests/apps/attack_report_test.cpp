// What saddle-attack writes: table, JSON, tensors, pictures.
#include "apps/attack/report.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "apps/common/png.h"
#include "core/safetensors.h"
#include "core/json_text.h"
#include "tests/apps/data_files.h"

namespace saddle {
namespace {

// Two images of 1 x 2 pixels and three channels.
Dataset two_images() {
  Dataset data;
  data.name = "two";
  data.height = 1;
  data.width = 2;
  data.channels = 3;
  data.classes = 2;
  data.pixels = {0, 51, 102, 153, 204, 255, 10, 20, 30, 40, 50, 60};
  data.labels = {1, 0};
  data.class_names = {"cat", "dog"};
  return data;
}

NamedResult attack_result(const std::string& name, double robust_accuracy) {
  NamedResult named{name, name + ":eps=1/255", {}, true};
  named.result.robust_accuracy = robust_accuracy;
  named.result.max_linf = 0.004;
  named.result.passes = {30, 20};
  named.result.seconds = 2;
  named.result.attacked = 1;
  named.result.warnings = {"beware"};
  named.result.examples.resize(2);
  named.result.examples[0].label = 1;
  named.result.examples[0].member = 0;
  named.result.examples[0].attempt = 3;
  named.result.examples[0].linf = 0.25;
  named.result.members = {{"apgd-t", 30, {7, 8}, 1.5, 0}, {"square", 25, {9, 0}, 0.5, 0}};
  for (std::uint8_t byte : two_images().pixels) {
    named.result.adversarial.push_back(static_cast<float>(byte) / 255.f);
  }
  named.result.adversarial[0] = 0.25f;
  return named;
}

AttackReport report() {
  AttackReport report{"m.safetensors", "preact_resnet10", "cpu", "fp32", {}, {}};
  report.clean.accuracy = 50;
  report.clean.classes = 2;
  report.clean.logits = {1, 2, 3, 4};
  report.clean.predictions = {1, 1};
  report.attacks = {attack_result("fgsm", 40), attack_result("pgd", 25)};
  return report;
}

std::vector<std::string> keys_of(const nlohmann::ordered_json& object) {
  std::vector<std::string> keys;
  for (const auto& [key, value] : object.items()) keys.push_back(key);
  return keys;
}

TEST(report_table, shows_no_foreign_text_that_drives_a_terminal) {
  AttackReport hostile = report();
  hostile.checkpoint = "\x1b[2J\n" + std::string(100'000, 'm');
  hostile.unfinished = {"\x1b[31m"};
  Dataset data = two_images();
  data.name = "a\rb";

  const std::string table = report_table({hostile, hostile}, data);

  EXPECT_EQ(table.find_first_of("\x1b\r"), std::string::npos);
  EXPECT_LT(table.size(), 30'000u);
  EXPECT_NE(table.find("\\x1b[2J\\nmmm"), std::string::npos);
  EXPECT_NE(report_json({hostile}, data).find("\\u001b[2J\\n"), std::string::npos);
}

TEST(ReportJson, begins_with_the_keys_of_the_contract) {
  const auto json = parse_ordered_json(report_json({report()}, two_images()));

  EXPECT_EQ(keys_of(json),
            (std::vector<std::string>{
                "checkpoint",  "model",          "dataset",  "examples",           "device",
                "precision",   "clean_accuracy", "attacks",  "average_robustness", "clean_loss",
                "eps_curves",  "warnings",       "finished", "unfinished",         "classes",
                "input_shape", "mean",           "std",      "assumptions",        "worst_cases",
                "transfer",    "plan",           "judged_in"}));
  EXPECT_EQ(
      keys_of(json["attacks"][0]),
      (std::vector<std::string>{"name", "spec", "robust_accuracy", "max_linf", "max_l2",
                                "forward_passes", "backward_passes", "seconds", "images_per_second",
                                "warnings", "max_l1", "attacked", "finished", "members"}));
}

TEST(ReportJson, says_what_a_time_budget_left_undone) {
  AttackReport cut = report();
  cut.attacks[1].finished = false;
  cut.unfinished = {"pgd:eps=1/255", "square"};

  const auto json = parse_json(report_json({cut}, two_images()));

  EXPECT_FALSE(json["finished"]);
  EXPECT_EQ(json["unfinished"], (std::vector<std::string>{"pgd:eps=1/255", "square"}));
  EXPECT_TRUE(json["attacks"][0]["finished"]);
  EXPECT_FALSE(json["attacks"][1]["finished"]);
  const std::string table = report_table({cut}, two_images());
  expect_part("at most 25.00 %", table);
  expect_part("unfinished: square", table);
}

TEST(ReportJson, holds_one_object_a_checkpoint) {
  const auto json = parse_json(report_json({report(), report()}, two_images()));

  ASSERT_EQ(json["reports"].size(), 2u);
  EXPECT_EQ(json["reports"][1]["checkpoint"], "m.safetensors");
}

TEST(ReportJson, says_what_was_found) {
  const auto json = parse_json(report_json({report()}, two_images()));

  EXPECT_EQ(json["examples"], 2);
  EXPECT_EQ(json["clean_accuracy"], 50.);
  EXPECT_EQ(json["attacks"][1]["spec"], "pgd:eps=1/255");
  EXPECT_EQ(json["attacks"][1]["robust_accuracy"], 25.);
  EXPECT_EQ(json["attacks"][1]["forward_passes"], 30);
  EXPECT_EQ(json["attacks"][1]["images_per_second"], 0.5);
  EXPECT_EQ(json["attacks"][1]["warnings"][0], "beware");
  EXPECT_TRUE(json["average_robustness"].is_null());
}

TEST(ReportJson, stays_json_for_a_path_that_is_not_utf8) {
  AttackReport strange = report();
  strange.checkpoint = "m\xff.safetensors";

  EXPECT_TRUE(nlohmann::json::accept(report_json({strange}, two_images())));
}

TEST(ReportJson, says_what_the_model_is_and_what_was_assumed) {
  AttackReport assumed = report();
  assumed.description = {{"preact_resnet10", 2, 1, 28, 28, 10}, {0.1f}, {0.25f}};
  assumed.assumptions = {"mean and std are the data set's"};

  const auto json = parse_json(report_json({assumed}, two_images()));

  EXPECT_EQ(json["classes"], 10);
  EXPECT_EQ(json["input_shape"], (std::vector<int>{1, 28, 28}));
  EXPECT_EQ(json_text(json["mean"]), "[0.1]");  // not the float's 0.10000000149
  EXPECT_EQ(json_text(json["std"]), "[0.25]");
  EXPECT_EQ(json["assumptions"][0], "mean and std are the data set's");
}

// Of two examples: the first attack breaks the first, the second the second.
AttackReport two_attacks_in_one_ball() {
  AttackReport both = report();
  both.attacks = {attack_result("fgsm", 50), attack_result("pgd", 50), attack_result("fab", 50),
                  attack_result("stadv", 0)};
  for (NamedResult& attack : both.attacks) {
    attack.ball = Ball{Norm::linf, 0.25};
    for (ExampleRecord& record : attack.result.examples) record.attacked = 1;
    attack.result.examples[0].prediction = 1;
    attack.result.examples[0].member = -1;
  }
  both.attacks[0].result.examples[0].prediction = 0;
  both.attacks[0].result.examples[0].member = 0;
  both.attacks[1].result.examples[1].prediction = 1;
  both.attacks[1].result.examples[1].member = 1;
  both.attacks[2].ball = Ball{Norm::l2, 0.25};
  both.attacks[3].ball.reset();
  both.worst_cases = worst_cases(both.attacks);
  return both;
}

TEST(WorstCases, count_as_robust_what_every_attack_of_a_ball_failed_on) {
  const AttackReport both = two_attacks_in_one_ball();

  ASSERT_EQ(both.worst_cases.size(), 1u);
  EXPECT_EQ(both.worst_cases[0].attacks, (std::vector<std::size_t>{0, 1}));
  EXPECT_EQ(both.worst_cases[0].robust_accuracy, 0.);  // each alone leaves 50 %
  EXPECT_EQ(both.worst_cases[0].broken_by, (std::vector<std::size_t>{0, 1}));
}

TEST(WorstCases, leave_out_what_a_time_budget_cut) {
  AttackReport cut = two_attacks_in_one_ball();
  cut.attacks[1].finished = false;

  EXPECT_TRUE(worst_cases(cut.attacks).empty());
}

TEST(WorstCases, stand_in_table_json_and_csv) {
  const AttackReport both = two_attacks_in_one_ball();

  const std::string table = report_table({both}, two_images());
  const auto json = parse_json(report_json({both}, two_images()));
  const std::string csv = report_csv({both});

  expect_part("worst case linf 0.25", table);
  expect_part("worst case linf 0.25: fgsm:eps=1/255; pgd:eps=1/255\n", table);
  EXPECT_EQ(json["worst_cases"].size(), 1u);
  EXPECT_EQ(json["worst_cases"][0]["attacks"],
            (std::vector<std::string>{"fgsm:eps=1/255", "pgd:eps=1/255"}));
  EXPECT_EQ(json["worst_cases"][0]["norm"], "linf");
  EXPECT_EQ(json["worst_cases"][0]["eps"], 0.25);
  EXPECT_EQ(json["worst_cases"][0]["robust_accuracy"], 0.);
  EXPECT_EQ(std::count(csv.begin(), csv.end(), '\n'), 1 + 5 * 2);
  expect_part("\"worst case linf 0.25\",0,1,0,0,1,1,\"fgsm:eps=1/255\",3,", csv);
  expect_part("\"worst case linf 0.25\",1,0,0,1,1,1,\"pgd:eps=1/255\",", csv);
}

TEST(ReportTable, says_how_others_do_on_the_images) {
  AttackReport both = report();
  both.transfers = {{"other.safetensors", "wrn_28_10", 75, {50, 25}}};

  const std::string table = report_table({both}, two_images());
  const auto json = parse_json(report_json({both}, two_images()));

  expect_part("other.safetensors           clean   75.00 %\n", table);
  expect_part("other.safetensors   pgd:eps=1/255   25.00 %\n", table);
  EXPECT_EQ(json["transfer"][0]["clean_accuracy"], 75.);
  EXPECT_EQ(json["transfer"][0]["attacks"][1]["spec"], "pgd:eps=1/255");
  EXPECT_EQ(json["transfer"][0]["attacks"][1]["accuracy"], 25.);
}

TEST(ReportTable, has_a_row_for_images_rounded_to_eight_bits) {
  AttackReport rounded = report();
  rounded.attacks[1].eight_bit = EightBitResult{12.5, {1, 1}, std::vector<float>(12, 1.f)};

  const std::string table = report_table({rounded}, two_images());
  const auto json = parse_json(report_json({rounded}, two_images()));

  expect_part("  rounded to 8 bits          12.50 %", table);
  EXPECT_EQ(json["attacks"][1]["eight_bit"]["robust_accuracy"], 12.5);
  EXPECT_FALSE(json["attacks"][0].contains("eight_bit"));
}

TEST(ReportTable, says_how_many_are_taken_for_the_target) {
  AttackReport aimed = report();
  aimed.attacks[0].targeted = true;

  expect_part("  taken for the target         100.00 %", report_table({aimed}, two_images()));
  EXPECT_EQ(parse_json(report_json({aimed}, two_images()))["attacks"][0]["target_success"], 100.);
}

TEST(AverageRobustness, is_the_mean_of_the_attack_columns) {
  EXPECT_EQ(average_robustness(report().attacks), 32.5);
  EXPECT_THROW(average_robustness({}), Error);
}

TEST(ReportTable, has_a_row_an_attack_and_one_a_member) {
  const std::string table = report_table({report()}, two_images());

  expect_part("clean accuracy 50.00 %", table);
  expect_part("fgsm:eps=1/255", table);
  expect_part("pgd:eps=1/255", table);
  expect_part("  square", table);
  EXPECT_EQ(std::count(table.begin(), table.end(), '\n'), 2 + 2 * 3);
}

TEST(ReportTable, names_the_checkpoints_where_there_are_several) {
  AttackReport other = report();
  other.checkpoint = "other.safetensors";

  const std::string one = report_table({report()}, two_images());
  const std::string two = report_table({report(), other}, two_images());

  EXPECT_EQ(one.find("m.safetensors"), std::string::npos);
  expect_part("\nother.safetensors  pgd:eps=1/255", two);
  expect_part("\nm.safetensors      pgd:eps=1/255", two);
}

TEST(ReportTable, has_a_row_a_radius) {
  AttackReport curved = report();
  curved.curves = {{"pgd:norm=l2", {0.25, 0.5}, {40, 12.5}}};

  const std::string table = report_table({curved}, two_images());

  expect_part("pgd:norm=l2  0.25          40.00 %", table);
  expect_part("pgd:norm=l2   0.5          12.50 %", table);
}

TEST(ReportCsv, has_a_row_an_example_and_attack) {
  const std::string csv = report_csv({report()});

  EXPECT_EQ(std::count(csv.begin(), csv.end(), '\n'), 1 + 2 * 2);
  expect_part("\"m.safetensors\",\"fgsm:eps=1/255\",0,1,0,0,0,1,apgd-t,3,0,0,0.25,0,0,0,0,0\n",
              csv);
  expect_part("\"m.safetensors\",\"pgd:eps=1/255\",1,0,0,0,0,0,,,0,0,0,0,0,0,0,0\n", csv);
}

TEST(SavePlot, draws_the_clean_accuracy_at_radius_0) {
  const TemporaryDirectory directory;
  const auto path = directory.path() / "p.svg";
  AttackReport curved = report();
  curved.curves = {{"pgd", {0.25, 0.5}, {40, 12.5}}};

  save_plot(path, {curved, curved}, two_images());

  const std::vector<std::byte> svg = read_file(path, 1 << 20);
  const std::string drawn(reinterpret_cast<const char*>(svg.data()), svg.size());
  EXPECT_TRUE(drawn.starts_with("<svg xmlns="));
  expect_part("<circle cx=\"50.0\" cy=\"186.5\"", drawn);  // the left end, half of the height
}

TEST(SaveAdversarial, writes_channels_first) {
  const TemporaryDirectory directory;
  const auto path = directory.path() / "adversarial.safetensors";

  save_adversarial(path, report(), two_images());

  const SafetensorsFile file = SafetensorsFile::load(path);
  EXPECT_EQ(file.names(), (std::vector<std::string>{"adversarial.0-fgsm", "adversarial.1-pgd",
                                                    "images", "labels"}));
  EXPECT_EQ(file.tensor("images").shape, (Shape{2, 3, 1, 2}));
  const std::vector<float> images = file.read_f32("images");
  EXPECT_EQ(images[1], 153.f / 255);  // the second pixel's first channel
  EXPECT_EQ(images[2], 51.f / 255);   // the first pixel's second channel
  EXPECT_EQ(file.read_f32("adversarial.1-pgd")[0], 0.25f);
  EXPECT_EQ(file.read_i64("labels"), (std::vector<std::int64_t>{1, 0}));
  EXPECT_EQ(file.tensor("labels").dtype, DType::i64);
}

TEST(SaveAdversarial, writes_the_rounded_images_where_there_are_some) {
  const TemporaryDirectory directory;
  const auto path = directory.path() / "adversarial.safetensors";
  AttackReport rounded = report();
  rounded.attacks[1].eight_bit = EightBitResult{12.5, {1, 1}, std::vector<float>(12, 1.f)};

  save_adversarial(path, rounded, two_images());

  const SafetensorsFile file = SafetensorsFile::load(path);
  EXPECT_EQ(file.read_f32("adversarial.1-pgd")[0], 1.f);
  EXPECT_EQ(file.metadata().at("adversarial.1-pgd"), "pgd:eps=1/255, rounded to k/255");
}

TEST(SaveLogits, writes_one_row_an_example) {
  const TemporaryDirectory directory;
  const auto path = directory.path() / "logits.safetensors";

  save_logits(path, report());

  const SafetensorsFile file = SafetensorsFile::load(path);
  EXPECT_EQ(file.tensor("logits").shape, (Shape{2, 2}));
  EXPECT_EQ(file.read_f32("logits"), (std::vector<float>{1, 2, 3, 4}));
}

TEST(ImageGrid, enlarges_pixels_and_leaves_white_around_them) {
  ImageGrid grid(1, 2, 1, 2, 3, 3);
  const std::vector<float> image{1.f, 0.f, 0.5f, 0.f, 2.f, -1.f};

  grid.place(0, 1, image, "");

  const auto rgb = [&](std::int64_t y, std::int64_t x) {
    const auto pixel = grid.pixel(y, x);
    return std::vector<int>(pixel.begin(), pixel.end());
  };
  constexpr std::int64_t kTop = ImageGrid::kGap + ImageGrid::kCaptionHeight;
  constexpr std::int64_t kLeft = ImageGrid::kGap + 6 + ImageGrid::kGap;
  EXPECT_EQ(grid.width(), 3 * ImageGrid::kGap + 12);
  EXPECT_EQ(rgb(kTop, kLeft), (std::vector<int>{255, 0, 128}));
  EXPECT_EQ(rgb(kTop + 2, kLeft + 2), (std::vector<int>{255, 0, 128}));
  EXPECT_EQ(rgb(kTop, kLeft + 3), (std::vector<int>{0, 255, 0}));
  EXPECT_EQ(rgb(kTop, kLeft - 1), (std::vector<int>{255, 255, 255}));
  EXPECT_EQ(rgb(kTop + 3, kLeft), (std::vector<int>{255, 255, 255}));
}

TEST(ImageGrid, writes_captions_under_images) {
  ImageGrid grid(1, 1, 8, 8, 1, 1);
  const std::vector<float> white(64, 1.f);

  grid.place(0, 0, white, "I");

  // The middle stroke of the letter I, two pixels under the image.
  const std::int64_t y = ImageGrid::kGap + ImageGrid::kCaptionHeight + 8 + 2 + 3;
  EXPECT_EQ(grid.pixel(y, ImageGrid::kGap + 2)[0], 0);
  EXPECT_EQ(grid.pixel(y, ImageGrid::kGap + 1)[0], 255);
}

TEST(ImageGrid, rejects_images_that_do_not_fit) {
  ImageGrid grid(1, 1, 2, 2, 1, 1);

  expect_error("no cell 1, 0", [&] { grid.place(1, 0, std::vector<float>(4), ""); });
  expect_error("5 values are no image", [&] { grid.place(0, 0, std::vector<float>(5), ""); });
}

TEST(SaveImages, writes_a_png_of_the_moved_examples) {
  const TemporaryDirectory directory;
  const auto path = directory.path() / "images.png";

  save_images(path, report(), two_images());

  std::ifstream stream(path, std::ios::binary);
  std::vector<unsigned char> bytes(24);
  stream.read(reinterpret_cast<char*>(bytes.data()), 24);
  const std::vector<unsigned char> signature{0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
  EXPECT_TRUE(std::equal(signature.begin(), signature.end(), bytes.begin()));
  // Width: five cells (clean, and two for each attack) of 2 pixels enlarged 48 times, and six gaps.
  EXPECT_EQ(bytes[18] * 256 + bytes[19], 5 * 96 + 6 * ImageGrid::kGap);
}

TEST(WritePng, rejects_bytes_that_are_no_picture) {
  expect_error("11 bytes are no picture of 2 x 2 pixels and 3 channels",
               [] { write_png("nowhere.png", 2, 2, 3, std::vector<std::uint8_t>(11)); });
}

}  // namespace
}  // namespace saddle
