#include "apps/segment/attack_program.h"

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <memory>

#include "apps/attacking/report_text.h"
#include "apps/common/fingerprint.h"
#include "apps/common/output_files.h"
#include "apps/common/parse.h"
#include "apps/common/plan_options.h"
#include "apps/common/settings.h"
#include "apps/segment/attack_picture.h"
#include "apps/segment/attack_state.h"
#include "apps/segment/confusion_files.h"
#include "attacks/pixel_losses.h"
#include "core/threads.h"

namespace saddle {
namespace {

constexpr const char* kName = "saddle-segment attack";
constexpr std::int64_t kPictured = 4;  // images that --save-images shows

bool is_csv(const std::string& file) { return std::filesystem::path(file).extension() == ".csv"; }

std::vector<std::int64_t> classes_left_out(const std::string& list, std::int64_t classes) {
  std::vector<std::int64_t> left_out;
  if (list.empty()) return left_out;
  for (const std::string& part : split_at_commas(list)) {
    const auto c = for_flag("--miou-without", [&] { return parse_integer_from(part, 0); });
    usage(c < classes, text("--miou-without ", list, ": the classes are 0 to ", classes - 1));
    usage(std::ranges::find(left_out, c) == left_out.end(),
          text("--miou-without ", list, ": ", c, " comes twice"));
    left_out.push_back(c);
  }
  usage(std::ssize(left_out) < classes, text("--miou-without ", list, ": leaves no class"));
  return left_out;
}

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
          {"plan", plan_name(o.common)},
          {"saved images", text(options.images_kept)},
          {"version", SADDLE_VERSION}};
}

using Results = std::vector<std::vector<PixelResult>>;

bool keeps_state(const SegmentAttackOptions& o, const std::vector<PixelJob>& jobs) {
  return !o.json.empty() && !jobs.empty();
}

// What an interrupted run of this command left, by whose plans convolutions go from now on; else
// nothing done. `warnings` are added to.
Results resumed(const SegmentAttackOptions& o, const std::vector<PixelJob>& jobs,
                const Command& command, const SegmentationSet& set, std::int64_t images_kept,
                std::vector<std::string>& warnings) {
  Results results;
  for (const PixelJob& job : jobs) results.push_back(new_results(job, set.size(), set.classes));
  const std::filesystem::path state = state_path(o.json);
  if (!keeps_state(o, jobs) || o.restart || !std::filesystem::exists(state)) return results;
  const std::string plans = load_pixel_state(state, command, set, images_kept, results);
  const std::string other_machine =
      readable(state, [&] { return go_on_with_plans_of_state(plans); });
  if (!other_machine.empty()) warnings.push_back(other_machine);
  if (!o.common.quiet) std::cerr << "resuming from " << state.string() << std::endl;
  return results;
}

// Runs what is left of the jobs, and saves where they stand every few seconds.
void run_jobs(const SegmentAttackOptions& o, const std::vector<PixelJob>& jobs,
              const Command& command, const Model& model, const SegmentationSet& set,
              const PixelRunOptions& options, Results& results) {
  SaveClock clock;
  const LogitsFunction f = model.judge(Batching::invariant);
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    const auto& done = results[i].back().done;
    Progress progress(jobs[i].attack.spec, set.size(), "images",
                      o.common.quiet ? Progress::Show::nothing : Progress::Show::line,
                      std::ranges::count(done, 1));
    run_pixel_job(f, model.device(), set, jobs[i], options, results[i], [&](std::int64_t images) {
      progress.advance(images);
      if (keeps_state(o, jobs) && clock.due()) {
        clock.run([&] {
          save_pixel_state(state_path(o.json), command, results, text_of_plans_in_use());
        });
      }
    });
  }
}

SegmentationReport report_of(const SegmentAttackOptions& o, const std::vector<PixelJob>& jobs,
                             Model& model, const SegmentationSet& set) {
  SegmentationReport report;
  report.checkpoint = o.checkpoint;
  report.device = model.device().name();
  report.precision = o.common.precision;
  report.plan = plan_name(o.common);
  report.model = {model.network.options, model.mean, model.std, model.class_names};
  if (report.model.class_names.empty()) report.model.class_names = set.class_names;
  report.range =
      model.network.options.deeplab.stretched_pixels ? PixelRange::stretched : PixelRange::plain;
  report.unnormalised = o.seg_norm == "official";
  report.assumptions = model.assumptions;
  report.left_out = classes_left_out(o.miou_without, set.classes);
  const LogitsFunction f = model.judge(Batching::invariant);
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
  if (model.precision != Precision::fp32) {
    options.climbed = model.evaluation({}, Batching::invariant);
  }
  if (report.unnormalised) {
    const Shape channels{static_cast<std::int64_t>(model.mean.size())};
    options.climbed = unnormalised(options.climbed ? options.climbed : f,
                                   Tensor::from_host(model.device(), channels, model.mean),
                                   Tensor::from_host(model.device(), channels, model.std));
  }
  const Command command = command_of(o, jobs, set, model, options);
  std::vector<std::string> of_state;
  Results results = resumed(o, jobs, command, set, options.images_kept, of_state);
  {
    Progress progress("clean", set.size(), "images",
                      o.common.quiet ? Progress::Show::nothing : Progress::Show::line);
    report.clean = evaluate_pixels(f, model.device(), set, report.range, o.batch_size, &progress);
  }
  run_jobs(o, jobs, command, model, set, options, results);
  for (std::vector<PixelResult>& of_job : results) {
    for (PixelResult& result : of_job) report.attacks.push_back(std::move(result));
  }
  report.worst_cases =
      worst_cases_of(report, !o.no_clean_candidate, static_cast<std::uint64_t>(o.common.seed));
  report.warnings = doubts_about(report);
  const std::string of_precision = doubt_about_precision(report.precision);
  if (!of_precision.empty() && !jobs.empty()) report.warnings.push_back(of_precision);
  report.warnings.insert(report.warnings.end(), of_state.begin(), of_state.end());
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
  std::vector outputs{o.json, o.counts, o.adversarial, o.images};
  outputs.insert(outputs.end(), o.confusion.begin(), o.confusion.end());
  check_outputs(std::vector{o.checkpoint}, outputs);
  Device& device = open_device(o.common);
  const SegmentationSet set = load(o.data, SegmentationPart::test);
  Model model = load_segmenter(o.checkpoint, o.segmenter, device, set, precision_of(o.common));
  for (const std::string& assumption : model.assumptions) {
    print_warning(kName, text(o.checkpoint, ": ", assumption));
  }
  const SegmentationReport report = report_of(o, jobs, model, set);
  std::cout << report_table(report) << std::flush;  // first: a failed write loses less
  if (!o.counts.empty()) save_counts(o.counts, report, set);
  for (const std::string& file : o.confusion) {
    if (is_csv(file)) {
      write_file_atomically(file, std::string_view(confusion_csv(report)));
    } else {
      save_confusion_picture(file, report);
    }
  }
  if (!o.adversarial.empty()) save_adversarial(o.adversarial, report, set);
  if (!o.images.empty())
    save_picture(o.images, report, set, model.judge(Batching::invariant), device);
  if (o.json.empty()) return;
  // The JSON comes last: where it is, all that belongs to it is there, whatever interrupts us.
  write_file_atomically(o.json, std::string_view(report_json(report, set)));
  std::error_code ignored;
  std::filesystem::remove(state_path(o.json), ignored);
}

}  // namespace saddle
