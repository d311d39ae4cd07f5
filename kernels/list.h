// Every kernel there is. A device builds its launch table from these lists, so that adding a kernel
// is adding its name here.
//
// Three shapes: flat kernels are called with (i), grid kernels with (row, column), block kernels
// with a block context (and carry `reference(block)` for the CPU).
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "kernels/adam.h"
#include "kernels/batch_norm.h"
#include "kernels/channels.h"
#include "kernels/elementwise.h"
#include "kernels/images.h"
#include "kernels/loss.h"
#include "kernels/pgd.h"
#include "kernels/pooling.h"
#include "kernels/reductions.h"
#include "kernels/sam.h"
#include "kernels/sgd.h"

namespace saddle {

template <class... Kernels>
struct KernelList {
  static constexpr std::size_t size = sizeof...(Kernels);

  template <class Kernel>
  static constexpr std::size_t index() {
    static_assert((std::is_same_v<Kernel, Kernels> || ...), "add the kernel to kernels/list.h");
    std::size_t place = 0;
    bool found = false;
    ((found = found || std::is_same_v<Kernel, Kernels>, place += found ? 0 : 1), ...);
    return place;
  }
};

using AllKernels = KernelList<
    // flat
    Fill, Convert<float, Bfloat16>, Convert<Bfloat16, float>, Add<float>, Add<Bfloat16>, AddTo,
    ScaleByScalar, Relu<float>, Relu<Bfloat16>, ReluBackward<float>, ReluBackward<Bfloat16>,
    NextExamples, GatherLabels, BatchNormFrozen, FoldBatchNorm, SgdStep, AdamStep, SamPerturb,
    PgdStepLinf,
    // grid
    AddBias, ScaleRows, BytesToImages, Normalise<float>, Normalise<Bfloat16>,
    NormaliseBackward<float>, NormaliseBackward<Bfloat16>, BatchNormApply<float>,
    BatchNormApply<Bfloat16>, BatchNormBackwardApply<float>, BatchNormBackwardApply<Bfloat16>,
    BatchNormBackwardApplyAdd<float>, BatchNormBackwardApplyAdd<Bfloat16>, AffineBackward<float>,
    AffineBackward<Bfloat16>, ConvolutionEpilogue<float>, ConvolutionEpilogue<Bfloat16>,
    GlobalAveragePool<float>, GlobalAveragePool<Bfloat16>, GlobalAveragePoolBackward<float>,
    GlobalAveragePoolBackward<Bfloat16>, PgdStartLinf, PadChannels<float>,
    PadChannels<Bfloat16>, CropChannels<float>, CropChannels<Bfloat16>,
    // block
    SumSquares, SumAll, RowNorm, ColumnSum, SoftmaxCrossEntropy, Predict, BatchNormChunks<float>,
    BatchNormChunks<Bfloat16>, BatchNormMerge, BatchNormBackwardChunks<float>,
    BatchNormBackwardChunks<Bfloat16>, BatchNormBackwardMerge, PgdStepL2, PgdStartL2>;

template <class Kernel>
concept FlatKernel = requires(const Kernel& kernel, int64_t i) {
  kernel(i);
};
template <class Kernel>
concept GridKernel = requires(const Kernel& kernel, int64_t i) {
  kernel(i, i);
};
template <class Kernel>
concept BlockKernel = requires {
  Kernel::kThreads;
};

}  // namespace saddle
