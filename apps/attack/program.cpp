#include "apps/attack/program.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>

#include "apps/attack/report.h"
#include "apps/attack/spec.h"
#include "apps/common/checkpoint.h"
#include "apps/common/command_line.h"
#include "core/file.h"

namespace saddle {
namespace {

constexpr const char* kName = "saddle-attack";

struct AttackOptions {
  CommonOptions common;
  DatasetOptions dataset;
  CheckpointOverrides overrides;
  std::string checkpoint;
  std::vector<std::string> attacks;
  std::string suite;
  std::optional<double> eps;
  std::int64_t batch_size = 128;
  bool attack_all = false;
  bool list_attacks = false;
  std::string json, adversarial, logits, images;  // files to write; empty: not wanted
};

void configure(CLI::App& app, AttackOptions& options) {
  app.add_option("--checkpoint", options.checkpoint, "The model: a safetensors file")
      ->type_name("FILE");
  app.add_option("--attack", options.attacks,
                 "NAME[:key=value,...], e.g. pgd:norm=l2,eps=32/255,steps=10; repeatable")
      ->type_name("SPEC")
      ->take_all()
      ->allow_extra_args(false);
  app.add_option("--suite", options.suite,
                 "A set of attacks: paper, autoattack-linf, autoattack-l2")
      ->type_name("NAME");
  add_number(app, "--eps", options.eps, "Radius of --suite autoattack-*, pixel range [0, 1]",
             "8/255 (linf), 0.5 (l2)");
  app.add_flag("--list-attacks", options.list_attacks,
               "Print every attack with its keys, and stop");
  app.add_flag("--attack-all", options.attack_all,
               "Attack also what the clean model gets wrong (else unchanged and not robust)");
  add_integer(app, "--batch-size", options.batch_size, 1,
              "Examples in a batch; no influence on results");
  app.add_option("--json", options.json, "Write the results there as JSON")->type_name("FILE");
  app.add_option("--save-adversarial", options.adversarial,
                 "Write images, labels and adversarial.<index>-<name>, safetensors")
      ->type_name("FILE");
  app.add_option("--save-logits", options.logits,
                 "Write the logits on the clean images, safetensors")
      ->type_name("FILE");
  app.add_option("--save-images", options.images,
                 "Write a picture of clean, perturbation and adversarial images, PNG")
      ->type_name("FILE");
  add_dataset_options(app, options.dataset, DatasetSplits::test_only);
  add_checkpoint_overrides(app, options.overrides);
  add_common_options(app, options.common);
}

// What the command line asks for, resolved before anything is loaded.
struct Plan {
  std::vector<AttackSpec> specs;
  std::vector<Attack> attacks;
  bool has_average = false;
};

Plan make_plan(const AttackOptions& options) {
  if (options.checkpoint.empty())
    throw UsageError("--checkpoint is missing: name the model to attack");
  if (options.eps && options.suite.empty()) {
    throw UsageError(
        "--eps belongs to --suite. A single attack takes it as --attack pgd:eps=8/255");
  }
  const auto models = model_names();
  if (options.overrides.model &&
      std::find(models.begin(), models.end(), *options.overrides.model) == models.end()) {
    std::string names;
    for (const std::string& name : models) names += (names.empty() ? "" : ", ") + name;
    throw UsageError(text("--model: '", *options.overrides.model, "' is not one of ", names));
  }
  Plan plan;
  for (const std::string& spec : options.attacks) plan.specs.push_back(parse_attack_spec(spec));
  if (!options.suite.empty()) {
    const Suite suite = find_suite(options.suite, options.eps);
    // The average is of the suite's columns alone.
    plan.has_average = suite.has_average && options.attacks.empty();
    for (const std::string& spec : suite.specs) plan.specs.push_back(parse_attack_spec(spec));
  }
  for (const AttackSpec& spec : plan.specs) {
    plan.attacks.push_back(make_attack(spec, static_cast<std::uint64_t>(options.common.seed)));
  }
  return plan;
}

// Finds out before the work, not after it, whether its results can be written.
void check_outputs(const AttackOptions& options) {
  const auto canonical = [](const std::string& path) {
    std::error_code ignored;
    return std::filesystem::weakly_canonical(path, ignored);
  };
  std::vector<std::filesystem::path> taken{canonical(options.checkpoint)};
  for (const std::string& path :
       {options.json, options.adversarial, options.logits, options.images}) {
    if (path.empty()) continue;
    if (std::find(taken.begin(), taken.end(), canonical(path)) != taken.end()) {
      throw UsageError(
          text(path, " would be written over the checkpoint or another output. Name another file"));
    }
    taken.push_back(canonical(path));
    const AtomicFile probe(path);  // its temporary file goes away again
  }
}

std::string shape_text(std::int64_t channels, std::int64_t height, std::int64_t width) {
  return text(channels, " x ", height, " x ", width);
}

Classifier load_model(const AttackOptions& options, Device& device, const Dataset& data) {
  ModelDescription fallback;
  fallback.network.in_channels = data.channels;
  fallback.network.height = data.height;
  fallback.network.width_pixels = data.width;
  fallback.mean = data.mean;
  fallback.std = data.std;
  Classifier model = load_checkpoint(options.checkpoint, device, options.overrides, fallback);

  const NetworkOptions& network = model.network.options;
  const std::string expected =
      shape_text(network.in_channels, network.height, network.width_pixels);
  const std::string given = shape_text(data.channels, data.height, data.width);
  require(expected == given, options.checkpoint, ": the model sees images of ", expected,
          " (channels x height x width), ", data.name, " has ", given,
          ". Name the data set it was trained on with --dataset");
  const std::int32_t largest = *std::max_element(data.labels.begin(), data.labels.end());
  require(largest < model.classes(), options.checkpoint, ": the model has ", model.classes(),
          " classes, ", data.name, " has labels up to ", largest,
          " (counted from 0). Name the data set it was trained on "
          "with --dataset");
  return model;
}

AttackReport run_attacks(const AttackOptions& options, const Plan& plan, const Classifier& model,
                         const Dataset& data) {
  const DeviceDataset images(model.device(), data);
  const LogitsFunction logits = model.evaluation();
  const auto show = options.common.quiet ? Progress::Show::nothing : Progress::Show::line;
  const bool keep_images = !options.adversarial.empty() || !options.images.empty();
  AttackReport report{options.checkpoint, model.network.options.model, model.device().name(),
                      options.common.precision, {}, {}, std::nullopt};
  {
    Progress progress("clean", images.size(), "images", show);
    report.clean = evaluate(logits, images, options.batch_size, &progress);
  }
  const auto which = options.attack_all ? AttackedExamples::all : AttackedExamples::correct_only;
  for (std::size_t i = 0; i < plan.attacks.size(); ++i) {
    const AttackSpec& spec = plan.specs[i];
    const Attack& attack = plan.attacks[i];
    AttackResult result;
    {
      Progress progress(spec.text, images.size() * attack.restarts, "images", show);
      result = evaluate_attack(logits, images, report.clean, attack, which, options.batch_size,
                               &progress);
    }
    for (const std::string& warning : result.warnings) {
      print_warning(kName, text(spec.text, ": ", warning));
    }
    if (!keep_images) result.adversarial = {};
    report.attacks.push_back({spec.name, spec.text, std::move(result)});
  }
  if (plan.has_average) report.average_robustness = average_robustness(report.attacks);
  return report;
}

void write_outputs(const AttackOptions& options, const AttackReport& report, const Dataset& data) {
  if (!options.json.empty())
    write_file_atomically(options.json, std::string_view(report_json(report, data)));
  if (!options.logits.empty()) save_logits(options.logits, report);
  if (!options.adversarial.empty()) save_adversarial(options.adversarial, report, data);
  if (!options.images.empty()) save_images(options.images, report, data);
}

void execute(const AttackOptions& options) {
  if (options.list_attacks) {
    std::cout << describe_attacks();
    return;
  }
  const Plan plan = make_plan(options);
  check_outputs(options);
  Device& device = open_device(options.common);
  const Dataset data = load_dataset(options.dataset, Split::test);
  Classifier model = load_model(options, device, data);
  model.precision = precision_of(options.common);
  const AttackReport report = run_attacks(options, plan, model, data);
  std::cout << report_table(report, data) << std::flush;  // first: a failed write below loses less
  write_outputs(options, report, data);
}

}  // namespace

int attack_main(int argc, const char* const* argv) {
  AttackOptions options;
  return run_program(
      kName, "Measures how robust a checkpoint is against attacks on its input.", argc, argv,
      [&](CLI::App& app) { configure(app, options); }, [&] { execute(options); });
}

}  // namespace saddle
