// WeightLayout: aligned slots, PyTorch's order at the border, initial values that depend on their
// place alone.
#include "core/weights.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "tests/support/expect_near.h"
#include "tests/support/random_values.h"

namespace saddle {
namespace {

using namespace testing_support;
using Floats = std::vector<float>;

constexpr Init kUniform{Init::Kind::uniform, 0.25f};
constexpr Init kThree{Init::Kind::constant, 3.f};

TEST(weight_layout, begins_every_slot_on_a_64_byte_boundary_after_the_one_before) {
  WeightLayout layout;
  const Slot a = layout.add("a", {1}, kThree), b = layout.add("b", {31}, kThree),
             c = layout.add("c", {32}, kThree), d = layout.add("d", {33, 1}, kThree);

  EXPECT_EQ(a.offset, 0);
  EXPECT_EQ(b.offset, 16);
  EXPECT_EQ(c.offset, 48);
  EXPECT_EQ(d.offset, 80);
  EXPECT_EQ(layout.size(), 128);
  EXPECT_EQ(layout.parameter_count(), 1 + 31 + 32 + 33);
  EXPECT_EQ(
      reinterpret_cast<std::uintptr_t>(view(layout.zeros(cpu_device()), b).data<float>()) % 64, 0u);
}

TEST(weight_layout, refuses_a_name_that_is_taken) {
  WeightLayout layout;
  layout.add("fc.weight", {3}, kThree);

  EXPECT_CONTAINS(message_of<Error>([&] { layout.add("fc.weight", {7}, kThree); }),
                  "weights: two tensors are named fc.weight");
  EXPECT_EQ(layout.slots().size(), 1u);
}

TEST(weight_layout, leaves_zeros_in_the_gaps) {
  WeightLayout layout;
  layout.add("a", {3}, kThree);
  layout.add("b", {17}, kUniform);

  const Floats values = layout.initial(cpu_device(), 1).to_host<float>();

  EXPECT_EQ(Floats(values.begin(), values.begin() + 3), Floats(3, 3.f));
  EXPECT_EQ(Floats(values.begin() + 3, values.begin() + 16), Floats(13, 0.f));
  EXPECT_EQ(Floats(values.begin() + 33, values.end()), Floats(15, 0.f));
}

// Element (o, i, y, x) of the file is element (o, y, x, i) inside.
TEST(weight_layout, permutes_convolution_weights_between_ohwi_and_oihw) {
  WeightLayout layout;
  layout.add("before", {5}, kThree);
  const Slot slot = layout.add("conv", {2, 3, 3, 5}, kThree);
  Floats inside(static_cast<std::size_t>(layout.size()), 0.f);
  for (int o = 0; o < 2; ++o)
    for (int y = 0; y < 3; ++y)
      for (int x = 0; x < 3; ++x)
        for (int i = 0; i < 5; ++i) {
          inside[static_cast<std::size_t>(slot.offset + ((o * 3 + y) * 3 + x) * 5 + i)] =
              static_cast<float>(1000 * o + 100 * i + 10 * y + x);
        }

  const Floats file = WeightLayout::to_file_order(slot, inside);

  EXPECT_EQ(slot.file_shape(), (Shape{2, 5, 3, 3}));
  for (std::size_t at = 0; at < file.size(); ++at) {
    const std::size_t o = at / 45, i = at / 9 % 5, y = at / 3 % 3, x = at % 3;
    EXPECT_EQ(file[at], static_cast<float>(1000 * o + 100 * i + 10 * y + x)) << at;
  }
}

TEST(weight_layout, from_file_order_undoes_to_file_order) {
  WeightLayout layout;
  const Slot conv = layout.add("conv", {3, 3, 3, 7}, kUniform),
             matrix = layout.add("fc", {5, 7}, kUniform);
  const Floats buffer = layout.initial(cpu_device(), 3).to_host<float>();
  Floats back(buffer.size(), 0.f);

  WeightLayout::from_file_order(conv, WeightLayout::to_file_order(conv, buffer), back);
  WeightLayout::from_file_order(matrix, WeightLayout::to_file_order(matrix, buffer), back);

  EXPECT_EQ(back, buffer);
}

TEST(weight_layout, leaves_matrices_and_vectors_in_their_order) {
  WeightLayout layout;
  const Slot slot = layout.add("fc", {2, 3}, kThree);
  Floats buffer(static_cast<std::size_t>(layout.size()));
  std::iota(buffer.begin(), buffer.end(), 0.f);

  EXPECT_EQ(slot.file_shape(), (Shape{2, 3}));
  EXPECT_EQ(WeightLayout::to_file_order(slot, buffer), (Floats{0, 1, 2, 3, 4, 5}));
}

TEST(weight_layout, refuses_values_of_another_count) {
  WeightLayout layout;
  const Slot slot = layout.add("fc", {2, 3}, kThree);
  Floats buffer(static_cast<std::size_t>(layout.size()));

  EXPECT_CONTAINS(message_of<Error>([&] {
                    WeightLayout::from_file_order(slot, {1, 2}, buffer);
                  }),
                  "weights: fc has 6 elements, 2 came");
}

Floats initial_of(const WeightLayout& layout, std::size_t slot, std::uint64_t seed) {
  return WeightLayout::to_file_order(layout.slots()[slot],
                                     layout.initial(cpu_device(), seed).to_host<float>());
}

TEST(initial_weights, are_uniform_within_their_bound) {
  WeightLayout layout;
  layout.add("w", {1000, 100}, kUniform);

  const Floats values = initial_of(layout, 0, 1);

  EXPECT_GE(*std::min_element(values.begin(), values.end()), -0.25f);
  EXPECT_LE(*std::max_element(values.begin(), values.end()), 0.25f);
  const double n = static_cast<double>(values.size());
  double mean = 0, square = 0;
  for (float value : values) mean += value / 0.25 / n, square += std::pow(value / 0.25, 2) / n;
  expect_near(mean, 0, 4 * std::sqrt(1 / 3. / n),
              "mean");  // 4 standard deviations of the estimates
  expect_near(square, 1 / 3., 4 * std::sqrt((1 / 5. - 1 / 9.) / n), "mean square");
}

TEST(initial_weights, depend_on_the_seed) {
  WeightLayout layout;
  layout.add("w", {33}, kUniform);

  EXPECT_EQ(initial_of(layout, 0, 1), initial_of(layout, 0, 1));
  EXPECT_NE(initial_of(layout, 0, 1), initial_of(layout, 0, 2));
}

TEST(initial_weights, of_a_slot_do_not_depend_on_the_sizes_of_the_others) {
  WeightLayout small, large;
  small.add("before", {3}, kUniform);
  small.add("w", {3, 3, 3, 7}, kUniform);
  large.add("before", {1025}, kUniform);
  large.add("w", {3, 3, 3, 7}, kUniform);
  large.add("behind", {33}, kUniform);

  EXPECT_EQ(initial_of(small, 1, 5), initial_of(large, 1, 5));
  EXPECT_NE(initial_of(large, 0, 5), initial_of(large, 1, 5));
}

TEST(initial_weights, are_the_same_on_every_device) {
  WeightLayout layout;
  layout.add("w", {33, 31}, kUniform);

  EXPECT_EQ(layout.initial(cpu_device(), 1).to_host<float>(),
            layout.initial(emulated_device(), 1).to_host<float>());
}

}  // namespace
}  // namespace saddle
