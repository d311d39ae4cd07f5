// The CPU's Winograd convolution: its transforms against the polynomials that they come from, its
// sums against plain loops in double precision within the bound that its header states.
#include "core/winograd.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <vector>

#include "core/convolution_3x3.h"
#include "core/onednn.h"
#include "core/winograd_transform.h"
#include "tests/core/winograd_bound.h"
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
using namespace winograd_bound;

// The matrix of a linear function from In numbers to Out.
template <std::size_t kIn, std::size_t kOut>
Matrix matrix_of(const std::function<void(const double*, double*)>& transform) {
  Matrix result(kOut, kIn);
  for (std::size_t i = 0; i < kIn; ++i) {
    double in[kIn] = {}, out[kOut];
    in[i] = 1;
    transform(in, out);
    for (std::size_t o = 0; o < kOut; ++o) result[o][i] = out[o];
  }
  return result;
}

void expect_equal(const Matrix& got, const Matrix& want, const char* what) {
  for (std::size_t i = 0; i < want.rows; ++i)
    for (std::size_t j = 0; j < want.columns; ++j)
      EXPECT_NEAR(got[i][j], want[i][j], 2 * kFloatEps * std::abs(want[i][j]))
          << what << '[' << i << "][" << j << ']';
}

struct Doubles {
  using Vec = double;
  static double multiply_add(float a, double b, double c) { return a * b + c; }
};

TEST(winograd, transforms_are_interpolation_at_its_points) {
  using Transform = winograd::Transform<Doubles>;
  const Interpolation want;

  expect_equal(matrix_of<6, 6>(Transform::input), want.bt, "B^T");
  expect_equal(matrix_of<3, 6>(Transform::weights), want.g, "G");
  expect_equal(matrix_of<6, 4>(Transform::output), want.at, "A^T");
  expect_equal(matrix_of<4, 6>(Transform::output_gradient), transposed(want.at), "A");
  expect_equal(matrix_of<6, 3>(Transform::weight_gradient), transposed(want.g), "G^T");
}

TEST(winograd, interpolation_gives_the_four_sums_of_products) {
  const Interpolation f;
  const double d[6] = {3, -1, 4, 1, -5, 9}, g[3] = {2, -7, 1};

  for (std::size_t i = 0; i < 4; ++i) {
    double y = 0;
    for (std::size_t p = 0; p < 6; ++p) {
      double of_inputs = 0, of_weights = 0;
      for (std::size_t k = 0; k < 6; ++k) of_inputs += f.bt[p][k] * d[k];
      for (std::size_t k = 0; k < 3; ++k) of_weights += f.g[p][k] * g[k];
      y += f.at[i][p] * of_inputs * of_weights;
    }
    EXPECT_NEAR(y, d[i] * g[0] + d[i + 1] * g[1] + d[i + 2] * g[2], 1e-12);
  }
}

struct Data {
  std::vector<float> x, w, y;  // y: a gradient, or a residual

  explicit Data(const Convolution& s)
      : x(random_values(s.input_count(), 1)),
        w(random_values(s.weight_count(), 2)),
        y(random_values(s.output_count(), 3)) {}
};

// The transpose of a convolution is one, of weights [in, 3, 3, out] turned by 180 degrees.
std::vector<float> turned(const Convolution& s, const std::vector<float>& w) {
  std::vector<float> result(w.size());
  for (std::int64_t o = 0; o < s.out_channels; ++o)
    for (std::int64_t tap = 0; tap < 9; ++tap)
      for (std::int64_t i = 0; i < s.in_channels; ++i)
        result[static_cast<std::size_t>((i * 9 + 8 - tap) * s.out_channels + o)] =
            w[static_cast<std::size_t>((o * 9 + tap) * s.in_channels + i)];
  return result;
}

void expect_within(const std::vector<float>& got, const std::vector<double>& want,
                   const std::vector<double>& bound, const std::string& what) {
  for (std::size_t i = 0; i < want.size(); ++i)
    testing_support::expect_near(got[i], want[i], bound[i], what + "[" + std::to_string(i) + "]");
}

class Winograd : public testing::TestWithParam<Convolution> {};

TEST_P(Winograd, agrees_with_plain_loops_within_its_bound_in_all_three_directions) {
  const Convolution s = GetParam();
  const Data data(s);
  std::vector<double> y(data.y.size()), dx(data.x.size()), dw(data.w.size());
  for_each_product(s, [&](std::size_t x, std::size_t w, std::size_t o) {
    y[o] += double{data.x[x]} * data.w[w];
    dx[x] += double{data.y[o]} * data.w[w];
    dw[w] += double{data.y[o]} * data.x[x];
  });
  Convolution back = s;
  std::swap(back.in_channels, back.out_channels);
  const std::vector<float> w_turned = turned(s, data.w);

  std::vector<float> got_y(y.size()), got_dx(dx.size(), 7.f), got_dw(dw.size(), 7.f);
  winograd::convolution_forward(s, data.x.data(), data.w.data(), kUnfinished, got_y.data());
  winograd::convolution_backward_data(s, data.y.data(), data.w.data(), got_dx.data());
  winograd::convolution_backward_weights(s, data.x.data(), data.y.data(), got_dw.data());

  expect_within(got_y, y, Bound(s, data.x, data.w, data.y).of_outputs(), "y");
  expect_within(got_dx, dx, Bound(back, data.y, w_turned, data.x).of_outputs(), "dx");
  expect_within(got_dw, dw, Bound(s, data.x, data.w, data.y).of_weights(), "dw");
}

// All three results, one behind the other.
std::vector<std::uint32_t> results(const VectorCode& code, const Convolution& s) {
  const Data data(s);
  const Convolution3x3 extents = extents_of(s);
  std::vector<float> all;
  const auto append = [&](std::size_t count, const auto& compute) {
    std::vector<float> result(count);
    compute(result.data());
    all.insert(all.end(), result.begin(), result.end());
  };
  const std::vector<float> bias = random_values(s.out_channels, 4);
  append(data.y.size(), [&](float* y) {
    code.winograd_forward(extents, data.x.data(), data.w.data(),
                          {data.y.data(), bias.data(), -1.f, 2.f}, y);
  });
  append(data.x.size(), [&](float* dx) {
    code.winograd_backward_data(extents, data.y.data(), data.w.data(), dx);
  });
  append(data.w.size(), [&](float* dw) {
    code.winograd_backward_weights(extents, data.x.data(), data.y.data(), dw);
  });
  return bits_of(all);
}

TEST_P(Winograd, gives_the_same_bits_for_any_number_of_threads) {
  const ThreadCount restored;
  std::vector<std::vector<std::uint32_t>> got;

  for (const int count : {1, 2, 3}) {
    set_threads(count);
    got.push_back(results(vector_code_for(8), GetParam()));
  }

  EXPECT_EQ(got[0], got[1]);
  EXPECT_EQ(got[0], got[2]);
}

// Odd and even sides, one tile and many blocks of them, panels of one vector and of two, more
// weights than are transformed at once (256 channels), more tiles than are summed at once.
INSTANTIATE_TEST_SUITE_P(
    Shapes, Winograd,
    testing::Values(Convolution{1, 1, 1, 8, 8, 3, 1, 1}, Convolution{2, 2, 3, 8, 24, 3, 1, 1},
                    Convolution{3, 7, 7, 24, 16, 3, 1, 1}, Convolution{2, 14, 13, 16, 40, 3, 1, 1},
                    Convolution{5, 28, 28, 16, 48, 3, 1, 1}, Convolution{7, 4, 4, 64, 32, 3, 1, 1},
                    Convolution{1, 5, 3, 256, 240, 3, 1, 1},
                    Convolution{19, 28, 28, 16, 16, 3, 1, 1}));

class WideWinograd : public testing::TestWithParam<Convolution> {};

TEST_P(WideWinograd, gives_the_same_bits_for_vectors_of_either_width) {
  if (vector_lanes() == 8) GTEST_SKIP() << "no AVX-512 here";

  EXPECT_EQ(results(vector_code<8>(), GetParam()), results(vector_code<16>(), GetParam()));
}

// Panels of one vector and of two in either width, and what else differs above.
INSTANTIATE_TEST_SUITE_P(Shapes, WideWinograd,
                         testing::Values(Convolution{5, 28, 27, 16, 48, 3, 1, 1},
                                         Convolution{7, 4, 4, 64, 32, 3, 1, 1},
                                         Convolution{1, 5, 3, 256, 240, 3, 1, 1},
                                         Convolution{19, 28, 28, 16, 16, 3, 1, 1}));

TEST(winograd, adds_residual_and_bias_and_clips) {
  const Convolution s{2, 5, 6, 16, 32, 3, 1, 1};
  const Data data(s);
  const std::vector<float> bias = random_values(s.out_channels, 4);
  std::vector<float> plain(data.y.size()), got(data.y.size()), want;
  winograd::convolution_forward(s, data.x.data(), data.w.data(), kUnfinished, plain.data());
  for (std::size_t i = 0; i < plain.size(); ++i)
    want.push_back(std::min(std::max(plain[i] + data.y[i] + bias[i % 32], 0.f), 6.f));

  winograd::convolution_forward(s, data.x.data(), data.w.data(),
                                {data.y.data(), bias.data(), 0.f, 6.f}, got.data());

  EXPECT_EQ(bits_of(got), bits_of(want));
}

// The pixels (top + i dilation, left + j dilation) of each image, as images.
std::vector<float> every_so_many(const Convolution& s, const std::vector<float>& images,
                                 std::int64_t channels, std::int64_t top, std::int64_t left) {
  std::vector<float> result;
  for (std::int64_t n = 0; n < s.batch; ++n)
    for (std::int64_t y = top; y < s.height; y += s.dilation)
      for (std::int64_t x = left; x < s.width; x += s.dilation) {
        const auto pixel = images.begin() + ((n * s.height + y) * s.width + x) * channels;
        result.insert(result.end(), pixel, pixel + channels);
      }
  return result;
}

class DilatedWinograd : public testing::TestWithParam<Convolution> {};

// Outputs and gradients of images to the bit; the gradient of weights is their sum.
TEST_P(DilatedWinograd, is_a_plain_one_of_each_image_of_every_so_many_th_pixel) {
  const Convolution s = GetParam();
  const Data data(s);
  const std::vector<float> bias = random_values(s.out_channels, 4);
  const auto finish_with = [&](const std::vector<float>& residual) {
    return Finish{residual.data(), bias.data(), -1.f, 2.f};
  };
  std::vector<float> y(data.y.size(), 7.f), dx(data.x.size(), 7.f), dw(data.w.size(), 7.f);
  std::vector<double> dw_sum(dw.size()), bound(dw.size());

  winograd::convolution_forward(s, data.x.data(), data.w.data(), finish_with(data.y), y.data());
  winograd::convolution_backward_data(s, data.y.data(), data.w.data(), dx.data());
  winograd::convolution_backward_weights(s, data.x.data(), data.y.data(), dw.data());

  for (std::int64_t top = 0; top < std::min(s.dilation, s.height); ++top) {
    for (std::int64_t left = 0; left < std::min(s.dilation, s.width); ++left) {
      Convolution part{s.batch, 0, 0, s.in_channels, s.out_channels, 3, 1, 1};
      part.height = (s.height - top + s.dilation - 1) / s.dilation;
      part.width = (s.width - left + s.dilation - 1) / s.dilation;
      const auto of = [&](const std::vector<float>& images, std::int64_t channels) {
        return every_so_many(s, images, channels, top, left);
      };
      const std::vector<float> part_x = of(data.x, s.in_channels),
                               part_y = of(data.y, s.out_channels);
      std::vector<float> want_y(part_y.size()), want_dx(part_x.size()), part_dw(dw.size());
      winograd::convolution_forward(part, part_x.data(), data.w.data(), finish_with(part_y),
                                    want_y.data());
      winograd::convolution_backward_data(part, part_y.data(), data.w.data(), want_dx.data());
      winograd::convolution_backward_weights(part, part_x.data(), part_y.data(), part_dw.data());

      EXPECT_EQ(bits_of(of(y, s.out_channels)), bits_of(want_y)) << top << ", " << left;
      EXPECT_EQ(bits_of(of(dx, s.in_channels)), bits_of(want_dx)) << top << ", " << left;
      const std::vector<double> part_bound = Bound(part, part_x, data.w, part_y).of_weights();
      for (std::size_t i = 0; i < dw.size(); ++i) {
        dw_sum[i] += part_dw[i];
        bound[i] += part_bound[i];
      }
    }
  }
  expect_within(dw, dw_sum, bound, "dw");
}

// Images of equal sizes and of different ones, some of them a tile smaller than the largest, one
// that has fewer rows than the dilation; panels of one vector and of two.
INSTANTIATE_TEST_SUITE_P(
    Shapes, DilatedWinograd,
    testing::Values(Convolution{2, 8, 8, 16, 16, 3, 1, 2, Precision::fp32, 2},
                    Convolution{2, 15, 15, 32, 24, 3, 1, 2, Precision::fp32, 2},
                    Convolution{1, 9, 10, 16, 32, 3, 1, 2, Precision::fp32, 2},
                    Convolution{2, 13, 30, 24, 8, 3, 1, 3, Precision::fp32, 3},
                    Convolution{1, 3, 17, 8, 16, 3, 1, 4, Precision::fp32, 4},
                    Convolution{1, 5, 3, 256, 240, 3, 1, 2, Precision::fp32, 2}));

INSTANTIATE_TEST_SUITE_P(Dilated, WideWinograd,
                         testing::Values(Convolution{2, 15, 15, 32, 16, 3, 1, 2, Precision::fp32,
                                                     2}));

// The root mean square of what is wrong with `got`.
double error_of(const std::vector<float>& got, const std::vector<double>& want) {
  double sum = 0;
  for (std::size_t i = 0; i < want.size(); ++i) sum += (got[i] - want[i]) * (got[i] - want[i]);
  return std::sqrt(sum / static_cast<double>(want.size()));
}

// A bound is what could be; this is what is.
TEST(winograd, typically_errs_at_most_thrice_as_much_as_a_direct_sum) {
  const Convolution s{2, 16, 16, 64, 64, 3, 1, 1};
  const Data data(s);
  std::vector<double> want(data.y.size());
  for_each_product(s, [&](std::size_t x, std::size_t w, std::size_t o) {
    want[o] += double{data.x[x]} * data.w[w];
  });
  std::vector<float> direct(want.size()), got(want.size());
  onednn::convolve(onednn::Direction::forward, s,
                   {data.x.data(), data.w.data(), nullptr, direct.data()});

  winograd::convolution_forward(s, data.x.data(), data.w.data(), kUnfinished, got.data());

  EXPECT_LT(error_of(got, want), 3 * error_of(direct, want));  // 2.0
}

TEST(winograd, takes_only_the_shapes_it_is_made_for) {
  const Convolution fits{2, 8, 8, 32, 32, 3, 1, 1};
  Convolution strided = fits, point = fits, odd = fits, narrow = fits, spread = fits;
  strided.stride = 2;
  point.kernel = 1;
  point.padding = 0;
  odd.in_channels = 20;
  narrow.out_channels = 8;
  spread.dilation = 2;  // without the padding of one
  Convolution dilated = spread, sparse = spread;
  dilated.padding = 2;
  sparse.padding = sparse.dilation = 3;  // a tile for each 3 x 3 pixels or fewer

  EXPECT_TRUE(winograd::applies(fits));
  EXPECT_FALSE(winograd::applies(strided));
  EXPECT_FALSE(winograd::applies(point));
  EXPECT_FALSE(winograd::applies(odd));
  EXPECT_FALSE(winograd::applies(narrow));
  EXPECT_FALSE(winograd::applies(spread));
  EXPECT_TRUE(winograd::applies(dilated));
  EXPECT_FALSE(winograd::applies(sparse));
  EXPECT_TRUE(winograd::can_take(sparse));
}

}  // namespace
}  // namespace saddle
