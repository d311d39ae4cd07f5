// EvaluateTexts: what a network says of texts, and how often it is right.
#pragma once

#include <cstdint>
#include <vector>

#include "apps/text/text_batches.h"
#include "attacks/answers.h"

namespace saddle {

// Logits [N, classes] of all texts, computed in batches of like length, in the texts' order. Throws
// Error where one is not finite. With invariant batching, and where `logits` has it, too, a text's
// do not depend on the others.
std::vector<float> logits_of_texts(const LogitsFunction& logits, Device& device,
                                   const EncodedTexts& texts, std::int64_t batch_size,
                                   Batching batching = Batching::fastest);

// Throws also where there is no text.
Evaluation evaluate_texts(const LogitsFunction& logits, Device& device, const EncodedTexts& texts,
                          const std::vector<std::int32_t>& labels, std::int64_t batch_size);

}  // namespace saddle
