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
    Fill, Add, AddTo, ScaleByScalar, Relu, ReluBackward, GatherLabels, BatchNormFrozen,
    SoftmaxCrossEntropy, Predict, SgdStep, AdamStep, SamPerturb, PgdStepLinf,
    // grid
    AddBias, BytesToImages, Normalise, NormaliseBackward, BatchNormApply, BatchNormBackwardApply,
    BatchNormBackwardApplyAdd, GlobalAveragePool, GlobalAveragePoolBackward, PgdStartLinf,
    // block
    SumSquares, SumAll, RowNorm, ColumnSum, BatchNormChunks, BatchNormMerge,
    BatchNormBackwardChunks, BatchNormBackwardMerge, PgdStepL2, PgdStartL2>;

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
