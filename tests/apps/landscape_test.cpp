// The loss landscape: its directions, what a step along them does, and that nothing is disturbed.
#include "apps/landscape/landscape.h"

#include <gtest/gtest.h>

#include <cmath>

#include "apps/common/evaluate.h"
#include "tests/apps/training_runs.h"
#include "tests/support/expect_near.h"
#include "tests/support/random_values.h"

namespace saddle::landscape {
namespace {

using namespace testing_support;

struct Scene {
  Dataset images = test_data();
  DeviceDataset data{cpu_device(), images};
  Model model{cpu_device(),
              {{"preact_resnet10", 4, 1, images.height, images.width, 4}, images.mean, images.std},
              7};
  LandscapePoint here() const {
    const Evaluation found = evaluate(model.evaluation(), data, 16);
    return {0, found.loss, found.accuracy};
  }
};

double norm_of(const std::vector<float>& values, std::int64_t first, std::int64_t count) {
  double sum = 0;
  for (std::int64_t i = first; i < first + count; ++i) {
    sum += double{values[static_cast<std::size_t>(i)]} * values[static_cast<std::size_t>(i)];
  }
  return std::sqrt(sum);
}

TEST(random_direction, gives_each_filter_the_norm_of_the_models_and_nothing_to_the_rest) {
  const Scene scene;
  const std::vector<float> w = scene.model.weights.to_host<float>(),
                           d = random_direction(scene.model, 3, 0).to_host<float>();

  for (const Slot& slot : scene.model.network.layout.weights.slots()) {
    const std::int64_t count = slot.shape.count();
    if (slot.kind != SlotKind::weight) {
      EXPECT_EQ(norm_of(d, slot.offset, count), 0) << slot.name;
      continue;
    }
    const std::int64_t size = count / slot.shape[0];
    for (std::int64_t filter = 0; filter < slot.shape[0]; ++filter) {
      const std::int64_t first = slot.offset + filter * size;
      EXPECT_NEAR(norm_of(d, first, size), norm_of(w, first, size), 1e-5)
          << slot.name << ", filter " << filter;
    }
  }
}

TEST(random_direction, depends_on_seed_and_number) {
  const Scene scene;
  const auto bits = [&](std::uint64_t seed, std::uint32_t number) {
    return bits_of(random_direction(scene.model, seed, number).to_host<float>());
  };

  EXPECT_EQ(bits(3, 0), bits(3, 0));
  EXPECT_NE(bits(3, 0), bits(3, 1));
  EXPECT_NE(bits(3, 0), bits(4, 0));
}

TEST(sam_direction, is_of_unit_length_and_does_not_depend_on_the_batch) {
  const Scene scene;
  const std::vector<float> whole = sam_direction(scene.model, scene.data, 33).to_host<float>(),
                           parts = sam_direction(scene.model, scene.data, 7).to_host<float>();

  EXPECT_NEAR(norm_of(whole, 0, static_cast<std::int64_t>(whole.size())), 1, 1e-5);
  for (std::size_t i = 0; i < whole.size(); ++i) ASSERT_NEAR(parts[i], whole[i], 1e-5) << i;
}

// L(w + t d) - L(w - t d) = 2 t <g, d> + O(t^3), and <g, g / ||g||> = ||g||: no direction of unit
// length rises faster.
TEST(sam_direction, is_the_steepest) {
  const Scene scene;
  const double t = 1e-3;
  const auto slope = [&](const Tensor& direction) {
    const auto points = along_weights(scene.model, direction, {-t, t}, scene.data, 33);
    return (points[1].loss - points[0].loss) / (2 * t);
  };
  const Tensor direction = sam_direction(scene.model, scene.data, 33);
  const double steepest = slope(direction);
  EXPECT_GT(steepest, 0);

  for (std::uint32_t number = 0; number < 3; ++number) {
    const Tensor other = random_direction(scene.model, 5, number);
    const std::vector<float> d = other.to_host<float>(), g = direction.to_host<float>();
    double product = 0;
    for (std::size_t i = 0; i < d.size(); ++i) product += double{d[i]} * g[i];
    // Each direction's slope is its product with the gradient.
    EXPECT_NEAR(slope(other), steepest * product, 2e-2 * steepest + 1e-3) << number;
  }
}

TEST(along_weights, at_zero_is_the_model_itself_which_stays_as_it_is) {
  const Scene scene;
  const auto before = bits_of(scene.model.weights.to_host<float>());
  const LandscapePoint here = scene.here();

  const auto points = along_weights(scene.model, random_direction(scene.model, 3, 0),
                                    {-0.5, 0, 0.5}, scene.data, 16);

  EXPECT_EQ(points[1].loss, here.loss);
  EXPECT_EQ(points[1].accuracy, here.accuracy);
  EXPECT_NE(points[0].loss, here.loss);
  EXPECT_EQ(bits_of(scene.model.weights.to_host<float>()), before);
}

TEST(over_plane, has_the_lines_along_its_axes) {
  const Scene scene;
  const Tensor first = random_direction(scene.model, 3, 0),
               second = random_direction(scene.model, 3, 1);
  const std::vector<double> places = {-0.5, 0, 0.5};

  const auto plane = over_plane(scene.model, first, second, places, scene.data, 16);

  const auto along_first = along_weights(scene.model, first, places, scene.data, 16),
             along_second = along_weights(scene.model, second, places, scene.data, 16);
  ASSERT_EQ(plane.size(), 9u);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(plane[3 * i + 1].loss, along_first[i].loss);
    EXPECT_EQ(plane[3 + i].loss, along_second[i].loss);
  }
}

TEST(along_inputs, starts_at_the_clean_loss_and_rises_with_the_radius) {
  const Scene scene;
  for (const InputStep step : {InputStep::fgsm, InputStep::pgd}) {
    const auto points =
        along_inputs(scene.model, step, {0, 0.5 / 255, 2. / 255, 8. / 255}, scene.data, 16);

    EXPECT_NEAR(points[0].loss, scene.here().loss, 1e-6);
    EXPECT_EQ(points[0].accuracy, scene.here().accuracy);
    for (std::size_t i = 1; i < points.size(); ++i) EXPECT_GT(points[i].loss, points[i - 1].loss);
  }
}

TEST(along_inputs, does_not_depend_on_the_batch) {
  const Scene scene;
  const auto whole = along_inputs(scene.model, InputStep::pgd, {4. / 255}, scene.data, 33),
             parts = along_inputs(scene.model, InputStep::pgd, {4. / 255}, scene.data, 5);

  EXPECT_NEAR(parts[0].loss, whole[0].loss, 1e-4);
}

}  // namespace
}  // namespace saddle::landscape
