// CudnnConvolutions: the convolutions of a CudaDevice, from cuDNN.
//
// For each problem (shape, direction, epilogue, alignment) the first call chooses a way: the plan
// in use (core/plans.h), measured on the GPU among the likeliest where programs measure, else the
// first in cuDNN's order. Measuring takes some tens of milliseconds, once on a machine; a first
// call cannot happen inside captured work (Error).
//
// fp32   f32 operands, no matrix units
// tf32   f32 in memory; matrix units, which read 10 bits of fraction
// bf16   bf16 in memory, f32 sums; results are rounded to bf16 once, but where the convolution and
//        its epilogue run apart the sum is rounded in between, and where they run as one the bias
//        is rounded first. dw is rounded to bf16 too before it becomes f32: cuDNN has no f32
//        gradient of bf16 images
#pragma once

#include <cudnn.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <type_traits>
#include <vector>

#include "core/cuda/cuda_device.h"
#include "core/cuda/cudnn_graph.h"
#include "core/tensor.h"

namespace saddle {

class CudnnConvolutions {
 public:
  // Work goes to the device's stream, workspaces come from its pool. Throws Error where cuDNN
  // cannot be used.
  explicit CudnnConvolutions(CudaDevice& device);
  ~CudnnConvolutions();
  CudnnConvolutions(const CudnnConvolutions&) = delete;
  CudnnConvolutions& operator=(const CudnnConvolutions&) = delete;

  // As the functions of Device. Addresses are aligned to their element type at least; 16 bytes are
  // much faster. Throws Error where cuDNN has no plan, with the shape and what cuDNN says.
  void forward(const Convolution& shape, const void* x, const void* w, const Epilogue& epilogue,
               void* y);
  void backward_data(const Convolution& shape, const void* dy, const void* w, void* dx, Sum sum);
  void backward_weights(const Convolution& shape, const void* x, const void* dy, float* dw);

 private:
  // How a forward convolution with an epilogue is done.
  struct ForwardWay {
    std::optional<cudnn::Plan> fused;  // empty: the plain convolution's plan, then our kernel
    Tensor no_bias;  // f32 zeros [out_channels], for a fused plan where no bias is asked for
  };

  const cudnn::Plan& plain_plan(const cudnn::Problem& problem, const cudnn::Tensors& tensors);
  const ForwardWay& forward_way(const cudnn::Problem& problem, const cudnn::Tensors& tensors,
                                const Epilogue& epilogue);

  void forget_where_plans_changed();
  std::optional<cudnn::Plan> choose(const cudnn::Problem& problem, const cudnn::Tensors& tensors,
                                    std::string* why_none);
  std::optional<cudnn::Plan> fastest(const cudnn::ConvolutionGraph& graph,
                                     const cudnn::Tensors& tensors, int at_most,
                                     std::string* why_none);
  float milliseconds(const std::function<void()>& work);

  void run(const cudnn::Plan& plan, const cudnn::Tensors& tensors);
  void run_fused(const ForwardWay& way, const cudnn::Problem& problem, cudnn::Tensors tensors,
                 const Epilogue& epilogue);
  void run_apart(const cudnn::Problem& problem, const cudnn::Tensors& tensors,
                 const Epilogue& epilogue);

  Tensor bytes(std::int64_t count) { return {device_, Shape{count}, DType::u8}; }
  Tensor padded(const void* images, std::int64_t rows, std::int64_t channels,
                std::int64_t wanted_channels, DType dtype);
  void crop(const void* images, std::int64_t rows, std::int64_t channels,
            std::int64_t padded_channels, DType dtype, void* to);

  struct DestroyHandle {
    void operator()(cudnnHandle_t handle) const { cudnnDestroy(handle); }
  };

  CudaDevice& device_;
  std::unique_ptr<std::remove_pointer_t<cudnnHandle_t>, DestroyHandle> handle_;
  std::vector<cudaEvent_t> events_;
  std::uint64_t chosen_at_ = 0;                        // plans_changed() when these were chosen
  std::map<cudnn::Problem, cudnn::Plan> plans_;        // without epilogue
  std::map<cudnn::Problem, ForwardWay> forward_ways_;  // by what is asked for
};

}  // namespace saddle
