#include "core/plans.h"

#include <utility>

#include "core/device.h"

namespace saddle {
namespace {

struct State {
  Plans plans;
  FindPlan find;
  std::string machine;
  std::uint64_t changed = 0;
};

State& state() {
  static State& state = *new State();
  return state;
}

}  // namespace

void use_plans(Plans plans, FindPlan find) {
  State& s = state();
  s.plans = std::move(plans);
  s.find = std::move(find);
  ++s.changed;
}

void prefer_plans(const Plans& plans) {
  State& s = state();
  for (const auto& [problem, name] : plans) s.plans[problem] = name;
  ++s.changed;
}

const Plans& plans_in_use() { return state().plans; }

const std::string& planned_machine() {
  State& s = state();
  if (s.machine.empty()) s.machine = cpu_device().machine();
  return s.machine;
}

void set_planned_machine(std::string machine) { state().machine = std::move(machine); }

std::string planned(const std::string& problem, const std::function<std::string()>& measure) {
  State& s = state();
  if (const auto known = s.plans.find(problem); known != s.plans.end()) return known->second;
  if (!s.find) return "";
  const std::string name = s.find(problem, measure);
  if (!name.empty()) s.plans[problem] = name;
  return name;
}

std::uint64_t plans_changed() { return state().changed; }

}  // namespace saddle
