// Where convolutions take their plans from (core/plans.h): what --plan asks for.
#pragma once

#include <filesystem>
#include <string>

namespace saddle {

class Device;
struct CommonOptions;

// $XDG_CACHE_HOME/saddle or ~/.cache/saddle; empty where neither variable is set.
std::filesystem::path user_cache_directory();

// "measure", "default", or "plans 0123456789abcdef", a file's fingerprint: as runs record it.
// Without --plan it is $SADDLE_PLAN or, else, "measure"; with --deterministic "default", for what
// is fastest may differ from one measurement to the next. Throws UsageError where both are asked
// for, Error where the file cannot be read.
std::string plan_name(const CommonOptions& options);

// From now on the device's convolutions go by what is asked for. What is measured, and what cannot
// be kept, is said on stderr. Throws as plan_name, and Error where the file is no file of plans of
// this machine.
void use_plans_of(const CommonOptions& options, const Device& device);

// A run's own plans, in a file of its directory.
// Writes those in use; nothing where there are none.
void save_plans_in_use(const std::filesystem::path& file);
// What the file holds, where it is there, goes before anything else from now on. Throws Error where
// it is damaged or of another machine.
void go_on_with_plans(const std::filesystem::path& file);

// The same within the state of an attack: what a file of the plans in use would hold, empty where
// there are none.
std::string text_of_plans_in_use();
// What the text holds goes before anything else from now on. Where it is of another machine it is
// left, and returned is what to warn of; else an empty string. Throws Error where it is damaged.
std::string go_on_with_plans_of_state(const std::string& text);

}  // namespace saddle
