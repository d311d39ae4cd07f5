// Answers: what a model says of examples, on the host.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/loss.h"

namespace saddle {

// Of a whole data set, as it is.
struct Evaluation {
  double accuracy = 0;                    // percent
  double loss = 0;                        // mean cross-entropy, nats
  std::int64_t classes = 0;               // K
  std::vector<float> logits;              // [N, K]
  std::vector<std::int32_t> predictions;  // [N], ties to the lowest class
};

// Logits [N, K] of `inputs`. Throws Error where one is not finite: `what` ("clean") and `indices`
// name the example.
std::vector<float> finite_logits(const LogitsFunction& logits, const Tensor& inputs,
                                 std::span<const std::int32_t> indices, const char* what);

// logsumexp(z) - z_y
double cross_entropy_of(std::span<const float> z, std::int32_t y);

// z_y - max of the others.
double margin_of(std::span<const float> z, std::int32_t y);

// 0 of nothing.
double percent(std::int64_t part, std::int64_t whole);

}  // namespace saddle
