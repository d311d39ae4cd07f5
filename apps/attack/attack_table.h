// AttackTable: the register of the attacks on classifiers, and suites of them. Names, keys and
// suites are those of the command line and of the tables in the README.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "apps/attacking/attack_register.h"
#include "attacks/attack_run.h"

namespace saddle {

using AttackRow = RegisterRow<Attack>;

const std::vector<AttackRow>& attack_table();

// made_of(attack_table(), ...)
Attack make_attack(const AttackSpec& spec, std::uint64_t seed);

// As with_eps. Throws UsageError where the attack has no radius.
AttackSpec at_radius(const AttackSpec& spec, const std::string& eps);

struct Suite {
  std::string name;
  std::vector<std::string> specs;
  // Whether the mean of the columns is reported, as in the paper's Table 2.
  bool has_average = false;
};

// "paper", "autoattack-linf", "autoattack-l2", "autoattack-l1"; eps sets the radius of the last
// three (their published one where empty: 8/255, 0.5 and 12). Throws UsageError for another name
// and an eps that does not apply.
Suite find_suite(const std::string& name, const std::optional<double>& eps);

}  // namespace saddle
