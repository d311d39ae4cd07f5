#include "apps/segment/attack_program.h"

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <memory>

#include "apps/common/fingerprint.h"
#include "apps/common/output_files.h"
#include "apps/common/parse.h"
#include "apps/common/settings.h"
#include "apps/segment/attack_picture.h"
#include "apps/segment/attack_state.h"
#include "attacks/pixel_losses.h"
#include "core/threads.h"

namespace saddle {
namespace {

constexpr const char* kName = "saddle-segment attack";
constexpr std::int64_t kPictured = 4;  // images that --save-images shows

void usage(bool ok, const std::string& message) {
  if (!ok) throw UsageError(message);
}

std::vector<int> stops_of(const std::string& list) {
  std::vector<int> stops;
  if (list.empty()) return stops;
  for (const std::string& part : split_at_commas(list)) {
    try {
      stops.push_back(
          static_cast<int>(std::min<std::int64_t>(parse_integer_from(part, 1), 1 << 20)));
    } catch (const UsageError& error) {
      throw UsageError(text("--steps-curve: ", error.what()));
    }
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
    try {
      values.push_back(parse_number(radius));
    } catch (const UsageError& error) {
      throw UsageError(text("--eps-curve: ", error.what()));
    }
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
  for (const std::string& eps : radii_of(radii)) {
    specs.push_back(
        parse_attack_spec(spec.text + (spec.values.empty() ? ":" : ",") + "eps=" + eps));
  }
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

namespace {

// Of the labels that the user names, for losses that weigh classes.
Tensor balance_for(const SegmentAttackOptions& o, const std::vector<PixelJob>& jobs, Device& device,
                   const SegmentationSet& test) {
  const auto weighs = [](const PixelJob& job) { return job.attack.weighs_classes; };
  if (std::ranges::none_of(jobs, weighs)) return {};
  const auto classes = static_cast<std::size_t>(test.classes);
  const LabelCensus census =
      o.balance == "test" ? test.census : load(o.data, SegmentationPart::train).census;
  return Tensor::from_host(device, {test.classes}, balance_of(std::span(census).first(classes)));
}

// All that decides about the results, so that an interrupted run is not continued as another.
Command command_of(const SegmentAttackOptions& o, const std::vector<PixelJob>& jobs,
                   const SegmentationSet& set, const Model& model, const PixelRunOptions& options) {
  std::string attacks;
  for (const PixelJob& job : jobs) {
    attacks += (attacks.empty() ? "" : "; ") + job.attack.spec;
    for (const int stop : job.stops) attacks += text(" and after ", stop);
  }
  const DeepLabOptions& deeplab = model.network.options.deeplab;
  return {{"checkpoint", fingerprint_of_file(o.checkpoint)},
          {"model", text(model.network.options.model, " ", deeplab.width, " ",
                         deeplab.output_stride, " ", deeplab.rates[0], ",", deeplab.rates[1], ",",
                         deeplab.rates[2], " ", deeplab.padding == BlockPadding::before)},
          {"mean and std", exact_list(model.mean) + "; " + exact_list(model.std)},
          {"data", fingerprint_of(set)},
          {"attacks", attacks},
          {"balance", options.balance ? exact_list(options.balance.to_host<float>()) : "none"},
          {"pixels", deeplab.stretched_pixels ? "stretched" : "plain"},
          {"seg-norm", o.seg_norm},
          {"seed", text(o.common.seed)},
          {"device", kind_of(model.device())},
          {"precision", o.common.precision},
          {"saved images", text(options.images_kept)},
          {"version", SADDLE_VERSION}};
}

// Runs the jobs, or what is left of them, and saves where they stand every few seconds.
std::vector<std::vector<PixelResult>> run_jobs(const SegmentAttackOptions& o,
                                               const std::vector<PixelJob>& jobs,
                                               const Model& model, const SegmentationSet& set,
                                               const PixelRunOptions& options) {
  std::vector<std::vector<PixelResult>> results;
  for (const PixelJob& job : jobs) results.push_back(new_results(job, set.size(), set.classes));
  const Command command = command_of(o, jobs, set, model, options);
  const std::filesystem::path state = state_path(o.json);
  const bool keeps_state = !o.json.empty() && !jobs.empty();
  if (keeps_state && !o.restart && std::filesystem::exists(state)) {
    load_pixel_state(state, command, set, options.images_kept, results);
    if (!o.common.quiet) std::cerr << "resuming from " << state.string() << std::endl;
  }
  SaveClock clock;
  const LogitsFunction f = model.evaluation();
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    const auto& done = results[i].back().done;
    Progress progress(jobs[i].attack.spec, set.size(), "images",
                      o.common.quiet ? Progress::Show::nothing : Progress::Show::line,
                      std::ranges::count(done, 1));
    run_pixel_job(f, model.device(), set, jobs[i], options, results[i], [&](std::int64_t images) {
      progress.advance(images);
      if (keeps_state && clock.due()) {
        clock.run([&] { save_pixel_state(state, command, results); });
      }
    });
  }
  return results;
}

SegmentationReport report_of(const SegmentAttackOptions& o, const std::vector<PixelJob>& jobs,
                             Model& model, const SegmentationSet& set) {
  SegmentationReport report;
  report.checkpoint = o.checkpoint;
  report.device = model.device().name();
  report.precision = o.common.precision;
  report.model = {model.network.options, model.mean, model.std, model.class_names};
  if (report.model.class_names.empty()) report.model.class_names = set.class_names;
  report.range =
      model.network.options.deeplab.stretched_pixels ? PixelRange::stretched : PixelRange::plain;
  report.unnormalised = o.seg_norm == "official";
  report.assumptions = model.assumptions;
  const LogitsFunction f = model.evaluation();
  {
    Progress progress("clean", set.size(), "images",
                      o.common.quiet ? Progress::Show::nothing : Progress::Show::line);
    report.clean = evaluate_pixels(f, model.device(), set, report.range, o.batch_size, &progress);
  }
  PixelRunOptions options;
  options.range = report.range;
  options.batch_size = o.batch_size;
  options.balance = balance_for(o, jobs, model.device(), set);
  if (options.balance) {
    report.assumptions.push_back(
        text("the loss mce-bal weighs classes by the labels of ",
             o.balance == "test" ? "the split attacked" : "the training split", " (--balance)"));
  }
  options.images_kept = !o.adversarial.empty() ? set.size() : o.images.empty() ? 0 : kPictured;
  if (report.unnormalised) {
    const Shape channels{static_cast<std::int64_t>(model.mean.size())};
    options.climbed = unnormalised(f, Tensor::from_host(model.device(), channels, model.mean),
                                   Tensor::from_host(model.device(), channels, model.std));
  }
  for (auto& of_job : run_jobs(o, jobs, model, set, options)) {
    for (PixelResult& result : of_job) report.attacks.push_back(std::move(result));
  }
  report.worst_cases =
      worst_cases_of(report, !o.no_clean_candidate, static_cast<std::uint64_t>(o.common.seed));
  report.warnings = doubts_about(report);
  for (const std::string& warning : report.warnings) print_warning(kName, warning);
  report.warnings.insert(report.warnings.end(), set.warnings.begin(), set.warnings.end());
  return report;
}

}  // namespace

void attack(const SegmentAttackOptions& o) {
  if (o.list_attacks) {
    std::cout << describe_pixel_attacks();
    return;
  }
  SegmentationDataOptions data = o.data;
  refuse_idle(settings_of(data, SegmentationPart::test));
  const std::vector<PixelJob> jobs = jobs_of(o);
  // Found out before the work, not after it.
  check_outputs(std::vector{o.checkpoint}, std::vector{o.json, o.counts, o.adversarial, o.images});
  Device& device = open_device(o.common);
  const SegmentationSet set = load(o.data, SegmentationPart::test);
  Model model = load_segmenter(o.checkpoint, o.segmenter, device, set, precision_of(o.common));
  for (const std::string& assumption : model.assumptions) {
    print_warning(kName, text(o.checkpoint, ": ", assumption));
  }
  const SegmentationReport report = report_of(o, jobs, model, set);
  std::cout << report_table(report) << std::flush;  // first: a failed write loses less
  if (!o.counts.empty()) save_counts(o.counts, report, set);
  if (!o.adversarial.empty()) save_adversarial(o.adversarial, report, set);
  if (!o.images.empty()) save_picture(o.images, report, set, model.evaluation(), device);
  if (o.json.empty()) return;
  // The JSON comes last: where it is, all that belongs to it is there, whatever interrupts us.
  write_file_atomically(o.json, std::string_view(report_json(report, set)));
  std::error_code ignored;
  std::filesystem::remove(state_path(o.json), ignored);
}

}  // namespace saddle
