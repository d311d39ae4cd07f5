// Spec: what the user writes to name an attack, and the register of the attacks there are.
//
//   pgd:norm=l2,eps=32/255,steps=10     NAME[:key=value,...]
// An attack is one row of attack_table(): its name, source, keys with defaults, and how to make it.
// Names, keys and suites are those of the command line and of the tables in the README.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "apps/common/evaluate.h"

namespace saddle {

// The text of a spec taken apart; no meaning yet.
struct AttackSpec {
  std::string text, name;
  std::map<std::string, std::string> values;  // key -> what stands behind '='
};

// Throws UsageError where the text is not NAME[:key=value,...] or names a key twice.
AttackSpec parse_attack_spec(const std::string& text);

// The shortest text that reads back as the same number.
std::string exact_text(double number);
std::string exact_text(float number);
// Several, with commas between them.
std::string exact_list(const std::vector<float>& numbers);

// The spec with this radius, and its text without any. Throws UsageError where the attack has no
// radius.
AttackSpec with_eps(const AttackSpec& spec, const std::string& eps);
std::string without_eps(const AttackSpec& spec);

// A spec's values, read with defaults. Errors are UsageErrors that name spec and key.
class SpecValues {
 public:
  // `seed` is the default of the key "seed".
  SpecValues(const AttackSpec& spec, std::uint64_t seed) : spec_(spec), seed_(seed) {}

  bool has(const std::string& key) const;
  bool is(const std::string& key, const std::string& value) const;
  double number(const std::string& key, double fallback) const;
  std::int64_t integer(const std::string& key, std::int64_t least, std::int64_t fallback) const;
  // The first of `choices` is the default.
  std::string choice(const std::string& key, const std::vector<std::string>& choices) const;
  std::uint64_t seed() const;

 private:
  const std::string* find(const std::string& key) const;

  const AttackSpec& spec_;
  std::uint64_t seed_;
};

struct AttackKey {
  std::string name, shown_default, meaning;
};

struct AttackRow {
  std::string name, source;
  std::vector<AttackKey> keys;
  std::function<Attack(const SpecValues& values)> make;
};

const std::vector<AttackRow>& attack_table();

// The attack a spec describes, ready to run. Throws UsageError for a name or key that is not there
// (listing those that are) and for a value that does not work.
Attack make_attack(const AttackSpec& spec, std::uint64_t seed);

// Every attack with its keys, their defaults and its source, for --list-attacks.
std::string describe_attacks();

// ---- suites ----

struct Suite {
  std::string name;
  std::vector<std::string> specs;
  std::vector<std::string> missing;  // attacks of the suite that this version lacks
  bool has_average;  // whether the mean of the columns is reported, as in the paper's Table 2
};

// "paper", "autoattack-linf", "autoattack-l2", "autoattack-l1"; eps sets the radius of the last
// three (their published one where empty: 8/255, 0.5 and 12). Throws UsageError for another name
// and an eps that does not apply. A suite with attacks missing has no average.
Suite find_suite(const std::string& name, const std::optional<double>& eps);

}  // namespace saddle
