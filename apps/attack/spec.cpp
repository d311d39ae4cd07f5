#include "apps/attack/spec.h"

#include <algorithm>
#include <charconv>
#include <limits>

#include "apps/common/command_line.h"

namespace saddle {
namespace {

std::string joined(const std::vector<std::string>& names) {
  std::string line;
  for (const std::string& name : names) line += (line.empty() ? "" : ", ") + name;
  return line;
}

std::vector<std::string> attack_names() {
  std::vector<std::string> names;
  for (const AttackRow& row : attack_table()) names.push_back(row.name);
  return names;
}

const AttackRow* find_row(const std::string& name) {
  for (const AttackRow& row : attack_table()) {
    if (row.name == name) return &row;
  }
  return nullptr;
}

// Runs `read` on the value of `key`; what is wrong with it is told with spec and key.
template <class Read>
auto read_value(const AttackSpec& spec, const std::string& key, const Read& read) {
  try {
    return read();
  } catch (const UsageError& error) {
    throw UsageError(text("attack ", spec.text, ": ", key, ": ", error.what()));
  }
}

// pgd numbers its random starts by the restart, so restarts differ and a run can be repeated.
Attack pgd_attack(const PgdOptions& options, std::uint64_t seed, std::int64_t restarts) {
  check(options);
  Attack attack;
  attack.against = [options, seed](const LogitsFunction& logits) -> Attempt {
    return [run = std::make_shared<Pgd>(logits, options), seed](
               const AttackBatch& batch, std::uint32_t restart, PassCounts& counts) {
      return (*run)(batch, seed, restart, &counts);
    };
  };
  attack.restarts = restarts;
  attack.ball = Ball{options.norm, options.eps};
  return attack;
}

Attack make_fgsm(const SpecValues& values) {
  return pgd_attack(fgsm(static_cast<float>(values.number("eps", 1. / 255))), values.seed(), 1);
}

// Defaults of the paper: eps 1/255 and alpha eps/4 (linf), eps 32/255 and alpha eps/8 (l2), 10
// steps.
Attack make_pgd(const SpecValues& values) {
  const bool linf = values.choice("norm", {"linf", "l2"}) == "linf";
  const double eps = values.number("eps", linf ? 1. / 255 : 32. / 255);
  PgdOptions options;
  options.norm = linf ? Norm::linf : Norm::l2;
  options.eps = static_cast<float>(eps);
  options.alpha = static_cast<float>(values.number("alpha", eps / (linf ? 4 : 8)));
  options.steps = static_cast<int>(values.integer("steps", 0, 10));
  options.start =
      values.choice("start", {"random", "zero"}) == "random" ? Start::random : Start::zero;
  return pgd_attack(options, values.seed(), values.integer("restarts", 1, 1));
}

const AttackKey kSeedKey{"seed", "--seed", "of the random numbers"};

// The shortest text that reads back as the same number.
std::string exact_text(double number) {
  char digits[32];
  return {digits, std::to_chars(digits, digits + sizeof digits, number).ptr};
}

}  // namespace

const std::vector<AttackRow>& attack_table() {
  static const std::vector<AttackRow> table{
      {"fgsm", "Goodfellow et al. 2015, one step of eps along the sign of the gradient (linf)",
       {{"eps", "1/255", "radius, pixel range [0, 1]"},
        {"seed", kSeedKey.shown_default, "accepted, but nothing is random"}},
       make_fgsm},
      {"pgd", "Madry et al. 2018, the last iterate; defaults as in the paper's tables",
       {{"norm", "linf", "linf or l2"},
        {"eps", "1/255 (linf), 32/255 (l2)", "radius, pixel range [0, 1]"},
        {"alpha", "eps/4 (linf), eps/8 (l2)", "step size"},
        {"steps", "10", "gradient steps"},
        {"start", "random", "random (in the ball) or zero (the image itself)"},
        {"restarts", "1", "attempts; an example is robust where all fail"},
        kSeedKey},
       make_pgd},
  };
  return table;
}

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

const std::string* SpecValues::find(const std::string& key) const {
  const auto found = spec_.values.find(key);
  return found == spec_.values.end() ? nullptr : &found->second;
}

double SpecValues::number(const std::string& key, double fallback) const {
  const std::string* value = find(key);
  if (!value) return fallback;
  return read_value(spec_, key, [&] { return parse_number(*value); });
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
    throw UsageError(text("attack ", spec_.text, ": ", key, ": '", *value, "' is not one of ",
                          joined(choices)));
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

Attack make_attack(const AttackSpec& spec, std::uint64_t seed) {
  const AttackRow* row = find_row(spec.name);
  if (!row) {
    throw UsageError(text("attack ", spec.text, ": this version has no attack '", spec.name,
                          "'. It has ", joined(attack_names())));
  }
  std::vector<std::string> keys;
  for (const AttackKey& key : row->keys) keys.push_back(key.name);
  for (const auto& [key, value] : spec.values) {
    if (std::find(keys.begin(), keys.end(), key) == keys.end()) {
      throw UsageError(text("attack ", spec.text, ": ", spec.name, " has no key '", key,
                            "'. Its keys: ", joined(keys)));
    }
  }
  try {
    return row->make(SpecValues(spec, seed));
  } catch (const UsageError&) {
    throw;
  } catch (const Error& error) {  // a value the attack itself rejects
    throw UsageError(text("attack ", spec.text, ": ", error.what()));
  }
}

std::string describe_attacks() {
  std::string lines;
  const auto padded = [](std::string word, std::size_t width) {
    word.resize(std::max(word.size() + 1, width), ' ');
    return word;
  };
  for (const AttackRow& row : attack_table()) {
    lines += padded(row.name, 10) + row.source + "\n";
    for (const AttackKey& key : row.keys) {
      lines += "  " + padded(key.name, 10) + padded(key.shown_default, 28) + key.meaning + "\n";
    }
  }
  return lines;
}

Suite find_suite(const std::string& name, const std::optional<double>& eps) {
  const auto autoattack = [&](const std::string& norm, const std::string& published) {
    const std::string radius = eps ? exact_text(*eps) : published;
    return Suite{name, {"autoattack:norm=" + norm + ",eps=" + radius}, false};
  };
  Suite suite;
  if (name == "paper") {  // the columns of Table 2
    if (eps) throw UsageError("--eps: the radii of --suite paper are fixed. Leave the flag out");
    suite = {name,
             {"fgsm:eps=1/255", "pgd:norm=linf,eps=1/255,alpha=0.25/255,steps=10",
              "pgd:norm=l2,eps=32/255,alpha=4/255,steps=10", "autoattack:norm=l2,eps=32/255",
              "stadv", "fab:norm=l2,eps=32/255,steps=10", "pixle"},
             true};
  } else if (name == "autoattack-linf") {
    suite = autoattack("linf", "8/255");
  } else if (name == "autoattack-l2") {
    suite = autoattack("l2", "0.5");
  } else {
    throw UsageError(
        text("--suite: '", name, "' is not one of paper, autoattack-linf, autoattack-l2"));
  }
  std::vector<std::string> missing;
  std::string present;
  for (const std::string& spec : suite.specs) {
    const std::string attack = parse_attack_spec(spec).name;
    if (find_row(attack)) {
      present += " --attack " + spec;
    } else {
      missing.push_back(attack);
    }
  }
  if (!missing.empty()) {
    throw UsageError(text("--suite ", name, ": this version lacks ", joined(missing),
                          present.empty() ? ". It has " + joined(attack_names())
                                          : ". What it has of the suite:" + present));
  }
  return suite;
}

}  // namespace saddle
