// What cuDNN offers for the convolutions of our networks. It answers for a GPU that is described to
// it, so these tests need none.
#include "core/cuda/cudnn_graph.h"

#include <gtest/gtest.h>

#include <algorithm>

#include <set>
#include <string>
#include <tuple>

#include "core/error.h"
#include "tests/support/expect_near.h"

namespace saddle {
namespace {

using namespace testing_support;
using cudnn::ConvolutionGraph;
using cudnn::Direction;
using cudnn::Problem;

// An H100 and an A100, as cuDNN writes them down (CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION); the
// numbers are CUDA's device attributes.
const std::string kH100 =
    R"({"maxGridSize":[2147483647,65535,65535],"maxBlockSize":[1024,1024,64],)"
    R"("regsPerBlock":65536,"multiProcessorCount":132,"warpSize":32,)"
    R"("maxSharedMemoryPerBlock":49152,"maxSharedMemoryPerBlockOptin":232448,)"
    R"("reservedSharedMemoryPerBlock":1024,"maxRegistersPerSM":65536,"maxCtasPerSM":32,)"
    R"("maxThreadsPerBlock":1024,"maxThreadsPerSM":2048,"pciDeviceId":0,"isTccDriver":0,)"
    R"("supportCoopLaunch":1,"totalGlobalMem":85000000000,"smClockRateKHz":1980000,)"
    R"("memClockRateKHz":2619000,"l2CacheSize":52428800,"cudaDeviceId":0,"deviceVer":900,)"
    R"("driverVer":13000,"deviceName":"NVIDIA H100 80GB HBM3"})";
const std::string kA100 =
    R"({"maxGridSize":[2147483647,65535,65535],"maxBlockSize":[1024,1024,64],)"
    R"("regsPerBlock":65536,"multiProcessorCount":108,"warpSize":32,)"
    R"("maxSharedMemoryPerBlock":49152,"maxSharedMemoryPerBlockOptin":166912,)"
    R"("reservedSharedMemoryPerBlock":1024,"maxRegistersPerSM":65536,"maxCtasPerSM":32,)"
    R"("maxThreadsPerBlock":1024,"maxThreadsPerSM":2048,"pciDeviceId":0,"isTccDriver":0,)"
    R"("supportCoopLaunch":1,"totalGlobalMem":85000000000,"smClockRateKHz":1410000,)"
    R"("memClockRateKHz":1593000,"l2CacheSize":41943040,"cudaDeviceId":0,"deviceVer":800,)"
    R"("driverVer":13000,"deviceName":"NVIDIA A100-SXM4-80GB"})";

std::string name_of(Precision precision) {
  return precision == Precision::fp32 ? "fp32" : precision == Precision::tf32 ? "tf32" : "bf16";
}

// cuDNN 9.11 is the first to take a description of a GPU.
bool takes_descriptions() { return cudnnGetVersion() >= 91100; }

int plans_that_need_no_compiler(const Problem& problem, const std::string& gpu,
                                bool deterministic) {
  const ConvolutionGraph graph(problem, gpu);
  int plans = 0;
  for (std::int64_t i = 0; i < graph.plan_count(); ++i) {
    plans += graph.build(i, {.nondeterministic = deterministic, .compiled_late = true}).has_value();
  }
  return plans;
}

class PlansOfCudnn : public ::testing::TestWithParam<std::tuple<std::string, Precision>> {
 protected:
  void SetUp() override {
    if (!takes_descriptions()) GTEST_SKIP() << "this cuDNN cannot plan for a GPU that is not there";
  }
  const std::string& gpu() const { return std::get<0>(GetParam()) == "H100" ? kH100 : kA100; }
  Precision precision() const { return std::get<1>(GetParam()); }

  void expect_plans(Problem problem) const {
    problem.shape.precision = precision();
    EXPECT_GE(plans_that_need_no_compiler(problem, gpu(), false), 1) << describe(problem);
    EXPECT_GE(plans_that_need_no_compiler(problem, gpu(), true), 1)
        << describe(problem) << ", deterministic";
  }
  void expect_plans_in_all_directions(const Convolution& shape) const {
    expect_plans({.direction = Direction::forward, .shape = shape});
    expect_plans({.direction = Direction::backward_data, .shape = shape});
    expect_plans({.direction = Direction::backward_data, .shape = shape, .adds = true});
    expect_plans({.direction = Direction::backward_weights, .shape = shape});
  }
};

INSTANTIATE_TEST_SUITE_P(Gpus, PlansOfCudnn,
                         ::testing::Combine(::testing::Values("H100", "A100"),
                                            ::testing::Values(Precision::fp32, Precision::tf32,
                                                              Precision::bf16)),
                         [](const auto& info) {
                           return std::get<0>(info.param) + "_" + name_of(std::get<1>(info.param));
                         });

TEST_P(PlansOfCudnn, exist_for_3x3_layers) {
  expect_plans_in_all_directions({128, 32, 32, 64, 64, 3, 1, 1});
  expect_plans_in_all_directions({128, 4, 4, 512, 512, 3, 1, 1});
}

TEST_P(PlansOfCudnn, exist_for_layers_that_halve_the_image) {
  expect_plans_in_all_directions({128, 32, 32, 64, 128, 3, 2, 1});
  expect_plans_in_all_directions({128, 32, 32, 64, 128, 1, 2, 0});
}

TEST_P(PlansOfCudnn, exist_for_channels_that_fill_no_vector) {
  expect_plans_in_all_directions({4, 7, 9, 8, 5, 3, 1, 1});
}

// The rates of DeepLab, and a stride beside a dilation.
TEST_P(PlansOfCudnn, exist_for_dilated_kernels) {
  expect_plans_in_all_directions({8, 33, 33, 320, 256, 3, 1, 12, Precision::fp32, 12});
  expect_plans_in_all_directions({4, 33, 33, 64, 64, 3, 2, 2, Precision::fp32, 2});
}

TEST_P(PlansOfCudnn, exist_for_operands_that_begin_at_any_element) {
  const int element = precision() == Precision::bf16 ? 2 : 4;
  expect_plans(
      {.direction = Direction::forward, .shape = {4, 8, 8, 64, 64, 3, 1, 1}, .alignment = element});
}

TEST_P(PlansOfCudnn, exist_for_a_fused_residual_bias_and_relu) {
  const Convolution shape{128, 32, 32, 64, 64, 3, 1, 1};
  for (const bool residual : {false, true}) {
    for (const bool relu : {false, true}) {
      expect_plans({.direction = Direction::forward,
                    .shape = shape,
                    .residual = residual,
                    .bias = true,
                    .relu = relu});
    }
  }
}

TEST(cudnn_graph, offers_fewer_plans_where_matrix_units_are_not_to_be_used) {
  if (!takes_descriptions()) GTEST_SKIP() << "this cuDNN cannot plan for a GPU that is not there";
  Problem problem{.direction = Direction::forward, .shape = {128, 32, 32, 64, 64, 3, 1, 1}};

  const std::int64_t without = ConvolutionGraph(problem, kH100).plan_count();
  problem.shape.precision = Precision::tf32;
  const std::int64_t with = ConvolutionGraph(problem, kH100).plan_count();

  EXPECT_LT(without, with);
}

TEST(cudnn_graph, names_each_plan_so_that_another_graph_of_the_problem_has_it) {
  if (!takes_descriptions()) GTEST_SKIP() << "this cuDNN cannot plan for a GPU that is not there";
  const Problem problem{.direction = Direction::backward_weights,
                        .shape = {128, 32, 32, 64, 64, 3, 1, 1, Precision::bf16}};
  const ConvolutionGraph graph(problem, kH100), other(problem, kH100);

  std::set<std::string> names;
  for (std::int64_t i = 0; i < graph.plan_count(); ++i) {
    EXPECT_EQ(graph.name(i), other.name(i));
    names.insert(graph.name(i));
  }
  const auto first = graph.build(0, {});

  ASSERT_TRUE(first.has_value());
  EXPECT_EQ(first->name(), graph.name(0));
  EXPECT_TRUE(graph.name(0).starts_with("engine ")) << graph.name(0);
  EXPECT_EQ(static_cast<std::int64_t>(names.size()), graph.plan_count());
}

TEST(cudnn_graph, refuses_workspaces_over_the_limit) {
  if (!takes_descriptions()) GTEST_SKIP() << "this cuDNN cannot plan for a GPU that is not there";
  const ConvolutionGraph graph(
      {.direction = Direction::forward, .shape = {128, 32, 32, 64, 64, 3, 1, 1}}, kH100);

  std::int64_t largest = 0;
  for (std::int64_t i = 0; i < graph.plan_count(); ++i) {
    const auto plan = graph.build(i, {.workspace_over = 1 << 20});
    if (plan) largest = std::max(largest, plan->workspace_bytes());
  }
  const auto unlimited = graph.build(0, {});

  ASSERT_TRUE(unlimited.has_value());
  EXPECT_GT(unlimited->workspace_bytes(), 1 << 20);
  EXPECT_LE(largest, 1 << 20);
}

TEST(cudnn_graph, describes_the_problem_in_words) {
  const Problem problem{.direction = Direction::forward,
                        .shape = {2, 5, 6, 8, 16, 3, 2, 1, Precision::bf16},
                        .residual = true,
                        .relu = true};

  EXPECT_EQ(describe(problem),
            "convolution forward + residual + relu, images [2, 5, 6, 8], weights [16, 3, 3, 8], "
            "stride 2, padding 1, bf16");
}

TEST(cudnn_graph, describes_a_dilation) {
  const Problem problem{.direction = Direction::forward,
                        .shape = {2, 9, 9, 8, 16, 3, 1, 4, Precision::fp32, 4}};

  EXPECT_EQ(describe(problem),
            "convolution forward, images [2, 9, 9, 8], weights [16, 3, 3, 8], stride 1, padding 4, "
            "dilation 4, fp32");
}

TEST(cudnn_graph, says_what_cudnn_says_of_a_convolution_that_cannot_be) {
  if (!takes_descriptions()) GTEST_SKIP() << "this cuDNN cannot plan for a GPU that is not there";
  const Problem too_small{.direction = Direction::forward, .shape = {1, 2, 2, 8, 8, 5, 1, 0}};

  EXPECT_CONTAINS(message_of<Error>([&] { ConvolutionGraph(too_small, kH100); }), "cudnn: ");
}

}  // namespace
}  // namespace saddle
