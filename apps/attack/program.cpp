#include "apps/attack/program.h"

#include <algorithm>
#include <iostream>
#include <set>

#include "apps/attack/report.h"
#include "apps/attack/session.h"
#include "apps/attacking/report_text.h"
#include "apps/common/checkpoint.h"
#include "apps/common/output_files.h"
#include "apps/common/parse.h"
#include "apps/common/plan_options.h"
#include "apps/common/program_options.h"
#include "apps/common/fingerprint.h"
#include "apps/common/load_model.h"
#include "core/file.h"

namespace saddle {
namespace {

constexpr const char* kName = "saddle-attack";

struct AttackOptions {
  CommonOptions common;
  DatasetOptions dataset;
  CheckpointOverrides overrides;
  std::vector<std::string> checkpoints;
  std::vector<std::string> attacks;
  std::string suite;
  std::optional<double> eps, time_budget;
  std::string eps_curve;  // as given, "1/255,2/255"
  std::int64_t batch_size = 128;
  bool attack_all = false;
  bool list_attacks = false;
  bool restart = false;
  bool eight_bit = false;
  std::vector<std::string> transfer_to;  // checkpoints
  // Files to write; empty: not wanted.
  std::string json, csv, plot, adversarial, logits, images;
};

void configure(CLI::App& app, AttackOptions& options) {
  add_texts(app, "--checkpoint", options.checkpoints, "FILE",
            "The model: a safetensors file; repeatable, to compare several");
  add_texts(app, "--attack", options.attacks, "SPEC",
            "NAME[:key=value,...], e.g. pgd:norm=l2,eps=32/255,steps=10; repeatable");
  add_text(app, "--suite", options.suite, "NAME",
           "A set of attacks: paper, autoattack-linf, autoattack-l2, autoattack-l1");
  add_number(app, "--eps", options.eps, "Radius of --suite autoattack-*, pixel range [0, 1]",
             "8/255 (linf), 0.5 (l2), 12 (l1)");
  add_text(app, "--eps-curve", options.eps_curve, "R,...",
           "Run each attack at each of these radii, smallest first; a larger radius keeps "
           "what a smaller one broke");
  add_text(app, "--plot", options.plot, "FILE", "Draw the curves of --eps-curve, SVG");
  add_switch(app, "--list-attacks", options.list_attacks,
             "Print every attack with its keys, and stop");
  add_switch(app, "--attack-all", options.attack_all,
             "Attack also what the clean model gets wrong (else unchanged and not robust)");
  add_switch(app, "--eight-bit", options.eight_bit,
             "Judge the adversarial images rounded to k/255 within the ball, too, and save those");
  add_texts(app, "--transfer-to", options.transfer_to, "FILE",
            "Judge the adversarial images by this model, too: a safetensors file; repeatable");
  add_integer(app, "--batch-size", options.batch_size, 1,
              "Examples in a batch at the most, on the CPU 48 a thread; no influence on results");
  add_number(app, "--time-budget", options.time_budget,
             "Stop after the batch in which so many seconds are over; the same command goes on",
             "none");
  add_text(app, "--json", options.json, "FILE",
           "Write the results there as JSON. An interrupted run leaves FILE.state, from which "
           "the same command goes on");
  add_switch(app, "--restart", options.restart, "Begin anew where an interrupted run left a state");
  add_text(app, "--csv", options.csv, "FILE", "Write what became of each example, CSV");
  add_text(app, "--save-adversarial", options.adversarial, "FILE",
           "Write images, labels and adversarial.<index>-<name>, safetensors");
  add_text(app, "--save-logits", options.logits, "FILE",
           "Write the logits on the clean images, safetensors");
  add_text(app, "--save-images", options.images, "FILE",
           "Write a picture of clean, perturbation and adversarial images, PNG");
  add_dataset_options(app, options.dataset, DatasetSplits::test_only);
  add_checkpoint_overrides(app, options.overrides);
  add_common_options(app, options.common);
}

void check_model_name(const AttackOptions& options) {
  const auto models = classifier_names();
  if (!options.overrides.model ||
      std::find(models.begin(), models.end(), *options.overrides.model) != models.end()) {
    return;
  }
  std::string names;
  for (const std::string& name : models) names += (names.empty() ? "" : ", ") + name;
  throw UsageError(text("--model: '", *options.overrides.model, "' is not one of ", names));
}

// Flags that say something of attacks, where there are none.
void check_flags_of_attacks(const AttackOptions& options) {
  if (!options.attacks.empty() || !options.suite.empty()) return;
  for (const auto& [flag, given] : {std::pair{"--attack-all", options.attack_all},
                                    {"--restart", options.restart},
                                    {"--eight-bit", options.eight_bit},
                                    {"--time-budget", options.time_budget.has_value()},
                                    {"--csv", !options.csv.empty()},
                                    {"--transfer-to", !options.transfer_to.empty()},
                                    {"--eps-curve", !options.eps_curve.empty()}}) {
    if (given) {
      throw UsageError(text(flag, " needs an --attack or a --suite: without one it does nothing"));
    }
  }
}

void check_flags(const AttackOptions& options) {
  if (options.checkpoints.empty())
    throw UsageError("--checkpoint is missing: name the model to attack");
  if (options.eps && options.suite.empty()) {
    throw UsageError(
        "--eps belongs to --suite. A single attack takes it as --attack pgd:eps=8/255");
  }
  if (options.eps && !options.eps_curve.empty())
    throw UsageError("--eps and --eps-curve exclude each other: name the radius in the curve");
  if (!options.plot.empty() && options.eps_curve.empty())
    throw UsageError("--plot draws the curves of --eps-curve: give that, too");
  if (!options.plot.empty() && !options.plot.ends_with(".svg"))
    throw UsageError(
        text("--plot ", options.plot, ": charts are SVG. Name a file that ends in .svg"));
  if (options.time_budget && *options.time_budget <= 0)
    throw UsageError(text("--time-budget: ", *options.time_budget, " s is no time"));
  const bool of_one =
      !options.adversarial.empty() || !options.logits.empty() || !options.images.empty();
  if (of_one && options.checkpoints.size() > 1) {
    throw UsageError(
        "--save-adversarial, --save-logits and --save-images take one --checkpoint a run");
  }
  check_flags_of_attacks(options);
  if (options.restart && options.json.empty())
    throw UsageError("--restart discards the state beside --json FILE: give that, too");
  check_model_name(options);
}

// The radii of --eps-curve as written, in ascending order.
std::vector<std::string> curve_radii(const std::string& list) {
  std::vector<std::string> radii;
  for (std::size_t first = 0; !list.empty() && first <= list.size();) {
    const std::size_t comma = std::min(list.find(',', first), list.size());
    radii.push_back(list.substr(first, comma - first));
    first = comma + 1;
    const double eps = parse_number(radii.back());
    if (eps <= 0) {
      throw UsageError(text("--eps-curve: ", radii.back(),
                            " is not above 0. The clean accuracy is drawn at 0 anyway"));
    }
  }
  std::ranges::sort(radii, {}, parse_number);
  for (std::size_t i = 1; i < radii.size(); ++i) {
    if (parse_number(radii[i]) == parse_number(radii[i - 1]))
      throw UsageError(text("--eps-curve: ", radii[i], " is given twice"));
  }
  return radii;
}

// The jobs of one spec: one, or one for each radius of the curve.
void add_jobs(const AttackOptions& options, const AttackSpec& spec, std::vector<Job>& jobs) {
  const auto seed = static_cast<std::uint64_t>(options.common.seed);
  const std::vector<std::string> radii = curve_radii(options.eps_curve);
  if (radii.empty()) {
    jobs.push_back({spec, make_attack(spec, seed), std::nullopt, "", false});
    return;
  }
  for (const std::string& eps : radii) {
    const AttackSpec at = at_radius(spec, eps);
    Job job{at, make_attack(at, seed), parse_number(eps), without_eps(spec), eps != radii.front()};
    if (job.attack.order == Members::each_alone) {
      throw UsageError(text("attack ", spec.text, ": --eps-curve needs mode=sequential"));
    }
    jobs.push_back(std::move(job));
  }
}

// What the command line asks for, resolved before anything is loaded.
SessionOptions make_session(const AttackOptions& options) {
  check_flags(options);
  SessionOptions session;
  session.checkpoints = options.checkpoints;
  for (const std::string& text_of_spec : options.attacks) {
    const AttackSpec spec = parse_attack_spec(text_of_spec);
    if (!options.eps_curve.empty() && spec.values.contains("eps")) {
      throw UsageError(
          text("attack ", spec.text,
               ": its eps would do nothing beside --eps-curve. Leave one of them out"));
    }
    add_jobs(options, spec, session.jobs);
  }
  if (!options.suite.empty()) {
    const Suite suite = find_suite(options.suite, options.eps);
    // The average is of the suite's columns alone, at the suite's radii.
    session.has_average = suite.has_average && options.attacks.empty() && options.eps_curve.empty();
    for (const std::string& spec : suite.specs) {
      add_jobs(options, parse_attack_spec(spec), session.jobs);
    }
  }
  session.which = options.attack_all ? AttackedExamples::all : AttackedExamples::correct_only;
  session.batch_size = options.batch_size;
  session.eight_bit = options.eight_bit;
  session.transfer_to = options.transfer_to;
  session.keep_images = !options.adversarial.empty() || !options.images.empty() ||
                        options.eight_bit || !options.transfer_to.empty();
  session.precision = options.common.precision;
  session.plan = plan_name(options.common);
  session.restart = options.restart;
  session.time_budget = options.time_budget;
  session.quiet = options.common.quiet;
  if (!options.json.empty() && !session.jobs.empty()) session.state = state_path(options.json);
  if (options.restart && !std::filesystem::exists(*session.state)) {
    throw UsageError(text("--restart: there is no ", session.state->string(),
                          " to discard. Leave the flag out"));
  }
  return session;
}

// Every job, and of a curve which it belongs to: there a radius begins with what a smaller one
// left.
std::string attacks_of(const SessionOptions& session) {
  std::string attacks;
  for (const Job& job : session.jobs) {
    attacks += (attacks.empty() ? "" : "; ") + job.spec.text;
    if (job.eps) attacks += " of the curve " + job.curve;
  }
  return attacks;
}

// All that decides about the results, so that an interrupted run is not continued as another: each
// part by its name. `models` are those of the session's checkpoints.
Command command_of(const AttackOptions& options, const SessionOptions& session, const Dataset& data,
                   const Device& device, const std::vector<ModelDescription>& models) {
  std::string checkpoints;
  for (const std::string& path : session.checkpoints) {
    checkpoints += (checkpoints.empty() ? "" : "; ") + fingerprint_of_file(path);
  }
  const auto of_each = [&](const auto& part) {
    std::string parts;
    for (const ModelDescription& model : models) {
      parts += (parts.empty() ? "" : "; ") + text(part(model));
    }
    return parts;
  };
  return {{"checkpoints", checkpoints},
          {"model", of_each([](const ModelDescription& m) { return m.network.model; })},
          {"width", of_each([](const ModelDescription& m) { return m.network.width; })},
          {"patch size", of_each([](const ModelDescription& m) { return m.network.patch; })},
          {"classes", of_each([](const ModelDescription& m) { return m.network.classes; })},
          {"input shape", of_each([](const ModelDescription& m) {
             return text(m.network.in_channels, ",", m.network.height, ",", m.network.width_pixels);
           })},
          {"mean", of_each([](const ModelDescription& m) { return exact_list(m.mean); })},
          {"std", of_each([](const ModelDescription& m) { return exact_list(m.std); })},
          {"data", fingerprint_of_data(data)},
          {"attacks", attacks_of(session)},
          {"seed", text(options.common.seed)},
          {"device", kind_of(device)},
          {"precision", options.common.precision},
          {"plan", plan_name(options.common)},
          {"deterministic", options.common.deterministic ? "yes" : "no"},
          {"attacked examples", options.attack_all ? "all" : "correct only"},
          {"saved images", session.keep_images ? "kept" : "none"},
          {"version", SADDLE_VERSION}};
}

// Whether its results can be written is found out before the work, not after it.
void check_outputs(const AttackOptions& options, const SessionOptions& session) {
  std::vector<std::string> inputs = options.checkpoints;
  inputs.insert(inputs.end(), options.transfer_to.begin(), options.transfer_to.end());
  std::vector<std::string> outputs{options.json,        options.csv,    options.plot,
                                   options.adversarial, options.logits, options.images};
  if (session.state) outputs.push_back(session.state->string());
  saddle::check_outputs(inputs, outputs);
}

// The JSON comes last: where it is, all that belongs to it is there, whatever interrupts us.
void write_outputs(const AttackOptions& options, const std::vector<AttackReport>& reports,
                   const Dataset& data) {
  if (!options.csv.empty())
    write_file_atomically(options.csv, std::string_view(report_csv(reports)));
  if (!options.logits.empty()) save_logits(options.logits, reports.front());
  if (!options.adversarial.empty()) save_adversarial(options.adversarial, reports.front(), data);
  if (!options.images.empty()) save_images(options.images, reports.front(), data);
  if (!options.plot.empty()) save_plot(options.plot, reports, data);
  if (!options.json.empty())
    write_file_atomically(options.json, std::string_view(report_json(reports, data)));
}

// Which flags say something of every checkpoint, over what the files say; empty: none.
std::string said_by_flags(const CheckpointOverrides& overrides) {
  std::string flags;
  for (const auto& [flag, given] : {std::pair{"--model", overrides.model.has_value()},
                                    {"--width", overrides.width.has_value()},
                                    {"--patch-size", overrides.patch.has_value()},
                                    {"--classes", overrides.classes.has_value()},
                                    {"--input-shape", overrides.input_shape.has_value()},
                                    {"--mean", overrides.mean.has_value()},
                                    {"--std", overrides.std.has_value()}}) {
    if (given) flags += (flags.empty() ? "" : ", ") + std::string(flag);
  }
  return flags.empty() ? "" : "the command line says it, whatever the file does: " + flags;
}

// Loads checkpoints, and keeps the last: a run over one loads it once.
class Loader {
 public:
  Loader(const AttackOptions& options, Device& device, const Dataset& data)
      : options_(options), device_(device), data_(data) {}

  Victim operator()(const std::string& checkpoint) {
    if (checkpoint == loaded_) return victim_;
    victim_ = {};  // before the next: there need not be memory for two
    loaded_.clear();
    const auto model = std::make_shared<Model>(
        load_model(checkpoint, options_.overrides, device_, data_, precision_of(options_.common)));
    const auto of_model = [&model](LogitsFunction logits) -> LogitsFunction {
      return [model, logits = std::move(logits)](Tape& tape, const Var& pixels) {
        return logits(tape, pixels);
      };
    };
    victim_ = {model->network.options.model,
               of_model(model->judge()),
               {model->network.options, model->mean, model->std, model->class_names},
               model->assumptions};
    if (model->precision != Precision::fp32) victim_.climbed = of_model(model->evaluation());
    const std::string flags = said_by_flags(options_.overrides);
    if (!flags.empty()) victim_.assumptions.push_back(flags);
    loaded_ = checkpoint;
    if (!told_.insert(checkpoint).second) return victim_;
    for (const std::string& assumption : model->assumptions)
      print_warning(kName, text(checkpoint, ": ", assumption));
    return victim_;
  }

 private:
  const AttackOptions& options_;
  Device& device_;
  const Dataset& data_;
  std::string loaded_;
  std::set<std::string> told_;  // whose assumptions have been printed
  Victim victim_;
};

void execute(const AttackOptions& options) {
  if (options.list_attacks) {
    std::cout << described(attack_table());
    return;
  }
  SessionOptions session = make_session(options);
  check_outputs(options, session);
  Device& device = open_device(options.common);
  Dataset data = load_dataset(options.dataset, Split::test);
  const std::string matched = match_labels(data, options.checkpoints.front());
  if (!matched.empty()) {
    print_warning(kName, matched);
    data.warnings.push_back(matched);
  }
  Loader load(options, device, data);
  // What is wrong with the later ones is better said before the first is attacked.
  for (const std::string& checkpoint : options.transfer_to) load(checkpoint);
  std::vector<ModelDescription> models(options.checkpoints.size());
  for (std::size_t i = models.size(); i-- > 0;) {
    models[i] = load(options.checkpoints[i]).description;
  }
  if (session.state) {
    session.command = command_of(options, session, data, device, models);
    session.circumstances = {{"threads", text(threads())}};
  }
  session.warnings = data.warnings;  // printed where they arose
  const std::string doubt = doubt_about_precision(options.common.precision);
  if (!doubt.empty() && !session.jobs.empty()) {
    print_warning(kName, doubt);
    session.warnings.push_back(doubt);
  }
  const std::vector<AttackReport> reports =
      run_session(session, DeviceDataset(device, data), std::ref(load));
  std::cout << report_table(reports, data) << std::flush;  // first: a failed write loses less
  write_outputs(options, reports, data);
  const bool finished = std::ranges::all_of(
      reports, [](const AttackReport& report) { return report.unfinished.empty(); });
  std::error_code ignored;
  if (session.state && finished) std::filesystem::remove(*session.state, ignored);
}

}  // namespace

int attack_main(int argc, const char* const* argv) {
  AttackOptions options;
  return run_program(
      kName, "Measures how robust a checkpoint is against attacks on its input.", argc, argv,
      [&](CLI::App& app) { configure(app, options); }, [&] { execute(options); });
}

}  // namespace saddle
