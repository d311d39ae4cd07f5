// `saddle-segment attack` from flags to files, on a set of PNGs.
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "apps/common/checkpoint.h"
#include "apps/segment/attack_program.h"
#include "apps/segment/predict.h"
#include "core/file.h"
#include "tests/apps/segmentation_runs.h"
#include "tests/apps/segmentation_trees.h"
#include "tests/support/expect_near.h"

namespace saddle {
namespace {

using namespace testing_support;
using Json = nlohmann::json;

// A checkpoint, and five images of three sizes as a voc-folder.
class SegmentAttack : public testing::Test {
 protected:
  SegmentAttack() : set_(square_test_data()) {
    std::string ids, names;
    for (std::int64_t i = 0; i < set_.size(); ++i) write_image(i, ids);
    for (const std::string& name : set_.class_names) names += name + "\n";
    write_text(directory_, "data/ImageSets/Segmentation/val.txt", ids);
    write_text(directory_, "data/ImageSets/Segmentation/train.txt", ids);
    write_text(directory_, "data/classes.txt", names);
    save(false);
  }

  void write_image(std::int64_t i, std::string& ids) {
    const SegmentationImage& image = set_.images[static_cast<std::size_t>(i)];
    const auto height = static_cast<int>(image.height), width = static_cast<int>(image.width);
    const auto pixels = set_.pixels_of(i);
    const auto labels = set_.labels_of(i);
    directory_.write("data/JPEGImages/" + image.id + ".png",
                     png_of(height, width, 3, {pixels.begin(), pixels.end()}));
    directory_.write("data/SegmentationClass/" + image.id + ".png",
                     mask_of(height, width, {labels.begin(), labels.end()}));
    ids += image.id + "\n";
  }

  void save(bool stretched) {
    ModelDescription description = small_segmenter();
    description.class_names = set_.class_names;
    description.network.deeplab.stretched_pixels = stretched;
    save_checkpoint(file("model"), Model(cpu_device(), description, 4));
  }

  std::string file(const std::string& name) const { return (directory_.path() / name).string(); }

  SegmentAttackOptions options(const std::vector<std::string>& attacks,
                               const std::string& json = "seg.json") const {
    SegmentAttackOptions options;
    options.common.device = "cpu";
    options.common.quiet = true;
    options.data.name = "voc-folder";
    options.data.directory = file("data");
    options.checkpoint = file("model");
    options.attacks = attacks;
    options.json = file(json);
    return options;
  }

  // What it prints.
  std::string run(const SegmentAttackOptions& options) {
    testing::internal::CaptureStdout();
    testing::internal::CaptureStderr();
    try {
      attack(options);
    } catch (...) {
      testing::internal::GetCapturedStdout();
      testing::internal::GetCapturedStderr();
      throw;
    }
    testing::internal::GetCapturedStderr();
    return testing::internal::GetCapturedStdout();
  }

  std::vector<std::byte> bytes(const std::string& name) const {
    return read_file(file(name), 1 << 24);
  }

  Json json(const std::string& name = "seg.json") const {
    const std::vector<std::byte> all = bytes(name);
    return Json::parse(std::string(reinterpret_cast<const char*>(all.data()), all.size()));
  }

  TemporaryDirectory directory_;
  SegmentationSet set_;
};

TEST_F(SegmentAttack, writes_the_same_files_by_batches_of_1_and_8) {
  for (const std::int64_t batch_size : {1, 8}) {
    SegmentAttackOptions o =
        options({"segpgd:steps=2,eps=8/255", "noise:norm=l2"}, text(batch_size, ".json"));
    o.batch_size = batch_size;
    o.counts = file(text(batch_size, ".counts"));
    o.adversarial = file(text(batch_size, ".images"));
    o.images = file(text(batch_size, ".png"));
    run(o);
  }

  EXPECT_EQ(bytes("1.counts"), bytes("8.counts"));
  EXPECT_EQ(bytes("1.images"), bytes("8.images"));
  EXPECT_EQ(bytes("1.png"), bytes("8.png"));
  EXPECT_EQ(json("1.json").at("worst_cases"), json("8.json").at("worst_cases"));
  EXPECT_EQ(json("1.json").at("clean"), json("8.json").at("clean"));
}

TEST_F(SegmentAttack, leaves_json_and_no_state) {
  const std::string table = run(options({"pgd:steps=1"}));

  EXPECT_CONTAINS(table, "pgd:steps=1");
  EXPECT_EQ(json().at("examples"), 5);
  EXPECT_EQ(json().at("pixels"), "plain");
  EXPECT_FALSE(std::filesystem::exists(file("seg.json.state")));
}

TEST_F(SegmentAttack, evaluates_clean_images_where_no_attack_is_named) {
  run(options({}));

  EXPECT_TRUE(json().at("attacks").empty());
  EXPECT_TRUE(json().at("clean").at("miou").is_number());
}

TEST_F(SegmentAttack, stretches_images_where_the_checkpoint_was_trained_so) {
  run(options({"pgd:steps=1"}));
  const Json plain = json();
  save(true);

  run(options({"pgd:steps=1"}));

  EXPECT_EQ(json().at("pixels"), "stretched");
  EXPECT_NE(json().at("clean_loss"), plain.at("clean_loss"));
  EXPECT_CONTAINS(json().at("warnings").dump(), "stretched to [0, 1]");
}

TEST_F(SegmentAttack, predicts_with_a_stretched_network_as_it_is_attacked) {
  save(true);
  run(options({}));
  PredictOptions predicting;
  predicting.common.device = "cpu";
  predicting.common.quiet = true;
  predicting.checkpoint = file("model");
  predicting.images = file("data/JPEGImages");
  predicting.masks = file("masks");
  testing::internal::CaptureStdout();
  predict(predicting);
  testing::internal::GetCapturedStdout();

  std::vector<Confusion> images;
  for (std::int64_t i = 0; i < set_.size(); ++i) {
    const std::string name = "masks/" + set_.images[static_cast<std::size_t>(i)].id + ".png";
    images.emplace_back(3);
    images.back().add(set_.labels_of(i), decode_label_png(bytes(name), name).labels);
  }
  const Json rows = json().at("clean").at("confusion");
  for (std::int64_t label = 0; label < 3; ++label)
    for (std::int64_t seen = 0; seen < 3; ++seen)
      EXPECT_EQ(rows.at(static_cast<std::size_t>(label)).at(static_cast<std::size_t>(seen)),
                sum_of(images).at(label, seen));
}

TEST_F(SegmentAttack, records_which_label_was_made_void) {
  SegmentAttackOptions o = options({});
  o.data.ignore_label = 254;
  run(o);

  EXPECT_CONTAINS(json().at("warnings").dump(),
                  "voc-folder: label 254 is void: 0.0 % of the pixels of val");
}

TEST_F(SegmentAttack, feeds_pixels_that_are_not_normalised_where_told) {
  SegmentAttackOptions o = options({"pgd:steps=2,start=zero"});
  run(o);
  const Json correct = json();
  o.seg_norm = "official";

  run(o);

  EXPECT_EQ(json().at("seg_norm"), "official");
  EXPECT_EQ(json().at("clean"), correct.at("clean"));  // judged as ever
  EXPECT_NE(json().at("attacks").at(0).at("max_l2"), correct.at("attacks").at(0).at("max_l2"));
  EXPECT_CONTAINS(json().at("warnings").dump(), "--seg-norm official");
}

TEST_F(SegmentAttack, that_climbs_in_bf16_is_judged_in_fp32) {
  SegmentAttackOptions o = options({"pgd:steps=2,start=zero"});
  o.common.device = "emulated";
  run(o);
  const Json exact = json();
  o.common.precision = "bf16";

  run(o);

  EXPECT_EQ(json().at("judged_in"), "fp32");
  EXPECT_EQ(json().at("clean"), exact.at("clean"));
  EXPECT_EQ(json().at("clean_loss"), exact.at("clean_loss"));
  EXPECT_NE(json().at("attacks").at(0).at("max_l2"), exact.at("attacks").at(0).at("max_l2"));
  EXPECT_CONTAINS(json().at("warnings").dump(), "attacks climb in bf16");
  EXPECT_EQ(exact.at("warnings").dump().find("attacks climb"), std::string::npos);
}

TEST_F(SegmentAttack, weighs_classes_by_the_labels_of_the_part_that_is_named) {
  SegmentAttackOptions o = options({"pgd:steps=1,loss=mce-bal"});
  o.balance = "test";

  run(o);

  EXPECT_EQ(json().at("attacks").at(0).at("loss"), "mce-bal");
}

TEST_F(SegmentAttack, reports_an_miou_without_the_classes_that_are_named) {
  SegmentAttackOptions o = options({"pgd:steps=1"});
  o.miou_without = "0,2";

  const std::string table = run(o);

  EXPECT_CONTAINS(table, "mIoU without " + set_.class_names[0] + ", " + set_.class_names[2]);
  EXPECT_EQ(json().at("left_out_classes"), (Json{set_.class_names[0], set_.class_names[2]}));
  for (const Json& scores : {json().at("clean"), json().at("attacks").at(0)})
    EXPECT_EQ(scores.at("miou_without"), scores.at("class_iou").at(set_.class_names[1]));
}

TEST_F(SegmentAttack, refuses_classes_that_it_cannot_leave_out) {
  SegmentAttackOptions o = options({});
  for (const auto& [list, message] : {std::pair{"3", "the classes are 0 to 2"},
                                      {"1,1", "1 comes twice"},
                                      {"0,1,2", "leaves no class"},
                                      {"0;1", "--miou-without: '0;1' is not an integer"}}) {
    o.miou_without = list;
    EXPECT_CONTAINS(message_of<UsageError>([&] { run(o); }), message);
  }
}

TEST_F(SegmentAttack, writes_confusions_as_a_table_and_as_a_picture) {
  SegmentAttackOptions o = options({"pgd:steps=1"});
  o.confusion = {file("c.csv"), file("c.png")};

  run(o);

  const std::vector<std::byte> csv = bytes("c.csv");
  EXPECT_EQ(std::ranges::count(csv, std::byte{'\n'}), 1 + 2 * 3 * 3);
  EXPECT_TRUE(std::filesystem::exists(file("c.png")));

  o.confusion = {file("c.txt")};
  EXPECT_CONTAINS(message_of<UsageError>([&] { run(o); }), "ends in .csv or .png");
}

TEST_F(SegmentAttack, finds_out_before_the_work_what_it_cannot_write) {
  const auto refusal = [this](const SegmentAttackOptions& o) {
    const std::string message = error_of([&] { run(o); });
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
    return message;
  };
  SegmentAttackOptions o = options({"pgd"});
  o.json = o.checkpoint;
  expect_part("would be written over the checkpoint", refusal(o));

  o = options({"pgd"});
  o.counts = file("./seg.json");
  expect_part("another output", refusal(o));

  o = options({"pgd"});
  o.images = file("nowhere/seg.png");
  expect_part("nowhere/seg.png", refusal(o));
}

TEST_F(SegmentAttack, goes_on_from_a_state_of_the_same_command_alone) {
  SegmentAttackOptions o = options({"pgd:steps=1"});
  write_text(directory_, "seg.json.state", "no state");
  expect_error("seg.json.state", [&] { run(o); });

  o.restart = true;
  run(o);
  EXPECT_FALSE(std::filesystem::exists(file("seg.json.state")));
}

}  // namespace
}  // namespace saddle
