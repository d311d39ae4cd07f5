// Every kernel there is. A device builds its launch table from these lists, so that adding a kernel
// is adding its name here. Only what holds such a table reads this list; everyone else includes the
// kernels he launches.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "kernels/adam.h"
#include "kernels/apgd.h"
#include "kernels/attention.h"
#include "kernels/awp.h"
#include "kernels/batch_norm.h"
#include "kernels/batch_norm_apply.h"
#include "kernels/borders.h"
#include "kernels/carlini_wagner.h"
#include "kernels/channels.h"
#include "kernels/deepfool.h"
#include "kernels/depthwise.h"
#include "kernels/depthwise_weights.h"
#include "kernels/dropout.h"
#include "kernels/elementwise.h"
#include "kernels/fab.h"
#include "kernels/fab_projection.h"
#include "kernels/fewest_right.h"
#include "kernels/images.h"
#include "kernels/l1_projection.h"
#include "kernels/largest_increases.h"
#include "kernels/layer_norm.h"
#include "kernels/logit_difference.h"
#include "kernels/loss.h"
#include "kernels/margin_losses.h"
#include "kernels/mi_fgsm.h"
#include "kernels/mixing.h"
#include "kernels/pgd.h"
#include "kernels/pixel_loss.h"
#include "kernels/pixle.h"
#include "kernels/pooling.h"
#include "kernels/reductions.h"
#include "kernels/resize.h"
#include "kernels/rows.h"
#include "kernels/sam.h"
#include "kernels/sequences.h"
#include "kernels/sgd.h"
#include "kernels/shapes.h"
#include "kernels/square.h"
#include "kernels/taps.h"
#include "kernels/tokens.h"
#include "kernels/trades.h"
#include "kernels/two_gradients.h"
#include "kernels/warp.h"
#include "kernels/weight_buffers.h"

namespace saddle {

template <class... Kernels>
struct KernelList {
  static constexpr std::size_t size = sizeof...(Kernels);

  template <class Kernel>
  static constexpr std::size_t index() {
    static_assert((std::is_same_v<Kernel, Kernels> || ...), "not a kernel of the list");
    std::size_t place = 0;
    bool found = false;
    ((found = found || std::is_same_v<Kernel, Kernels>, place += found ? 0 : 1), ...);
    return place;
  }
};

using AllKernels = KernelList<
    // flat
    Fill, Convert<float, Bfloat16>, Convert<Bfloat16, float>, Add<float>, Add<Bfloat16>, AddTo,
    ScaleByScalar, Activate<float>, Activate<Bfloat16>, ActivateBackward<float>,
    ActivateBackward<Bfloat16>, NextExamples, GatherLabels, BatchNormFrozen, FoldBatchNorm, SgdStep,
    AdamStep, SamPerturb, ClipToNorm, AddScaled, MovingAverage, MixLabels, MixImages, PgdStepLinf,
    // grid
    AddBias<float>, AddBias<Bfloat16>, ScaleRows, ScaleColumns, BytesToImages, RescaleImages,
    Normalise<float>, Normalise<Bfloat16>, NormaliseBackward<float>, NormaliseBackward<Bfloat16>,
    BatchNormApply<float>, BatchNormApply<Bfloat16>, BatchNormBackwardApply<float>,
    BatchNormBackwardApply<Bfloat16>, BatchNormBackwardApplyAdd<float>,
    BatchNormBackwardApplyAdd<Bfloat16>, AffineBackward<float>, AffineBackward<Bfloat16>,
    ConvolutionEpilogue<float>, ConvolutionEpilogue<Bfloat16>, GlobalAveragePoolBackward<float>,
    GlobalAveragePoolBackward<Bfloat16>, PgdStartLinf, PadChannels<float>, PadChannels<Bfloat16>,
    CopyChannels<float>, CopyChannels<Bfloat16>, MiddleTap<float>, MiddleTap<Bfloat16>,
    MiddleTapBackward,
    // block
    SumSquares, SumAll, ColumnSum<float>, ColumnSum<Bfloat16>, SoftmaxCrossEntropy, TradesLoss,
    Predict, BatchNormChunks<float>, BatchNormChunks<Bfloat16>, BatchNormMerge,
    BatchNormBackwardChunks<float>, BatchNormBackwardChunks<Bfloat16>, BatchNormBackwardMerge,
    GlobalAveragePool<float>, GlobalAveragePool<Bfloat16>, PgdStepL2, PgdStartL2,
    // transformers: flat, grid, block
    DropBranch, Gelu<float, ExactGelu>, Gelu<Bfloat16, ExactGelu>, Gelu<float, TanhGelu>,
    Gelu<Bfloat16, TanhGelu>, GeluBackward<float, ExactGelu>, GeluBackward<Bfloat16, ExactGelu>,
    GeluBackward<float, TanhGelu>, GeluBackward<Bfloat16, TanhGelu>, SplitHeads<float>,
    SplitHeads<Bfloat16>, MergeHeads<float>, MergeHeads<Bfloat16>, EmbedTokens<float>,
    EmbedTokens<Bfloat16>, WithoutFirstToken<float>, WithoutFirstToken<Bfloat16>, FirstToken<float>,
    FirstToken<Bfloat16>, FirstTokenBackward<float>, FirstTokenBackward<Bfloat16>,
    AddScaledBranch<float>, AddScaledBranch<Bfloat16>, ScaleBranch<float>, ScaleBranch<Bfloat16>,
    LayerNormForward<float>, LayerNormForward<Bfloat16>, LayerNormBackward<float>,
    LayerNormBackward<Bfloat16>, LayerNormParameters<float>, LayerNormParameters<Bfloat16>,
    Softmax<float>, Softmax<Bfloat16>, SoftmaxBackward<float>, SoftmaxBackward<Bfloat16>,
    // text: flat, grid
    CountTokens, PaddedRows, RankTokens, Tanh, TanhBackward, ShiftStepL2, EmbedWords<float>,
    EmbedWords<Bfloat16>, SumByToken<float>, SumByToken<Bfloat16>, SumByPlace<float>,
    SumByPlace<Bfloat16>, PadSequences<float>, PadSequences<Bfloat16>, MeanOfTokens<float>,
    MeanOfTokens<Bfloat16>, MeanOfTokensBackward<float>, MeanOfTokensBackward<Bfloat16>,
    DropAttention<float>, DropAttention<Bfloat16>,
    // segmentation: flat, grid, block
    WeightedMean, PredictPixels, MaxPool<float>, MaxPool<Bfloat16>, MaxPoolBackward<float>,
    MaxPoolBackward<Bfloat16>, ShiftPixels<float>, ShiftPixels<Bfloat16>, SpreadOverPixels<float>,
    SpreadOverPixels<Bfloat16>, SumOverPixels<float>, SumOverPixels<Bfloat16>, Dropout<float>,
    Dropout<Bfloat16>, ResizeAxis, ResizeAxisBackward, DepthwiseForward<float>,
    DepthwiseForward<Bfloat16>, DepthwiseBackwardData<float>, DepthwiseBackwardData<Bfloat16>,
    DepthwiseBackwardWeights<float>, DepthwiseBackwardWeights<Bfloat16>, PixelLosses,
    PixelLossesBackward, SumPixelBlocks,
    // attacks: flat
    Margin, OtherClassAtRank, DlrLoss, TargetedDlrLoss, TargetedCrossEntropyLoss, Difference,
    ApgdScore, ApgdCheckpoint, ApgdCheckpointL1, FewestRight,
    // attacks: grid
    GatherRows<float>, GatherRows<std::int32_t>, GatherRows<std::uint8_t>, ScatterRows<float>,
    ScatterRows<std::int32_t>, GaussianNoise, ApgdStepLinf, ApgdKeep, ApgdRestart, KeepFound,
    // attacks: block
    L1Project, SparseStep, ApgdStepL2, ApgdStartLinf, ApgdStartL2, CountChanged, RowMaxAbs,
    MiFgsmStep,
    // attacks on the distance to the boundary: flat, grid, block
    LogitDifference, OtherClass, RunnerUp, CarliniWagnerStart, CarliniWagnerSearch, CountUp,
    LogitDifferenceBackward, FabMove, AcceptWithin, CarliniWagnerStep,
    ProjectOnHyperplane<DistanceNorm::linf>, ProjectOnHyperplane<DistanceNorm::l2>,
    ProjectOnHyperplane<DistanceNorm::l1>, KeepNearest<DistanceNorm::linf>,
    KeepNearest<DistanceNorm::l2>, KeepNearest<DistanceNorm::l1>, FabJudge<DistanceNorm::linf>,
    FabJudge<DistanceNorm::l2>, FabJudge<DistanceNorm::l1>, FabStart<DistanceNorm::linf>,
    FabStart<DistanceNorm::l2>, FabStart<DistanceNorm::l1>, DeepFoolStep<DistanceNorm::linf>,
    DeepFoolStep<DistanceNorm::l2>, CarliniWagnerJudge,
    // square, stadv and pixle: flat, grid, block
    HingedMargin, SquareStartLinf, Warp, WarpBackward, FlowRoughnessBackward, StadvDrawFlow,
    StadvStep, PixleDraw, PixlePaste, PixleRebase, SquareStartTiles, SquareProposeLinf,
    SquareMoveMass, SquareJudge, FlowRoughness, StadvRecord, ScaleToFirst, CountOpen, PixleJudge,
    // the SAM family: flat, block
    Perturb<AsamMetric>, Perturb<ElementwiseMetric>, Perturb<FisherMetric>, Perturb<SlotMetric>,
    Perturb<MaskMetric>, AddSquares, GsamDescent, LookSamKeep, LookSamReuse, LargestIncreases,
    AwpScale, AwpPerturb, AwpReturn, SumProducts, LongSum<MetricSquare<AsamMetric>>,
    LongSum<MetricSquare<ElementwiseMetric>>, LongSum<MetricSquare<FisherMetric>>,
    LongSum<MetricSquare<SlotMetric>>, PieceSquares>;

}  // namespace saddle
