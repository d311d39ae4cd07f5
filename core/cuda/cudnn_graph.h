// cudnn_graph: one convolution and what follows it, as cuDNN sees it: a graph of operations, and
// the plans (engines with their settings) that cuDNN has for it.
//
// Written against cuDNN's own graph API (cudnn_graph.h) and not its header-only C++ frontend: that
// one needs libcuda and libnvrtc at link time, so that no program would start on a machine without
// a driver, and half a minute to compile.
#pragma once

#include <cudnn.h>

#include <array>
#include <cstdint>
#include <deque>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/device.h"

namespace saddle::cudnn {

enum class Direction : std::uint8_t { forward, backward_data, backward_weights };

// What a plan is made for; plans are cached by it.
struct Problem {
  Direction direction;
  Convolution shape;
  // Forward: what is fused behind the convolution, in this order. The bias is of the images' type.
  bool residual = false, bias = false, relu = false;
  bool adds = false;   // backward_data: to what dx holds
  int alignment = 16;  // bytes; every address is a multiple of it
  auto operator<=>(const Problem&) const = default;
};

// "convolution forward + residual, images [128, 32, 32, 64], weights [64, 3, 3, 64], stride 1,
// padding 1, bf16"
std::string describe(const Problem& problem);

// Where the tensors of a problem lie, on the device, all of the shape's type. Images NHWC, weights
// [out, kernel, kernel, in], bias [out_channels]. What a problem does not have stays null. The one
// that a direction computes is written, the others are read.
struct Tensors {
  void* x = nullptr;  // or dx
  void* w = nullptr;  // or dw
  void* y = nullptr;  // or dy
  const void* residual = nullptr;
  const void* bias = nullptr;
};

// One of cuDNN's descriptors: made empty, given attributes, then finalised.
class Descriptor {
 public:
  explicit Descriptor(cudnnBackendDescriptorType_t type);

  cudnnBackendDescriptor_t get() const { return descriptor_.get(); }
  void set(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type, std::int64_t count,
           const void* values);
  void set(cudnnBackendAttributeName_t name, std::int64_t value);
  void set(cudnnBackendAttributeName_t name, std::initializer_list<std::int64_t> values);
  void set(cudnnBackendAttributeName_t name, cudnnDataType_t type);
  void set(cudnnBackendAttributeName_t name, const Descriptor& descriptor);
  void finalise();

 private:
  struct Destroy {
    void operator()(cudnnBackendDescriptor_t descriptor) const {
      cudnnBackendDestroyDescriptor(descriptor);
    }
  };
  std::unique_ptr<void, Destroy> descriptor_;
};

// A way to compute a problem, compiled and ready to run.
class Plan {
 public:
  // Device memory that run() needs beside the tensors.
  std::int64_t workspace_bytes() const { return workspace_bytes_; }
  // "engine 12: 2=7, 6=0": cuDNN's engine and what its knobs are set to, which name the plan among
  // those of its problem on every GPU of a kind.
  const std::string& name() const { return name_; }
  // On the handle's stream; does not wait. The workspace is aligned to 256 bytes (the pool's is).
  void run(cudnnHandle_t handle, const Tensors& tensors, void* workspace) const;

 private:
  friend class ConvolutionGraph;
  explicit Plan(Descriptor plan) : plan_(std::move(plan)) {}

  Descriptor plan_;
  std::shared_ptr<const Descriptor> configuration_;      // the plan refers to it
  std::shared_ptr<const std::deque<Descriptor>> parts_;  // and to these, of its graph
  std::vector<std::int64_t> uids_;
  std::int64_t workspace_bytes_ = 0;
  std::string name_;
};

// Engines that a caller wants no plan of.
struct Refusals {
  bool nondeterministic = false;
  bool compiled_late = false;               // whose kernels cuDNN compiles when the plan is made
  std::int64_t workspace_over = 512 << 20;  // bytes
};

class ConvolutionGraph {
 public:
  // For the GPU of `handle`. Throws Error where cuDNN does not take the operations.
  ConvolutionGraph(const Problem& problem, cudnnHandle_t handle);
  // For a GPU that is described by cuDNN's device properties (as JSON) and need not be there: its
  // plans can be compiled, not run.
  ConvolutionGraph(const Problem& problem, const std::string& device_properties);

  // How many ways cuDNN knows, the one it expects to be fastest first. With fp32 no way that rounds
  // an operand to fewer bits is counted.
  std::int64_t plan_count() const { return static_cast<std::int64_t>(configurations_.size()); }
  // As Plan::name().
  std::string name(std::int64_t index) const;
  // Makes one ready: milliseconds, or about a second where kernels are compiled late. Empty where
  // it turns out that it cannot be had, or is refused.
  std::optional<Plan> build(std::int64_t index, const Refusals& refusals) const;

 private:
  void build_operations(cudnnHandle_t handle);
  void ask_heuristics(cudnnBackendHeurMode_t mode);
  Descriptor& add_part(cudnnBackendDescriptorType_t type);
  Descriptor& add_tensor(std::int64_t uid, std::array<std::int64_t, 4> nchw, cudnnDataType_t type);
  Descriptor& add_convolution(const Descriptor& x, const Descriptor& w, const Descriptor& y);
  Descriptor& add_pointwise(cudnnPointwiseMode_t mode, const Descriptor& x, const Descriptor* b,
                            const Descriptor& y);

  Problem problem_;
  std::optional<Descriptor> device_properties_;
  // Tensors and operations, and last the graph of them. A deque: they do not move as it grows.
  std::shared_ptr<std::deque<Descriptor>> parts_ = std::make_shared<std::deque<Descriptor>>();
  std::vector<std::int64_t> uids_;  // of the tensors in memory
  std::vector<std::shared_ptr<Descriptor>> configurations_;
};

}  // namespace saddle::cudnn
