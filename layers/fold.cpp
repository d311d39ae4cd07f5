#include "kernels/batch_norm.h"
#include "kernels/elementwise.h"
#include "layers/layers.h"

namespace saddle {

Tensor fold_batch_norm(const NetworkLayout& layout, const Tensor& weights,
                       const Tensor& statistics) {
  Device& device = weights.device();
  const Tensor folded = weights.clone();
  for (const NormSlots& norm : layout.norms) {
    const Tensor scale = view(folded, norm.weight);
    launch(device,
           FoldBatchNorm{view(weights, norm.weight).array(), view(weights, norm.bias).array(),
                         view(statistics, norm.running_mean).array(),
                         view(statistics, norm.running_var).array(), scale.array(),
                         view(folded, norm.bias).array(), kBatchNormEps},
           scale.count());
    if (!norm.convolution) continue;
    const std::int64_t out = norm.convolution->shape[0];
    const std::int64_t columns = norm.convolution->shape.count() / out;
    const Tensor w = view(folded, *norm.convolution);
    launch(device, ScaleRows{scale.array(), w.array(), columns}, out, columns);
  }
  return folded;
}

}  // namespace saddle
