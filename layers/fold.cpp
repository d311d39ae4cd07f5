#include "layers/layers.h"

namespace saddle {

Tensor fold_batch_norm(const NetworkLayout& layout, const Tensor& weights,
                       const Tensor& statistics) {
  if (layout.norms.empty()) return weights;
  const Tensor folded = weights.clone();
  for (const NormSlots& norm : layout.norms) {
    const Tensor scale = view(folded, norm.weight);
    fold({view(weights, norm.weight), view(weights, norm.bias), view(statistics, norm.running_mean),
          view(statistics, norm.running_var)},
         scale, view(folded, norm.bias));
    if (!norm.convolution) continue;
    const Tensor w = view(folded, *norm.convolution);
    norm.convolution->is_depthwise() ? scale_columns(w, scale) : scale_rows(w, scale);
  }
  return folded;
}

}  // namespace saddle
