#include "core/cuda/cudnn_convolution.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <utility>

#include "core/cuda/check.h"
#include "core/error.h"
#include "core/plans.h"
#include "kernels/bfloat16.h"
#include "kernels/channels.h"
#include "kernels/elementwise.h"

namespace saddle {

using cudnn::Direction;
using cudnn::Plan;
using cudnn::Problem;
using cudnn::Tensors;

namespace {

// cuDNN's own order is a prediction; its first ten nearly always hold the fastest.
constexpr int kPlansToMeasure = 10;
// Plans whose kernels cuDNN must compile first take about a second each, so one is tried, and only
// where there is nothing else.
constexpr int kCompiledPlansToMeasure = 1;
constexpr int kMeasuredRuns = 3;
constexpr const char* kNo = "no";  // of whether a convolution and its epilogue run as one

bool is_aligned(const void* address, std::uintptr_t bytes) {
  return reinterpret_cast<std::uintptr_t>(address) % bytes == 0;
}

// cuDNN's fast kernels load 16 bytes at once; slices of a batch need not begin where they can.
int alignment_of(std::initializer_list<const void*> addresses, const Convolution& shape) {
  const bool aligned = std::all_of(addresses.begin(), addresses.end(),
                                   [](const void* address) { return is_aligned(address, 16); });
  return aligned ? 16 : size_of(shape.dtype());
}

// The shape with as many input channels as fill the matrix units' vectors.
Convolution with_whole_vectors(Convolution shape) {
  if (shape.precision == Precision::fp32) return shape;
  const std::int64_t vector = 16 / size_of(shape.dtype());
  shape.in_channels = (shape.in_channels + vector - 1) / vector * vector;
  return shape;
}

std::int64_t pixels(const Convolution& shape) { return shape.batch * shape.height * shape.width; }
std::int64_t taps(const Convolution& shape) {
  return shape.out_channels * shape.kernel * shape.kernel;
}

void* address_of(const Tensor& bytes) { return bytes.data<std::uint8_t>(); }

template <class T>
Array<const T> array_of(const void* data, std::int64_t count) {
  return {static_cast<const T*>(data), data ? count : 0};
}
template <class T>
Array<T> array_of(void* data, std::int64_t count) {
  return {static_cast<T*>(data), count};
}

template <class T>
void apply_epilogue(Device& device, const Convolution& s, const Epilogue& epilogue, void* y) {
  launch(device,
         ConvolutionEpilogue<T>{array_of<T>(epilogue.residual, s.output_count()),
                                array_of<float>(epilogue.bias, s.out_channels),
                                array_of<T>(y, s.output_count()), s.out_channels,
                                limits_of(epilogue.activation)},
         s.output_count() / s.out_channels, s.out_channels);
}

// What a problem is called among plans.
std::string planned_name(const Problem& problem) {
  return describe(problem) + (problem.alignment < 16 ? ", unaligned" : "");
}

// What cuDNN says becomes an Error that names the problem, with the shape that was asked for.
template <class Work>
void naming(Problem problem, const Convolution& asked, Work work) {
  try {
    work();
  } catch (const Error& error) {
    problem.shape = asked;
    fail(describe(problem), ": ", error.what());
  }
}

}  // namespace

CudnnConvolutions::CudnnConvolutions(CudaDevice& device) : device_(device) {
  cudnnHandle_t handle = nullptr;
  check(cudnnCreate(&handle), "cudnnCreate");
  handle_.reset(handle);
  for (int i = 0; i <= kMeasuredRuns; ++i) {
    check(cudaEventCreate(&events_.emplace_back()), "cudaEventCreate");
  }
}

CudnnConvolutions::~CudnnConvolutions() {
  for (const cudaEvent_t event : events_) cudaEventDestroy(event);
}

// The three directions ----------------------------------------------------------------------------

void CudnnConvolutions::forward(const Convolution& asked, const void* x, const void* w,
                                const Epilogue& epilogue, void* y) {
  if (asked.output_count() == 0) return;
  const Convolution shape = with_whole_vectors(asked);
  Tensor x_padded, w_padded;
  if (shape != asked) {
    x_padded = padded(x, pixels(asked), asked.in_channels, shape.in_channels, asked.dtype());
    w_padded = padded(w, taps(asked), asked.in_channels, shape.in_channels, asked.dtype());
    x = address_of(x_padded);
    w = address_of(w_padded);
  }
  const Tensors tensors{
      .x = const_cast<void*>(x), .w = const_cast<void*>(w), .y = y, .residual = epilogue.residual};
  const Problem problem{
      .direction = Direction::forward,
      .shape = shape,
      .residual = epilogue.residual != nullptr,
      .bias = epilogue.bias != nullptr,
      .relu = epilogue.activation == Activation::relu,
      .alignment = alignment_of({x, w, y, epilogue.residual, epilogue.bias}, shape)};
  naming(problem, asked, [&] {
    if (epilogue.activation == Activation::relu6) return run_apart(problem, tensors, epilogue);
    if (!problem.residual && !problem.bias && !problem.relu) {
      return run(plain_plan(problem, tensors), tensors);
    }
    const ForwardWay& way = forward_way(problem, tensors, epilogue);
    way.fused ? run_fused(way, problem, tensors, epilogue) : run_apart(problem, tensors, epilogue);
  });
}

void CudnnConvolutions::backward_data(const Convolution& asked, const void* dy, const void* w,
                                      void* dx, Sum sum) {
  if (asked.input_count() == 0) return;
  const Convolution shape = with_whole_vectors(asked);
  Tensor dx_padded, w_padded;
  void* target = dx;
  if (shape != asked) {
    w_padded = padded(w, taps(asked), asked.in_channels, shape.in_channels, asked.dtype());
    dx_padded = sum == Sum::add
                    ? padded(dx, pixels(asked), asked.in_channels, shape.in_channels, asked.dtype())
                    : bytes(shape.input_count() * size_of(shape.dtype()));
    w = address_of(w_padded);
    target = address_of(dx_padded);
  }
  const Tensors tensors{.x = target, .w = const_cast<void*>(w), .y = const_cast<void*>(dy)};
  const Problem problem{.direction = Direction::backward_data,
                        .shape = shape,
                        .adds = sum == Sum::add,
                        .alignment = alignment_of({dy, w, target}, shape)};
  naming(problem, asked, [&] { run(plain_plan(problem, tensors), tensors); });
  if (shape != asked) {
    crop(target, pixels(asked), asked.in_channels, shape.in_channels, asked.dtype(), dx);
  }
}

void CudnnConvolutions::backward_weights(const Convolution& asked, const void* x, const void* dy,
                                         float* dw) {
  if (asked.weight_count() == 0) return;
  const Convolution shape = with_whole_vectors(asked);
  const std::int64_t count = shape.weight_count();
  Tensor x_padded, dw_padded, dw_rounded;
  float* dw_whole = dw;
  if (shape != asked) {
    x_padded = padded(x, pixels(asked), asked.in_channels, shape.in_channels, asked.dtype());
    x = address_of(x_padded);
    dw_padded = Tensor(device_, {count});
    dw_whole = dw_padded.data<float>();
  }
  void* target = dw_whole;
  if (shape.dtype() == DType::bf16) {
    dw_rounded = bytes(count * size_of(DType::bf16));
    target = address_of(dw_rounded);
  }
  const Tensors tensors{.x = const_cast<void*>(x), .w = target, .y = const_cast<void*>(dy)};
  const Problem problem{.direction = Direction::backward_weights,
                        .shape = shape,
                        .alignment = alignment_of({x, dy, target}, shape)};
  naming(problem, asked, [&] { run(plain_plan(problem, tensors), tensors); });
  if (dw_rounded) {
    launch(device_,
           Convert<Bfloat16, float>{array_of<Bfloat16>(std::as_const(target), count),
                                    array_of<float>(dw_whole, count)},
           count);
  }
  if (dw_padded) {
    crop(dw_whole, taps(asked), asked.in_channels, shape.in_channels, DType::f32, dw);
  }
}

// Running -----------------------------------------------------------------------------------------

void CudnnConvolutions::run(const Plan& plan, const Tensors& tensors) {
  Tensor workspace;
  if (plan.workspace_bytes() > 0) workspace = bytes(plan.workspace_bytes());
  check(cudnnSetStream(handle_.get(), device_.stream()), "cudnnSetStream");
  plan.run(handle_.get(), tensors, workspace ? address_of(workspace) : nullptr);
}

void CudnnConvolutions::run_fused(const ForwardWay& way, const Problem& problem, Tensors tensors,
                                  const Epilogue& epilogue) {
  const std::int64_t channels = problem.shape.out_channels;
  Tensor rounded_bias;
  tensors.bias = epilogue.bias ? epilogue.bias : way.no_bias.data<float>();
  if (epilogue.bias && problem.shape.precision == Precision::bf16) {
    rounded_bias = bytes(channels * size_of(DType::bf16));
    launch(device_,
           Convert<float, Bfloat16>{array_of<float>(epilogue.bias, channels),
                                    array_of<Bfloat16>(address_of(rounded_bias), channels)},
           channels);
    tensors.bias = address_of(rounded_bias);
  }
  run(*way.fused, tensors);
}

void CudnnConvolutions::run_apart(const Problem& problem, const Tensors& tensors,
                                  const Epilogue& epilogue) {
  Problem plain = problem;
  plain.residual = plain.bias = plain.relu = false;
  run(plain_plan(plain, tensors), tensors);
  problem.shape.precision == Precision::bf16
      ? apply_epilogue<Bfloat16>(device_, problem.shape, epilogue, tensors.y)
      : apply_epilogue<float>(device_, problem.shape, epilogue, tensors.y);
}

// Choosing ----------------------------------------------------------------------------------------

const Plan& CudnnConvolutions::plain_plan(const Problem& problem, const Tensors& tensors) {
  forget_where_plans_changed();
  const auto found = plans_.find(problem);
  if (found != plans_.end()) return found->second;
  device_.refuse_while_capturing("choosing a plan");
  std::string why;
  std::optional<Plan> chosen = choose(problem, tensors, &why);
  require(chosen.has_value(), "cuDNN has no plan for it", why.empty() ? "" : ": ", why);
  return plans_.emplace(problem, std::move(*chosen)).first->second;
}

// cuDNN's compiled kernels know one chain: convolution, residual or not, bias, ReLU or not, with
// the bias in the images' type. So a fused plan always has one, if need be of zeros. Other chains
// would be compiled when they are first asked for.
const CudnnConvolutions::ForwardWay& CudnnConvolutions::forward_way(const Problem& problem,
                                                                    const Tensors& tensors,
                                                                    const Epilogue& epilogue) {
  forget_where_plans_changed();
  const auto found = forward_ways_.find(problem);
  if (found != forward_ways_.end()) return found->second;
  device_.refuse_while_capturing("choosing a plan");

  const Tensor scratch = bytes(problem.shape.output_count() * size_of(problem.shape.dtype()));
  Tensors measured = tensors;
  measured.y = address_of(scratch);
  ForwardWay way{.fused = {},
                 .no_bias = Tensor::filled(device_, Shape{problem.shape.out_channels}, 0)};
  Problem with_bias = problem;
  with_bias.bias = true;
  measured.bias = way.no_bias.data<float>();  // any values will do; half of them, as bf16
  std::string ignored;
  way.fused = choose(with_bias, measured, &ignored);
  if (way.fused) {
    const std::string kind = planned("fusing " + planned_name(problem), [&]() -> std::string {
      const float fused = milliseconds([&] { run_fused(way, problem, measured, epilogue); });
      return fused <= milliseconds([&] { run_apart(problem, measured, epilogue); }) ? "yes" : kNo;
    });
    if (kind == kNo) way.fused.reset();
  }
  if (!way.fused) run_apart(problem, measured, epilogue);  // so that its plan exists from now on
  return forward_ways_.emplace(problem, std::move(way)).first->second;
}

void CudnnConvolutions::forget_where_plans_changed() {
  if (device_.capturing() || std::exchange(chosen_at_, plans_changed()) == plans_changed()) return;
  plans_.clear();
  forward_ways_.clear();
}

// The plan in use, where cuDNN has it, else the first in cuDNN's order that runs. It runs on the
// tensors as given but for the result, which goes to scratch. Empty where there is none; `why_none`
// then says what cuDNN said last, if it said anything.
std::optional<Plan> CudnnConvolutions::choose(const Problem& problem, const Tensors& tensors,
                                              std::string* why_none) {
  const Convolution& s = problem.shape;
  Tensors tried = tensors;
  Tensor scratch;
  const auto into_scratch = [&](void*& result, std::int64_t count) {
    scratch = bytes(count * size_of(s.dtype()));
    result = address_of(scratch);
  };
  switch (problem.direction) {
    case Direction::forward: into_scratch(tried.y, s.output_count()); break;
    case Direction::backward_data: into_scratch(tried.x, s.input_count()); break;
    case Direction::backward_weights: into_scratch(tried.w, s.weight_count()); break;
  }
  try {
    const cudnn::ConvolutionGraph graph(problem, handle_.get());
    std::optional<Plan> chosen;
    const std::string name = planned(planned_name(problem), [&] {
      chosen = fastest(graph, tried, kPlansToMeasure, why_none);
      return chosen ? chosen->name() : "";
    });
    for (std::int64_t i = 0; i < graph.plan_count() && !chosen && !name.empty(); ++i) {
      if (graph.name(i) == name) {
        chosen = graph.build(i, {.nondeterministic = device_.deterministic()});
      }
    }
    return chosen ? std::move(chosen) : fastest(graph, tried, 1, why_none);
  } catch (const Error& error) {
    *why_none = error.what();
    return std::nullopt;
  }
}

// Of the first `at_most` plans in cuDNN's order that run.
std::optional<Plan> CudnnConvolutions::fastest(const cudnn::ConvolutionGraph& graph,
                                               const Tensors& tensors, int at_most,
                                               std::string* why_none) {
  std::optional<Plan> best;
  float least = std::numeric_limits<float>::infinity();
  const auto try_all = [&](const cudnn::Refusals& refusals, int most) {
    for (std::int64_t i = 0; i < graph.plan_count() && most > 0; ++i) {
      std::optional<Plan> plan = graph.build(i, refusals);
      if (!plan) continue;
      try {
        const float time = milliseconds([&] { run(*plan, tensors); });
        --most;
        if (time < least || !best) best = std::move(plan);
        least = std::min(least, time);
      } catch (const Error& error) {
        // Some plans are found out only when they run, or want more memory than there is.
        *why_none = error.what();
      }
    }
  };
  try_all({.nondeterministic = device_.deterministic(), .compiled_late = true}, at_most);
  if (!best) try_all({.nondeterministic = device_.deterministic()}, kCompiledPlansToMeasure);
  return best;
}

// How long the GPU takes for it: the shortest of a few runs, which are queued together so that the
// time the host takes to ask does not show.
float CudnnConvolutions::milliseconds(const std::function<void()>& work) {
  work();  // the first time, kernels are loaded
  for (int i = 0; i < kMeasuredRuns; ++i) {
    check(cudaEventRecord(events_[static_cast<std::size_t>(i)], device_.stream()),
          "cudaEventRecord");
    work();
  }
  check(cudaEventRecord(events_.back(), device_.stream()), "cudaEventRecord");
  check(cudaEventSynchronize(events_.back()), "measuring a convolution");
  float shortest = std::numeric_limits<float>::infinity();
  for (std::size_t i = 0; i < kMeasuredRuns; ++i) {
    float time = 0;
    check(cudaEventElapsedTime(&time, events_[i], events_[i + 1]), "cudaEventElapsedTime");
    shortest = std::min(shortest, time);
  }
  return shortest;
}

// Channels ----------------------------------------------------------------------------------------

Tensor CudnnConvolutions::padded(const void* images, std::int64_t rows, std::int64_t channels,
                                 std::int64_t wanted_channels, DType dtype) {
  Tensor result = bytes(rows * wanted_channels * size_of(dtype));
  const auto pad = [&]<class T>(T) {
    launch(device_,
           PadChannels<T>{array_of<T>(images, rows * channels),
                          array_of<T>(address_of(result), rows * wanted_channels), channels,
                          wanted_channels},
           rows, wanted_channels);
  };
  dtype == DType::bf16 ? pad(Bfloat16()) : pad(0.f);
  return result;
}

void CudnnConvolutions::crop(const void* images, std::int64_t rows, std::int64_t channels,
                             std::int64_t padded_channels, DType dtype, void* to) {
  const auto cut = [&]<class T>(T) {
    launch(device_,
           CopyChannels<T>{array_of<T>(images, rows * padded_channels),
                           array_of<T>(to, rows * channels), padded_channels, 0, channels, 0},
           rows, channels);
  };
  dtype == DType::bf16 ? cut(Bfloat16()) : cut(0.f);
}

}  // namespace saddle
