// The weights of a classifier trained on other images, by torchvision's names, for the backbone.
#include "apps/segment/init_backbone.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <map>
#include <set>

#include "tests/apps/data_files.h"
#include "tests/apps/segmentation_runs.h"
#include "tests/support/random_values.h"

namespace saddle {
namespace {

using namespace testing_support;

const char* const kModels[] = {"deeplabv3_mobilenetv2", "deeplabv3_resnet50"};

Model small_model(const std::string& name) {
  ModelDescription description = small_segmenter();
  description.network.model = name;
  return {cpu_device(), description, 4};
}

// "backbone.low_level_features.1.conv.0.0.weight" -> "features.1.conv.0.0.weight".
std::string name_there(std::string name) {
  name.erase(0, std::string("backbone.").size());
  for (const char* level : {"low_level_", "high_level_"}) {
    if (name.starts_with(level)) name.erase(0, std::string(level).size());
  }
  return name;
}

// A file as torchvision's, of a network as wide as the model, with what a classifier has besides.
class Classifier {
 public:
  explicit Classifier(const Model& model) {
    std::uint64_t seed = 100;
    for (const auto* layout : {&model.network.layout.weights, &model.network.layout.statistics}) {
      for (const Slot& slot : layout->slots()) {
        if (!slot.name.starts_with("backbone.")) continue;
        put(name_there(slot.name), slot.file_shape(),
            random_values(slot.file_shape().count(), ++seed, 0.5f, 2.f));
      }
    }
    put("classifier.1.weight", {10, 7}, random_values(70, 1));
    put("fc.bias", {10}, random_values(10, 2));
  }

  void put(const std::string& name, const Shape& shape, const std::vector<float>& values) {
    tensors_[name] = {shape, values};
  }
  void remove(const std::string& name) { EXPECT_EQ(tensors_.erase(name), 1u) << name; }
  const std::vector<float>& values(const std::string& name) const {
    return tensors_.at(name).second;
  }
  std::set<std::string> names() const {
    std::set<std::string> all;
    for (const auto& [name, tensor] : tensors_) all.insert(name);
    return all;
  }
  void save(const std::filesystem::path& path) const {
    std::vector<NamedTensor> entries;
    for (const auto& [name, tensor] : tensors_) {
      entries.push_back({name, DType::f32, tensor.first, std::as_bytes(std::span(tensor.second))});
    }
    const std::int64_t tracked = 3;
    entries.push_back({"layer1.0.bn1.num_batches_tracked",
                       DType::i64,
                       {},
                       std::as_bytes(std::span(&tracked, 1))});
    save_safetensors(path, entries, {});
  }
  SafetensorsFile file() const {
    const TemporaryDirectory directory;
    save(directory.path() / "classifier.safetensors");
    return SafetensorsFile::load(directory.path() / "classifier.safetensors");
  }

 private:
  std::map<std::string, std::pair<Shape, std::vector<float>>> tensors_;
};

TEST(torchvision_name, is_what_torchvision_calls_the_tensor) {
  EXPECT_EQ(torchvision_name("backbone.low_level_features.0.0.weight"), "features.0.0.weight");
  EXPECT_EQ(torchvision_name("backbone.low_level_features.1.conv.0.0.weight"),
            "features.1.conv.0.0.weight");
  EXPECT_EQ(torchvision_name("backbone.high_level_features.17.conv.3.running_var"),
            "features.17.conv.3.running_var");
  EXPECT_EQ(torchvision_name("backbone.conv1.weight"), "conv1.weight");
  EXPECT_EQ(torchvision_name("backbone.layer2.0.downsample.1.running_mean"),
            "layer2.0.downsample.1.running_mean");
  EXPECT_EQ(torchvision_name("classifier.classifier.4.bias"), "");
}

// As torchvision's state_dict() has them, without features.18 and classifier, fc, and
// num_batches_tracked: 52 convolutions with batch-norm, and 53.
TEST(torchvision_name, of_all_tensors_are_torchvisions) {
  const std::set<std::string> mobile = Classifier(small_model(kModels[0])).names(),
                              resnet = Classifier(small_model(kModels[1])).names();
  EXPECT_EQ(mobile.size(), 51u * 5 + 2);
  EXPECT_EQ(resnet.size(), 53u * 5 + 2);
  for (const char* name : {"features.0.0.weight", "features.0.1.bias", "features.1.conv.0.0.weight",
                           "features.1.conv.1.weight", "features.1.conv.2.running_mean",
                           "features.2.conv.0.1.weight", "features.2.conv.3.weight",
                           "features.17.conv.2.weight", "features.17.conv.3.running_var"}) {
    EXPECT_TRUE(mobile.contains(name)) << name;
  }
  for (const char* name :
       {"conv1.weight", "bn1.running_var", "layer1.0.conv1.weight", "layer1.0.downsample.0.weight",
        "layer2.0.downsample.1.running_mean", "layer3.5.conv3.weight", "layer4.2.bn3.bias"}) {
    EXPECT_TRUE(resnet.contains(name)) << name;
  }
  EXPECT_FALSE(mobile.contains("features.18.0.weight"));
  EXPECT_FALSE(resnet.contains("layer2.1.downsample.0.weight"));
}

TEST(load_backbone, puts_every_tensor_in_its_place_and_leaves_the_head) {
  for (const char* name : kModels) {
    Model model = small_model(name);
    const Classifier classifier(model);
    const std::vector<float> weights = model.weights.to_host<float>(),
                             statistics = model.statistics.to_host<float>();

    load_backbone(model, classifier.file());

    int of_backbone = 0, of_head = 0;
    const auto compare = [&](const WeightLayout& layout, const std::vector<float>& before,
                             const std::vector<float>& after) {
      for (const Slot& slot : layout.slots()) {
        const bool backbone = slot.name.starts_with("backbone.");
        ++(backbone ? of_backbone : of_head);
        EXPECT_EQ(WeightLayout::to_file_order(slot, after),
                  backbone ? classifier.values(name_there(slot.name))
                           : WeightLayout::to_file_order(slot, before))
            << slot.name;
      }
    };
    compare(model.network.layout.weights, weights, model.weights.to_host<float>());
    compare(model.network.layout.statistics, statistics, model.statistics.to_host<float>());
    EXPECT_GT(of_backbone, 250);
    EXPECT_EQ(of_head, 23 + 14);
  }
}

TEST(load_backbone, names_what_is_wrong_in_one_line_and_changes_nothing) {
  Model model = small_model(kModels[0]);
  const std::vector<float> weights = model.weights.to_host<float>(),
                           statistics = model.statistics.to_host<float>();
  const auto refusal = [&](const std::function<void(Classifier&)>& change) {
    Classifier classifier(model);
    change(classifier);
    const SafetensorsFile file = classifier.file();
    const std::string message = error_of([&] { load_backbone(model, file); });
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
    EXPECT_EQ(model.weights.to_host<float>(), weights);
    EXPECT_EQ(model.statistics.to_host<float>(), statistics);
    return message;
  };
  expect_part("is no backbone of deeplabv3_mobilenetv2 (1 tensors): features.0.0.weight is missing",
              refusal([](Classifier& c) { c.remove("features.0.0.weight"); }));
  expect_part("features.17.conv.3.running_var is missing",
              refusal([](Classifier& c) { c.remove("features.17.conv.3.running_var"); }));
  expect_part("features.0.0.weight has shape [16, 3, 3, 3], expected [8, 3, 3, 3]",
              refusal([](Classifier& c) {
                c.put("features.0.0.weight", {16, 3, 3, 3}, random_values(432, 1));
              }));
  expect_part("features.1.conv.1.weight holds a value that is not finite",
              refusal([](Classifier& c) {
                std::vector<float> values = c.values("features.1.conv.1.weight");
                values.back() = NAN;
                c.put("features.1.conv.1.weight", {1, 8, 1, 1}, values);
              }));
  expect_part("features.0.1.running_var holds a negative variance", refusal([](Classifier& c) {
                std::vector<float> values = c.values("features.0.1.running_var");
                values.front() = -1;
                c.put("features.0.1.running_var", {8}, values);
              }));
  expect_part("It needs torchvision's names and width 1",
              refusal([](Classifier& c) { c.remove("features.0.0.weight"); }));
}

TEST(load_backbone, of_a_file_that_is_something_else_lists_a_few_names) {
  Model model = small_model(kModels[1]);
  const Classifier mobile(small_model(kModels[0]));
  const SafetensorsFile file = mobile.file();
  const std::string message = error_of([&] { load_backbone(model, file); });
  expect_part("is no backbone of deeplabv3_resnet50 (265 tensors): conv1.weight is missing",
              message);
  EXPECT_LT(message.size(), 1000u);
}

TEST(init_backbone, is_where_a_run_begins) {
  const TemporaryDirectory directory;
  SegmentTrainOptions options = small_segment_run(directory.path() / "run");
  const Classifier classifier(small_model(kModels[0]));
  options.init_backbone = (directory.path() / "classifier.safetensors").string();
  classifier.save(options.init_backbone);
  options.epochs = 1;
  options.backbone_lr_factor = 0;

  train_small(options);

  const SafetensorsFile last = SafetensorsFile::load(directory.path() / "run/last.safetensors");
  EXPECT_EQ(last.read_f32("backbone.high_level_features.17.conv.2.weight"),
            classifier.values("features.17.conv.2.weight"));
  EXPECT_NE(last.read_f32("backbone.high_level_features.17.conv.3.running_var"),
            classifier.values("features.17.conv.3.running_var"));
}

}  // namespace
}  // namespace saddle
