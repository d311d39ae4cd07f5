// Checks: reasons to doubt a robust accuracy, told as warnings and never a change of the run.
//
// The checks are those of AutoAttack (Croce and Hein 2020) and of the evaluation guides of Carlini
// et al. 2019: a model whose answers or gradients mislead the attack looks robust and is not.
#pragma once

#include <string>
#include <vector>

#include "apps/common/evaluate.h"

namespace saddle {

// Whether the attacks to come expect answers that differ from pass to pass (version=rand).
enum class RandomModels { unexpected, expected };

// What is suspicious about a model on a batch of clean images: answers that differ between five
// passes, probabilities instead of logits.
std::vector<std::string> check_model(const LogitsFunction& logits, const Batch& batch,
                                     RandomModels random);

// What is suspicious about a model's answers to all images: that they are one and the same.
std::vector<std::string> check_answers(const Evaluation& clean);

// On how many of the images that are attacked a gradient of the cross-entropy misleads, by one pass
// forward and backward over them; where it does, one more for the difference of the logits:
// - exactly zero: attacks that climb it stand still;
// - too small to be meant: its largest entry is below 1.2e-38, where float32 loses digits, or
//   1 - p of the label is below 6e-8, which is 0 in p - 1 in float32, so that the label's own part
//   is lost;
// - of these, where the logits do not change with the pixels at all: no gradient leads anywhere.
// The counts depend on neither the batch size nor the order of the images.
std::vector<std::string> check_gradients(const LogitsFunction& logits, const DeviceDataset& data,
                                         const Evaluation& clean, AttackedExamples which,
                                         std::int64_t batch_size);

// Of one attack: a black-box member that breaks over 0.2 % of all examples that the white-box ones
// before it (each alone: the best of them) left standing. Gradients seem to be masked then.
std::vector<std::string> check_members(const Attack& attack, const AttackResult& result,
                                       double clean_accuracy);

// The same between the attacks of a run: `attacks` and `results` belong together; only those within
// the same ball are compared.
std::vector<std::string> check_attacks(const std::vector<const Attack*>& attacks,
                                       const std::vector<const AttackResult*>& results,
                                       const std::vector<std::string>& names);

}  // namespace saddle
