// Pixle: what it moves, what it asks, and how often a proposal of known odds succeeds.
#include "attacks/pixle.h"
#include "kernels/pixle.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <vector>

#include "attacks/rows.h"
#include "tests/support/devices.h"
#include "tests/support/expect_near.h"
#include "tests/support/linear_models.h"
#include "tests/support/recording.h"
#include "tests/support/view.h"

namespace saddle {
namespace {

using namespace testing_support;
using Floats = std::vector<float>;

PixleOptions pixle_options(int restarts, int max_iterations, double extent = 3) {
  PixleOptions options;
  options.restarts = restarts;
  options.max_iterations = max_iterations;
  options.width = options.height = {1, extent, PatchExtent::Unit::pixels};
  return options;
}

constexpr PixelMapping kMappings[] = {PixelMapping::random, PixelMapping::similarity,
                                      PixelMapping::similarity_random, PixelMapping::distance,
                                      PixelMapping::distance_random};

class PixleOn : public ::testing::TestWithParam<std::string> {
 protected:
  Device& device() const { return device_named(GetParam()); }
};

INSTANTIATE_TEST_SUITE_P(Devices, PixleOn, ::testing::ValuesIn(device_names()),
                         [](const auto& info) { return std::string(info.param); });

using Pixel = std::array<float, 3>;

std::vector<Pixel> pixels_of(const Floats& images, std::size_t row, std::size_t count) {
  std::vector<Pixel> pixels;
  for (std::size_t i = row * count; i < (row + 1) * count; ++i) {
    pixels.push_back({images[i * 3], images[i * 3 + 1], images[i * 3 + 2]});
  }
  return pixels;
}

TEST_P(PixleOn, only_copies_pixels_and_no_more_than_its_accepted_patches_hold) {
  const Batch batch = random_examples(device(), {0, 1, 2, 3}, 20, 6, 5, 3);
  const Floats x = batch.inputs.to_host<float>();
  for (PixelMapping mapping : kMappings) {
    PixleOptions options = pixle_options(2, 3);
    options.mapping = mapping;
    const Floats got = Pixle(bit_stable_model(device(), 3), options)(batch, 1).to_host<float>();

    EXPECT_NE(got, x);
    for (std::size_t row = 0; row < 4; ++row) {
      const std::vector<Pixel> before = pixels_of(x, row, 30), after = pixels_of(got, row, 30);
      int changed = 0;
      for (std::size_t i = 0; i < 30; ++i) {
        EXPECT_NE(std::find(before.begin(), before.end(), after[i]), before.end());
        changed += before[i] != after[i] ? 1 : 0;
      }
      EXPECT_LE(changed, 2 * 9);  // two restarts, patches of at most 3 x 3
    }
  }
}

TEST_P(PixleOn, returns_the_image_without_restarts_or_iterations_and_a_constant_image_ever) {
  const Batch batch = random_examples(device(), {0, 1}, 20, 6, 5, 3);
  const Floats x = batch.inputs.to_host<float>(), flat(48, .5f);
  const Batch constant = repeated_image(device(), {4, 4, 3}, flat, 1);
  const LogitsFunction model = bit_stable_model(device(), 3);

  EXPECT_EQ(Pixle(model, pixle_options(0, 5))(batch, 1).to_host<float>(), x);
  EXPECT_EQ(Pixle(model, pixle_options(5, 0))(batch, 1).to_host<float>(), x);
  EXPECT_EQ(Pixle(model, pixle_options(3, 3))(constant, 1).to_host<float>(), flat);
}

TEST_P(PixleOn, asks_of_an_unbreakable_model_one_clean_pass_and_every_proposal) {
  for (PixleAlgorithm algorithm : {PixleAlgorithm::restart, PixleAlgorithm::iterative}) {
    PixleOptions options = pixle_options(3, 7);
    options.algorithm = algorithm;
    PassCounts counts;
    Pixle(constant_model(device()), options)(single_image(device(), grey()), 1, &counts);

    EXPECT_EQ(counts.forward, 1 + (algorithm == PixleAlgorithm::restart ? 21 : 7));
    EXPECT_EQ(counts.backward, 0);
  }
}

TEST_P(PixleOn, treats_a_row_alike_whoever_shares_its_batch) {
  for (PixleAlgorithm algorithm : {PixleAlgorithm::restart, PixleAlgorithm::iterative}) {
    PixleOptions options = pixle_options(3, 4);
    options.algorithm = algorithm;
    Pixle attack(bit_stable_model(device(), 3), options);
    const auto attacked = [&](const std::vector<std::int32_t>& which) {
      return attack(random_examples(device(), which, 20, 5, 6, 3), 3).to_host<float>();
    };
    const Floats all = attacked({0, 1, 2, 3, 4, 5, 6, 7}), some = attacked({6, 2});

    const std::ptrdiff_t size = 5 * 6 * 3;
    EXPECT_EQ(Floats(some.begin(), some.begin() + size),
              Floats(all.begin() + 6 * size, all.begin() + 7 * size));
    EXPECT_EQ(Floats(some.begin() + size, some.end()),
              Floats(all.begin() + 2 * size, all.begin() + 3 * size));
  }
}

// Predicts 0 while pixel (0, 0) is brighter than .5.
LogitsFunction corner_model(Device& device, float threshold = .5f) {
  Floats w(16, 0.f);
  w[0] = 1;
  return template_model(device, 4, 1, w, -threshold);
}

TEST(pixle, succeeds_with_one_pixel_as_often_as_it_hits_the_only_bright_one) {
  // Source and destination are uniform on 3 x 3: 1/9 for the corner, 8/9 for a source beside it.
  Floats x(16, 0.f);
  x[0] = 1;
  const std::int64_t attempts = 10'000;
  const Batch batch = repeated_image(cpu_device(), {4, 4, 1}, x, attempts);

  const Floats got =
      Pixle(corner_model(cpu_device()), pixle_options(1, 1, 1))(batch, 1).to_host<float>();

  int broken = 0;
  for (std::size_t row = 0; row < static_cast<std::size_t>(attempts); ++row) {
    broken += got[row * 16] < .5f ? 1 : 0;
  }
  const double p = 8. / 81, deviation = std::sqrt(p * (1 - p) / static_cast<double>(attempts));
  expect_near(broken / static_cast<double>(attempts), p, 3 * deviation, "frequency");
}

TEST(pixle, lowers_the_labels_probability_where_it_does_not_succeed) {
  Floats x(16, .6f);
  x[0] = 1,
  x[5] = .55f;  // nothing is below the threshold of .2, but much is darker than the corner
  const Batch batch = repeated_image(cpu_device(), {4, 4, 1}, x, 20);

  const Floats got =
      Pixle(corner_model(cpu_device(), .2f), pixle_options(5, 5))(batch, 1).to_host<float>();

  for (std::size_t row = 0; row < 20; ++row) EXPECT_LT(got[row * 16], 1.f) << "attempt " << row;
}

TEST(pixle, stacks_no_more_patches_than_restarts_and_stops_at_the_first_success) {
  Floats x(16, 0.f);
  x[0] = 1;
  PassCounts counts;
  const Batch batch = repeated_image(cpu_device(), {4, 4, 1}, x, 50);

  const Floats got =
      Pixle(corner_model(cpu_device()), pixle_options(20, 10))(batch, 1, &counts).to_host<float>();

  for (std::size_t row = 0; row < 50; ++row) EXPECT_LT(got[row * 16], .5f);
  EXPECT_LT(counts.forward, 50 * 101);
}

// Where the middle pixel of a 3 x 3 image goes, at a patch of one pixel.
std::int32_t destination_of_middle(PixelMapping mapping, const Floats& base) {
  Floats x = base;
  std::vector<std::int32_t> destination = {-2}, source = {-2};
  const std::vector<std::int32_t> example = {0}, attempt = {0};
  for (std::int32_t proposal = 0; proposal < 100; ++proposal) {
    const std::vector<std::int32_t> proposals = {proposal};
    const PixleDraw draw{view(static_cast<const Floats&>(x)),
                         view(base),
                         view(example),
                         view(attempt),
                         view(proposals),
                         view(destination),
                         view(source),
                         1,
                         3,
                         3,
                         1,
                         {1, 1},
                         {1, 1},
                         1,
                         mapping};
    draw(0, 0);
    if (source[0] == 4) return destination[0];
  }
  return -1;
}

TEST(pixle, maps_a_pixel_to_the_most_distant_or_the_most_similar_one_that_differs) {
  const Floats x = {.5f, .75f, .4f, .5f, .5f, .25f, .55f, .3f, .55f};

  EXPECT_EQ(destination_of_middle(PixelMapping::distance, x), 1);    // ties with 5
  EXPECT_EQ(destination_of_middle(PixelMapping::similarity, x), 6);  // not 0 and 3, where D = 0
}

TEST(pixle, draws_destinations_by_softmax_of_the_score_and_never_the_source) {
  const Floats x = {0, 0, 0, 0, 1, 0, 0, 0, 0};  // the middle: eight equal scores
  const std::vector<std::int32_t> example = {0};
  std::vector<int> hits(9, 0);
  int drawn = 0;
  for (std::int32_t a = 0; drawn < 800; ++a) {
    std::vector<std::int32_t> destination = {-2}, source = {-2};
    const std::vector<std::int32_t> attempt = {a}, proposals = {0};
    const PixleDraw draw{view(x),
                         view(x),
                         view(example),
                         view(attempt),
                         view(proposals),
                         view(destination),
                         view(source),
                         1,
                         3,
                         3,
                         1,
                         {1, 1},
                         {1, 1},
                         1,
                         PixelMapping::distance_random};
    draw(0, 0);
    if (source[0] != 4) continue;
    ++hits[static_cast<std::size_t>(destination[0])];
    ++drawn;
  }
  EXPECT_EQ(hits[4], 0);
  for (std::size_t i = 0; i < 9; ++i) {
    if (i != 4) expect_near(hits[i], 100, 4 * std::sqrt(800 * .125 * .875), "hits");
  }
}

TEST(pixle, lets_the_last_pixel_of_the_patch_win_a_shared_destination) {
  const Floats x = {.1f, .2f, .3f, .4f};
  Floats proposal = x;
  const std::vector<std::int32_t> destination = {3, 0, 3, -1}, source = {0, 1, 2, -1};
  const PixlePaste paste{view(x), view(destination), view(source), view(proposal), 4, 1, 4};
  for (std::int64_t k : {2, 1, 3, 0}) paste(0, k);

  EXPECT_EQ(proposal, (Floats{.2f, .2f, .3f, .3f}));
}

TEST(pixle, emulated_gives_the_bits_of_the_cpu) {
  for (PixelMapping mapping : kMappings) {
    PixleOptions options = pixle_options(2, 3);
    options.mapping = mapping;
    const auto on = [&](Device& device) {
      return Pixle(bit_stable_model(device, 3), options)(
                 random_examples(device, {0, 1, 2}, 20, 5, 6, 3), 3)
          .to_host<float>();
    };

    EXPECT_EQ(bits_of(on(cpu_device())), bits_of(on(emulated_device())));
  }
}

TEST(pixle, reads_the_papers_five_iterations_in_three_ways) {
  EXPECT_EQ(pixle_paper().restarts, 20);
  EXPECT_EQ(pixle_paper().max_iterations, 5);
  EXPECT_EQ(pixle_paper(PixlePaperReading::five_restarts).restarts, 5);
  EXPECT_EQ(pixle_paper(PixlePaperReading::five_restarts).max_iterations, 10);
  const PixleOptions in_all = pixle_paper(PixlePaperReading::five_proposals_in_all);
  EXPECT_EQ(in_all.algorithm, PixleAlgorithm::iterative);
  EXPECT_EQ(in_all.max_iterations, 5);
}

std::string refusal(const PixleOptions& options) {
  return message_of<Error>([&] { check(options); });
}

TEST(pixle, refuses_options_that_cannot_be) {
  EXPECT_CONTAINS(refusal(pixle_options(-1, 5)), "pixle: restarts -1 is negative");
  EXPECT_CONTAINS(refusal(pixle_options(1, -5)), "pixle: max_iterations -5 is negative");
  PixleOptions options;
  options.width = {3, 2, PatchExtent::Unit::pixels};
  EXPECT_CONTAINS(refusal(options), "pixle: a patch width from 3 to 2");
  options = {};
  options.height = {.1, 1.5, PatchExtent::Unit::share};
  EXPECT_CONTAINS(refusal(options), "pixle: a patch height from 0.1 to 1.5");
}

}  // namespace
}  // namespace saddle
