#include "apps/attacking/spec.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <utility>

#include "apps/common/parse.h"
#include "core/format.h"

namespace saddle {
namespace {

// Runs `read` on the value of `key`; what is wrong with it is told with spec and key.
template <class Read>
auto read_value(const AttackSpec& spec, const std::string& key, const Read& read) {
  try {
    return read();
  } catch (const UsageError& error) {
    throw UsageError(text("attack ", spec.text, ": ", key, ": ", error.what()));
  }
}

}  // namespace

AttackSpec parse_attack_spec(const std::string& spec_text) {
  const auto wrong = [&](const std::string& what) {
    return UsageError(
        text("attack '", spec_text, "': ", what, ". Write NAME or NAME:key=value,key=value"));
  };
  AttackSpec spec;
  spec.text = spec_text;
  const std::size_t colon = spec_text.find(':');
  spec.name = spec_text.substr(0, colon);
  if (spec.name.empty()) throw wrong("has no name");
  if (colon == std::string::npos) return spec;
  std::size_t first = colon + 1;
  while (first <= spec_text.size()) {
    const std::size_t comma = std::min(spec_text.find(',', first), spec_text.size());
    const std::string pair = spec_text.substr(first, comma - first);
    const std::size_t equals = pair.find('=');
    if (equals == std::string::npos || equals == 0 || equals + 1 == pair.size()) {
      throw wrong(text("'", pair, "' is not key=value"));
    }
    const std::string key = pair.substr(0, equals);
    if (!spec.values.emplace(key, pair.substr(equals + 1)).second)
      throw wrong(text(key, " is given twice"));
    first = comma + 1;
  }
  return spec;
}

namespace {

// NAME:key=value,... in the order of the keys.
std::string text_of(const AttackSpec& spec) {
  std::string line = spec.name;
  char separator = ':';
  for (const auto& [key, value] : spec.values) {
    line += separator + key + "=" + value;
    separator = ',';
  }
  return line;
}

template <class Number>
std::string shortest(Number number) {
  char digits[32];
  return {digits, std::to_chars(digits, digits + sizeof digits, number).ptr};
}

}  // namespace

std::string exact_text(double number) { return shortest(number); }
std::string exact_text(float number) { return shortest(number); }

std::string exact_list(const std::vector<float>& numbers) {
  std::string list;
  for (const float number : numbers) list += (list.empty() ? "" : ",") + exact_text(number);
  return list;
}

AttackSpec with_eps(const AttackSpec& spec, const std::string& eps) {
  AttackSpec changed = spec;
  changed.values["eps"] = eps;
  changed.text = text_of(changed);
  return changed;
}

std::string without_eps(const AttackSpec& spec) {
  AttackSpec changed = spec;
  changed.values.erase("eps");
  return text_of(changed);
}

const std::string* SpecValues::find(const std::string& key) const {
  const auto found = spec_.values.find(key);
  return found == spec_.values.end() ? nullptr : &found->second;
}

double SpecValues::number(const std::string& key, double fallback) const {
  const std::string* value = find(key);
  if (!value) return fallback;
  return read_value(spec_, key, [&] { return parse_number(*value); });
}

bool SpecValues::has(const std::string& key) const { return find(key) != nullptr; }

bool SpecValues::is(const std::string& key, const std::string& value) const {
  return has(key) && *find(key) == value;
}

std::int64_t SpecValues::integer(const std::string& key, std::int64_t least,
                                 std::int64_t fallback) const {
  const std::string* value = find(key);
  if (!value) return fallback;
  return read_value(spec_, key, [&] {
    constexpr std::int64_t kMost = std::numeric_limits<std::int32_t>::max();
    const std::int64_t number = parse_integer(*value);
    if (number < least || number > kMost) {
      throw UsageError(text(number, " is outside ", least, " to ", kMost));
    }
    return number;
  });
}

std::string SpecValues::choice(const std::string& key,
                               const std::vector<std::string>& choices) const {
  const std::string* value = find(key);
  if (!value) return choices.front();
  if (std::find(choices.begin(), choices.end(), *value) == choices.end()) {
    throw UsageError(
        text("attack ", spec_.text, ": ", key, ": '", *value, "' is not one of ", joined(choices)));
  }
  return *value;
}

std::uint64_t SpecValues::seed() const {
  const std::string* value = find("seed");
  if (!value) return seed_;
  return read_value(spec_, "seed", [&] {
    const std::int64_t number = parse_integer(*value);
    if (number < 0) throw UsageError(text(number, " is negative"));
    return static_cast<std::uint64_t>(number);
  });
}

}  // namespace saddle
