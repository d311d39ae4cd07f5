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
#include <string>
#include <vector>

namespace saddle {

struct AutoAttackOptions {
  std::string norm = "linf";                            // linf, l2, l1
  double eps = 8. / 255;                                // pixel range [0, 1]
  std::string version = "standard";                     // standard, plus, rand
  std::string preset = "official";                      // official, torchattacks
  std::optional<std::int64_t> steps, queries, classes;  // over the preset's
};

// The specs of its members, in order. Throws UsageError where the preset has no such norm.
std::vector<std::string> auto_attack_specs(const AutoAttackOptions& options);

// The paper's radius for the norm, and for l1 RobustBench's: 1/255, 32/255, 12.
double default_eps(const std::string& norm);

// The shortest text that reads back as the same number.
std::string exact_text(double number);
std::string exact_text(float number);

}  // namespace saddle
