// Labels follow the names of classes, not their numbers.
#include "apps/common/class_names.h"

#include <gtest/gtest.h>

#include "apps/common/load_model.h"
#include "tests/apps/training_runs.h"

namespace saddle {
namespace {

using Names = std::vector<std::string>;

TEST(class_names, differ_by_name_order_and_number) {
  EXPECT_EQ(class_name_differences({"a", "b"}, {"a", "b"}, "image-folder"), "");
  EXPECT_EQ(class_name_differences({"a", "b"}, {"b", "a"}, "image-folder"),
            "the same names in another order");
  EXPECT_EQ(class_name_differences({"a", "b", "c"}, {"b", "c", "zebra"}, "image-folder"),
            "the data set has no 'a'; the checkpoint has no 'zebra'");
  EXPECT_EQ(class_name_differences({"a", "b"}, {"a"}, "image-folder"), "the data set has no 'b'");
  EXPECT_EQ(class_name_differences({"a"}, {"a", "1", "2", "3", "4", "5", "6", "7"}, "image-folder"),
            "the checkpoint has no '1', '2', '3', '4', '5' and 2 more");
}

TEST(class_names, that_a_published_set_lacks_are_any) {
  EXPECT_EQ(class_name_differences({"class 0", "class 1"}, {"cat", "dog"}, "cifar100"), "");
  EXPECT_EQ(class_name_differences({"cat", "dog"}, {"class 0", "class 1"}, "cifar100"), "");
  EXPECT_EQ(class_name_differences({"n00000001"}, {"tench"}, "tiny-imagenet"), "");

  EXPECT_NE(class_name_differences({"class 1", "class 0"}, {"cat", "dog"}, "cifar100"), "");
  EXPECT_NE(class_name_differences({"class 0"}, {"cat"}, "image-folder"), "");
  EXPECT_NE(class_name_differences({"n00000001"}, {"tench"}, "image-folder"), "");
}

TEST(class_names, in_another_order_renumber_the_labels) {
  Dataset data = quadrants(6, 1);  // a, b, c, d; labels 0, 1, 2, 3, 0, 1

  EXPECT_TRUE(order_classes(data, {"d", "c", "a", "b"}));

  EXPECT_EQ(data.labels, (std::vector<std::int32_t>{2, 3, 1, 0, 2, 3}));
  EXPECT_EQ(data.class_names, (Names{"d", "c", "a", "b"}));
}

TEST(class_names, that_are_others_or_stand_twice_renumber_nothing) {
  Dataset data = quadrants(4, 1);
  EXPECT_FALSE(order_classes(data, {"a", "b", "c", "d"}));
  EXPECT_FALSE(order_classes(data, {"d", "c", "b", "e"}));
  EXPECT_FALSE(order_classes(data, {"d", "c", "b"}));
  data.class_names = {"a", "a", "b", "c"};
  EXPECT_FALSE(order_classes(data, {"c", "b", "a", "a"}));

  EXPECT_EQ(data.labels, (std::vector<std::int32_t>{0, 1, 2, 3}));
}

TEST(class_names, that_are_not_utf8_are_compared_as_they_are_stored) {
  EXPECT_EQ(class_name_differences(storable_names({"b\xff"}), {"b\xff"}, "image-folder"), "");
}

// ---- a checkpoint before a data set ----

class NamedCheckpoint : public testing::Test {
 protected:
  NamedCheckpoint() : path_((directory_.path() / "model.safetensors").string()) {
    data_.name = "image-folder";
    save({"a", "b", "c", "d"});
  }
  void save(const Names& names) const {
    const NetworkOptions network{"preact_resnet10", 2, 1, 12, 12, 4};
    save_checkpoint(path_, Model(cpu_device(), {network, {0.4f}, {0.25f}, names}, 1));
  }
  Model load() const { return load_model(path_, {}, cpu_device(), data_); }

  TemporaryDirectory directory_;
  std::string path_;
  Dataset data_ = quadrants(8, 1);
};

TEST_F(NamedCheckpoint, meets_its_own_classes_without_a_word) {
  EXPECT_EQ(match_labels(data_, path_), "");
  EXPECT_TRUE(load().assumptions.empty());
}

TEST_F(NamedCheckpoint, refuses_other_classes_by_name) {
  data_.class_names = {"b", "c", "d", "zebra"};

  EXPECT_EQ(match_labels(data_, path_), "");
  expect_error(
      "its classes are not those of image-folder: the data set has no 'a'; the checkpoint "
      "has no 'zebra'",
      [&] { load(); });
}

TEST_F(NamedCheckpoint, has_its_labels_matched_in_another_order) {
  data_.class_names = {"d", "a", "b", "c"};
  expect_error("the same names in another order", [&] { load(); });

  expect_part("labels follow the checkpoint's names", match_labels(data_, path_));

  EXPECT_TRUE(load().assumptions.empty());
  EXPECT_EQ(data_.labels, (std::vector<std::int32_t>{3, 0, 1, 2, 3, 0, 1, 2}));
}

TEST_F(NamedCheckpoint, without_names_assumes_the_folders_order_and_says_so) {
  save({});

  EXPECT_EQ(match_labels(data_, path_), "");
  const Model model = load();

  ASSERT_EQ(model.assumptions.size(), 1u);
  expect_part("in the order of their names (0 'a', 1 'b', 2 'c', 3 'd')", model.assumptions[0]);
  data_.name = "quadrants";  // a published set has one order
  EXPECT_TRUE(load().assumptions.empty());
}

TEST(trained_model, knows_the_names_of_its_classes) {
  const TemporaryDirectory directory;
  train_small(small_run("sgd-one-epoch", directory.path()));

  EXPECT_EQ(class_names_of(SafetensorsFile::load(directory.path() / "last.safetensors")),
            (Names{"a", "b", "c", "d"}));
}

}  // namespace
}  // namespace saddle
