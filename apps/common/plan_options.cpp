#include "apps/common/plan_options.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <span>

#include "apps/common/fingerprint.h"
#include "apps/common/program_options.h"
#include "core/device.h"
#include "core/error.h"
#include "core/plans.h"

namespace saddle {
namespace {

constexpr const char *kMeasure = "measure", *kDefault = "default";

// kMeasure, kDefault or a file's name.
std::string asked_for(const CommonOptions& options) {
  const char* variable = std::getenv("SADDLE_PLAN");
  const std::string given = !options.plan.empty() ? options.plan : variable ? variable : "";
  if (given.empty()) return options.deterministic ? kDefault : kMeasure;
  if (given == kMeasure && options.deterministic) {
    throw UsageError(
        "--plan measure: what is fastest may differ from one measurement to the next, which "
        "--deterministic excludes. Name a file of plans, or default");
  }
  return given;
}

FindPlan measuring(const CommonOptions& options) {
  const auto notice = [quiet = options.quiet](const std::string& line) {
    if (!quiet) std::fprintf(stderr, "plan: %s\n", line.c_str());
  };
  const auto warning = [](const std::string& line) {
    print_warning(program_invocation_short_name, line);
  };
  const auto plans = std::make_shared<MeasuredPlans>(user_cache_directory(), planned_machine(),
                                                     MeasuredPlans::Tell{notice, warning});
  return [plans](const std::string& problem, const std::function<std::string()>& measure) {
    return plans->find(problem, measure);
  };
}

}  // namespace

std::filesystem::path user_cache_directory() {
  const char* cache = std::getenv("XDG_CACHE_HOME");
  if (cache && *cache) return std::filesystem::path(cache) / "saddle";
  const char* home = std::getenv("HOME");
  return home && *home ? std::filesystem::path(home) / ".cache" / "saddle" : "";
}

std::string plan_name(const CommonOptions& options) {
  const std::string asked = asked_for(options);
  const bool is_file = asked != kMeasure && asked != kDefault;
  return is_file ? "plans " + fingerprint_of_file(asked) : asked;
}

void use_plans_of(const CommonOptions& options, const Device& device) {
  set_planned_machine(device.machine());
  const std::string asked = asked_for(options);
  if (asked == kDefault) return use_plans({});
  if (asked == kMeasure) return use_plans({}, measuring(options));
  use_plans(read_plans(asked, planned_machine(), "Name plans of this machine, or measure"));
}

void save_plans_in_use(const std::filesystem::path& file) {
  if (!plans_in_use().empty()) write_plans(file, planned_machine(), plans_in_use());
}

void go_on_with_plans(const std::filesystem::path& file) {
  if (!std::filesystem::exists(file)) return;
  prefer_plans(read_plans(file, planned_machine(),
                          "Go on there or, with other bits, here once the file is removed"));
}

std::string text_of_plans_in_use() {
  return plans_in_use().empty() ? "" : text_of(PlanFile{planned_machine(), plans_in_use()});
}

std::string go_on_with_plans_of_state(const std::string& text) {
  if (text.empty()) return "";
  const PlanFile file = parse_plans(std::as_bytes(std::span(text)));
  if (file.machine != planned_machine()) {
    return saddle::text("goes on from the state of a run on ", file.machine, ", this one is on ",
                        planned_machine(), ": the last bits of results may depend on it");
  }
  prefer_plans(file.plans);
  return "";
}

}  // namespace saddle
