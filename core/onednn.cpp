#include "core/onednn.h"

#include <atomic>
#include <map>
#include <oneapi/dnnl/dnnl.hpp>
#include <tuple>
#include <unordered_map>

#include "core/error.h"

namespace saddle::onednn {
namespace {

using Tag = dnnl::memory::format_tag;
constexpr auto kF32 = dnnl::memory::data_type::f32;

dnnl::engine& engine() {
  static dnnl::engine instance(dnnl::engine::kind::cpu, 0);
  return instance;
}

dnnl::stream& stream() {
  static dnnl::stream instance(engine());
  return instance;
}

// oneDNN reports by exceptions of its own; whoever calls Saddle knows only saddle::Error.
template <class Work>
auto translating_errors(const char* what, Work work) {
  try {
    return work();
  } catch (const dnnl::error& error) {
    fail(what, ": oneDNN refused: ", error.what());
  }
}

struct ConvolutionLayout {
  dnnl::memory::desc x, w, w_any, y;
  dnnl::memory::dims strides, padding;

  explicit ConvolutionLayout(const Convolution& s)
      : x({s.batch, s.in_channels, s.height, s.width}, kF32, Tag::nhwc),
        w({s.out_channels, s.in_channels, s.kernel, s.kernel}, kF32, Tag::ohwi),
        w_any({s.out_channels, s.in_channels, s.kernel, s.kernel}, kF32, Tag::any),
        y({s.batch, s.out_channels, s.out_height(), s.out_width()}, kF32, Tag::nhwc),
        strides{s.stride, s.stride},
        padding{s.padding, s.padding} {}
};

dnnl::convolution_forward::primitive_desc forward_description(const ConvolutionLayout& layout,
                                                              bool residual) {
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::library);
  if (residual) {
    dnnl::post_ops add;
    add.append_binary(dnnl::algorithm::binary_add, layout.y);
    attributes.set_post_ops(add);
  }
  return {engine(),
          dnnl::prop_kind::forward_training,
          dnnl::algorithm::convolution_direct,
          layout.x,
          layout.w_any,
          layout.y,
          layout.strides,
          layout.padding,
          layout.padding,
          attributes};
}

// A primitive with the copy of the weights into (or out of) the order it wants.
struct Plan {
  dnnl::primitive primitive;
  dnnl::memory x, y, w_ours, w_packed;
  dnnl::reorder reorder;
  bool repack = false;

  // Weights as `arg`: ours directly where the orders agree.
  void read_weights(const float* w) {
    w_ours.set_data_handle(const_cast<float*>(w));
    if (repack) reorder.execute(stream(), w_ours, w_packed);
  }
  dnnl::memory& weights() { return repack ? w_packed : w_ours; }
};

// The plans made so far. One host thread drives a device, so no lock.
enum class Direction { forward, forward_add, backward_data, backward_weights };

// oneDNN 3.2's AVX2 kernel for strided 1x1 weight gradients overruns its scratchpad where channels
// do not fill its vectors of 8 (seen with valgrind).
bool writes_past_its_scratchpad(Direction direction, const Convolution& shape,
                                const std::string& implementation) {
  const bool whole_vectors = shape.in_channels % 8 == 0 && shape.out_channels % 8 == 0;
  return direction == Direction::backward_weights && shape.kernel == 1 && shape.stride > 1 &&
         !whole_vectors && implementation == "jit_1x1:avx2";
}

// The AVX2 implementation that measured faster than the one oneDNN names first, by 20 to 100 % on
// the networks' shapes (one thread, oneDNN 3.2); empty where its order is right. A function of the
// shape, so that two runs take the same and give the same bits.
std::string preferred(Direction direction, const Convolution& shape) {
  const bool small_image = shape.out_height() * shape.out_width() < 49;
  switch (direction) {
    case Direction::forward:
    case Direction::forward_add: return shape.kernel == 1 && !small_image ? "jit_1x1:avx2" : "";
    case Direction::backward_data:
      if (shape.kernel == 1) return small_image ? "x64:gemm:jit" : "jit_1x1:avx2";
      return shape.stride > 1 && shape.in_channels <= 16 ? "jit:avx2" : "";
    case Direction::backward_weights:
      if (shape.kernel == 1) return small_image ? "x64:gemm:jit" : "";
      return shape.in_channels >= 128 ? "x64:gemm:jit" : "";
  }
  return "";
}

// Moves `description` to the implementation to use: sound, and the preferred one where oneDNN has
// it.
template <class Description>
void choose_implementation(Description& description, Direction direction,
                           const Convolution& shape) {
  const std::string first = description.impl_info_str();
  const std::string wanted = first.ends_with("avx2") ? preferred(direction, shape) : "";
  Description candidate = description;
  bool found_sound = false;
  do {
    const std::string name = candidate.impl_info_str();
    if (writes_past_its_scratchpad(direction, shape, name)) continue;
    if (!found_sound || name == wanted) description = candidate;
    found_sound = true;
    if (wanted.empty() || name == wanted) return;
  } while (candidate.next_impl());
  require(found_sound, "convolution: oneDNN has no sound implementation for these shapes");
}

// For both gradients: their descriptions take the same arguments.
template <class Primitive>
typename Primitive::primitive_desc backward_description(
    Direction direction, const Convolution& shape, const ConvolutionLayout& layout,
    const dnnl::convolution_forward::primitive_desc& forward) {
  typename Primitive::primitive_desc description(engine(), dnnl::algorithm::convolution_direct,
                                                 layout.x, layout.w_any, layout.y, layout.strides,
                                                 layout.padding, layout.padding, forward);
  choose_implementation(description, direction, shape);
  return description;
}

Plan build_plan(Direction direction, const Convolution& shape) {
  const ConvolutionLayout layout(shape);
  auto forward = forward_description(layout, direction == Direction::forward_add);
  Plan plan;
  plan.x = dnnl::memory(layout.x, engine(), nullptr);
  plan.y = dnnl::memory(layout.y, engine(), nullptr);
  plan.w_ours = dnnl::memory(layout.w, engine(), nullptr);
  dnnl::memory::desc wanted;
  switch (direction) {
    case Direction::forward:
    case Direction::forward_add:
      choose_implementation(forward, direction, shape);
      plan.primitive = dnnl::convolution_forward(forward);
      wanted = forward.weights_desc();
      break;
    case Direction::backward_data: {
      using Primitive = dnnl::convolution_backward_data;
      const auto backward = backward_description<Primitive>(direction, shape, layout, forward);
      plan.primitive = Primitive(backward);
      wanted = backward.weights_desc();
      break;
    }
    case Direction::backward_weights: {
      using Primitive = dnnl::convolution_backward_weights;
      const auto backward = backward_description<Primitive>(direction, shape, layout, forward);
      plan.primitive = Primitive(backward);
      wanted = backward.diff_weights_desc();
      break;
    }
  }
  plan.repack = wanted != layout.w;
  if (plan.repack) {
    plan.w_packed = dnnl::memory(wanted, engine());
    plan.reorder = direction == Direction::backward_weights
                       ? dnnl::reorder(plan.w_packed, plan.w_ours)
                       : dnnl::reorder(plan.w_ours, plan.w_packed);
  }
  return plan;
}

Plan& plan_for(Direction direction, const Convolution& shape) {
  static std::map<std::pair<Direction, Convolution>, Plan> plans;
  const auto key = std::make_pair(direction, shape);
  auto found = plans.find(key);
  if (found == plans.end()) found = plans.emplace(key, build_plan(direction, shape)).first;
  return found->second;
}

void set(dnnl::memory& memory, const float* data) {
  memory.set_data_handle(const_cast<float*>(data));
}

}  // namespace

void convolution_forward(const Convolution& shape, const float* x, const float* w,
                         const float* residual, float* y) {
  translating_errors("convolution", [&] {
    Plan& plan = plan_for(residual ? Direction::forward_add : Direction::forward, shape);
    plan.read_weights(w);
    set(plan.x, x);
    set(plan.y, y);
    std::unordered_map<int, dnnl::memory> arguments = {
        {DNNL_ARG_SRC, plan.x}, {DNNL_ARG_WEIGHTS, plan.weights()}, {DNNL_ARG_DST, plan.y}};
    if (residual) {
      arguments.emplace(DNNL_ARG_ATTR_MULTIPLE_POST_OP(0) | DNNL_ARG_SRC_1,
                        dnnl::memory(plan.y.get_desc(), engine(), const_cast<float*>(residual)));
    }
    plan.primitive.execute(stream(), arguments);
    stream().wait();
  });
}

void convolution_backward_data(const Convolution& shape, const float* dy, const float* w,
                               float* dx) {
  translating_errors("convolution backward (data)", [&] {
    Plan& plan = plan_for(Direction::backward_data, shape);
    plan.read_weights(w);
    set(plan.x, dx);
    set(plan.y, dy);
    plan.primitive.execute(stream(), {{DNNL_ARG_DIFF_SRC, plan.x},
                                      {DNNL_ARG_WEIGHTS, plan.weights()},
                                      {DNNL_ARG_DIFF_DST, plan.y}});
    stream().wait();
  });
}

void convolution_backward_weights(const Convolution& shape, const float* x, const float* dy,
                                  float* dw) {
  translating_errors("convolution backward (weights)", [&] {
    Plan& plan = plan_for(Direction::backward_weights, shape);
    set(plan.x, x);
    set(plan.y, dy);
    set(plan.w_ours, dw);
    plan.primitive.execute(stream(), {{DNNL_ARG_SRC, plan.x},
                                      {DNNL_ARG_DIFF_WEIGHTS, plan.weights()},
                                      {DNNL_ARG_DIFF_DST, plan.y}});
    if (plan.repack) plan.reorder.execute(stream(), plan.w_packed, plan.w_ours);
    stream().wait();
  });
}

void gemm(const Gemm& shape, const float* a, const float* b, float* c) {
  std::atomic<bool> refused = false;
  // A single product is split by oneDNN itself.
#pragma omp parallel for schedule(static) if (shape.batch > 1)
  for (std::int64_t i = 0; i < shape.batch; ++i) {
    const auto status =
        dnnl::sgemm(shape.transpose_a ? 'T' : 'N', shape.transpose_b ? 'T' : 'N', shape.m, shape.n,
                    shape.k, 1.f, a + i * shape.m * shape.k, shape.transpose_a ? shape.m : shape.k,
                    b + i * shape.k * shape.n, shape.transpose_b ? shape.k : shape.n, 0.f,
                    c + i * shape.m * shape.n, shape.n);
    if (status != dnnl::status::success) refused = true;
  }
  require(!refused, "gemm: oneDNN refused m ", shape.m, ", n ", shape.n, ", k ", shape.k);
}

std::string version() {
  const dnnl_version_t* v = dnnl::version();
  return text(v->major, '.', v->minor, '.', v->patch);
}

}  // namespace saddle::onednn
