#include "apps/attacking/attack_register.h"

#include "core/format.h"

namespace saddle {

void refuse_name(const AttackSpec& spec, const std::vector<std::string>& names) {
  throw UsageError(text("attack ", spec.text, ": there is no attack '", spec.name, "'. There are ",
                        joined(names)));
}

void check_keys(const AttackSpec& spec, const std::vector<AttackKey>& keys) {
  std::vector<std::string> names;
  for (const AttackKey& key : keys) names.push_back(key.name);
  for (const auto& [key, value] : spec.values) {
    if (std::ranges::count(names, key) > 0) continue;
    throw UsageError(text("attack ", spec.text, ": ", spec.name, " has no key '", key,
                          "'. Its keys: ", joined(names)));
  }
}

std::string described(const std::vector<AttackEntry>& attacks) {
  std::string lines;
  const auto padded = [](std::string word, std::size_t width) {
    word.resize(width + 2, ' ');
    return word;
  };
  std::size_t name = 0, value = 0;
  for (const AttackEntry& attack : attacks) {
    name = std::max(name, attack.name.size());
    for (const AttackKey& key : attack.keys) {
      name = std::max(name, key.name.size() + 2);
      value = std::max(value, key.shown_default.size());
    }
  }
  for (const AttackEntry& attack : attacks) {
    lines += padded(attack.name, name) + attack.source + "\n";
    for (const AttackKey& key : attack.keys) {
      lines +=
          padded("  " + key.name, name) + padded(key.shown_default, value) + key.meaning + "\n";
    }
  }
  return lines;
}

}  // namespace saddle
