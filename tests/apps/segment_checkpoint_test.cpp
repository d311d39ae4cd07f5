// Checkpoints of segmentation networks: what they hold, who takes them, and what a stranger wrote
// into them.
#include <gtest/gtest.h>

#include <functional>
#include <nlohmann/json.hpp>

#include "apps/common/load_model.h"
#include "apps/common/model_json.h"
#include "core/json_text.h"
#include "tests/apps/segmentation_runs.h"
#include "tests/apps/training_runs.h"
#include "tests/support/expect_near.h"

namespace saddle {
namespace {

using testing_support::bits_of;

TEST(segment_checkpoint, holds_the_network_that_was_trained) {
  const TemporaryDirectory directory;
  SegmentTrainOptions options = small_segment_run(directory.path());
  options.width = 0.125;
  options.mobilenet_padding = "before";
  options.output_stride = 16;
  options.aspp_rates = "1,1,2";
  options.dropout = 0.25;
  options.epochs = 2;
  const TrainResult result = train_small(options);

  const Model model = load_checkpoint(directory.path() / "last.safetensors", cpu_device(), {}, {});

  const NetworkOptions& network = model.network.options;
  EXPECT_EQ(network.model, "deeplabv3_mobilenetv2");
  EXPECT_EQ(network.classes, 3);
  EXPECT_EQ(network.height, 32);
  EXPECT_EQ(network.deeplab.width, 0.125);
  EXPECT_EQ(network.deeplab.output_stride, 16);
  EXPECT_EQ(network.deeplab.rates, (std::array<std::int64_t, 3>{1, 1, 2}));
  EXPECT_EQ(network.deeplab.head_channels, 8);
  EXPECT_EQ(network.deeplab.dropout, 0.25f);
  EXPECT_EQ(network.deeplab.padding, BlockPadding::before);
  EXPECT_EQ(model.class_names, (std::vector<std::string>{"ground", "bright", "dark"}));
  EXPECT_EQ(model.mean, square_training_data().mean);
  EXPECT_EQ(model.std, square_training_data().std);
  // The same logits to the last bit: the same loss over all pixels, whatever the batches.
  const SegmentationSet test = square_test_data();
  const Scores scores = segmentation_scores(test, PixelRange::plain, 1)(model);
  for (const auto& [key, value] : scores.values) EXPECT_EQ(value, result.score(key)) << key;
}

TEST(segment_checkpoint, is_refused_by_programs_that_name_images) {
  const TemporaryDirectory directory;
  SegmentTrainOptions options = small_segment_run(directory.path());
  options.epochs = 1;
  train_small(options);
  Dataset images = quadrants(3, 1);
  const std::string message = error_of([&] {
    load_model((directory.path() / "last.safetensors").string(), {}, cpu_device(), images,
               Precision::fp32);
  });
  expect_part("deeplabv3_mobilenetv2 labels pixels, this program needs a network that names images",
              message);
  EXPECT_EQ(message.find('\n'), std::string::npos);
}

TEST(segment_run, goes_on_from_another_runs_weights_with_a_new_head) {
  const TemporaryDirectory directory;
  SegmentTrainOptions options = small_segment_run(directory.path() / "base");
  options.epochs = 1;
  train_small(options);
  options.init_from = (directory.path() / "base/last.safetensors").string();
  options.descent.lr = 0;  // so that the weights stay where they begin
  const auto weights_of = [&](const char* name, bool new_head, const SegmentationSet& data,
                              const SegmentationSet& test) {
    options.run.output = (directory.path() / name).string();
    options.new_head = new_head;
    train(resolved(options), data, test);
    return tensors_of(directory.path() / name / "last.safetensors");
  };
  const auto base = tensors_of(directory.path() / "base/last.safetensors");
  const std::string body = "classifier.classifier.1.weight",
                    head = "classifier.classifier.4.weight";

  const auto same = weights_of("same", false, square_training_data(), square_test_data());
  EXPECT_TRUE(same.at(body) == base.at(body) && same.at(head) == base.at(head));
  const auto fresh = weights_of("fresh", true, square_training_data(), square_test_data());
  EXPECT_TRUE(fresh.at(body) == base.at(body) && fresh.at(head) != base.at(head));

  SegmentationSet more = square_training_data(), more_tested = square_test_data();
  for (SegmentationSet* set : {&more, &more_tested}) {
    set->classes = 4;
    set->class_names.push_back("sky");
  }
  testing::internal::CaptureStderr();
  const auto other = weights_of("other", false, more, more_tested);
  expect_part("was trained for 3 classes, this run has 4: its last layer is left out",
              testing::internal::GetCapturedStderr());
  EXPECT_TRUE(other.at(body) == base.at(body) && other.at(head).size() == 4u * 8 * 4);
}

// ---- the metadata ----

ModelDescription unusual() {
  ModelDescription description = small_segmenter(4);
  description.network.height = 20;
  description.network.width_pixels = 28;
  description.network.deeplab = {0.1875, 4, {1, 5, 3}, 24, 0.25f, BlockPadding::inside, true};
  description.class_names = {"a", "b", "c", "d"};
  return description;
}

TEST(model_json, of_a_deeplab_is_read_as_it_was_written) {
  const ModelDescription read = parse_model_json(model_json(unusual()));
  const DeepLabOptions &got = read.network.deeplab, want = unusual().network.deeplab;
  EXPECT_EQ(read.network.model, "deeplabv3_mobilenetv2");
  EXPECT_EQ(read.network.classes, 4);
  EXPECT_EQ(read.network.height, 20);
  EXPECT_EQ(read.network.width_pixels, 28);
  EXPECT_EQ(got.width, want.width);
  EXPECT_EQ(got.output_stride, want.output_stride);
  EXPECT_EQ(got.rates, want.rates);
  EXPECT_EQ(got.head_channels, want.head_channels);
  EXPECT_EQ(got.dropout, want.dropout);
  EXPECT_EQ(got.padding, want.padding);
  EXPECT_TRUE(got.stretched_pixels);
  EXPECT_EQ(read.class_names, unusual().class_names);
  EXPECT_EQ(model_json(read), model_json(unusual()));
}

TEST(model_json, that_does_not_say_what_a_deeplab_is_means_the_references) {
  nlohmann::json json = parse_json(model_json(unusual()));
  json["options"] = nlohmann::json::object();
  const DeepLabOptions got = parse_model_json(json_text(json)).network.deeplab, want;
  EXPECT_EQ(got.width, 1);
  EXPECT_EQ(got.output_stride, 16);
  EXPECT_EQ(got.rates, want.rates);
  EXPECT_EQ(got.head_channels, 256);
  EXPECT_EQ(got.padding, BlockPadding::before);
}

TEST(segment_checkpoint, gives_the_logits_of_the_model_it_was_made_of) {
  const TemporaryDirectory directory;
  const auto path = directory.path() / "model.safetensors";
  const Model model(cpu_device(), unusual(), 3);
  save_checkpoint(path, model);
  const Model loaded = load_checkpoint(path, cpu_device(), {}, {});

  const SegmentationSet set = squares(1, 4);
  const auto logits = [&](const Model& of) {
    const Batch batch = whole_images(cpu_device(), set, std::vector{0}, PixelRange::plain);
    Tape tape;
    return of.evaluation()(tape, tape.input(batch.inputs, Gradient::none)).value().to_host<float>();
  };
  EXPECT_EQ(bits_of(logits(loaded)), bits_of(logits(model)));
}

TEST(segment_checkpoint, with_options_that_there_are_not_is_refused_in_one_line) {
  const TemporaryDirectory directory;
  const auto path = directory.path() / "model.safetensors";
  save_checkpoint(path, Model(cpu_device(), small_segmenter(), 3));
  const SafetensorsFile file = SafetensorsFile::load(path);
  std::vector<NamedTensor> tensors;
  for (const auto& [name, tensor] : file.tensors()) {
    tensors.push_back({name, tensor.dtype, tensor.shape, tensor.bytes});
  }
  const auto refusal = [&](const std::string& key, const nlohmann::json& value) {
    nlohmann::json json = parse_json(file.metadata().at("saddle"));
    json["options"][key] = value;
    const auto other = directory.path() / "other.safetensors";
    save_safetensors(other, tensors, {{"saddle", json_text(json)}});
    const std::string message = error_of([&] { load_checkpoint(other, cpu_device(), {}, {}); });
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
    return message;
  };
  const std::string no_json = "metadata is not the JSON object Saddle writes";
  expect_part(no_json, refusal("rates", "1,2,3"));
  expect_part(no_json, refusal("rates", {1, 2}));
  expect_part(no_json, refusal("rates", {1, 2, 3, 4}));
  expect_part(no_json, refusal("rates", {1, "2", 3}));
  expect_part(no_json, refusal("rates", {1, 2.5, 3}));
  expect_part(no_json, refusal("rates", nullptr));
  expect_part("a rate of 0 is outside 1 to", refusal("rates", {1, 0, 3}));
  expect_part("a rate of", refusal("rates", {1, 2, INT64_MAX}));
  expect_part(no_json, refusal("output_stride", 1e9));
  expect_part("an output stride of 1000000000 is not to be had",
              refusal("output_stride", 1000000000));
  expect_part("an output stride of -8", refusal("output_stride", -8));
  expect_part("an output stride of 0", refusal("output_stride", 0));
  expect_part("is outside 0 to 4", refusal("width", 1e300));
  expect_part("is outside 0 to 4", refusal("width", -1));
  expect_part(no_json, refusal("width", "1"));
  expect_part(no_json, refusal("width", nullptr));
  expect_part("channels of the head are outside", refusal("head_channels", 1000000000000));
  expect_part("channels of the head are outside", refusal("head_channels", 0));
  expect_part("is outside [0, 1)", refusal("dropout", 1e300));
  expect_part("is outside [0, 1)", refusal("dropout", -0.5));
  expect_part(no_json, refusal("padding", "x"));
  expect_part(no_json, refusal("padding", 1));
  expect_part(no_json, refusal("stretched_pixels", "x"));
  expect_part(no_json, refusal("stretched_pixels", 1));
  // What could be a network, but not of these tensors.
  expect_part("does not fit the model", refusal("width", 4));
  expect_part("does not fit the model", refusal("head_channels", 4096));
}

}  // namespace
}  // namespace saddle
