// AttackRegister: the attacks of a program, a row each: its name, source, keys with defaults, and
// how it is made of what a spec says. Names and keys are those of the command line.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "apps/attacking/spec.h"
#include "core/error.h"

namespace saddle {

struct AttackKey {
  std::string name, shown_default, meaning;
};

// What of an attack is shown.
struct AttackEntry {
  std::string name, source;
  std::vector<AttackKey> keys;
};

// `Made` is what the program makes of a spec.
template <class Made>
struct RegisterRow {
  std::string name, source;
  std::vector<AttackKey> keys;
  std::function<Made(const SpecValues& values)> make;

  AttackEntry entry() const { return {name, source, keys}; }
};

// Throws UsageError: there is no attack of the spec's name; these are.
[[noreturn]] void refuse_name(const AttackSpec& spec, const std::vector<std::string>& names);
// Throws UsageError where the spec has a key that the attack has not, naming those that it has.
void check_keys(const AttackSpec& spec, const std::vector<AttackKey>& keys);
// Every attack with its keys, their defaults and its source, for --list-attacks.
std::string described(const std::vector<AttackEntry>& attacks);

// The attack that a spec describes, ready to run. Throws UsageError for a name or key that is not
// there, and for a value that does not work.
template <class Made>
Made made_of(const std::vector<RegisterRow<Made>>& rows, const AttackSpec& spec,
             std::uint64_t seed) {
  const auto row = std::ranges::find(rows, spec.name, &RegisterRow<Made>::name);
  if (row == rows.end()) {
    std::vector<std::string> names;
    for (const RegisterRow<Made>& other : rows) names.push_back(other.name);
    refuse_name(spec, names);
  }
  check_keys(spec, row->keys);
  try {
    return row->make(SpecValues(spec, seed));
  } catch (const UsageError&) {
    throw;
  } catch (const Error& error) {  // a value the attack itself rejects
    throw UsageError(text("attack ", spec.text, ": ", error.what()));
  }
}

template <class Made>
std::string described(const std::vector<RegisterRow<Made>>& rows) {
  std::vector<AttackEntry> attacks;
  for (const RegisterRow<Made>& row : rows) attacks.push_back(row.entry());
  return described(attacks);
}

}  // namespace saddle
