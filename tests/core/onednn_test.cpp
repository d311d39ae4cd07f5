// What Saddle takes from oneDNN: right to the last bit, and nothing written beside the result, for
// any number of threads and instruction set (ONEDNN_MAX_CPU_ISA; tests/run.sh tries several).
#include <gtest/gtest.h>
#include <omp.h>
#include <unistd.h>

#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <thread>
#include <vector>

#include "core/convolution_check.h"
#include "core/cpu_isa.h"
#include "core/error.h"
#include "core/guarded_memory.h"
#include "core/onednn.h"
#include "core/vector_code.h"
#include "tests/support/products.h"
#include "tests/support/thread_count.h"

namespace saddle {
namespace {

using onednn::Direction;
using testing_support::for_each_product;

constexpr std::size_t kPage = 4096;

// Small integers, whose sums are exact in f32 in any order: results are compared as they are.
GuardedMemory integers(std::int64_t count, std::uint32_t seed) {
  GuardedMemory memory(kPage);
  memory.resize(static_cast<std::size_t>(count) * sizeof(float));
  fill_with_integers({memory.floats(), static_cast<std::size_t>(count)}, seed);
  return memory;
}

std::vector<float> values_of(const GuardedMemory& memory) {
  return {memory.floats(), memory.floats() + memory.size() / sizeof(float)};
}

struct Results {
  std::vector<float> y, dx, dw;
};

struct Problem {
  explicit Problem(const Convolution& s)
      : shape(s),
        x(integers(s.input_count(), 1)),
        w(integers(s.weight_count(), 2)),
        dy(integers(s.output_count(), 3)),
        residual(integers(s.output_count(), 4)) {}

  Results by_plain_loops() const {
    Results want{values_of(residual), std::vector<float>(x.size() / sizeof(float)),
                 std::vector<float>(w.size() / sizeof(float))};
    for_each_product(shape, [&, X = x.floats(), W = w.floats(), DY = dy.floats()](
                                std::size_t x_at, std::size_t w_at, std::size_t y_at) {
      want.y[y_at] += X[x_at] * W[w_at];
      want.dx[x_at] += DY[y_at] * W[w_at];
      want.dw[w_at] += DY[y_at] * X[x_at];
    });
    return want;
  }

  const Convolution shape;
  GuardedMemory x, w, dy, residual;
};

class OneDnn : public testing::TestWithParam<Convolution> {};

TEST_P(OneDnn, convolves_exactly_and_stays_within_its_memory_for_any_number_of_threads) {
  const Problem problem(GetParam());
  const Convolution& s = problem.shape;
  const Results want = problem.by_plain_loops();
  const int before = omp_get_max_threads();

  for (const int threads : {1, 2, 3, 5}) {
    SCOPED_TRACE(threads);
    omp_set_num_threads(threads);
    GuardedMemory y = integers(s.output_count(), 5), dx = integers(s.input_count(), 6),
                  dw = integers(s.weight_count(), 7);
    const float *x = problem.x.floats(), *w = problem.w.floats();
    onednn::convolve(Direction::forward_add, s, {x, w, problem.residual.floats(), y.floats()});
    onednn::convolve(Direction::backward_data, s, {dx.floats(), w, nullptr, problem.dy.floats()});
    onednn::convolve(Direction::backward_weights, s,
                     {x, dw.floats(), nullptr, problem.dy.floats()});

    EXPECT_EQ(values_of(y), want.y);
    EXPECT_EQ(values_of(dx), want.dx);
    EXPECT_EQ(values_of(dw), want.dw);
    EXPECT_TRUE(y.intact() && dx.intact() && dw.intact());
  }
  omp_set_num_threads(before);
}

// Batch, height, width, channels in and out, kernel, stride, padding; dilation. The strided 1x1
// ones with channels that do not fill a vector are those where oneDNN 3.2 writes beside its
// scratchpad, or never returns.
INSTANTIATE_TEST_SUITE_P(
    Shapes, OneDnn,
    testing::Values(
        Convolution{128, 28, 28, 8, 16, 1, 2, 0}, Convolution{64, 28, 28, 8, 16, 1, 2, 0},
        Convolution{25, 28, 28, 8, 16, 1, 2, 0}, Convolution{128, 14, 14, 16, 32, 1, 2, 0},
        Convolution{128, 28, 28, 4, 8, 1, 2, 0}, Convolution{33, 28, 28, 12, 24, 1, 2, 0},
        Convolution{32, 14, 14, 24, 48, 1, 2, 0}, Convolution{7, 7, 7, 5, 3, 1, 2, 0},
        Convolution{16, 8, 8, 32, 64, 1, 1, 0}, Convolution{25, 28, 28, 8, 16, 3, 2, 1},
        Convolution{16, 14, 14, 17, 31, 3, 2, 1}, Convolution{3, 9, 5, 3, 7, 3, 1, 1},
        Convolution{4, 28, 28, 1, 8, 3, 1, 1}, Convolution{4, 16, 16, 3, 64, 4, 4, 0},
        Convolution{2, 4, 4, 64, 64, 3, 1, 1}, Convolution{1, 1, 1, 1, 1, 1, 1, 0},
        Convolution{2, 15, 15, 32, 16, 3, 1, 12, Precision::fp32, 12},
        Convolution{2, 9, 7, 16, 16, 3, 1, 2, Precision::fp32, 2},
        Convolution{3, 9, 11, 3, 5, 3, 2, 3, Precision::fp32, 2},
        Convolution{2, 33, 17, 3, 16, 7, 2, 3}));

TEST(onednn, multiplies_matrices_exactly_for_any_number_of_threads) {
  const int before = omp_get_max_threads();
  for (const Gemm& s :
       {Gemm{1, 1, 1, false, false}, Gemm{7, 33, 5, false, true}, Gemm{31, 3, 129, true, false},
        Gemm{65, 17, 40, true, true}, Gemm{10, 128, 1000, true, false},
        Gemm{5, 9, 8, false, false, Precision::fp32, 6}, Gemm{101, 7, 12, false, true},
        Gemm{205, 7, 12, false, false}}) {
    const GuardedMemory a = integers(s.batch * s.m * s.k, 1), b = integers(s.batch * s.k * s.n, 2);
    std::vector<float> want(static_cast<std::size_t>(s.batch * s.m * s.n));
    for (std::int64_t i = 0, at = 0; i < s.batch; ++i)
      for (std::int64_t row = 0; row < s.m; ++row)
        for (std::int64_t column = 0; column < s.n; ++column, ++at)
          for (std::int64_t k = 0; k < s.k; ++k)
            want[static_cast<std::size_t>(at)] +=
                a.floats()[i * s.m * s.k + (s.transpose_a ? k * s.m + row : row * s.k + k)] *
                b.floats()[i * s.k * s.n + (s.transpose_b ? column * s.k + k : k * s.n + column)];
    for (const int threads : {1, 2, 3, 5}) {
      SCOPED_TRACE(threads);
      omp_set_num_threads(threads);
      GuardedMemory c = integers(s.batch * s.m * s.n, 3);
      onednn::gemm(s, a.floats(), b.floats(), c.floats());

      EXPECT_EQ(values_of(c), want);
      EXPECT_TRUE(c.intact());
    }
  }
  omp_set_num_threads(before);
}

// Kernels for few rows, and for rows that are left over, add in another order.
TEST(onednn, multiplies_each_row_alike_whatever_is_beside_it) {
  const ThreadCount restored;
  constexpr std::int64_t kRows = 205, kOut = 30, kIn = 1536;
  Gemm shape{kRows, kOut, kIn, false, true};
  std::vector<float> a(kRows * kIn), b(kOut * kIn);
  for (std::size_t i = 0; i < a.size(); ++i) a[i] = std::sin(static_cast<float>(i));
  for (std::size_t i = 0; i < b.size(); ++i) b[i] = std::cos(static_cast<float>(3 * i));
  set_threads(1);
  std::vector<float> together(kRows * kOut);
  onednn::gemm(shape, a.data(), b.data(), together.data());

  for (const auto& [first, rows, threads] : {std::tuple{0, 1, 1},
                                             {204, 1, 2},
                                             {95, 1, 1},
                                             {90, 20, 2},
                                             {3, 200, 5},
                                             {0, 205, 2},
                                             {0, 205, 3}}) {
    SCOPED_TRACE(text(rows, " rows from ", first, " on ", threads, " threads"));
    set_threads(threads);
    shape.m = rows;
    std::vector<float> some(static_cast<std::size_t>(rows) * kOut);
    onednn::gemm(shape, a.data() + first * kIn, b.data(), some.data());

    const auto of_these = together.begin() + first * kOut;
    EXPECT_TRUE(std::equal(some.begin(), some.end(), of_these));
  }
}

TEST(onednn, refuses_batch_invariant_products_that_would_not_be) {
  const std::vector<float> a(4, 1.f);
  std::vector<float> c(4);
  Gemm transposed{2, 2, 2, true, false}, several{1, 2, 2, false, false};
  several.batch = 2;

  for (Gemm shape : {transposed, several}) {
    shape.batching = Batching::invariant;
    EXPECT_THROW(onednn::gemm(shape, a.data(), a.data(), c.data()), Error);
  }
}

// The system counts threads up, those of other programs too.
pid_t number_of_a_new_thread() {
  pid_t number = 0;
  std::thread([&] { number = gettid(); }).join();
  return number;
}

// Within a parallel region, were it one of a single thread, each product would start threads of its
// own and end them.
TEST(onednn, multiplies_with_the_threads_that_there_are) {
  constexpr int kProducts = 100;
  constexpr std::int64_t kSide = 128;
  const ThreadCount restored;
  set_threads(2);
  const Gemm shape{kSide, kSide, kSide, false, false};
  const std::vector<float> a(kSide * kSide, 1.f);
  std::vector<float> c(a.size());
  onednn::gemm(shape, a.data(), a.data(), c.data());

  pid_t started = -1;
  while (started < 0) {  // until they are not counted beyond the greatest and from the first again
    const pid_t before = number_of_a_new_thread();
    for (int i = 0; i < kProducts; ++i) onednn::gemm(shape, a.data(), a.data(), c.data());
    started = number_of_a_new_thread() - before;
  }

  EXPECT_LT(started, kProducts / 2);
}

// The check that oneDNN's kernels must pass, itself held against plain loops: right results pass,
// and one element that is off by one does not, wherever it is.
class ConvolutionCheck : public testing::TestWithParam<Convolution> {};

void expect_any_wrong_element_shows(std::vector<float> result,
                                    const std::function<bool(const float*)>& is_right) {
  EXPECT_TRUE(is_right(result.data()));
  for (float& value : result) {
    value += 1;
    EXPECT_FALSE(is_right(result.data())) << "element " << &value - result.data();
    value -= 1;
  }
  result[result.size() / 2] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_FALSE(is_right(result.data()));
}

TEST_P(ConvolutionCheck, passes_what_is_right_and_sees_any_wrong_element) {
  const Problem problem(GetParam());
  const float *x = problem.x.floats(), *w = problem.w.floats(), *dy = problem.dy.floats();
  const Results want = problem.by_plain_loops();

  expect_any_wrong_element_shows(want.y, [&](const float* y) {
    return is_convolution(problem.shape, x, w, problem.residual.floats(), y);
  });
  expect_any_wrong_element_shows(
      want.dx, [&](const float* dx) { return is_data_gradient(problem.shape, dy, w, dx); });
  expect_any_wrong_element_shows(
      want.dw, [&](const float* dw) { return is_weight_gradient(problem.shape, x, dy, dw); });
}

INSTANTIATE_TEST_SUITE_P(Shapes, ConvolutionCheck,
                         testing::Values(Convolution{2, 5, 7, 3, 2, 3, 1, 1},
                                         Convolution{3, 7, 6, 2, 5, 1, 2, 0},
                                         Convolution{1, 8, 8, 3, 4, 4, 4, 0},
                                         Convolution{2, 9, 6, 1, 3, 3, 2, 1},
                                         Convolution{2, 9, 8, 3, 2, 3, 2, 3, Precision::fp32, 2}));

TEST(convolution_check, sees_results_that_are_exchanged) {
  const Problem problem({2, 6, 6, 4, 4, 3, 1, 1});
  std::vector<float> dw = problem.by_plain_loops().dw;
  std::size_t other = 1;
  while (dw[other] == dw[0]) ++other;

  std::swap(dw[0], dw[other]);

  EXPECT_FALSE(
      is_weight_gradient(problem.shape, problem.x.floats(), problem.dy.floats(), dw.data()));
}

TEST(guarded_memory, sees_a_byte_written_before_or_behind_the_block) {
  GuardedMemory memory(kPage);
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, kPage - 1, kPage, 3 * kPage + 5}) {
    auto* block = static_cast<unsigned char*>(memory.resize(size));
    EXPECT_TRUE(memory.intact());
    for (const std::ptrdiff_t place :
         {std::ptrdiff_t{-1}, -static_cast<std::ptrdiff_t>(kPage),
          static_cast<std::ptrdiff_t>(size), static_cast<std::ptrdiff_t>(size + kPage - 1)}) {
      const unsigned char was = block[place];
      block[place] = static_cast<unsigned char>(was + 1);
      EXPECT_FALSE(memory.intact()) << size << " bytes, place " << place;
      block[place] = was;
    }
    EXPECT_TRUE(memory.intact());
  }
}

TEST(guarded_memory, keeps_its_memory_where_less_is_asked_for) {
  GuardedMemory memory(kPage);
  void* block = memory.resize(5 * kPage);

  EXPECT_EQ(memory.resize(10), block);
  EXPECT_EQ(memory.size(), 10u);
  EXPECT_EQ(memory.resize(5 * kPage), block);
  EXPECT_TRUE(memory.intact());
}

void exit_held() {
  hold_to_avx2();
  std::exit(cpu_isa() == "avx2" && vector_lanes() == 8 ? 0 : 1);
}

void exit_refused_after_work() {
  const float a = 2, b = 3;
  float c = 0;
  onednn::gemm({1, 1, 1, false, false}, &a, &b, &c);
  try {
    hold_to_avx2();
  } catch (const Error& error) {
    std::fputs(error.what(), stderr);
    std::exit(0);
  }
  std::exit(1);
}

// A process can be held once, before oneDNN has looked at its processor: each case is a process.
TEST(CpuIsaDeathTest, is_held_to_avx2_before_any_work) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(exit_held(), testing::ExitedWithCode(0), "");
}

TEST(CpuIsaDeathTest, is_not_held_to_avx2_after_work_has_begun) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(exit_refused_after_work(), testing::ExitedWithCode(0), "has begun to work");
}

}  // namespace
}  // namespace saddle
