// FewestRightRows: of each row of a batch, the latest iterate that leaves the fewest of its targets
// right; the first where none is right.
#pragma once

#include "core/loss.h"

namespace saddle {

class FewestRightRows {
 public:
  // Of iterates [N, H, W, C] like `first`, which is the answer before any was seen.
  explicit FewestRightRows(const Tensor& first);

  // The next iterate, and what a loss with `right` says of it. A row whose loss is NaN is passed
  // over: a failure of the model is no success of an attack.
  void see(const Tensor& iterate, const LossValue& value) const;
  // [N, H, W, C]
  const Tensor& answer() const { return answer_; }
  const Tensor& fewest() const { return fewest_; }  // [N]: right ones of the answer

 private:
  Tensor answer_, fewest_, found_;
};

}  // namespace saddle
