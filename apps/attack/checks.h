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
// passes, probabilities instead of logits, gradients of exactly zero.
std::vector<std::string> check_model(const LogitsFunction& logits, const AttackBatch& batch,
                                     RandomModels random);

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
