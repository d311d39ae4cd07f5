// The CPU's own convolutions of thin images and of taps far apart, against plain loops in double
// precision.
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "core/convolution_3x3.h"
#include "core/sparse_taps.h"
#include "core/thin_convolution.h"
#include "core/vector_code.h"
#include "tests/support/expect_near.h"
#include "tests/support/products.h"
#include "tests/support/random_values.h"

namespace saddle {
namespace {

using testing_support::bits_of;
using testing_support::for_each_product;
using testing_support::random_values;

struct Data {
  std::vector<float> x, w, y;  // y: a gradient, or a residual

  explicit Data(const Convolution& s)
      : x(random_values(s.batch * s.height * s.width * s.in_channels, 1)),
        w(random_values(s.weight_count(), 2)),
        y(random_values(s.output_count(), 3)) {}
};

class ThinConvolution : public testing::TestWithParam<Convolution> {};

TEST_P(ThinConvolution, image_gradient_agrees_with_plain_loops) {
  const Convolution s = GetParam();
  ASSERT_TRUE(thin::applies(s));
  const Data data(s);
  std::vector<double> dx(data.x.size()), size(data.x.size());
  for_each_product(s, [&](std::size_t x, std::size_t w, std::size_t o) {
    dx[x] += double{data.y[o]} * data.w[w];
    size[x] += std::abs(double{data.y[o]} * data.w[w]);
  });

  std::vector<float> got(dx.size());
  thin::convolution_backward_data(s, data.y.data(), data.w.data(), got.data());

  testing_support::expect_all_near(got, dx, 9. * static_cast<double>(s.out_channels), size, "dx");
}

TEST_P(ThinConvolution, image_gradient_has_the_same_bits_for_vectors_of_either_width) {
  if (vector_lanes() == 8) GTEST_SKIP() << "no AVX-512 here";
  const Convolution s = GetParam();
  const Data data(s);
  const Convolution3x3 extents = extents_of(s);
  std::vector<float> eight(data.x.size()), sixteen(data.x.size());

  vector_code<8>().thin_backward_data(extents, data.y.data(), data.w.data(), eight.data());
  vector_code<16>().thin_backward_data(extents, data.y.data(), data.w.data(), sixteen.data());

  EXPECT_EQ(bits_of(eight), bits_of(sixteen));
}

INSTANTIATE_TEST_SUITE_P(Shapes, ThinConvolution,
                         testing::Values(Convolution{1, 1, 1, 1, 8, 3, 1, 1},
                                         Convolution{2, 5, 7, 1, 16, 3, 1, 1},
                                         Convolution{2, 6, 4, 2, 13, 3, 1, 1},
                                         Convolution{3, 8, 3, 3, 64, 3, 1, 1},
                                         Convolution{1, 2, 2, 4, 24, 3, 1, 1}));

// Batch, height, width, channels in and out, kernel, padding, dilation.
Convolution dilated(std::int64_t batch, std::int64_t height, std::int64_t width, std::int64_t in,
                    std::int64_t out, std::int64_t kernel, std::int64_t padding,
                    std::int64_t dilation) {
  Convolution shape{batch, height, width, in, out, kernel, 1, padding};
  shape.dilation = dilation;
  return shape;
}

class SparseTaps : public testing::TestWithParam<Convolution> {};

TEST_P(SparseTaps, weight_gradient_agrees_with_plain_loops) {
  const Convolution s = GetParam();
  const Data data(s);
  std::vector<double> dw(data.w.size()), size(data.w.size());
  for_each_product(s, [&](std::size_t x, std::size_t w, std::size_t o) {
    dw[w] += double{data.y[o]} * data.x[x];
    size[w] += std::abs(double{data.y[o]} * data.x[x]);
  });

  std::vector<float> got(dw.size(), 7.f);
  sparse_taps::convolution_backward_weights(s, data.x.data(), data.y.data(), got.data());

  testing_support::expect_all_near(
      got, dw, static_cast<double>(s.batch * s.out_height() * s.out_width()), size, "dw");
}

// Two of DeepLab's; then a padding beyond the dilation and one below, taps that read nothing, a
// larger kernel, and images so large that they are gathered one by one.
INSTANTIATE_TEST_SUITE_P(
    Shapes, SparseTaps,
    testing::Values(dilated(2, 8, 8, 40, 32, 3, 4, 4), dilated(3, 15, 11, 33, 35, 3, 12, 12),
                    dilated(2, 6, 7, 5, 3, 3, 7, 4), dilated(2, 9, 9, 4, 6, 3, 2, 3),
                    dilated(2, 3, 2, 8, 4, 3, 5, 5), dilated(1, 12, 13, 3, 4, 5, 8, 4),
                    dilated(3, 70, 60, 4, 124, 3, 40, 40)));

TEST(sparse_taps, take_what_is_mostly_padding) {
  EXPECT_TRUE(sparse_taps::applies(dilated(4, 15, 15, 2048, 256, 3, 6, 6)));
  EXPECT_TRUE(sparse_taps::applies(dilated(8, 8, 8, 160, 64, 3, 4, 4)));
  EXPECT_FALSE(sparse_taps::applies(dilated(8, 8, 8, 160, 64, 3, 2, 2)));
  EXPECT_FALSE(sparse_taps::applies(dilated(8, 8, 8, 16, 64, 3, 4, 4)));
  EXPECT_FALSE(sparse_taps::applies(dilated(8, 8, 8, 64, 64, 3, 1, 1)));
  Convolution strided = dilated(8, 8, 8, 64, 64, 3, 4, 4);
  strided.stride = 2;
  EXPECT_FALSE(sparse_taps::applies(strided));
}

}  // namespace
}  // namespace saddle
