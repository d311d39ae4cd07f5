// The CPU's own convolutions (Winograd, thin images, taps far apart) against plain loops in double
// precision.
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "core/error.h"
#include "core/sparse_taps.h"
#include "core/thin_convolution.h"
#include "core/winograd.h"
#include "tests/support/expect_near.h"
#include "tests/support/products.h"
#include "tests/support/random_values.h"
#include "tests/support/thread_count.h"

namespace saddle {
namespace {

using testing_support::bits_of;
using testing_support::for_each_product;
using testing_support::kFloatEps;
using testing_support::random_values;

struct Data {
  std::vector<float> x, w, y;  // y: a gradient, or a residual

  explicit Data(const Convolution& s)
      : x(random_values(s.batch * s.height * s.width * s.in_channels, 1)),
        w(random_values(s.weight_count(), 2)),
        y(random_values(s.output_count(), 3)) {}
};

// Winograd sums at most 16 transformed products where the direct sum has one, with constants up to
// 1, so the error of an element is a small multiple of that of the largest sum of absolute
// products.
void expect_close(const std::vector<float>& got, const std::vector<double>& want,
                  const std::vector<double>& magnitude, double terms, const char* what) {
  double largest = 0;
  for (double m : magnitude) largest = std::max(largest, m);
  const double bound = 8 * std::sqrt(terms) * kFloatEps * largest;
  for (std::size_t i = 0; i < want.size(); ++i) {
    testing_support::expect_near(got[i], want[i], bound, text(what, '[', i, ']'));
  }
}

class HostConvolution : public testing::TestWithParam<Convolution> {};

TEST_P(HostConvolution, winograd_agrees_with_plain_loops_in_all_three_directions) {
  const Convolution s = GetParam();
  const Data data(s);
  std::vector<double> y(data.y.begin(), data.y.end()), dx(data.x.size()), dw(data.w.size());
  std::vector<double> y_size(y.size(), 1), dx_size(dx.size()), dw_size(dw.size());
  for_each_product(s, [&](std::size_t x, std::size_t w, std::size_t o) {
    y[o] += double{data.x[x]} * data.w[w];
    dx[x] += double{data.y[o]} * data.w[w];
    dw[w] += double{data.y[o]} * data.x[x];
    y_size[o] += std::abs(double{data.x[x]} * data.w[w]);
    dx_size[x] += std::abs(double{data.y[o]} * data.w[w]);
    dw_size[w] += std::abs(double{data.y[o]} * data.x[x]);
  });

  std::vector<float> got_y(y.size()), got_dx(dx.size()), got_dw(dw.size());
  winograd::convolution_forward(s, data.x.data(), data.w.data(), data.y.data(), got_y.data());
  winograd::convolution_backward_data(s, data.y.data(), data.w.data(), got_dx.data());
  winograd::convolution_backward_weights(s, data.x.data(), data.y.data(), got_dw.data());

  expect_close(got_y, y, y_size, 9. * static_cast<double>(s.in_channels), "y");
  expect_close(got_dx, dx, dx_size, 9. * static_cast<double>(s.out_channels), "dx");
  expect_close(got_dw, dw, dw_size, static_cast<double>(s.batch * s.height * s.width), "dw");
}

TEST_P(HostConvolution, winograd_gives_the_same_bits_for_any_number_of_threads) {
  const Convolution s = GetParam();
  const Data data(s);
  const ThreadCount restored;
  std::vector<std::vector<std::uint32_t>> y, dx, dw;

  for (const int count : {1, 2, 3}) {
    set_threads(count);
    std::vector<float> got_y(data.y.size()), got_dx(data.x.size()), got_dw(data.w.size());
    winograd::convolution_forward(s, data.x.data(), data.w.data(), nullptr, got_y.data());
    winograd::convolution_backward_data(s, data.y.data(), data.w.data(), got_dx.data());
    winograd::convolution_backward_weights(s, data.x.data(), data.y.data(), got_dw.data());
    y.push_back(bits_of(got_y));
    dx.push_back(bits_of(got_dx));
    dw.push_back(bits_of(got_dw));
  }

  EXPECT_EQ(y[0], y[1]);
  EXPECT_EQ(y[0], y[2]);
  EXPECT_EQ(dx[0], dx[1]);
  EXPECT_EQ(dx[0], dx[2]);
  EXPECT_EQ(dw[0], dw[1]);
  EXPECT_EQ(dw[0], dw[2]);
}

// Odd and even sides, one tile and many blocks of them, panels of 8 and of 16 channels.
INSTANTIATE_TEST_SUITE_P(Shapes, HostConvolution,
                         testing::Values(Convolution{1, 1, 1, 8, 8, 3, 1, 1},
                                         Convolution{2, 2, 3, 8, 24, 3, 1, 1},
                                         Convolution{3, 7, 7, 24, 16, 3, 1, 1},
                                         Convolution{2, 14, 13, 16, 40, 3, 1, 1},
                                         Convolution{5, 28, 28, 16, 16, 3, 1, 1},
                                         Convolution{7, 4, 4, 64, 32, 3, 1, 1}));

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

INSTANTIATE_TEST_SUITE_P(Shapes, ThinConvolution,
                         testing::Values(Convolution{1, 1, 1, 1, 8, 3, 1, 1},
                                         Convolution{2, 5, 7, 1, 16, 3, 1, 1},
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

TEST(winograd, takes_only_the_shapes_it_is_made_for) {
  const Convolution fits{2, 8, 8, 32, 32, 3, 1, 1};
  Convolution strided = fits, point = fits, odd = fits, narrow = fits, spread = fits;
  strided.stride = 2;
  point.kernel = 1;
  point.padding = 0;
  odd.in_channels = 20;
  narrow.out_channels = 8;
  spread.dilation = 2;

  EXPECT_TRUE(winograd::applies(fits));
  EXPECT_TRUE(winograd::applies_to_weights(fits));
  EXPECT_FALSE(winograd::applies(strided));
  EXPECT_FALSE(winograd::applies(point));
  EXPECT_FALSE(winograd::applies(odd));
  EXPECT_FALSE(winograd::applies(narrow));
  EXPECT_FALSE(winograd::applies(spread));
}

}  // namespace
}  // namespace saddle
