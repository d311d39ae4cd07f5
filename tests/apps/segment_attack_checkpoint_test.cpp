// The network of a checkpoint that `saddle-segment attack` and `predict` are given: by what the
// file says, by flags where it says nothing, and refused where it does not fit the set.
#include <gtest/gtest.h>

#include "apps/common/checkpoint.h"
#include "apps/segment/load_segmenter.h"
#include "tests/apps/data_files.h"
#include "tests/apps/editable_checkpoint.h"
#include "tests/apps/segmentation_runs.h"
#include "tests/support/expect_near.h"

namespace saddle {
namespace {

using namespace testing_support;

// A checkpoint of a small network, and the set it was trained on.
class LoadSegmenter : public testing::Test {
 protected:
  LoadSegmenter() : path_((directory_.path() / "model").string()), set_(squares(2, 1)) {
    save(described());
  }

  ModelDescription described() const {
    ModelDescription description = small_segmenter();
    description.class_names = set_.class_names;
    return description;
  }

  void save(const ModelDescription& description) const {
    save_checkpoint(path_, Model(cpu_device(), description, 4));
  }

  void take_metadata_away() const {
    Editable file(path_);
    file.metadata.clear();
    file.save(path_);
  }

  Model loaded(const SegmenterFlags& flags = {}) const {
    return load_segmenter(path_, flags, cpu_device(), set_, Precision::fp32);
  }

  std::string refusal(const SegmenterFlags& flags = {}) const {
    const std::string message = error_of([&] { loaded(flags); });
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
    return message;
  }

  std::vector<float> logits(const Model& model) const {
    const std::vector<std::int32_t> all = {0, 1};
    const Batch batch = whole_images(cpu_device(), set_, all, PixelRange::plain);
    Tape tape;
    return model.evaluation()(tape, tape.input(batch.inputs, Gradient::none))
        .value()
        .to_host<float>();
  }

  // All that small_segmenter() is and the reference is not.
  static SegmenterFlags flags() {
    SegmenterFlags flags;
    flags.model = "deeplabv3_mobilenetv2";
    flags.classes = 3;
    flags.width = 0.0625;
    flags.output_stride = 8;
    flags.aspp_channels = 8;
    flags.aspp_rates = "1,2,3";
    flags.mobilenet_padding = "inside";
    flags.mean = "0.4,0.45,0.5";
    flags.std = "0.2,0.25,0.3";
    return flags;
  }

  TemporaryDirectory directory_;
  std::string path_;
  SegmentationSet set_;
};

TEST_F(LoadSegmenter, takes_all_from_a_file_that_describes_itself) {
  const Model model = loaded();

  const DeepLabOptions& deeplab = model.network.options.deeplab;
  EXPECT_EQ(model.network.options.model, "deeplabv3_mobilenetv2");
  EXPECT_EQ(deeplab.width, 0.0625);
  EXPECT_EQ(deeplab.output_stride, 8);
  EXPECT_EQ(deeplab.rates, (std::array<std::int64_t, 3>{1, 2, 3}));
  EXPECT_EQ(deeplab.head_channels, 8);
  EXPECT_EQ(deeplab.padding, BlockPadding::inside);
  EXPECT_FALSE(deeplab.stretched_pixels);
  EXPECT_TRUE(model.assumptions.empty());
  EXPECT_EQ(logits(model), logits(Model(cpu_device(), described(), 4)));
}

TEST_F(LoadSegmenter, takes_from_flags_what_a_bare_file_does_not_say) {
  const std::vector<float> before = logits(loaded());
  take_metadata_away();

  const Model model = loaded(flags());

  EXPECT_EQ(logits(model), before);
  ASSERT_FALSE(model.assumptions.empty());
  for (const std::string& assumption : model.assumptions)
    EXPECT_EQ(assumption.find('\n'), std::string::npos) << assumption;
  EXPECT_CONTAINS(model.assumptions.back(), "the classes are taken to be those of squares");
}

TEST_F(LoadSegmenter, normalises_a_bare_file_as_the_set_is_and_says_so) {
  take_metadata_away();
  SegmenterFlags without = flags();
  without.mean = without.std = "";

  const Model model = loaded(without);

  EXPECT_EQ(model.mean, set_.mean);
  EXPECT_EQ(model.std, set_.std);
  std::string all;
  for (const std::string& assumption : model.assumptions) all += assumption + "\n";
  EXPECT_CONTAINS(all, "mean");
  EXPECT_GT(model.assumptions.size(), loaded(flags()).assumptions.size());
}

TEST_F(LoadSegmenter, asks_for_model_and_classes_of_a_bare_file) {
  take_metadata_away();
  expect_part("--model", refusal());

  SegmenterFlags unsaid = flags();
  unsaid.classes.reset();
  expect_part("--classes", refusal(unsaid));
}

TEST_F(LoadSegmenter, names_what_does_not_fit_the_flags) {
  take_metadata_away();
  SegmenterFlags wider = flags();
  wider.aspp_channels = 16;
  expect_part("classifier.", refusal(wider));

  SegmenterFlags other = flags();
  other.classes = 4;
  expect_part("classifier.", refusal(other));
}

TEST_F(LoadSegmenter, lets_flags_overrule_the_file) {
  SegmenterFlags changed;
  changed.aspp_rates = "2,3,4";
  changed.minmax = true;

  const Model model = loaded(changed);

  EXPECT_EQ(model.network.options.deeplab.rates, (std::array<std::int64_t, 3>{2, 3, 4}));
  EXPECT_TRUE(model.network.options.deeplab.stretched_pixels);
  EXPECT_NE(logits(model), logits(loaded()));
}

TEST_F(LoadSegmenter, keeps_in_the_checkpoint_that_images_were_stretched) {
  ModelDescription description = described();
  description.network.deeplab.stretched_pixels = true;
  save(description);

  EXPECT_TRUE(loaded().network.options.deeplab.stretched_pixels);
}

TEST_F(LoadSegmenter, refuses_a_model_of_other_classes) {
  ModelDescription description = small_segmenter(4);
  save(description);

  expect_part("the model knows 4 classes, squares has 3", refusal());
}

TEST_F(LoadSegmenter, refuses_a_model_whose_classes_have_other_names) {
  ModelDescription description = described();
  description.class_names = {"ground", "bright", "grey"};
  save(description);
  expect_part("its classes are not those of squares", refusal());

  description.class_names = {"bright", "ground", "dark"};
  save(description);
  expect_part("its classes are not those of squares", refusal());
}

TEST_F(LoadSegmenter, refuses_a_classifier) {
  ModelDescription description;
  description.network.model = "preact_resnet10";
  description.network.classes = 3;
  description.network.width = 2;
  description.network.in_channels = 3;
  description.network.height = description.network.width_pixels = 32;
  description.mean = set_.mean;
  description.std = set_.std;
  save(description);

  expect_part("names images, this program needs a network that labels pixels. Use saddle-attack",
              refusal());
}

TEST_F(LoadSegmenter, refuses_what_is_no_checkpoint) {
  directory_.write("model", bytes_of("no checkpoint"));
  expect_part(path_, refusal());
}

TEST(ParseRates, are_three_integers_from_1) {
  EXPECT_EQ(parse_rates("6,12,18"), (std::array<std::int64_t, 3>{6, 12, 18}));
  for (const char* wrong : {"", "6,12", "6,12,18,24", "0,1,2", "a,b,c", "1,,2"})
    EXPECT_NE(message_of<UsageError>([&] { parse_rates(wrong); }), "(nothing was thrown)") << wrong;
}

}  // namespace
}  // namespace saddle
