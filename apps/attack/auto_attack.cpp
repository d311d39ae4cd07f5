#include "apps/attack/auto_attack.h"

#include <charconv>

#include "core/error.h"

namespace saddle {

std::vector<std::string> auto_attack_specs(const AutoAttackOptions& options) {
  const bool official = options.preset == "official", l1 = options.norm == "l1";
  if (l1 && !official) {
    throw UsageError("the preset torchattacks has no l1. Leave preset out, or take norm=l2");
  }
  const std::string ball = ":norm=" + options.norm + ",eps=" + exact_text(options.eps);
  const std::string steps = text(",steps=", options.steps.value_or(official ? 100 : 10));
  const auto classes = [&](int of_official) {
    if (options.classes) return text(",classes=", *options.classes);
    return official ? text(",classes=", of_official) : std::string(",classes=all");
  };
  const std::string larger = l1 ? ",largereps=on" : "";
  const std::string square = text("square", ball, ",queries=", options.queries.value_or(5000),
                                  official ? "" : ",schedule=rescaled");

  const std::string apgd_t = "apgd-t" + ball + steps + classes(l1 ? 5 : 9) + larger;
  const std::string fab_t = "fab-t" + ball + steps + classes(9);
  if (options.version == "rand") {
    return {"apgd-ce" + ball + steps + ",eot=20", "apgd-dlr" + ball + steps + ",eot=20"};
  }
  if (options.version == "plus") {
    return {"apgd-ce" + ball + steps + ",restarts=5" + larger,
            "apgd-dlr" + ball + steps + ",restarts=5" + larger,
            "fab" + ball + steps + ",restarts=5",
            square,
            apgd_t,
            fab_t};
  }
  return {"apgd-ce" + ball + steps + (l1 ? ",restarts=5" : "") + larger, apgd_t, fab_t, square};
}

double default_eps(const std::string& norm) {
  if (norm == "l1") return 12;
  return norm == "l2" ? 32. / 255 : 1. / 255;
}

namespace {

template <class Number>
std::string shortest(Number number) {
  char digits[32];
  return {digits, std::to_chars(digits, digits + sizeof digits, number).ptr};
}

}  // namespace

std::string exact_text(double number) { return shortest(number); }
std::string exact_text(float number) { return shortest(number); }

}  // namespace saddle
