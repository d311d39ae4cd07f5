// Convolutions and matrix products of the devices that compute as a GPU does: all directions,
// epilogues and precisions against plain loops in double, in captured work, and from run to run.
// On a GPU they are cuDNN's and cuBLASLt's; the emulated device shows here that the loops and the
// bounds are right.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "core/tensor.h"
#include "kernels/bfloat16.h"
#include "tests/support/expect_near.h"
#include "tests/support/products.h"
#include "tests/support/random_values.h"
#include "tests/support/reference.h"

namespace saddle {
namespace {

using namespace testing_support;
using Floats = std::vector<float>;

constexpr double kBfloat16Eps = 0x1p-8;  // half the distance from 1 to the next bf16
// Matrix units drop the last 13 bits of an f32, and do not round: up to one unit of the 10th bit.
constexpr double kTf32Eps = 0x1p-10;

std::string name_of(Precision precision) {
  return precision == Precision::fp32 ? "fp32" : precision == Precision::tf32 ? "tf32" : "bf16";
}

// Values that bf16 holds, so that every precision has the same operands in memory.
Floats operand(std::int64_t count, std::uint64_t seed) {
  Floats values = random_values(count, seed);
  for (float& value : values) value = Bfloat16(value);
  return values;
}

// A tensor of the precision's type, beginning `offset` elements into its memory.
struct Operand {
  Tensor tensor;
  void* data;

  Operand(Device& device, DType dtype, const Floats& values, std::int64_t offset = 0) {
    Floats shifted(static_cast<std::size_t>(offset), 0.f);
    shifted.insert(shifted.end(), values.begin(), values.end());
    const Shape shape{static_cast<std::int64_t>(shifted.size())};
    if (dtype == DType::bf16) {
      tensor =
          Tensor::from_host(device, shape, std::vector<Bfloat16>(shifted.begin(), shifted.end()));
      data = tensor.data<Bfloat16>() + offset;
    } else {
      tensor = Tensor::from_host(device, shape, shifted);
      data = tensor.data<float>() + offset;
    }
  }

  Floats values() const {
    if (tensor.dtype() == DType::f32) return tensor.to_host<float>();
    const std::vector<Bfloat16> rounded = tensor.to_host<Bfloat16>();
    return {rounded.begin(), rounded.end()};
  }
};

// A result to be written: full of a value that no sum gives.
Operand result(Device& device, DType dtype, std::int64_t count) {
  return {device, dtype, Floats(static_cast<std::size_t>(count), 1e30f)};
}

// Sums of products, and the sums of their absolute values.
struct Sums {
  Values value, size;
  explicit Sums(std::int64_t count)
      : value(static_cast<std::size_t>(count)), size(static_cast<std::size_t>(count)) {}
  void add(std::size_t i, double product) {
    value[i] += product;
    size[i] += std::abs(product);
  }
};

// What the sums themselves may err by, beside a part that each has of its own: f32 additions in any
// order, through a Winograd or Fourier transform too, which err by a small multiple of the largest.
double error_of_sums(const Sums& sums, double terms) {
  const double largest = *std::max_element(sums.size.begin(), sums.size.end());
  return 8 * std::sqrt(terms) * kFloatEps * largest;
}

// That part: in tf32, two operands are rounded for every product.
double error_of_operands(const Sums& sums, std::size_t i, Precision precision) {
  return precision == Precision::tf32 ? 2 * kTf32Eps * sums.size[i] : 0;
}

double rounding_of_result(Precision precision) {
  return precision == Precision::bf16 ? kBfloat16Eps : kFloatEps;
}

void expect_sums(const Floats& got, const Sums& want, double terms, Precision precision,
                 const char* name) {
  ASSERT_EQ(got.size(), want.value.size());
  const double common = error_of_sums(want, terms);
  for (std::size_t i = 0; i < got.size(); ++i) {
    const double bound = common + error_of_operands(want, i, precision) +
                         rounding_of_result(precision) * std::abs(want.value[i]);
    if (std::abs(got[i] - want.value[i]) <= bound) continue;  // text() is slow
    expect_near(got[i], want.value[i], bound, text(name, '[', i, ']'));
    return;  // one of them tells
  }
}

struct Case {
  std::string device;
  Precision precision;
  Convolution shape;
};

std::string name_of_case(const Case& test) {
  const Convolution& s = test.shape;
  return text(test.device, '_', name_of(test.precision), "_batch", s.batch, '_', s.height, 'x',
              s.width, '_', s.in_channels, "to", s.out_channels, "_kernel", s.kernel, "_stride",
              s.stride, s.dilation > 1 ? text("_dilation", s.dilation) : "");
}

// The layers of PreActResNet-18 on smaller images, channels and sides that fill no vector, and the
// dilated ones of DeepLab (strided as well: some versions of cuDNN had that wrong).
const std::vector<Convolution> kShapes = {
    {2, 16, 16, 3, 64, 3, 1, 1},
    {2, 8, 8, 64, 64, 3, 1, 1},
    {2, 8, 8, 64, 128, 3, 2, 1},
    {2, 8, 8, 64, 128, 1, 2, 0},
    {1, 4, 4, 512, 512, 3, 1, 1},
    {3, 7, 9, 1, 8, 3, 1, 1},
    {2, 7, 9, 5, 5, 3, 1, 1},
    {2, 9, 7, 8, 24, 3, 2, 1},
    {1, 1, 1, 8, 16, 3, 1, 1},
    {2, 15, 15, 32, 16, 3, 1, 12, Precision::fp32, 12},
    {2, 9, 7, 8, 24, 3, 1, 2, Precision::fp32, 2},
    {2, 9, 11, 5, 5, 3, 2, 3, Precision::fp32, 2},
};

// What a device can be asked for; the emulated one has no tf32.
std::vector<Precision> precisions(const std::string& device) {
  if (device == "emulated") return {Precision::fp32, Precision::bf16};
  return {Precision::fp32, Precision::tf32, Precision::bf16};
}

std::vector<Case> cases(const std::vector<Convolution>& shapes) {
  std::vector<Case> all;
  for (const char* device : {"emulated", "cuda"}) {
    for (const Precision precision : precisions(device)) {
      for (Convolution shape : shapes) {
        shape.precision = precision;
        all.push_back({device, precision, shape});
      }
    }
  }
  return all;
}

// Why a case cannot run here; empty where it can.
std::string reason_to_skip(const std::string& device, Precision precision) {
  if (device == "cuda" && cuda_device_count() == 0) return "no CUDA device";
  if (!device_named(device).supports(precision)) return device + " has no " + name_of(precision);
  return "";
}

class ConvolutionOfDevice : public ::testing::TestWithParam<Case> {
 protected:
  void SetUp() override {
    const std::string reason = reason_to_skip(GetParam().device, GetParam().precision);
    if (!reason.empty()) GTEST_SKIP() << reason;
  }
};

INSTANTIATE_TEST_SUITE_P(Shapes, ConvolutionOfDevice, ::testing::ValuesIn(cases(kShapes)),
                         [](const auto& info) { return name_of_case(info.param); });

TEST_P(ConvolutionOfDevice, agrees_with_plain_loops_in_all_three_directions) {
  const Convolution s = GetParam().shape;
  Device& device = device_named(GetParam().device);
  const Floats x = operand(s.input_count(), 1), w = operand(s.weight_count(), 2),
               dy = operand(s.output_count(), 3);
  Sums y_sums(s.output_count()), dx_sums(s.input_count()), dw_sums(s.weight_count());
  for_each_product(s, [&](std::size_t i, std::size_t k, std::size_t o) {
    y_sums.add(o, double{x[i]} * w[k]);
    dx_sums.add(i, double{dy[o]} * w[k]);
    dw_sums.add(k, double{dy[o]} * x[i]);
  });
  const Operand x_there(device, s.dtype(), x), w_there(device, s.dtype(), w),
      dy_there(device, s.dtype(), dy);
  const Operand y = result(device, s.dtype(), s.output_count());
  const Operand dx = result(device, s.dtype(), s.input_count());
  const Operand dw = result(device, DType::f32, s.weight_count());

  device.convolution_forward(s, x_there.data, w_there.data, {}, y.data);
  device.convolution_backward_data(s, dy_there.data, w_there.data, dx.data, Sum::store);
  device.convolution_backward_weights(s, x_there.data, dy_there.data, static_cast<float*>(dw.data));

  const double taps = static_cast<double>(s.kernel * s.kernel);
  expect_sums(y.values(), y_sums, taps * static_cast<double>(s.in_channels), s.precision, "y");
  expect_sums(dx.values(), dx_sums, taps * static_cast<double>(s.out_channels), s.precision, "dx");
  // dw may have been rounded to bf16 on its way, as the header says.
  expect_sums(dw.values(), dw_sums, static_cast<double>(s.output_count() / s.out_channels),
              s.precision, "dw");
}

TEST_P(ConvolutionOfDevice, adds_the_gradient_of_images_to_what_is_there_and_rounds_once) {
  const Convolution s = GetParam().shape;
  Device& device = device_named(GetParam().device);
  const Floats w = operand(s.weight_count(), 2), dy = operand(s.output_count(), 3),
               before = operand(s.input_count(), 4);
  Sums sums(s.input_count());
  for_each_product(
      s, [&](std::size_t i, std::size_t k, std::size_t o) { sums.add(i, double{dy[o]} * w[k]); });
  for (std::size_t i = 0; i < before.size(); ++i) sums.add(i, before[i]);
  const Operand w_there(device, s.dtype(), w), dy_there(device, s.dtype(), dy),
      dx(device, s.dtype(), before);

  device.convolution_backward_data(s, dy_there.data, w_there.data, dx.data, Sum::add);

  expect_sums(dx.values(), sums, static_cast<double>(s.kernel * s.kernel * s.out_channels + 1),
              s.precision, "dx");
}

// Slices of a batch may begin anywhere.
TEST_P(ConvolutionOfDevice, takes_operands_that_begin_at_any_element) {
  const Convolution s = GetParam().shape;
  Device& device = device_named(GetParam().device);
  const Floats x = operand(s.input_count(), 1), w = operand(s.weight_count(), 2);
  Sums sums(s.output_count());
  for_each_product(
      s, [&](std::size_t i, std::size_t k, std::size_t o) { sums.add(o, double{x[i]} * w[k]); });
  const Operand x_there(device, s.dtype(), x, 1), w_there(device, s.dtype(), w, 3);
  const Operand y = result(device, s.dtype(), s.output_count());

  device.convolution_forward(s, x_there.data, w_there.data, {}, y.data);

  expect_sums(y.values(), sums, static_cast<double>(s.kernel * s.kernel * s.in_channels),
              s.precision, "y");
}

// A forward convolution with an epilogue, its operands and what it should give.
struct EpilogueTest {
  Convolution s;
  Device& device;
  Floats x, w, residual, bias;
  Operand x_there, w_there, residual_there, bias_there, y;
  Epilogue epilogue;

  EpilogueTest(Device& where, const Convolution& shape, int parts)
      : s(shape),
        device(where),
        x(operand(s.input_count(), 1)),
        w(operand(s.weight_count(), 2)),
        residual(operand(s.output_count(), 3)),
        bias(random_values(s.out_channels, 4)),  // f32, whatever the precision
        x_there(device, s.dtype(), x),
        w_there(device, s.dtype(), w),
        residual_there(device, s.dtype(), residual),
        bias_there(device, DType::f32, bias),
        y(result(device, s.dtype(), s.output_count())) {
    if (parts & 1) epilogue.residual = residual_there.data;
    if (parts & 2) epilogue.bias = static_cast<const float*>(bias_there.data);
    if (parts & 4) epilogue.activation = parts & 8 ? Activation::relu6 : Activation::relu;
  }

  void run() { device.convolution_forward(s, x_there.data, w_there.data, epilogue, y.data); }

  void expect_right() const {
    Sums sums(s.output_count());
    for_each_product(
        s, [&](std::size_t i, std::size_t k, std::size_t o) { sums.add(o, double{x[i]} * w[k]); });
    const Floats got = y.values();
    const double common =
        error_of_sums(sums, static_cast<double>(s.kernel * s.kernel * s.in_channels));
    for (std::size_t i = 0; i < got.size(); ++i) {
      const double added_bias =
          epilogue.bias ? bias[i % static_cast<std::size_t>(s.out_channels)] : 0;
      const double sum = sums.value[i] + (epilogue.residual ? residual[i] : 0.) + added_bias;
      // The convolution's own result and the bias may be rounded too, and each addition is.
      const double roundings = 2 * std::abs(sums.value[i]) + 2 * std::abs(added_bias) +
                               (epilogue.residual ? std::abs(residual[i]) : 0.) + std::abs(sum);
      const double bound = common + error_of_operands(sums, i, s.precision) +
                           rounding_of_result(s.precision) * roundings;
      const Limits limits = limits_of(epilogue.activation);
      expect_near(got[i], std::clamp(sum, double{limits.low}, double{limits.high}), bound,
                  text("y[", i, ']'));
    }
  }
};

using EpilogueCase = std::tuple<Case, int>;

class EpilogueOfDevice : public ::testing::TestWithParam<EpilogueCase> {
 protected:
  void SetUp() override {
    const Case& test = std::get<0>(GetParam());
    const std::string reason = reason_to_skip(test.device, test.precision);
    if (!reason.empty()) GTEST_SKIP() << reason;
  }
};

INSTANTIATE_TEST_SUITE_P(Combinations, EpilogueOfDevice,
                         ::testing::Combine(::testing::ValuesIn(cases({{2, 8, 8, 64, 64, 3, 1, 1},
                                                                       {2, 7, 9, 3, 5, 3, 2, 1}})),
                                            ::testing::Values(1, 2, 3, 4, 5, 6, 7, 12, 14, 15)),
                         [](const auto& info) {
                           const int parts = std::get<1>(info.param);
                           return name_of_case(std::get<0>(info.param)) +
                                  (parts & 1 ? "_residual" : "") + (parts & 2 ? "_bias" : "") +
                                  (parts & 4 ? "_relu" : "") + (parts & 8 ? "6" : "");
                         });

TEST_P(EpilogueOfDevice, is_applied_to_the_sums) {
  const Case& test = std::get<0>(GetParam());
  EpilogueTest work(device_named(test.device), test.shape, std::get<1>(GetParam()));

  work.run();
  work.expect_right();
}

// Tests of what only a GPU does: plans are chosen at first use and kept.
class CudaConvolution : public ::testing::TestWithParam<Precision> {
 protected:
  void SetUp() override {
    const std::string reason = reason_to_skip("cuda", GetParam());
    if (!reason.empty()) GTEST_SKIP() << reason;
  }
  static Device& cuda() { return cuda_device(0); }
  // A shape that no other test uses, since plans are kept for as long as the device lives.
  static Convolution shape_of_its_own(std::int64_t number) {
    return {3, 5 + number, 6, 8, 16, 3, 1, 1, GetParam()};
  }
};

INSTANTIATE_TEST_SUITE_P(Precisions, CudaConvolution,
                         ::testing::Values(Precision::fp32, Precision::tf32, Precision::bf16),
                         [](const auto& info) { return name_of(info.param); });

TEST_P(CudaConvolution, takes_no_new_memory_once_its_plan_is_chosen) {
  EpilogueTest work(cuda(), shape_of_its_own(0), 7);
  work.run();
  const std::int64_t before = cuda().pool().counters().device_allocations;

  work.run();

  EXPECT_EQ(cuda().pool().counters().device_allocations, before);
  work.expect_right();
}

TEST_P(CudaConvolution, can_be_captured_once_its_plan_is_chosen) {
  EpilogueTest work(cuda(), shape_of_its_own(1), 7);
  work.run();
  const auto graph = cuda().capture([&] { work.run(); });
  const Operand spoilt = result(cuda(), work.s.dtype(), work.s.output_count());
  cuda().copy_within(work.y.data, spoilt.data, spoilt.tensor.bytes());

  graph->replay();

  work.expect_right();
}

TEST_P(CudaConvolution, is_refused_in_captured_work_before_its_plan_is_chosen) {
  EpilogueTest plain(cuda(), shape_of_its_own(2), 0), with_relu(cuda(), shape_of_its_own(2), 4);
  const auto capture = [](EpilogueTest& work) {
    return message_of<Error>([&] { cuda().capture([&] { work.run(); }); });
  };

  const std::string before = capture(plain);
  plain.run();
  const std::string with_another_epilogue = capture(with_relu);

  EXPECT_CONTAINS(before, "choosing a plan inside captured work");
  EXPECT_CONTAINS(before, "images [3, 7, 6, 8], weights [16, 3, 3, 8]");
  EXPECT_CONTAINS(with_another_epilogue, "convolution forward + relu");
  with_relu.run();  // the device is as good as before
  with_relu.expect_right();
}

TEST_P(CudaConvolution, gives_the_same_bits_again_where_that_is_asked_for) {
  const Convolution s = {4, 16, 16, 64, 64, 3, 1, 1, GetParam()};
  const Operand x(cuda(), s.dtype(), operand(s.input_count(), 1));
  const Operand w(cuda(), s.dtype(), operand(s.weight_count(), 2));
  const Operand dy(cuda(), s.dtype(), operand(s.output_count(), 3));
  const auto gradients = [&] {
    const Operand dx = result(cuda(), s.dtype(), s.input_count());
    const Operand dw = result(cuda(), DType::f32, s.weight_count());
    cuda().convolution_backward_data(s, dy.data, w.data, dx.data, Sum::store);
    cuda().convolution_backward_weights(s, x.data, dy.data, static_cast<float*>(dw.data));
    return std::pair(bits_of(dx.values()), bits_of(dw.values()));
  };

  cuda().set_deterministic(true);
  const auto first = gradients(), second = gradients(), third = gradients();
  cuda().set_deterministic(false);

  EXPECT_EQ(first, second);
  EXPECT_EQ(first, third);
}

// Matrix products ---------------------------------------------------------------------------------

struct GemmCase {
  std::string device;
  Gemm shape;
  std::int64_t offset;  // of a, in elements
};

// What a product can be written as.
std::vector<DType> results(Precision precision) {
  if (precision != Precision::bf16) return {DType::f32};
  return {DType::f32, DType::bf16};
}

void add_gemm_cases(const std::string& device, Precision precision, DType type,
                    std::vector<GemmCase>& all) {
  for (const auto& [m, n, k] : {std::tuple{7, 5, 3}, {33, 10, 512}, {10, 512, 128}, {1, 1, 1}})
    for (const int transposes : {0, 1, 2, 3})
      for (const std::int64_t offset : {0, 1}) {
        const bool a = (transposes & 1) != 0, b = (transposes & 2) != 0;
        all.push_back({device, {m, n, k, a, b, precision, 1, Batching::fastest, type}, offset});
      }
  for (const std::int64_t rows : {5, 1024, 2050}) {
    all.push_back({device, {rows, 3, 7, false, true, precision, 1, Batching::invariant, type}, 0});
  }
}

std::vector<GemmCase> gemm_cases() {
  std::vector<GemmCase> all;
  for (const char* device : {"emulated", "cuda"})
    for (const Precision precision : precisions(device))
      for (const DType type : results(precision)) add_gemm_cases(device, precision, type, all);
  return all;
}

class GemmOfDevice : public ::testing::TestWithParam<GemmCase> {
 protected:
  void SetUp() override {
    const std::string reason = reason_to_skip(GetParam().device, GetParam().shape.precision);
    if (!reason.empty()) GTEST_SKIP() << reason;
  }
};

std::string name_of_gemm_case(const GemmCase& test) {
  const Gemm& g = test.shape;
  return text(test.device, '_', name_of(g.precision), '_', g.m, 'x', g.n, 'x', g.k,
              g.transpose_a ? "_ta" : "", g.transpose_b ? "_tb" : "",
              g.result == DType::bf16 ? "_to_bf16" : "",
              g.batching == Batching::invariant ? "_invariant" : "", test.offset ? "_shifted" : "");
}

INSTANTIATE_TEST_SUITE_P(Shapes, GemmOfDevice, ::testing::ValuesIn(gemm_cases()),
                         [](const auto& info) { return name_of_gemm_case(info.param); });

TEST_P(GemmOfDevice, agrees_with_plain_loops) {
  const auto& [device_name, g, offset] = GetParam();
  Device& device = device_named(device_name);
  const bool rounded = g.operands() == DType::bf16;
  const Floats a = rounded ? operand(g.m * g.k, 1) : random_values(g.m * g.k, 1),
               b = rounded ? operand(g.k * g.n, 2) : random_values(g.k * g.n, 2);
  Sums want(g.m * g.n);
  for (std::int64_t row = 0; row < g.m; ++row)
    for (std::int64_t column = 0; column < g.n; ++column)
      for (std::int64_t i = 0; i < g.k; ++i) {
        const std::int64_t in_a = g.transpose_a ? i * g.m + row : row * g.k + i;
        const std::int64_t in_b = g.transpose_b ? column * g.k + i : i * g.n + column;
        want.add(static_cast<std::size_t>(row * g.n + column),
                 double{a[static_cast<std::size_t>(in_a)]} * b[static_cast<std::size_t>(in_b)]);
      }
  const Operand a_there(device, g.operands(), a, offset), b_there(device, g.operands(), b);
  const Operand c = result(device, g.result, g.m * g.n);

  device.gemm(g, a_there.data, b_there.data, c.data);

  // bf16 operands are exact: what an f32 result errs by is that of its sums.
  const Precision error = rounded && g.result == DType::f32 ? Precision::fp32 : g.precision;
  expect_sums(c.values(), want, static_cast<double>(g.k), error, "c");
}

TEST(cuda_gemm, multiplies_each_row_alike_where_the_batch_must_not_matter) {
  const std::string reason = reason_to_skip("cuda", Precision::fp32);
  if (!reason.empty()) GTEST_SKIP() << reason;
  Device& device = device_named("cuda");
  constexpr std::int64_t kRows = 1500, kOut = 33, kIn = 384;
  Gemm shape{kRows, kOut, kIn, false, true, Precision::fp32, 1, Batching::invariant};
  const Operand a(device, DType::f32, random_values(kRows * kIn, 1)),
      b(device, DType::f32, random_values(kOut * kIn, 2));
  const auto product = [&](std::int64_t first, std::int64_t rows) {
    shape.m = rows;
    const Operand c = result(device, DType::f32, rows * kOut);
    device.gemm(shape, static_cast<const float*>(a.data) + first * kIn, b.data, c.data);
    return c.values();
  };
  const auto together = product(0, kRows);

  for (const auto& [first, rows] : {std::pair{0, 1}, {1100, 3}, {0, 1024}, {10, 1400}}) {
    const auto some = product(first, rows);
    EXPECT_TRUE(std::equal(some.begin(), some.end(), together.begin() + first * kOut))
        << rows << " rows from " << first;
  }
}

TEST(cuda_gemm, can_be_captured_after_its_first_call_and_not_before) {
  if (cuda_device_count() == 0) GTEST_SKIP() << "no CUDA device";
  Device& device = cuda_device(0);
  const Gemm shape{3, 11, 5, false, false, Precision::fp32};
  const Operand a(device, DType::f32, random_values(15, 1)),
      b(device, DType::f32, random_values(55, 2));
  const Operand eager = result(device, DType::f32, 33), replayed = result(device, DType::f32, 33);
  const auto multiply = [&](const Operand& c) { device.gemm(shape, a.data, b.data, c.data); };

  const std::string refusal =
      message_of<Error>([&] { device.capture([&] { multiply(replayed); }); });
  multiply(eager);
  device.capture([&] { multiply(replayed); })->replay();

  EXPECT_CONTAINS(refusal, "choosing an algorithm for gemm [3, 5] x [5, 11]");
  EXPECT_EQ(bits_of(replayed.values()), bits_of(eager.values()));
}

}  // namespace
}  // namespace saddle
