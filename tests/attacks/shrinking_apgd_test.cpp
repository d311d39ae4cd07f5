// APGD with shrinking radii: its phases, its answers, and what must not matter.
#include "attacks/shrinking_apgd.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "attacks/apgd_rows.h"
#include "tests/attacks/pixel_models.h"
#include "tests/support/devices.h"
#include "tests/support/expect_near.h"

namespace saddle {
namespace {

using namespace testing_support;
using Floats = std::vector<float>;

ShrinkingApgdOptions options_of(Norm norm, float eps, int steps) { return {norm, eps, steps}; }

TEST(shrinking_phases, and_their_checkpoints_are_those_of_the_paper) {
  const auto phases = shrinking_phases(options_of(Norm::linf, 4.f / 255, 300));

  ASSERT_EQ(phases.size(), 3u);
  EXPECT_FLOAT_EQ(phases[0].eps, 8.f / 255);
  EXPECT_FLOAT_EQ(phases[1].eps, 6.f / 255);
  EXPECT_FLOAT_EQ(phases[2].eps, 4.f / 255);
  EXPECT_EQ(phases[0].steps, 90);
  EXPECT_EQ(phases[1].steps, 90);
  EXPECT_EQ(phases[2].steps, 120);
  EXPECT_EQ(apgd_checkpoints(90), (std::vector<int>{19, 36, 51, 64, 75, 84}));
  EXPECT_EQ(apgd_checkpoints(120), (std::vector<int>{26, 49, 69, 86, 100, 111, 119}));
}

TEST(shrinking_phases, share_out_few_steps) {
  const auto phases = shrinking_phases(options_of(Norm::linf, 4.f / 255, 4));

  EXPECT_EQ(phases[0].steps, 1);
  EXPECT_EQ(phases[1].steps, 1);
  EXPECT_EQ(phases[2].steps, 2);
}

class ShrinkingApgdOn : public ::testing::TestWithParam<std::string> {
 protected:
  Device& device() const { return device_named(GetParam()); }
  ShrinkingClimb climb(const std::string& name) const {
    return {tracked_pixel_loss(name, balance(device()))};
  }
  LogitsFunction model() const { return bit_stable_pixels(device(), 3); }
  Tensor attacked(const Batch& batch, const std::string& name, const ShrinkingApgdOptions& options,
                  PassCounts* counts = nullptr) const {
    return shrinking_apgd(model(), climb(name), batch, options, 1, 0, counts);
  }
};

INSTANTIATE_TEST_SUITE_P(Devices, ShrinkingApgdOn, ::testing::ValuesIn(device_names()),
                         [](const auto& info) { return std::string(info.param); });

// The largest over images of the distance in the norm.
double distance(Norm norm, const Tensor& moved, const Tensor& images) {
  const Floats a = moved.to_host<float>(), b = images.to_host<float>();
  const std::size_t columns = a.size() / static_cast<std::size_t>(images.shape()[0]);
  double most = 0;
  for (std::size_t first = 0; first < a.size(); first += columns) {
    double squares = 0, largest = 0;
    for (std::size_t i = first; i < first + columns; ++i) {
      const double delta = std::abs(double{a[i]} - b[i]);
      squares += delta * delta;
      largest = std::max(largest, delta);
    }
    most = std::max(most, norm == Norm::linf ? largest : std::sqrt(squares));
  }
  return most;
}

void expect_pixels_in_range(const Tensor& images) {
  const Floats pixels = images.to_host<float>();
  EXPECT_GE(*std::min_element(pixels.begin(), pixels.end()), 0.f);
  EXPECT_LE(*std::max_element(pixels.begin(), pixels.end()), 1.f);
}

TEST_P(ShrinkingApgdOn, each_phase_keeps_its_radius_and_never_leaves_more_pixels_right) {
  const Batch batch = random_scenes(device(), some_scenes(device()));
  for (const Norm norm : {Norm::linf, Norm::l2}) {
    const float eps = norm == Norm::linf ? .06f : .5f;
    std::vector<PhaseReport> reports;
    ShrinkingClimb watched = climb("mce-bal");
    watched.observe = [&](const PhaseReport& report) { reports.push_back(report); };
    const Tensor answer = shrinking_apgd(model(), watched, batch, options_of(norm, eps, 20), 1, 0);

    ASSERT_EQ(reports.size(), 3u);
    EXPECT_EQ(bits_of(reports[2].answer.to_host<float>()), bits_of(answer.to_host<float>()));
    for (const PhaseReport& report : reports) {
      const Floats before = right_pixels(model(), report.start, batch),
                   after = right_pixels(model(), report.answer, batch);
      const double bound = report.phase.eps * (1 + 1e-5) + 1e-6;
      EXPECT_LE(distance(norm, report.start, batch.inputs), bound);
      EXPECT_LE(distance(norm, report.answer, batch.inputs), bound);
      expect_pixels_in_range(report.answer);
      EXPECT_EQ(report.right.to_host<float>(), after);
      for (std::size_t i = 0; i < before.size(); ++i) EXPECT_LE(after[i], before[i]);
    }
    EXPECT_GT(distance(norm, reports[0].answer, batch.inputs), 1.5 * eps);
    EXPECT_LT(reports[0].right.to_host<float>(), right_pixels(model(), batch.inputs, batch));
  }
}

TEST_P(ShrinkingApgdOn, an_image_does_not_depend_on_who_else_is_in_the_batch) {
  // So large a radius that some images are done before others.
  const std::vector<std::int32_t> all = some_scenes(device());
  for (const ShrinkingApgdOptions& options :
       {options_of(Norm::linf, .3f, 10), options_of(Norm::l2, 3.f, 10)}) {
    PassCounts counts;
    const Floats together =
        attacked(random_scenes(device(), all), "mce", options, &counts).to_host<float>();
    Floats single;
    for (std::int32_t i : all) {
      PassCounts own;
      const Floats one =
          attacked(random_scenes(device(), {i}), "mce", options, &own).to_host<float>();
      single.insert(single.end(), one.begin(), one.end());
      EXPECT_EQ(own.forward, counts.rows[static_cast<std::size_t>(i)].forward) << i;
      EXPECT_EQ(own.backward, counts.rows[static_cast<std::size_t>(i)].backward) << i;
    }

    EXPECT_EQ(bits_of(together), bits_of(single));
    EXPECT_LT(counts.forward, static_cast<std::int64_t>(13 * all.size()))
        << "no image was done early: nothing was tried";
  }
}

TEST_P(ShrinkingApgdOn, costs_three_forward_passes_more_than_it_has_steps) {
  PassCounts counts;

  attacked(random_scenes(device(), {0, 1}), "jsd", options_of(Norm::linf, .01f, 20), &counts);

  EXPECT_EQ(counts.forward, 2 * 23);
  EXPECT_EQ(counts.backward, 2 * 20);
}

TEST_P(ShrinkingApgdOn, void_pixels_are_neither_right_nor_wrong) {
  // Nine pixels in ten: were they wrong at the start and right later, nothing could replace it.
  Batch batch = random_scenes(device(), {0, 1});
  Labels labels = batch.targets.to_host<std::uint8_t>();
  for (std::size_t i = 0; i < labels.size(); ++i) labels[i] = i % 10 == 0 ? labels[i] : kVoid;
  batch.targets = Tensor::from_host(device(), {2, 8, 6}, labels);
  ShrinkingClimb watched = climb("mce");
  std::vector<PhaseReport> reports;
  watched.observe = [&](const PhaseReport& report) { reports.push_back(report); };

  const Tensor answer =
      shrinking_apgd(model(), watched, batch, options_of(Norm::linf, .1f, 20), 1, 0);

  const Floats start = right_pixels(model(), reports[0].start, batch);
  const Floats left = right_pixels(model(), answer, batch);
  EXPECT_LT(left[0] + left[1], start[0] + start[1]);
}

TEST_P(ShrinkingApgdOn, the_label_of_a_void_pixel_does_not_matter) {
  const Batch batch = random_scenes(device(), {0, 1});
  Batch relabelled = batch;
  Labels labels = batch.targets.to_host<std::uint8_t>();
  std::replace(labels.begin(), labels.end(), kVoid, std::uint8_t{17});
  relabelled.targets = Tensor::from_host(device(), {2, 8, 6}, labels);
  const ShrinkingApgdOptions options = options_of(Norm::linf, .06f, 10);

  EXPECT_EQ(bits_of(attacked(batch, "mce-bal", options).to_host<float>()),
            bits_of(attacked(relabelled, "mce-bal", options).to_host<float>()));
}

TEST_P(ShrinkingApgdOn, an_image_of_void_alone_is_its_start_on_the_last_ball) {
  Batch batch = random_scenes(device(), {3});
  batch.targets = Tensor::from_host(device(), {1, 8, 6}, Labels(48, kVoid));
  ShrinkingClimb watched = climb("mce");
  std::vector<PhaseReport> reports;
  watched.observe = [&](const PhaseReport& report) { reports.push_back(report); };

  const Tensor answer =
      shrinking_apgd(model(), watched, batch, options_of(Norm::linf, .06f, 10), 1, 0);

  EXPECT_EQ(bits_of(answer.to_host<float>()), bits_of(reports[2].start.to_host<float>()));
  EXPECT_EQ(reports[2].right.item(), 0.f);
  const Floats images = batch.inputs.to_host<float>(), moved = answer.to_host<float>(),
               first = reports[0].start.to_host<float>();
  for (std::size_t i = 0; i < images.size(); ++i) {
    const float in_ball = std::clamp(first[i], images[i] - .06f, images[i] + .06f);
    EXPECT_NEAR(moved[i], std::clamp(in_ball, 0.f, 1.f), 4 * kFloatEps);
  }
}

TEST(shrinking_apgd, suites_have_the_members_that_were_published) {
  const auto names = [](const std::string& suite) {
    std::string text;
    for (const PixelSuiteMember& member : pixel_suite(suite)) {
      text += member.loss + ":" + std::to_string(member.steps) + " ";
    }
    return text;
  };

  EXPECT_EQ(names("sea"), "mce-bal:300 mce:300 jsd:300 ");
  EXPECT_EQ(names("sea-cheap"), "mce-bal:100 mce:100 jsd:100 ");
  EXPECT_EQ(names("sea-v1"), "mce:300 segpgd:300 jsd:300 msl:300 ");
  EXPECT_EQ(message_of<Error>([] { pixel_suite("SEA"); }),
            "pixel suite 'SEA' is unknown. Choose one of sea, sea-cheap, sea-v1");
}

TEST(shrinking_apgd, says_what_does_not_fit) {
  const Batch batch = random_scenes(cpu_device(), {0});
  const auto refusal = [&](const ShrinkingApgdOptions& options, const Tensor* start = nullptr) {
    return message_of<Error>([&] {
      shrinking_apgd(bit_stable_pixels(cpu_device(), 3), {tracked_pixel_loss("ce"), {}, start},
                     batch, options, 1, 0);
    });
  };
  const Tensor start(cpu_device(), {2, 8, 6, 3});

  EXPECT_CONTAINS(refusal(options_of(Norm::l1, 1, 10)), "it knows l-inf and l2");
  EXPECT_CONTAINS(refusal(options_of(Norm::linf, 8, 10)), "Did you mean 8/255?");
  EXPECT_CONTAINS(refusal(options_of(Norm::l2, -1, 10)), "must be finite and not negative");
  EXPECT_CONTAINS(refusal(options_of(Norm::linf, .1f, 0)), "steps 0 is below 1");
  EXPECT_EQ(refusal(options_of(Norm::linf, .1f, 1), &start),
            "shrinking apgd: the start has shape [2, 8, 6, 3], the images [1, 8, 6, 3]");
}

}  // namespace
}  // namespace saddle
