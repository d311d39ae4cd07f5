// AutoAttack: which attacks its versions consist of, with which parameters.
//
// Source: Croce and Hein 2020, "Reliable evaluation of adversarial robustness with an ensemble of
// diverse parameter-free attacks", and the authors' code; l1: Croce and Hein 2021. The preset
// "torchattacks" is the weaker form of that library: 10 steps of APGD and FAB instead of 100, all
// target classes, and Square with a rescaled schedule. On a model of 2 or 3 classes, where the
// difference of logits ratio does not exist, the targeted cross-entropy takes its place.
#pragma once

#include <cstdint>
#include <optional>
#include <variant>
#include <vector>

#include "attacks/members.h"

namespace saddle {

enum class AutoAttackVersion { standard, plus, rand };
enum class AutoAttackPreset { official, torchattacks };

struct AutoAttackOptions {
  Norm norm = Norm::linf;
  float eps = default_eps(Norm::linf);  // pixel range [0, 1]
  AutoAttackVersion version = AutoAttackVersion::standard;
  AutoAttackPreset preset = AutoAttackPreset::official;
  std::optional<int> steps, queries;    // over the preset's
  std::optional<std::int64_t> targets;  // classes; over the preset's
};

// One attack of the ensemble.
struct AutoAttackPart {
  std::variant<ApgdOptions, FabOptions, SquareOptions> options;
  Tries tries;
};

// In order. Throws Error where the preset has no such norm, or the version nothing that an option
// speaks of.
std::vector<AutoAttackPart> auto_attack_parts(const AutoAttackOptions& options, std::uint64_t seed);

// The same as members, with what stands in on models of few classes.
std::vector<AttackMember> auto_attack(const AutoAttackOptions& options, std::uint64_t seed);

}  // namespace saddle
