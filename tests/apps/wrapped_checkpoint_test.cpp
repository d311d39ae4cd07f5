// Checkpoints as PyTorch writes them: whatever is wrapped around the network, the network is read.
#include <gtest/gtest.h>

#include <limits>

#include "tests/apps/editable_checkpoint.h"
#include "tests/apps/training_runs.h"

namespace saddle {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kChannels = 3;

// A network's file without its description, to be wrapped.
class WrappedCheckpoint : public testing::Test {
 protected:
  WrappedCheckpoint()
      : model_(cpu_device(), {{"preact_resnet10", 2, kChannels, 8, 8, 5}, kMean, kStd}, 3),
        path_(directory_.path() / "model.safetensors") {
    save_checkpoint(path_, model_);
    said_.model = "preact_resnet10";
    said_.width = 2;
    said_.classes = 5;
    fallback_.network.in_channels = kChannels;
    fallback_.mean = {0.5f, 0.5f, 0.5f};
    fallback_.std = {0.25f, 0.25f, 0.25f};
  }

  Editable plain() const {
    Editable file(path_);
    file.metadata.erase("saddle");
    return file;
  }
  Model load(const Editable& file) const {
    const fs::path path = directory_.path() / "wrapped.safetensors";
    file.save(path);
    return load_checkpoint(path, cpu_device(), said_, fallback_);
  }
  void expect_network(const Model& loaded) const {
    EXPECT_EQ(loaded.weights.to_host<float>(), model_.weights.to_host<float>());
    EXPECT_EQ(loaded.statistics.to_host<float>(), model_.statistics.to_host<float>());
  }
  void expect_normaliser(const Editable& file) const {
    const Model loaded = load(file);
    expect_network(loaded);
    EXPECT_EQ(loaded.mean, kMean);
    EXPECT_EQ(loaded.std, kStd);
    ASSERT_EQ(loaded.assumptions.size(), 1u);
    expect_part("are those of the normaliser in the file", loaded.assumptions[0]);
  }

  const std::vector<float> kMean{0.1f, 0.2f, 0.3f}, kStd{0.4f, 0.5f, 0.6f};
  TemporaryDirectory directory_;
  Model model_;
  fs::path path_;
  CheckpointOverrides said_;
  ModelDescription fallback_;
};

TEST_F(WrappedCheckpoint, is_read_under_any_prefix) {
  for (const char* prefix :
       {"module.", "_orig_mod.", "module._orig_mod.", "_orig_mod.module.", "network.", "model.",
        "module.model.network.", "1.", "my_own.wrapper."}) {
    SCOPED_TRACE(prefix);
    Editable file = plain();
    file.wrap(prefix);

    expect_network(load(file));
    Model other(cpu_device(), {{"preact_resnet10", 2, kChannels, 8, 8, 5}, kMean, kStd}, 4);
    load_values(other, SafetensorsFile::load(directory_.path() / "wrapped.safetensors"));
    expect_network(other);
  }
}

TEST_F(WrappedCheckpoint, keeps_its_own_description) {
  Editable file(path_);
  file.wrap("module.");
  said_ = {};

  const Model loaded = load(file);

  expect_network(loaded);
  EXPECT_EQ(loaded.mean, kMean);
}

TEST_F(WrappedCheckpoint, of_an_average_is_read) {
  Editable file = plain();
  file.wrap("module.");
  const std::int64_t averaged = 12;
  const auto bytes = std::as_bytes(std::span(&averaged, 1));
  file.tensors["n_averaged"] = {DType::i64, {}, {bytes.begin(), bytes.end()}};

  expect_network(load(file));
}

TEST_F(WrappedCheckpoint, with_the_prefix_on_some_names_is_refused) {
  Editable file = plain();
  file.tensors["module.conv1.weight"] = file.tensors.at("conv1.weight");
  file.tensors.erase("conv1.weight");

  const std::string message = error_of([&] { load(file); });
  expect_part("conv1.weight is missing", message);
  expect_part("module.conv1.weight is not in the model", message);
}

TEST_F(WrappedCheckpoint, beside_a_second_network_is_refused_unless_that_is_a_copy) {
  Editable file = plain();
  const auto network = file.tensors;
  file.wrap("model.");
  for (const auto& [name, entry] : network) file.tensors["attacker.model." + name] = entry;
  expect_network(load(file));

  file.set_first("attacker.model.conv1.weight", 9.f);
  expect_part("attacker.model.conv1.weight is not in the model", error_of([&] { load(file); }));
}

// ---- a normaliser inside the module ----

TEST_F(WrappedCheckpoint, with_a_normaliser_takes_its_mean_and_std) {
  for (const Shape& shape : {Shape{3}, Shape{3, 1, 1}, Shape{1, 3, 1, 1}, Shape{1, 1, 1, 3}}) {
    SCOPED_TRACE(text(shape));
    Editable beside = plain();
    beside.wrap("network.");
    beside.set("mean", shape, kMean);
    beside.set("std", shape, kStd);
    expect_normaliser(beside);
  }
  Editable within = plain();
  within.set("mu", {1, 3, 1, 1}, kMean);
  within.set("sigma", {1, 3, 1, 1}, kStd);
  expect_normaliser(within);

  Editable sequential = plain();
  sequential.wrap("1.");
  sequential.set("0.mean", {3, 1, 1}, kMean);
  sequential.set("0.std", {3, 1, 1}, kStd);
  expect_normaliser(sequential);

  Editable robustness = plain();
  robustness.wrap("module.model.");
  for (const char* name : {"module.normalizer.", "module.attacker.normalize."}) {
    robustness.set(std::string(name) + "new_mean", {3, 1, 1}, kMean);
    robustness.set(std::string(name) + "new_std", {3, 1, 1}, kStd);
  }
  expect_normaliser(robustness);
}

TEST_F(WrappedCheckpoint, with_a_normaliser_of_one_number_takes_it_for_all_channels) {
  Editable file = plain();
  file.set("mean", {}, {0.5f});
  file.set("std", {1, 1, 1, 1}, {0.25f});

  const Model loaded = load(file);

  EXPECT_EQ(loaded.mean, std::vector<float>(3, 0.5f));
  EXPECT_EQ(loaded.std, std::vector<float>(3, 0.25f));
}

TEST_F(WrappedCheckpoint, with_a_normaliser_is_overruled_by_the_user) {
  Editable file = plain();
  file.set("mean", {3}, {124, 116, 104});  // of pixels up to 255
  file.set("std", {3}, {58, 57, 57});
  expect_error("is not of pixels in [0, 1]. Say what is with --mean and --std",
               [&] { load(file); });

  said_.mean = said_.std = {0.5f, 0.5f, 0.5f};

  const Model loaded = load(file);
  EXPECT_EQ(loaded.mean, *said_.mean);
  EXPECT_TRUE(loaded.assumptions.empty());
}

TEST_F(WrappedCheckpoint, whose_normaliser_is_none_is_refused) {
  const auto expect_refused = [&](const std::string& part, const Shape& shape,
                                  const std::vector<float>& mean, const std::vector<float>& std) {
    Editable file = plain();
    file.set("mean", shape, mean);
    file.set("std", shape, std);
    expect_error(part, [&] { load(file); });
  };
  const float nan = std::numeric_limits<float>::quiet_NaN();
  expect_refused("mean is not in the model; std is not", {2}, {0, 0}, {1, 1});
  expect_refused("mean is not in the model", {3, 3}, std::vector<float>(9), std::vector<float>(9));
  expect_refused("std 0 must be positive", {3}, {0, 0, 0}, {1, 0, 1});
  expect_refused("pixels in [0, 1]", {3}, {0, nan, 0}, {1, 1, 1});

  Editable alone = plain();
  alone.set("mean", {3}, kMean);
  expect_error("mean is not in the model", [&] { load(alone); });

  Editable two = plain();
  for (const char* name : {"a.", "b."}) {
    two.set(std::string(name) + "mean", {3}, name[0] == 'a' ? kMean : kStd);
    two.set(std::string(name) + "std", {3}, kStd);
  }
  expect_error("b.mean is not in the model", [&] { load(two); });
}

TEST_F(WrappedCheckpoint, whose_description_contradicts_its_normaliser_is_refused) {
  Editable file(path_);
  file.set("mean", {3}, kMean);
  file.set("std", {3}, kStd);
  expect_normaliser(file);

  file.set("mean", {3}, kStd);
  expect_error("metadata and its normaliser (mean, std) differ", [&] { load(file); });
}

// ---- counters ----

TEST_F(WrappedCheckpoint, may_count_batches_in_any_type) {
  const auto tracked_as = [&](DType dtype, auto value) {
    Editable file = plain();
    const auto bytes = std::as_bytes(std::span(&value, 1));
    for (auto& [name, entry] : file.tensors) {
      if (name.ends_with("num_batches_tracked")) entry = {dtype, {}, {bytes.begin(), bytes.end()}};
    }
    return load(file).batches_tracked;
  };
  EXPECT_EQ(tracked_as(DType::i64, std::int64_t{17}), 17);
  EXPECT_EQ(tracked_as(DType::i32, std::int32_t{17}), 17);
  EXPECT_EQ(tracked_as(DType::u8, std::uint8_t{17}), 17);
  EXPECT_EQ(tracked_as(DType::f64, 17.), 17);
  EXPECT_EQ(tracked_as(DType::f32, 17.f), 17);
  EXPECT_EQ(tracked_as(DType::f16, std::uint16_t{0x4c40}), 17);
  EXPECT_EQ(tracked_as(DType::bf16, std::uint16_t{0x4188}), 17);
  EXPECT_EQ(tracked_as(DType::boolean, std::uint8_t{1}), 0);
  EXPECT_EQ(tracked_as(DType::i64, std::int64_t{-5}), 0);
  EXPECT_EQ(tracked_as(DType::i64, std::numeric_limits<std::int64_t>::max()), 0);
  EXPECT_EQ(tracked_as(DType::f32, std::numeric_limits<float>::quiet_NaN()), 0);
}

}  // namespace
}  // namespace saddle
