#include "tests/apps/training_runs.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <sstream>

#include "core/json_text.h"
#include "kernels/philox.h"

namespace saddle {

Dataset quadrants(std::int64_t size, std::uint64_t seed) {
  constexpr std::int64_t kSide = 12;
  Dataset data{"quadrants", kSide, kSide, 1, 4, {}, {}, {0.4f}, {0.25f}, {"a", "b", "c", "d"}};
  const Stream noise{seed, Purpose::data_order, 0};
  for (std::int64_t n = 0; n < size; ++n) {
    const auto label = static_cast<std::int32_t>(n % 4);
    data.labels.push_back(label);
    for (std::int64_t pixel = 0; pixel < kSide * kSide; ++pixel) {
      const std::int64_t y = pixel / kSide, x = pixel % kSide;
      const bool bright = (y >= kSide / 2) * 2 + (x >= kSide / 2) == label;
      const Random4 bits =
          noise.bits(static_cast<std::uint32_t>(n), static_cast<std::uint32_t>(pixel));
      data.pixels.push_back(
          static_cast<std::uint8_t>(uniform_below(bits.v[0], 140) + (bright ? 100 : 0)));
    }
  }
  return data;
}

Dataset training_data() { return quadrants(60, 1); }

Dataset test_data() { return quadrants(33, 2); }

TrainOptions small_run(const std::string& name, const std::filesystem::path& output) {
  TrainOptions options;
  options.common.quiet = true;
  options.common.device = "cpu";
  options.common.seed = 5;
  options.dataset.name = "cifar10";
  options.model = "preact_resnet10";
  options.width = 2;
  options.epochs = 6;
  options.batch_size = 16;
  options.run.output = output.string();
  if (name == "sam-adam") {
    options.descent.optimizer = "sam";
    options.descent.base_optimizer = "adam";
  } else if (name == "pgd") {
    options.adversarial = "pgd";
    options.at_steps = 2;
  } else if (name == "sgd-one-epoch") {
    options.epochs = 1;
  } else if (name == "trades") {
    options.adversarial = "trades";
    options.at_steps = 2;
  } else if (name == "free") {
    options.adversarial = "free";
    options.free_replays = 2;
    options.descent.ema = 0.9;
  } else if (name == "averaged") {
    options.descent.ema = 0.9;
    options.descent.clip_norm = 0.5;
    options.label_smoothing = 0.1;
    options.warmup_epochs = 2;
  } else if (name == "mixed") {
    options.mixup = 0.8;
    options.cutmix = 1;
    options.accumulate = 3;
  } else if (name == "pieces") {
    options.descent.optimizer = "sam";
    options.adversarial = "pgd";
    options.at_steps = 1;
    options.accumulate = 2;
  } else if (name == "deit") {
    options.model = "deit_tiny";
    options.width = 64;
    options.patch = 6;
    options.descent.optimizer = "sam";
    options.drop_path = 0.3;
    options.descent.lr = 0.01;
    options.epochs = 2;
  } else if (name == "awp") {
    options.adversarial = "pgd";
    options.at_steps = 1;
    options.descent.sharpness.awp = 0.01;
  } else if (name == "ssam-dynamic") {
    options.descent.optimizer = "ssam";
    options.descent.sharpness.ssam_mask = "dynamic";
    options.descent.sharpness.ssam_update_epochs = 3;
  } else if (is_sam_family(name)) {
    options.descent.optimizer = name;
    if (name == "ssam") options.descent.sharpness.ssam_update_epochs = 2;
    if (name == "ssam") options.descent.sharpness.ssam_samples = 20;
  } else {
    require(name == "sgd", "tests: no run is named ", name);
  }
  return options;
}

Task task_of(const TrainOptions& options, const DeviceDataset& data) {
  return classification_task(data, classification_options_of(options), options.batch_size);
}

TrainResult train_small(const TrainOptions& options) {
  return train(resolved(options), training_data(), test_data());
}

std::string contents(const std::filesystem::path& path) {
  const std::vector<std::byte> bytes = read_file(path, std::int64_t{1} << 30);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::map<std::string, std::string> tensors_of(const std::filesystem::path& path) {
  const SafetensorsFile file = SafetensorsFile::load(path);
  std::map<std::string, std::string> tensors;
  for (const auto& [name, tensor] : file.tensors()) {
    tensors[name] = {reinterpret_cast<const char*>(tensor.bytes.data()), tensor.bytes.size()};
  }
  return tensors;
}

std::vector<nlohmann::json> timeless_metrics(const std::filesystem::path& run) {
  std::vector<nlohmann::json> epochs;
  std::istringstream lines(contents(run / "metrics.jsonl"));
  for (std::string line; std::getline(lines, line);) {
    const nlohmann::json epoch = parse_json(line);
    nlohmann::json timeless;
    for (const auto& [key, value] : epoch.items()) {
      if (key != "seconds" && !key.ends_with("_per_second")) timeless[key] = value;
    }
    EXPECT_EQ(timeless.size(), epoch.size() - 2) << line;
    epochs.push_back(timeless);
  }
  return epochs;
}

std::vector<std::string> names_in(const std::filesystem::path& directory) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    names.push_back(entry.path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

void expect_equal_runs(const std::filesystem::path& got, const std::filesystem::path& want) {
  EXPECT_EQ(names_in(got), names_in(want));
  EXPECT_TRUE(contents(got / "last.safetensors") == contents(want / "last.safetensors"));
  EXPECT_TRUE(contents(got / "best.safetensors") == contents(want / "best.safetensors"));
  EXPECT_TRUE(tensors_of(got / "state.safetensors") == tensors_of(want / "state.safetensors"));
  EXPECT_EQ(timeless_metrics(got), timeless_metrics(want));
}

}  // namespace saddle
