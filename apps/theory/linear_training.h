// The toy model's classifier, trained by Saddle itself on drawn examples.
//
// Logistic regression on all n + 1 features. Given y the features are independent, so the logarithm
// of the odds of y is exactly linear in them,
//   ln(p / (1 - p)) x_1 + 2 eta (x_2 + ... + x_{n+1}),
// and the population's minimum of the logistic loss has w_1 over a non-robust weight equal to
// ln(p / (1 - p)) / (2 eta), the w* of Theorem 4.1: what is learnt may be compared with the theory,
// though the loss is another. The same holds with eta - eps under an adversary that moves the
// non-robust features alone (Theorem 4.2).
#pragma once

#include <cstdint>

#include "apps/theory/toy_model.h"
#include "core/device.h"

namespace saddle::theory {

enum class ToyTraining {
  standard,
  adversarial,  // on x - eps y sign(w) in the non-robust features: the worst of ||delta||_inf <=
                // eps
  sam,          // one ascent step of length rho over all weights, as SAM is run
};

struct ToyTrainingOptions {
  ToyTraining method = ToyTraining::standard;
  double radius = 0;  // eps, or rho
  std::int64_t examples = 20000, batch_size = 200, epochs = 20;
  double lr = 0.2;  // at first; falls to 0 by a cosine
  std::uint64_t seed = 0;
};

// The learnt w_1 over the mean of the learnt non-robust weights; n is rounded to a whole number.
double learnt_weight(Device& device, const ToyModel& model, const ToyTrainingOptions& options);

}  // namespace saddle::theory
