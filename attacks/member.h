// Member: one attack as the queue sees it, ready to be aimed at a model.
//
// AutoAttack has several members, any other attack is one. A member makes attempts at an example,
// restarts or target classes, one after another.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "attacks/attack.h"

namespace saddle {

// Tries every row of a batch once, as batch.attempts says, and returns inputs of its shape; what
// each row used is added to `counts`.
using Attempt = std::function<Tensor(const Batch& batch, PassCounts& counts)>;

// What an attack knows of the model: gradients, or answers alone.
enum class Knowledge { white_box, black_box };
// What a member returns where it fails.
enum class OnFailure { clean_image, last_iterate };

inline constexpr std::int64_t kAllTargets = std::int64_t{1} << 31;

struct AttackMember {
  std::string name;
  // The attack, aimed at a model; `targets` as below, clipped to what the model has.
  std::function<Attempt(const LogitsFunction& logits, std::int64_t targets)> against;
  std::int64_t restarts = 1;
  // Target classes tried one after another; 0: untargeted. A model of K classes has K - 1;
  // kAllTargets asks for as many.
  std::int64_t targets = 0;
  std::int64_t least_classes = 2;
  // Takes the member's place where the model has fewer classes, with a warning; null: an Error.
  std::shared_ptr<const AttackMember> stand_in = nullptr;
  std::int64_t passes = 1;  // about how many passes an attempt takes, for the time left
  Knowledge knowledge = Knowledge::white_box;
  OnFailure on_failure = OnFailure::clean_image;
};

}  // namespace saddle
