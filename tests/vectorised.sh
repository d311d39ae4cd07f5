#!/usr/bin/env bash
# Whether the compiler made vectors of the loops in which the CPU device runs the kernels of every step. What keeps
# it from that (a flag, a branch in a kernel) changes no bit and fails no other test, and costs several times the speed.
#
#   tests/vectorised.sh build/bin
set -euo pipefail
case $(uname -m) in x86_64 | amd64) ;; *)
  echo "vectorised: skipped: it knows the registers of x86-64, here is $(uname -m)"
  exit 0 ;;
esac
kernels=(
  AddTo ScaleByScalar SgdStep AdamStep 'Perturb<saddle::EuclideanMetric>' AddScaled MovingAverage PgdStepLinf MixImages BytesToImages
  PgdStartLinf Difference ApgdStepLinf ApgdKeep FabMove AcceptWithin SoftmaxCrossEntropy
  {Add,Activate,ActivateBackward,ConvolutionEpilogue,AddBias,Normalise,NormaliseBackward,AffineBackward}'<float>'
  {BatchNormApply,BatchNormBackwardApply,BatchNormBackwardApplyAdd,BatchNormChunks,BatchNormBackwardChunks}'<float>'
  {GlobalAveragePool,GlobalAveragePoolBackward,DepthwiseForward,DepthwiseBackwardData,LayerNormForward,LayerNormBackward}'<float>'
  {Softmax,SoftmaxBackward,AddScaledBranch,ScaleBranch,ShiftPixels,SpreadOverPixels,MaxPool,MaxPoolBackward}'<float>'
  {Gelu,GeluBackward}'<float, saddle::'{Exact,Tanh}'Gelu>'
)
# The functions that compute in registers of 32 bytes or more, and do not merely move through them.
vectorised=$(objdump -d -C --no-show-raw-insn "$1/saddle-bench" |
  awk '/>:$/ { name = $0 } /%[yz]mm/ && !/ v(mov|insert|extract|p?broadcast|p?xor|perm|zero)/ && name { print name; name = "" }')
failed=0
for kernel in "${kernels[@]}"; do
  # A kernel's loop stands in the function that runs it, or in its own for blocks.
  if ! grep -qF -e "run_on_cpu<saddle::${kernel/%>/> }>" \
    -e "<saddle::$kernel::reference(" -e " saddle::$kernel::reference(" <<<"$vectorised"; then
    echo "vectorised: the CPU's loop of $kernel is not: see COMPILE_OPTIONS in core/CMakeLists.txt, kernels/limits.h"
    failed=1
  fi
done
[ $failed = 1 ] || echo "vectorised: the loops of ${#kernels[@]} kernels"
exit $failed
