#include "core/plan_file.h"

#include <chrono>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "core/directory_lock.h"
#include "core/error.h"
#include "core/file.h"
#include "core/hash.h"
#include "core/json_text.h"

namespace saddle {
namespace {

using Json = nlohmann::json;

constexpr int kFormat = 1;
constexpr std::int64_t kMostBytes = 16 << 20;

PlanFile parse(const std::filesystem::path& file) {
  const std::vector<std::byte> bytes = read_file(file, kMostBytes);
  try {
    return parse_plans(bytes);
  } catch (const Error& error) {
    fail(file.string(), ": is no file of plans (", error.what(),
         "). Remove it, or name another with --plan");
  }
}

}  // namespace

PlanFile parse_plans(std::span<const std::byte> bytes) {
  const Json json = parse_json(bytes);
  try {
    require(json.at("saddle_plans") == kFormat, "of another format");
    return {json.at("machine").get<std::string>(), json.at("plans").get<Plans>()};
  } catch (const Json::exception& error) {
    fail(error.what());
  }
}

std::string text_of(const PlanFile& file) {
  const Json json = {{"saddle_plans", kFormat}, {"machine", file.machine}, {"plans", file.plans}};
  return json_text(json, 1) + "\n";
}

Plans read_plans(const std::filesystem::path& file, const std::string& machine,
                 const std::string& mend) {
  PlanFile content = parse(file);
  require(content.machine == machine, file.string(), ": holds the plans of ", content.machine,
          "; this is ", machine, ". ", mend);
  return std::move(content.plans);
}

void write_plans(const std::filesystem::path& file, const std::string& machine,
                 const Plans& plans) {
  write_file_atomically(file, std::string_view(text_of({machine, plans})));
}

MeasuredPlans::MeasuredPlans(const std::filesystem::path& folder, std::string machine, Tell tell)
    : folder_(folder),
      file_(folder / text("plans-", hexadecimal(hash_of(machine)), ".json")),
      machine_(std::move(machine)),
      tell_(std::move(tell)) {}

// A file that is damaged or of another machine, whose hash is ours, is as if it were not there.
void MeasuredPlans::read() {
  plans_.clear();
  if (!std::filesystem::exists(file_)) return;
  try {
    plans_ = read_plans(file_, machine_, "");
  } catch (const Error& error) {
    tell_.warning(text(error.what(), ". Its plans are measured anew"));
  }
}

bool MeasuredPlans::try_to(const std::function<void()>& work) {
  const auto give_up = [&](const char* why) {
    tell_.warning(text("plans cannot be kept (", why,
                       "): convolutions are chosen by rules. Set XDG_CACHE_HOME to a folder "
                       "that can be written, or say --plan default"));
    given_up_ = true;
  };
  try {
    work();
  } catch (const std::filesystem::filesystem_error& error) {
    give_up(error.what());
  } catch (const Error& error) {
    give_up(error.what());
  }
  return !given_up_;
}

std::string MeasuredPlans::find(const std::string& problem,
                                const std::function<std::string()>& measure) {
  if (given_up_) return "";
  // Others that measure now would disturb this measurement, and might find something else.
  std::optional<DirectoryLock> lock;
  const bool is_open = try_to([&] {
    require(!folder_.empty(), "there is no folder for it: neither XDG_CACHE_HOME nor HOME is set");
    std::filesystem::create_directories(folder_);
    lock.emplace(folder_, "another program keeps it locked", Inherited::no,
                 std::chrono::minutes(1));
    read();
  });
  if (!is_open) return "";
  if (const auto found = plans_.find(problem); found != plans_.end()) return found->second;
  if (!has_measured_) {
    tell_.notice(
        text("convolutions are measured, each once on a machine, and kept in ", file_.string()));
  }
  has_measured_ = true;
  plans_[problem] = measure();
  return try_to([&] { write_plans(file_, machine_, plans_); }) ? plans_[problem] : "";
}

}  // namespace saddle
