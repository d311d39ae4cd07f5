// The attacks that the command line of `saddle-segment attack` names.
#include <algorithm>
#include <filesystem>

#include "apps/common/parse.h"
#include "apps/segment/attack_program.h"

namespace saddle {
namespace {

std::vector<int> stops_of(const std::string& list) {
  std::vector<int> stops;
  if (list.empty()) return stops;
  for (const std::string& part : split_at_commas(list)) {
    const auto stop = for_flag("--steps-curve", [&] { return parse_integer_from(part, 1); });
    stops.push_back(static_cast<int>(std::min<std::int64_t>(stop, 1 << 20)));
  }
  std::ranges::sort(stops);
  usage(std::ranges::adjacent_find(stops) == stops.end(),
        text("--steps-curve ", list, ": a number comes twice"));
  return stops;
}

std::vector<std::string> radii_of(const std::string& list) {
  std::vector<std::string> radii = split_at_commas(list);
  std::vector<double> values;
  for (const std::string& radius : radii) {
    values.push_back(for_flag("--eps-curve", [&] { return parse_number(radius); }));
    usage(values.back() > 0, text("--eps-curve: ", radius, " is not above 0"));
  }
  std::ranges::sort(values);
  usage(std::ranges::adjacent_find(values) == values.end(),
        text("--eps-curve ", list, ": a radius comes twice"));
  return radii;
}

// The spec itself, or one for each radius of the curve.
std::vector<AttackSpec> along_curve(const AttackSpec& spec, const std::string& radii) {
  if (radii.empty()) return {spec};
  usage(!spec.values.contains("eps"), text("attack ", spec.text,
                                           ": its eps would do nothing beside --eps-curve. Leave "
                                           "one of them out"));
  std::vector<AttackSpec> specs;
  for (const std::string& eps : radii_of(radii)) specs.push_back(with_eps(spec, eps));
  return specs;
}

bool takes_radius(const std::string& suite) { return !suite.starts_with("paper"); }

void check_flags(const SegmentAttackOptions& o) {
  usage(!o.checkpoint.empty(), "--checkpoint is missing: name the model to attack");
  usage(!o.restart || !o.json.empty(),
        "--restart discards the state beside --json FILE: give that, too");
  const bool attacks = !o.attacks.empty() || !o.suites.empty();
  for (const auto& [flag, given] : {std::pair{"--eps-curve", !o.eps_curve.empty()},
                                    {"--steps-curve", !o.steps_curve.empty()},
                                    {"--counts", !o.counts.empty()},
                                    {"--save-adversarial", !o.adversarial.empty()},
                                    {"--save-images", !o.images.empty()}}) {
    usage(attacks || !given,
          text(flag, " needs an --attack or a --suite: without one it does nothing"));
  }
  for (const std::string& file : o.confusion) {
    const std::filesystem::path ending = std::filesystem::path(file).extension();
    usage(ending == ".csv" || ending == ".png",
          text("--confusion ", file, ": name a file that ends in .csv or .png"));
  }
  usage(o.eps_curve.empty() || !o.attacks.empty(),
        "--eps-curve needs an --attack: the radii of a --suite are its own");
  usage(!o.eps || std::ranges::any_of(o.suites, takes_radius),
        "--eps belongs to --suite sea, sea-cheap and sea-v1. A single attack takes it as --attack "
        "pgd:eps=1/255");
}

}  // namespace

std::vector<PixelJob> jobs_of(const SegmentAttackOptions& o) {
  check_flags(o);
  const std::vector<int> stops = stops_of(o.steps_curve);
  std::vector<PixelJob> jobs;
  const auto add = [&](const AttackSpec& spec) {
    PixelJob job{make_pixel_attack(spec, static_cast<std::uint64_t>(o.common.seed)), {}};
    if (!stops.empty()) {
      usage(job.attack.observes, text("attack ", spec.text,
                                      ": --steps-curve needs an attack of "
                                      "PGD's kind"));
      usage(!spec.values.contains("steps"), text("attack ", spec.text,
                                                 ": its steps are those of --steps-curve. Leave "
                                                 "one of them out"));
      AttackSpec longest = parse_attack_spec(spec.text + (spec.values.empty() ? ":" : ",") +
                                             text("steps=", stops.back()));
      job.attack = make_pixel_attack(longest, static_cast<std::uint64_t>(o.common.seed));
      job.stops.assign(stops.begin(), stops.end() - 1);
    }
    jobs.push_back(std::move(job));
  };
  for (const std::string& words : o.attacks) {
    for (const AttackSpec& spec : along_curve(parse_attack_spec(words), o.eps_curve)) add(spec);
  }
  for (const std::string& suite : o.suites) {
    const std::optional<double> eps = takes_radius(suite) ? o.eps : std::nullopt;
    for (const std::string& spec : pixel_suite_specs(suite, eps)) {
      add(parse_attack_spec(spec));
    }
  }
  const bool weighs =
      std::ranges::any_of(jobs, [](const PixelJob& job) { return job.attack.weighs_classes; });
  usage(weighs || o.balance == "train",
        text("--balance ", o.balance,
             " does nothing: no attack weighs classes, as pgd:loss=mce-bal and --suite sea do"));
  return jobs;
}

}  // namespace saddle
