#include "apps/common/settings.h"

#include <cmath>
#include <nlohmann/json.hpp>
#include <type_traits>

#include "apps/common/command_line.h"
#include "core/error.h"

namespace saddle {
namespace {

template <class T>
constexpr bool is_optional = false;
template <class T>
constexpr bool is_optional<std::optional<T>> = true;

// The number that is set; empty where there is none, or the setting is none.
std::optional<double> number_of(const Setting& setting) {
  return std::visit(
      [](auto* value) -> std::optional<double> {
        using T = std::decay_t<decltype(*value)>;
        if constexpr (std::is_same_v<T, std::string> || std::is_same_v<T, bool>) return {};
        if constexpr (is_optional<T>) {
          if (*value) return static_cast<double>(**value);
          return {};
        } else if constexpr (std::is_arithmetic_v<T>) {
          return static_cast<double>(*value);
        }
      },
      setting.value);
}

// "must lie in [0, 1)", "must be finite and not negative"
std::string words_of(const Bounds& bounds) {
  const bool open_ended = std::isinf(bounds.high);
  if (open_ended && bounds.low == 0) {
    return bounds.low_in ? "must be finite and not negative" : "must be positive and finite";
  }
  if (open_ended) return text("must be at least ", bounds.low);
  return text("must lie in ", bounds.low_in ? '[' : '(', bounds.low, ", ", bounds.high,
              bounds.high_in ? ']' : ')');
}

bool lies_in(double value, const Bounds& bounds) {
  const bool above = bounds.low_in ? value >= bounds.low : value > bounds.low;
  const bool below = bounds.high_in ? value <= bounds.high : value < bounds.high;
  return above && below;
}

// Integers are refused by the parser already where they are below their least.
std::int64_t least_of(const Bounds& bounds) {
  return std::isinf(bounds.low) ? std::numeric_limits<std::int64_t>::min()
                                : static_cast<std::int64_t>(bounds.low);
}

}  // namespace

bool Setting::is_set() const {
  return std::visit(
      [this](auto* at) {
        using T = std::decay_t<decltype(*at)>;
        if constexpr (std::is_same_v<T, std::string>) return !at->empty();
        if constexpr (is_optional<T>) return at->has_value();
        if constexpr (std::is_arithmetic_v<T>) return static_cast<double>(*at) != details.unset;
      },
      value);
}

void add_settings(CLI::App& app, const std::vector<Setting>& settings) {
  for (const Setting& setting : settings) {
    const SettingDetails& details = setting.details;
    std::visit(
        [&](auto* value) {
          using T = std::decay_t<decltype(*value)>;
          if constexpr (std::is_same_v<T, bool>) {
            add_switch(app, setting.flag, *value, setting.help);
          } else if constexpr (std::is_same_v<T, std::string>) {
            if (!details.choices.empty()) {
              add_choice(app, setting.flag, *value, details.choices, setting.help);
            } else if (details.required) {
              add_required_text(app, setting.flag, *value, details.type, setting.help);
            } else {
              add_text(app, setting.flag, *value, details.type, setting.help);
            }
          } else if constexpr (std::is_same_v<T, double> ||
                               std::is_same_v<T, std::optional<double>>) {
            add_number(app, setting.flag, *value, setting.help, details.shown_default);
          } else {
            add_integer(app, setting.flag, *value, least_of(details.bounds), setting.help,
                        details.shown_default);
          }
        },
        setting.value);
  }
}

void check_bounds(const std::vector<Setting>& settings) {
  for (const Setting& setting : settings) {
    const std::optional<double> number = number_of(setting);
    if (number && setting.is_set() && !lies_in(*number, setting.details.bounds)) {
      throw UsageError(text(setting.flag, ' ', *number, ' ', words_of(setting.details.bounds)));
    }
  }
}

void refuse_idle(const std::vector<Setting>& settings) {
  for (const Setting& setting : settings) {
    if (!setting.details.idle || !setting.is_set()) continue;
    const std::string why = setting.details.idle();
    if (!why.empty()) throw UsageError(why);
  }
}

void record(const std::vector<Setting>& settings, nlohmann::json& json) {
  for (const Setting& setting : settings) {
    const Recorded recorded = setting.details.recorded;
    if (recorded == Recorded::never) continue;
    if (recorded == Recorded::where_set && !setting.is_set()) continue;
    std::visit(
        [&](auto* value) {
          if constexpr (is_optional<std::decay_t<decltype(*value)>>) {
            json[setting.key] = value->value();
          } else {
            json[setting.key] = *value;
          }
        },
        setting.value);
  }
}

}  // namespace saddle
