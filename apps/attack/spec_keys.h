// Spec keys: how the keys of a spec get into an attack's options. What a key is not given stays as
// the options have it, and that is what is shown as its default: it is said once.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "apps/attack/attack_table.h"
#include "attacks/members.h"

namespace saddle {

// What a spec says.
template <class Options>
struct Settings {
  Options options;
  Tries tries;
  std::optional<Aim> aim;
  Members order = Members::in_sequence;
};

template <class Options>
struct Key {
  AttackKey shown;
  std::function<void(const SpecValues& values, Settings<Options>& settings)> read;
};

// Values by the names they have in specs.
template <class Value>
using Names = std::vector<std::pair<std::string, Value>>;

inline const Names<Norm> kNorms{{"linf", Norm::linf}, {"l2", Norm::l2}, {"l1", Norm::l1}};
inline const Names<bool> kOffOn{{"off", false}, {"on", true}};

template <class Options>
Key<Options> integer_key(const std::string& name, int Options::*field, const std::string& meaning,
                         const Options& start = {}) {
  return {{name, text(start.*field), meaning},
          [=](const SpecValues& values, Settings<Options>& settings) {
            int& option = settings.options.*field;
            option = static_cast<int>(values.integer(name, 1, option));
          }};
}

template <class Options>
Key<Options> number_key(const std::string& name, float Options::*field,
                        const std::string& meaning) {
  return {{name, exact_text(Options{}.*field), meaning},
          [=](const SpecValues& values, Settings<Options>& settings) {
            float& option = settings.options.*field;
            option = static_cast<float>(values.number(name, option));
          }};
}

// The value that a key names; empty where it is not given.
template <class Value>
std::optional<Value> named_value(const SpecValues& values, const std::string& key,
                                 const Names<Value>& names) {
  if (!values.has(key)) return std::nullopt;
  std::vector<std::string> choices;
  for (const auto& [name, value] : names) choices.push_back(name);
  const std::string chosen = values.choice(key, choices);
  return std::ranges::find(names, chosen, &std::pair<std::string, Value>::first)->second;
}

// Shows the default's name, or the first where it has none.
template <class Options, class Value>
Key<Options> choice_key(const std::string& name, Value Options::*field, const Names<Value>& names,
                        const std::string& meaning) {
  const auto found =
      std::ranges::find(names, Options{}.*field, &std::pair<std::string, Value>::second);
  return {{name, found == names.end() ? names.front().first : found->first, meaning},
          [=](const SpecValues& values, Settings<Options>& settings) {
            Value& option = settings.options.*field;
            option = named_value(values, name, names).value_or(option);
          }};
}

// "1/255", and "1/255 (linf), 32/255 (l2), 12 (l1)".
std::string shown_radius(Norm norm);
std::string shown_radii();

// The radius; without one the norm's, which is read before.
template <class Options>
Key<Options> radius_key(const std::string& meaning = "radius, pixel range [0, 1]") {
  return {{"eps", shown_radii(), meaning},
          [](const SpecValues& values, Settings<Options>& settings) {
            Options& options = settings.options;
            options.eps = static_cast<float>(values.number("eps", default_eps(options.norm)));
          }};
}

// Of the attacks that look for the nearest adversarial image.
template <class Options>
Key<Options> acceptance_key() {
  Key<Options> key =
      number_key("eps", &Options::eps, "discard what is farther, pixel range [0, 1]");
  key.shown.shown_default = "any";
  return key;
}

template <class Options>
Key<Options> restarts_key() {
  return {{"restarts", text(Tries{}.restarts), "attempts; an example is robust where all fail"},
          [](const SpecValues& values, Settings<Options>& settings) {
            std::int64_t& restarts = settings.tries.restarts;
            restarts = values.integer("restarts", 1, restarts);
          }};
}

template <class Options>
Key<Options> classes_key() {
  return {{"classes", text(Tries{}.targets), "target classes, nearest first, or all"},
          [](const SpecValues& values, Settings<Options>& settings) {
            std::int64_t& targets = settings.tries.targets;
            targets =
                values.is("classes", "all") ? kAllTargets : values.integer("classes", 1, targets);
          }};
}

template <class Options>
Key<Options> seed_key(const std::string& meaning = "of the random numbers") {
  return {{"seed", "--seed", meaning}, [](const SpecValues& values, Settings<Options>& settings) {
            settings.tries.seed = values.seed();
          }};
}

std::optional<Aim> aim_value(const SpecValues& values);

template <class Options>
Key<Options> target_key() {
  return {{"target", "none",
           "a class (0, 1, ...), least (the least likely) or random; success is to be taken for "
           "it"},
          [](const SpecValues& values, Settings<Options>& settings) {
            settings.aim = aim_value(values);
          }};
}

// A row of the register. The keys are read in their order into `start`, of which `make` makes the
// attack.
template <class Options>
AttackRow attack_row(const std::string& name, const std::string& source,
                     const std::vector<Key<Options>>& keys,
                     const std::function<Attack(const Settings<Options>&)>& make,
                     const Options& start = {}) {
  AttackRow row{name, source, {}, [=](const SpecValues& values) {
                  Settings<Options> settings{start, {}, {}};
                  for (const Key<Options>& key : keys) key.read(values, settings);
                  return make(settings);
                }};
  for (const Key<Options>& key : keys) row.keys.push_back(key.shown);
  return row;
}

}  // namespace saddle
