// Spec: what the user writes to name an attack.
//
//   pgd:norm=l2,eps=32/255,steps=10     NAME[:key=value,...]
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

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

// The spec with this radius, and its text without any.
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

}  // namespace saddle
