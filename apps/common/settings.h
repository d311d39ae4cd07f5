// Settings: what can be set, said once. A row gives the flag's parsing, its default and bounds,
// what
// --help shows, when it is refused because it would do nothing, and what config.json records (by
// which a resumed run is compared).
//
//   std::vector<Setting> settings_of(Options& o) {
//     return {{"--lr", "lr", &o.lr, "learning rate", {.shown_default = "0.1", .bounds =
//     kNotNegative}},
//             {"--ema", "ema", &o.ema, "decay of a moving average", {.bounds = {0, 1}}}, ...};
//   }
// The rows point into the options they were made for; defaults are those options' own.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace CLI {
class App;
}

namespace saddle {

// Where a number must lie: from low to high, each of them in or out.
struct Bounds {
  double low = -std::numeric_limits<double>::infinity();
  double high = std::numeric_limits<double>::infinity();
  bool low_in = false, high_in = false;
};
inline constexpr Bounds kNotNegative{.low = 0, .low_in = true};
inline constexpr Bounds kPositive{.low = 0};
inline constexpr Bounds kShare{.low = 0, .high = 1, .low_in = true};  // [0, 1)
inline constexpr Bounds at_least(double low) { return {.low = low, .low_in = true}; }

// config.json holds a setting always, or where the user or its default has set it: a number that is
// not its `unset`, a flag that is on, a word that is not empty.
enum class Recorded { always, where_set, never };

struct SettingDetails {
  std::string shown_default = {};         // in --help, where it depends on other settings
  Bounds bounds = {};                     // of a number
  std::vector<std::string> choices = {};  // of a word; empty: any
  Recorded recorded = Recorded::where_set;
  // The value of a plain number that says nothing, and is not held to the bounds; NaN: none.
  double unset = 0;
  std::string type = "TEXT";  // of a word that is none of `choices`, in --help
  bool required = false;      // of such a word
  // Why a setting that is set would do nothing, or ""; null: it always does something.
  std::function<std::string()> idle = nullptr;
};

// Why a setting would do nothing: `words` unless `ok`.
inline std::string unless(bool ok, const std::string& words) { return ok ? "" : words; }

struct Setting {
  std::string flag;  // "--lr"
  std::string key;   // in config.json
  std::variant<std::string*, double*, std::int64_t*, bool*, std::optional<double>*,
               std::optional<std::int64_t>*>
      value;
  std::string help;
  SettingDetails details = {};

  bool is_set() const;
};

// Declares every flag.
void add_settings(CLI::App& app, const std::vector<Setting>& settings);

// Throws UsageError for the first number outside its bounds, naming flag and bounds, and for the
// first setting that is set and idle.
void check_bounds(const std::vector<Setting>& settings);
void refuse_idle(const std::vector<Setting>& settings);

// Adds to `json` what of the settings it is to hold.
void record(const std::vector<Setting>& settings, nlohmann::json& json);

}  // namespace saddle
