// FashionScenes: the bytes that others make of them, and that a scene depends on nothing but its
// number.
#include "apps/data/fashion_scenes.h"

#include <omp.h>

#include <array>
#include <numeric>
#include <set>

#include "core/sha256.h"
#include "tests/apps/data_files.h"
#include "tests/apps/system_fashion_mnist.h"

namespace saddle {
namespace {

using Values = std::vector<std::uint8_t>;

struct Scenes {
  Values pixels, labels;
};

constexpr std::size_t kScenePixels = 96 * 96;

Scenes compose(const FashionScenes& scenes, std::int64_t first, std::size_t count) {
  Scenes made{Values(3 * kScenePixels * count), Values(kScenePixels * count)};
  scenes.compose_range(first, made.pixels, made.labels);
  return made;
}

// made_up() of tests/vectors/fashion_scenes.py: discs with a dark hole.
FashionScenes made_up(Split split) {
  Values images;
  std::vector<std::int32_t> labels;
  for (int n = 0; n < 7; ++n) {
    labels.push_back(3 * n % 10);
    for (int y = 0; y < 28; ++y) {
      for (int x = 0; x < 28; ++x) {
        const int down = 2 * y - 27, right = 2 * x - 27 - n;
        const int distance = down * down + right * right;
        const bool inside = 10 * n < distance && distance < 100 + 90 * n;
        images.push_back(static_cast<std::uint8_t>(inside ? 16 + (31 * n + 5 * y + 3 * x) % 240
                                                          : (y * x + n) % 16));
      }
    }
  }
  return {images, labels, split};
}

TEST(FashionScenes, of_made_up_garments_are_those_of_the_python_script) {
  const Scenes train = compose(made_up(Split::train), 0, 4);
  const Scenes test = compose(made_up(Split::test), 0, 4);

  EXPECT_EQ(sha256(train.pixels),
            "dcbc559976a8a0a2f0b656892db242d5944ef2e424ef595176cda67379b459c6");
  EXPECT_EQ(sha256(train.labels),
            "cef696b329251ef77ea3896d57016fa56b9808f3215395ce465763e123fa70ce");
  EXPECT_EQ(sha256(test.pixels),
            "e63e2decdb3d60057512566204685ac12ce0766baa9eb6efb68182aca3022d36");
  EXPECT_EQ(sha256(test.labels),
            "02f77e04be129bf1b3befe627d9f8bed376d8840621e2121f0cbf9004d3e5b86");
}

// The dark hole of a garment belongs to it, the dark ground around it does not.
TEST(FashionScenes, holes_of_a_garment_are_inside_its_outline) {
  Values ring(784, 0), disc(784, 0), broken(784, 0);
  for (std::size_t y = 4; y < 24; ++y) {
    for (std::size_t x = 4; x < 24; ++x) {
      const bool hole = y >= 10 && y < 18 && x >= 10 && x < 18;
      const bool gap = y >= 18 && x >= 12 && x < 16;  // from the hole to the ground
      ring[28 * y + x] = hole ? 15 : 16;
      disc[28 * y + x] = 16;
      broken[28 * y + x] = hole || gap ? 15 : 16;
    }
  }
  const auto labels_of = [](const Values& garment) {
    return compose(FashionScenes(garment, {6}, Split::train), 0, 1).labels;
  };

  EXPECT_EQ(labels_of(ring), labels_of(disc));
  EXPECT_NE(labels_of(broken), labels_of(disc));
  const Values found = labels_of(ring);
  EXPECT_EQ(std::set<int>(found.begin(), found.end()), (std::set<int>{0, 7, 255}));
}

TEST(FashionScenes, scene_is_the_same_alone_and_in_any_range) {
  const FashionScenes scenes = made_up(Split::test);
  const Scenes range = compose(scenes, 2, 5);
  Values pixels(3 * kScenePixels), labels(kScenePixels);

  scenes.compose(4, pixels, labels);

  EXPECT_TRUE(
      std::equal(pixels.begin(), pixels.end(), range.pixels.begin() + 2 * 3 * kScenePixels));
  EXPECT_TRUE(std::equal(labels.begin(), labels.end(), range.labels.begin() + 2 * kScenePixels));
}

TEST(FashionScenes, any_number_of_threads_makes_the_same_bytes) {
  const int before = omp_get_max_threads();
  omp_set_num_threads(1);
  const Scenes one = compose(made_up(Split::train), 0, 7);
  omp_set_num_threads(2);
  const Scenes two = compose(made_up(Split::train), 0, 7);
  omp_set_num_threads(before);

  EXPECT_TRUE(one.pixels == two.pixels);
  EXPECT_TRUE(one.labels == two.labels);
}

TEST(FashionScenes, splits_and_numbers_make_different_scenes) {
  const Scenes train = compose(made_up(Split::train), 0, 1);

  EXPECT_NE(train.labels, compose(made_up(Split::test), 0, 1).labels);
  EXPECT_NE(train.labels, compose(made_up(Split::train), 1, 1).labels);
}

TEST(FashionScenes, last_scene_that_has_a_number_can_be_made) {
  const FashionScenes scenes = made_up(Split::train);
  const std::int64_t last = (std::int64_t{1} << 32) - 1;

  EXPECT_NE(compose(scenes, last, 1).pixels, compose(scenes, 0, 1).pixels);
  const auto expect_refused = [&](std::int64_t first, std::size_t count) {
    expect_error(text("fashion-scenes: ", count, " scenes from number ", first,
                      " on, expected numbers from 0 to 2^32 - 1"),
                 [&] { compose(scenes, first, count); });
  };
  expect_refused(last, 2);
  expect_refused(last + 1, 1);
  expect_refused(-1, 1);
  expect_refused(INT64_MAX, 1);
}

TEST(FashionScenes, sizes_that_do_not_fit_are_refused) {
  const FashionScenes scenes = made_up(Split::train);
  Values pixels(3 * kScenePixels), labels(kScenePixels), small(kScenePixels - 1),
      large(2 * kScenePixels);
  const std::string expected = ", expected 27648 and 9216 a scene";

  expect_error("fashion-scenes: room for 27648 bytes of pixels and 9215 labels" + expected,
               [&] { scenes.compose(0, pixels, small); });
  expect_error("fashion-scenes: room for 9215 bytes of pixels and 9216 labels" + expected,
               [&] { scenes.compose(0, small, labels); });
  expect_error("fashion-scenes: room for 27648 bytes of pixels and 18432 labels" + expected,
               [&] { scenes.compose_range(0, pixels, large); });
  expect_error("fashion-scenes: room for 27648 bytes of pixels and 9215 labels" + expected,
               [&] { scenes.compose_range(0, pixels, small); });
}

TEST(FashionScenes, garments_that_are_not_fashion_mnists_are_refused) {
  const std::string sizes = ", expected 28 x 28 for each and at least one";

  expect_error("fashion-scenes: 783 bytes of garments for 1 labels" + sizes,
               [] { FashionScenes(Values(783), {0}, Split::train); });
  expect_error("fashion-scenes: 0 bytes of garments for 0 labels" + sizes,
               [] { FashionScenes({}, {}, Split::train); });
  expect_error("fashion-scenes: garment 1 has label 10, expected 0 to 9", [] {
    FashionScenes(Values(2 * 784), {9, 10}, Split::train);
  });
  expect_error("fashion-scenes: garment 0 has label 2147483647, expected 0 to 9",
               [] { FashionScenes(Values(784), {INT32_MAX}, Split::train); });
  expect_error("fashion-scenes: garment 0 has label -1, expected 0 to 9",
               [] { FashionScenes(Values(784), {-1}, Split::train); });
}

// The numbers come from the Python script and, before it, from a NumPy prototype.
class SystemFashionScenes : public SystemFashionMnist {
 protected:
  static FashionScenes scenes_of(Split split) {
    const Dataset garments = load_dataset({"fashion-mnist", kSystemFashion, split});
    return {garments.pixels, garments.labels, split};
  }
};

TEST_F(SystemFashionScenes, first_hundred_have_the_hashes_of_other_implementations) {
  const Scenes train = compose(scenes_of(Split::train), 0, 100);
  const Scenes test = compose(scenes_of(Split::test), 0, 100);

  EXPECT_EQ(sha256(train.pixels),
            "f02e3a6895eed451d126374ee0e229ad5e832aad91a30b03f3c04981339b01e4");
  EXPECT_EQ(sha256(train.labels),
            "d0b39323acf8063c7add4b652396912635321c1433125d5bba2e46c7eb53f3e2");
  EXPECT_EQ(sha256(test.pixels),
            "afcba5ab73bc68e746189a9f96bea37bd85ac6cf6c62909598e1af136cd63db9");
  EXPECT_EQ(sha256(test.labels),
            "ea1b58cdf16749f8cfc65d3335ba313eb0caeb2bd143e254fe7e3648e9537d6c");
}

TEST_F(SystemFashionScenes, first_one_has_the_pixels_of_other_implementations) {
  const Scenes scene = compose(scenes_of(Split::train), 0, 1);
  const auto pixel = [&](std::size_t y, std::size_t x) {
    const auto at = scene.pixels.begin() + static_cast<std::ptrdiff_t>(3 * (96 * y + x));
    return Values(at, at + 3);
  };

  EXPECT_EQ(pixel(0, 0), (Values{10, 81, 71}));
  EXPECT_EQ(pixel(48, 48), (Values{203, 187, 135}));
  EXPECT_EQ(scene.labels[96 * 48 + 48], 7);
  EXPECT_EQ(std::accumulate(scene.pixels.begin(), scene.pixels.end(), 0), 3154926);
  EXPECT_EQ(std::accumulate(scene.labels.begin(), scene.labels.end(), 0), 147744);
}

// Of the 3000 scenes of the training split, in per cent; background, then from T-shirt to boot.
TEST_F(SystemFashionScenes, classes_have_the_shares_of_other_implementations) {
#ifdef SADDLE_SANITIZE
  GTEST_SKIP()
      << "27 million pixels of no new code would take the sanitizers a quarter of a minute";
#endif
  const Values labels = compose(scenes_of(Split::train), 0, 3000).labels;
  const std::vector<double> expected{64.7, 4.2, 2.5, 4.7, 3.1, 4.2, 2.0, 4.7, 2.2, 4.6, 3.2};
  std::array<double, 256> count{};
  for (const std::uint8_t label : labels) ++count[label];
  const double total = static_cast<double>(labels.size());

  EXPECT_NEAR(100 * count[255] / total, 4.66, 0.005);
  for (std::size_t c = 0; c < expected.size(); ++c) {
    const double share = 100 * count[c] / (total - count[255]);
    EXPECT_NEAR(share, expected[c], 0.06) << "class " << c;  // some were rounded twice
  }
  EXPECT_EQ(std::accumulate(count.begin() + 11, count.end() - 1, 0.), 0);
}

}  // namespace
}  // namespace saddle
