// Checkpoints: what is saved comes back to the bit, and what does not fit is refused whole.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "core/json_text.h"
#include "tests/apps/editable_checkpoint.h"
#include "tests/apps/training_runs.h"

namespace saddle {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

ModelDescription description() {
  const NetworkOptions network{"preact_resnet10", 2, 3, 8, 8, 5};
  return {network, {0.1f, 0.2f, 0.3f}, {0.4f, 0.5f, 0.6f}, {"ant", "bee", "cat", "dog", "elk"}};
}

std::string bytes_of(const Tensor& tensor) {
  const std::vector<float> values = tensor.to_host<float>();
  return {reinterpret_cast<const char*>(values.data()), tensor.bytes()};
}

class Checkpoint : public testing::Test {
 protected:
  Checkpoint()
      : model_(cpu_device(), description(), 3), path_(directory_.path() / "model.safetensors") {
    model_.batches_tracked = 17;
    save_checkpoint(path_, model_);
  }

  Model load(const CheckpointOverrides& overrides = {},
             const ModelDescription& fallback = {}) const {
    return load_checkpoint(path_, cpu_device(), overrides, fallback);
  }
  // The error of loading the file after `edit`, which must cost no memory of the device.
  std::string error_after(const std::function<void(Editable&)>& edit) const {
    Editable file(path_);
    edit(file);
    file.save(path_);
    const std::int64_t requests = cpu_device().pool().counters().requests;
    const std::string message = error_of([&] { load(); });
    EXPECT_EQ(cpu_device().pool().counters().requests, requests)
        << "memory was taken for a model that is refused";
    expect_part(path_.string(), message);
    return message;
  }

  TemporaryDirectory directory_;
  Model model_;
  fs::path path_;
};

TEST_F(Checkpoint, comes_back_to_the_bit) {
  const Model loaded = load();

  EXPECT_TRUE(bytes_of(loaded.weights) == bytes_of(model_.weights));
  EXPECT_TRUE(bytes_of(loaded.statistics) == bytes_of(model_.statistics));
  EXPECT_EQ(loaded.batches_tracked, 17);
  EXPECT_EQ(loaded.mean, model_.mean);
  EXPECT_EQ(loaded.std, model_.std);
  EXPECT_EQ(loaded.class_names, (std::vector<std::string>{"ant", "bee", "cat", "dog", "elk"}));
  EXPECT_TRUE(loaded.assumptions.empty());
  const NetworkOptions& options = loaded.network.options;
  EXPECT_EQ(options.model, "preact_resnet10");
  EXPECT_EQ(options.width, 2);
  EXPECT_EQ(options.classes, 5);
  EXPECT_EQ((std::vector{options.in_channels, options.height, options.width_pixels}),
            (std::vector<std::int64_t>{3, 8, 8}));
}

TEST_F(Checkpoint, saved_again_is_the_same_file) {
  const fs::path again = directory_.path() / "again.safetensors";
  save_checkpoint(again, load());
  EXPECT_TRUE(contents(again) == contents(path_));
}

TEST_F(Checkpoint, holds_convolution_weights_in_pytorchs_order) {
  const SafetensorsFile file = SafetensorsFile::load(path_);
  EXPECT_EQ(file.tensor("conv1.weight").shape, (Shape{2, 3, 3, 3}));
  EXPECT_EQ(file.tensor("layer2.0.shortcut.0.weight").shape, (Shape{4, 2, 1, 1}));
  EXPECT_EQ(file.tensor("linear.weight").shape, (Shape{5, 16}));

  // Output channel 1, input channel 2, row 0, column 1 of the stem, which is the first slot.
  ASSERT_EQ(model_.network.layout.weights.slots()[0].name, "conv1.weight");
  const float inside = model_.weights.to_host<float>()[((1 * 3 + 0) * 3 + 1) * 3 + 2];  // O H W I
  const float in_file = file.read_f32("conv1.weight")[((1 * 3 + 2) * 3 + 0) * 3 + 1];   // O I H W
  EXPECT_EQ(inside, in_file);
}

TEST_F(Checkpoint, counts_batches_as_pytorch_does) {
  const SafetensorsFile file = SafetensorsFile::load(path_);
  const FileTensor& counter = file.tensor("layer1.0.bn1.num_batches_tracked");
  EXPECT_EQ(counter.dtype, DType::i64);
  EXPECT_EQ(counter.shape, Shape{});
  EXPECT_EQ(file.read_i64("layer1.0.bn1.num_batches_tracked"), std::vector<std::int64_t>{17});
}

std::int64_t batches_tracked_after(const std::string& run) {
  const TemporaryDirectory directory;
  TrainOptions options = small_run(run, directory.path());
  options.epochs = 2;
  train_small(options);  // 2 epochs of 4 steps
  return SafetensorsFile::load(directory.path() / "last.safetensors")
      .read_i64("bn.num_batches_tracked")
      .at(0);
}

TEST(batches_tracked, is_a_forward_a_step_for_sgd) { EXPECT_EQ(batches_tracked_after("sgd"), 8); }
TEST(batches_tracked, is_two_forwards_a_step_for_sam) {
  EXPECT_EQ(batches_tracked_after("sam-adam"), 16);
}
TEST(batches_tracked, counts_the_attacks_forwards_in_training_mode) {
  EXPECT_EQ(batches_tracked_after("pgd"), 8 * (2 + 1));
}

TEST_F(Checkpoint, names_everything_that_is_wrong_in_one_error) {
  const std::string message = error_after([](Editable& file) {
    file.tensors.erase("conv1.weight");
    file.tensors.erase("layer3.0.bn2.running_mean");
    file.set("extra.weight", {2}, {1.f, 2.f});
    file.set("linear.bias", {4}, {0.f, 0.f, 0.f, 0.f});
    file.set_first("linear.weight", std::numeric_limits<float>::quiet_NaN());
    file.set_first("layer1.0.conv1.weight", std::numeric_limits<float>::infinity());
    file.set_first("layer2.0.bn1.running_var", -1.f);
    file.tensors.at("bn.weight").dtype = DType::i32;
  });

  expect_part("8 tensors", message);
  expect_part("conv1.weight is missing", message);
  expect_part("layer3.0.bn2.running_mean is missing", message);
  expect_part("extra.weight is not in the model", message);
  expect_part("linear.bias has shape [4], expected [5]", message);
  expect_part("linear.weight holds a value that is not finite", message);
  expect_part("layer1.0.conv1.weight holds a value that is not finite", message);
  expect_part("layer2.0.bn1.running_var holds a negative variance", message);
  expect_part("bn.weight holds i32, expected f32", message);
}

TEST_F(Checkpoint, lists_no_more_than_a_reader_reads) {
  const std::string message = error_after([](Editable& file) {
    for (int i = 0; i < 1000; ++i) {
      file.set(std::string(1000, 'x') + "\x1b" + std::to_string(i), {1}, {0.f});
    }
  });

  expect_part("(1000 tensors)", message);
  expect_part("; and others", message);
  EXPECT_EQ(message.find('\x1b'), std::string::npos);
  EXPECT_LT(message.size(), 5000u);
}

TEST_F(Checkpoint, refuses_a_convolution_weight_in_another_order) {
  const std::string message = error_after([](Editable& file) {
    file.tensors.at("conv1.weight").shape = {2, 3, 9, 1};
  });
  expect_part("conv1.weight has shape [2, 3, 9, 1], expected [2, 3, 3, 3]", message);
}

TEST_F(Checkpoint, without_batch_counters_is_taken) {
  Editable file(path_);
  std::erase_if(file.tensors,
                [](const auto& entry) { return entry.first.ends_with("num_batches_tracked"); });
  file.save(path_);

  EXPECT_EQ(load().batches_tracked, 0);
}

TEST_F(Checkpoint, with_the_unused_block_of_trades_wide_resnet_is_taken) {
  Editable file(path_);
  file.set("sub_block1.layer.0.bn1.weight", {3}, {1, 2, 3});
  file.save(path_);

  EXPECT_TRUE(bytes_of(load().weights) == bytes_of(model_.weights));
}

TEST_F(Checkpoint, that_does_not_fit_leaves_the_model_as_it_was) {
  Editable file(path_);
  file.tensors.erase("linear.bias");
  file.set_first("conv1.weight", 9.f);
  file.save(path_);
  Model other(cpu_device(), description(), 4);
  other.batches_tracked = 2;
  const std::string weights = bytes_of(other.weights), statistics = bytes_of(other.statistics);

  expect_error("linear.bias is missing", [&] { load_values(other, SafetensorsFile::load(path_)); });

  EXPECT_TRUE(bytes_of(other.weights) == weights);
  EXPECT_TRUE(bytes_of(other.statistics) == statistics);
  EXPECT_EQ(other.batches_tracked, 2);
}

// ---- weights to begin with ----

TEST_F(Checkpoint, with_another_number_of_classes_gives_all_but_the_head) {
  for (const char* name : {"preact_resnet10", "wrn_28_10", "deit_tiny"}) {
    SCOPED_TRACE(name);
    ModelDescription ten = description();
    ten.network = {name, name[0] == 'w' ? 16 : name[0] == 'd' ? 64 : 2, 3, 8, 8, 5};
    save_checkpoint(path_, Model(cpu_device(), ten, 3));
    const SafetensorsFile file = SafetensorsFile::load(path_);
    ModelDescription two = ten;
    two.network.classes = 2;
    two.class_names.clear();
    Model model(cpu_device(), two, 4);
    const std::string head_before =
        bytes_of(view(model.weights, model.network.layout.weights.slots().back()));

    const auto remarks = load_initial_values(model, file, Head::of_file, "cifar10");
    ASSERT_EQ(remarks.size(), 1u);
    expect_part("was trained for 5 classes, this run has 2: its last layer is left out",
                remarks[0]);
    EXPECT_TRUE(load_initial_values(model, file, Head::fresh, "cifar10").empty());

    const auto& slots = model.network.layout.weights.slots();
    EXPECT_EQ(bytes_of(view(model.weights, slots.back())), head_before);
    EXPECT_EQ(WeightLayout::to_file_order(slots.front(), model.weights.to_host<float>()),
              file.read_f32(slots.front().name));
  }
}

TEST_F(Checkpoint, of_another_number_of_classes_need_not_describe_itself) {
  Editable plain(path_);
  plain.metadata.clear();
  plain.wrap("module.");
  plain.save(path_);
  ModelDescription two = description();
  two.network.classes = 2;
  two.class_names.clear();
  Model model(cpu_device(), two, 4);

  const auto remarks =
      load_initial_values(model, SafetensorsFile::load(path_), Head::of_file, "cifar10");

  ASSERT_EQ(remarks.size(), 1u);
  expect_part("classes, this run has 2: its last layer is left out", remarks[0]);
}

TEST_F(Checkpoint, that_misfits_in_more_than_its_head_is_refused) {
  ModelDescription other = description();
  other.network.classes = 2;
  other.network.width = 4;
  other.class_names.clear();
  Model model(cpu_device(), other, 4);
  const SafetensorsFile file = SafetensorsFile::load(path_);

  expect_error("Check --model, --width and --classes",
               [&] { load_initial_values(model, file, Head::of_file, "cifar10"); });
}

TEST_F(Checkpoint, to_begin_with_says_where_normalisation_and_classes_are_others) {
  ModelDescription other = description();
  other.mean = {0.5f, 0.5f, 0.5f};
  other.class_names[4] = "owl";
  Model model(cpu_device(), other, 4);
  const SafetensorsFile file = SafetensorsFile::load(path_);

  const auto remarks = load_initial_values(model, file, Head::of_file, "image-folder");

  ASSERT_EQ(remarks.size(), 2u);
  expect_part("was trained with mean 0.1, 0.2, 0.3", remarks[0]);
  expect_part("the data set has no 'elk'; the checkpoint has no 'owl'", remarks[1]);
  EXPECT_EQ(model.mean, other.mean);
}

// ---- the description ----

class PlainCheckpoint : public Checkpoint {
 protected:
  PlainCheckpoint() {
    Editable file(path_);
    file.metadata.erase("saddle");
    file.save(path_);
  }
  CheckpointOverrides said() const {
    CheckpointOverrides overrides;
    overrides.model = "preact_resnet10";
    overrides.classes = 5;
    return overrides;
  }
};

TEST_F(PlainCheckpoint, needs_to_be_told_model_and_classes) {
  CheckpointOverrides model_only = said(), classes_only = said();
  model_only.classes.reset();
  classes_only.model.reset();

  expect_error("Say what it is with --model and --classes", [&] { load(); });
  expect_error("Say what it is with --model and --classes", [&] { load(model_only); });
  expect_error("Say what it is with --model and --classes", [&] { load(classes_only); });
}

TEST_F(PlainCheckpoint, is_taken_with_model_classes_and_what_the_data_set_says) {
  CheckpointOverrides overrides = said();
  overrides.width = 2;
  ModelDescription fallback;
  fallback.network.in_channels = 3;
  fallback.mean = {0.5f, 0.5f, 0.5f};
  fallback.std = {0.25f, 0.25f, 0.25f};

  const Model loaded = load(overrides, fallback);

  EXPECT_TRUE(bytes_of(loaded.weights) == bytes_of(model_.weights));
  EXPECT_EQ(loaded.mean, fallback.mean);
  ASSERT_EQ(loaded.assumptions.size(), 1u);
  expect_part("mean 0.5, 0.5, 0.5 and std 0.25, 0.25, 0.25 are taken", loaded.assumptions[0]);
}

TEST_F(PlainCheckpoint, whose_normalisation_nobody_knows_is_refused) {
  CheckpointOverrides overrides = said();
  overrides.width = 2;
  ModelDescription fallback;
  fallback.network.in_channels = 3;

  expect_error("Say so with --mean and --std", [&] { load(overrides, fallback); });

  overrides.mean = overrides.std = {0.5f, 0.5f, 0.5f};
  EXPECT_TRUE(load(overrides, fallback).assumptions.empty());
}

TEST_F(PlainCheckpoint, of_another_width_than_told_is_refused) {
  CheckpointOverrides overrides = said();
  overrides.width = 4;
  expect_error("conv1.weight has shape [2, 3, 3, 3], expected [4, 3, 3, 3]",
               [&] { load(overrides, description()); });
}

TEST_F(Checkpoint, overruled_by_what_no_model_takes_is_the_command_lines_fault) {
  CheckpointOverrides overrides;
  overrides.width = 5000;
  EXPECT_THROW(load(overrides), UsageError);
  overrides.width = {};
  overrides.patch = 3;
  EXPECT_THROW(load(overrides), UsageError);
  expect_error("preact_resnet10: has no patches. Leave out --patch-size", [&] { load(overrides); });
}

TEST_F(Checkpoint, is_overruled_by_the_user) {
  CheckpointOverrides overrides;
  overrides.mean = {0.f, 0.f, 0.f};
  overrides.std = {1.f, 1.f, 1.f};
  overrides.input_shape = {3, 16, 24};

  const Model loaded = load(overrides);

  EXPECT_EQ(loaded.mean, *overrides.mean);
  EXPECT_EQ(loaded.std, *overrides.std);
  EXPECT_EQ(loaded.network.options.height, 16);
  EXPECT_EQ(loaded.network.options.width_pixels, 24);
}

TEST_F(Checkpoint, with_garbage_metadata_is_refused) {
  const std::string expected = "is not the JSON object Saddle writes";
  expect_part(expected,
              error_after([](Editable& file) { file.metadata["saddle"] = "]{ garbage"; }));
  expect_part(expected, error_after([](Editable& file) { file.metadata["saddle"] = "[1, 2]"; }));
  expect_part(expected, error_after([](Editable& file) { file.metadata["saddle"] = "{}"; }));
  expect_part(expected, error_after([](Editable& file) {
                file.metadata["saddle"] = std::string(100'000, '[');
              }));
  expect_part(expected, error_after([](Editable& file) { file.metadata["saddle"] = deep_json(); }));
}

TEST_F(Checkpoint, with_a_description_of_the_wrong_types_is_refused) {
  const std::string expected = "is not the JSON object Saddle writes";
  const std::string whole = Editable(path_).metadata.at("saddle");
  const auto error_with = [&](const std::string& key, const Json& value) {
    return error_after([&](Editable& file) {
      file.metadata["saddle"] = whole;
      file.describe(key, value);
    });
  };
  expect_part(expected, error_with("classes", "five"));
  expect_part(expected, error_with("classes", 5.5));
  expect_part(expected, error_with("options", 3));
  expect_part(expected, error_with("options", {{"width", "two"}}));
  expect_part(expected, error_with("input_shape", {3, 8}));
  expect_part(expected, error_with("input_shape", {3, 8, 8, 8}));
  expect_part(expected, error_with("mean", "zero"));
  expect_part(expected, error_with("class_names", "ant"));
  expect_part(expected, error_with("class_names", {"a", "b", "c", "d"}));
  expect_part(expected, error_with("class_names", {"a", "b", "c", "d", 5}));
  expect_part(expected, error_with("class_names", {"a", "b", "c", "d", ""}));
  expect_part(expected, error_with("class_names", {"a", "b", "c", "d", std::string(1001, 'e')}));
  expect_part(expected, error_with("class_names", {{"0", "a"}}));
  expect_part("unknown. There are preact_resnet10", error_with("model", "resnet-9000"));
}

TEST_F(Checkpoint, whose_class_names_are_not_utf8_is_written_and_read) {
  model_.class_names[1] = "b\xff";
  save_checkpoint(path_, model_);

  EXPECT_EQ(load().class_names[1], "b\xef\xbf\xbd");
}

TEST_F(Checkpoint, without_class_names_is_taken) {
  Editable file(path_);
  Json json = parse_json(file.metadata.at("saddle"));
  json.erase("class_names");
  file.metadata["saddle"] = json_text(json);
  file.save(path_);

  EXPECT_TRUE(load().class_names.empty());
}

TEST_F(Checkpoint, with_hostile_sizes_is_refused_before_memory_is_taken) {
  Json unnamed = parse_json(Editable(path_).metadata.at("saddle"));
  unnamed.erase("class_names");
  const std::string whole = json_text(unnamed);
  const auto error_with = [&](const std::string& key, const Json& value) {
    return error_after([&](Editable& file) {
      file.metadata["saddle"] = whole;
      file.describe(key, value);
    });
  };
  expect_part("width 1000000000 is outside 1 to 1024",
              error_with("options", {{"width", 1'000'000'000}}));
  expect_part("width -1 is outside", error_with("options", {{"width", -1}}));
  expect_part("1000000000000 classes", error_with("classes", 1'000'000'000'000));
  expect_part("9223372036854775807 classes",
              error_with("classes", std::numeric_limits<std::int64_t>::max()));
  expect_part("0 classes", error_with("classes", 0));
  expect_part("linear.weight has shape [5, 16], expected [1000000, 16]",
              error_with("classes", 1'000'000));
  expect_part("1000000000000 classes, channels or pixels",
              error_with("input_shape", {3, 1'000'000'000'000, 8}));
  expect_part("1000000000000 classes, channels or pixels",
              error_with("input_shape", {1'000'000'000'000, 8, 8}));
  expect_part("-3 classes, channels or pixels", error_with("input_shape", {-3, 8, 8}));
  expect_part("conv1.weight has shape [2, 3, 3, 3], expected [2, 1000000, 3, 3]",
              error_with("input_shape", {1'000'000, 8, 8}));
}

TEST_F(Checkpoint, with_unusable_mean_or_std_is_refused) {
  const std::string whole = Editable(path_).metadata.at("saddle");
  const auto error_with = [&](const std::string& key, const Json& value) {
    return error_after([&](Editable& file) {
      file.metadata["saddle"] = whole;
      file.describe(key, value);
    });
  };
  expect_part("std 0 must be positive", error_with("std", {0.4, 0., 0.6}));
  expect_part("mean and std", error_with("mean", {0.4, 0.5}));
  expect_part("mean", error_with("mean", {0.4, 0.5, 1e300}));
}

TEST_F(Checkpoint, cut_short_is_refused) {
  const std::string bytes = contents(path_);
  write_file_atomically(path_, std::string_view(bytes).substr(0, bytes.size() - 1));
  expect_error(path_.string(), [&] { load(); });
}

}  // namespace
}  // namespace saddle
