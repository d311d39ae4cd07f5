// The plans in use: which implementation computes each problem of which there are several. They are
// those of one machine, the device that a program works on.
//
// A device that meets a problem asks `planned`: the plans decide, else who finds them, else, where
// it answers nothing, rules of the device's own.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "core/plan_file.h"

namespace saddle {

// Where plans come from that are not known yet: a function that returns the implementation for the
// problem, perhaps that which `measure` finds fastest; empty: the rule's.
using FindPlan =
    std::function<std::string(const std::string& problem, const std::function<std::string()>&)>;

// From now on devices go by these plans, then by what `find` says of a problem that they lack, then
// by their rules. At first there are neither plans nor a `find`.
void use_plans(Plans plans, FindPlan find = nullptr);
// These go before what is in use.
void prefer_plans(const Plans& plans);
// Those given and those found since.
const Plans& plans_in_use();

// What plans are measured on, in a line (Device::machine): at first the CPU.
const std::string& planned_machine();
void set_planned_machine(std::string machine);

// For devices. The implementation of a problem; empty: the rule's. What it returned may be kept
// until plans_changed() returns another number, after use_plans or prefer_plans.
std::string planned(const std::string& problem, const std::function<std::string()>& measure);
std::uint64_t plans_changed();

}  // namespace saddle
