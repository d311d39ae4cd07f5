// Rows of a batch: taking some, putting them back, many tries of one example.
#include "attacks/rows.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "tests/support/devices.h"
#include "tests/support/expect_near.h"
#include "tests/support/linear_models.h"

namespace saddle {
namespace {

using namespace testing_support;
using Floats = std::vector<float>;
using Integers = std::vector<std::int32_t>;

class Rows : public ::testing::TestWithParam<std::string> {
 protected:
  Device& device() const { return device_named(GetParam()); }
};

INSTANTIATE_TEST_SUITE_P(Devices, Rows, ::testing::ValuesIn(device_names()),
                         [](const auto& info) { return std::string(info.param); });

TEST_P(Rows, are_taken_in_the_order_asked_for_and_as_often) {
  const Tensor x = Tensor::from_host(device(), {3, 1, 2}, Floats{1, 2, 3, 4, 5, 6});
  const Tensor labels = Tensor::from_host(device(), {3}, Integers{7, 8, 9});
  const Tensor rows = row_numbers(device(), {2, 0, 2, 1});

  EXPECT_EQ(select_rows(x, rows).shape(), (Shape{4, 1, 2}));
  EXPECT_EQ(select_rows(x, rows).to_host<float>(), (Floats{5, 6, 1, 2, 5, 6, 3, 4}));
  EXPECT_EQ(select_rows(labels, rows).to_host<std::int32_t>(), (Integers{9, 7, 9, 8}));
  using Labels = std::vector<std::uint8_t>;  // a row of them an image
  const Tensor of_pixels =
      Tensor::from_host(device(), {3, 1, 3}, Labels{1, 2, 3, 4, 5, 6, 7, 8, 255});
  EXPECT_EQ(select_rows(of_pixels, rows).to_host<std::uint8_t>(),
            (Labels{7, 8, 255, 1, 2, 3, 7, 8, 255, 4, 5, 6}));
}

TEST_P(Rows, put_back_replace_those_rows_and_no_others) {
  const Tensor x = Tensor::from_host(device(), {3, 2}, Floats{1, 2, 3, 4, 5, 6});
  const Tensor labels = Tensor::from_host(device(), {3}, Integers{7, 8, 9});
  const Tensor rows = row_numbers(device(), {2, 0});

  put_rows(x, rows, Tensor::from_host(device(), {2, 2}, Floats{-1, -2, -3, -4}));
  put_rows(labels, rows, Tensor::from_host(device(), {2}, Integers{-1, -2}));

  EXPECT_EQ(x.to_host<float>(), (Floats{-3, -4, 3, 4, -1, -2}));
  EXPECT_EQ(labels.to_host<std::int32_t>(), (Integers{-2, 8, -1}));
}

TEST_P(Rows, of_a_batch_keep_each_examples_label_index_and_attempt) {
  Batch batch = random_examples(device(), {4, 0, 6}, 7, 1, 2, 3);
  batch.attempts = row_numbers(device(), {5, 6, 7});

  const Batch part = select(batch, Integers{2, 0});

  const Batch want = random_examples(device(), {6, 4}, 7, 1, 2, 3);
  EXPECT_EQ(part.inputs.to_host<float>(), want.inputs.to_host<float>());
  EXPECT_EQ(part.targets.to_host<std::int32_t>(), want.targets.to_host<std::int32_t>());
  EXPECT_EQ(part.indices.to_host<std::int32_t>(), (Integers{6, 4}));
  EXPECT_EQ(part.attempts.to_host<std::int32_t>(), (Integers{7, 5}));
}

TEST_P(Rows, none_of_them_is_an_empty_batch) {
  const Batch none = select(random_examples(device(), {1}, 7, 1, 2, 3), Integers{});

  EXPECT_EQ(none.inputs.shape(), (Shape{0, 1, 2, 3}));
  EXPECT_EQ(none.targets.count(), 0);
}

TEST_P(Rows, margins_are_the_labels_logit_less_the_largest_other) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const Tensor logits =
      Tensor::from_host(device(), {5, 3}, Floats{2, 1, 0, 1, 2, 0, 3, 3, 1, nan, 1, 0, 1, nan, 0});
  const Tensor labels = Tensor::from_host(device(), {5}, Integers{0, 0, 1, 0, 0});

  const Floats margin = margins(logits, labels).to_host<float>();

  EXPECT_EQ(margin[0], 1.f);
  EXPECT_EQ(margin[1], -1.f);
  EXPECT_EQ(margin[2], 0.f);
  EXPECT_TRUE(std::isnan(margin[3]));
  EXPECT_TRUE(std::isnan(margin[4]));
}

TEST_P(Rows, predicted_right_lists_ties_by_the_lowest_class_and_no_failure_of_the_model_as_broken) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const Tensor logits = Tensor::from_host(device(), {4, 2}, Floats{2, 1, 1, 2, 3, 3, nan, 1});
  const Tensor labels = Tensor::from_host(device(), {4}, Integers{0, 0, 1, 0});

  EXPECT_EQ(rows_predicted_right(logits, labels), (Integers{0, 3}));
}

TEST(rows, refuse_a_batch_that_does_not_fit_together) {
  Batch batch = single_image(cpu_device(), grey());
  batch.attempts = row_numbers(cpu_device(), {0, 1});

  EXPECT_CONTAINS(message_of<Error>([&] { check_batch(batch, "apgd"); }),
                  "apgd: [1, 1, 1, 4] images, 1 labels, 1 indices and 2 attempt numbers do not");
}

TEST(rows, carry_their_targets) {
  Batch batch = single_image(cpu_device(), grey());
  batch.aims = row_numbers(cpu_device(), {7});

  EXPECT_EQ(select(batch, Integers{0, 0}).aims.to_host<std::int32_t>(),
            (std::vector<std::int32_t>{7, 7}));
  batch.aims = row_numbers(cpu_device(), {7, 8});
  EXPECT_CONTAINS(message_of<Error>([&] { check_batch(batch, "mifgsm"); }),
                  "mifgsm: [1, 1, 1, 4] images and 2 targets do not match");
}

TEST(rows, refuse_to_be_replaced_by_rows_of_another_size) {
  const Tensor x = Tensor::filled(cpu_device(), {3, 2}, 0.f);

  EXPECT_CONTAINS(
      message_of<Error>([&] {
        put_rows(x, row_numbers(cpu_device(), {0}), Tensor::filled(cpu_device(), {1, 3}, 0.f));
      }),
      "1 rows of [3, 2] cannot be replaced by [1, 3]");
}

}  // namespace
}  // namespace saddle
