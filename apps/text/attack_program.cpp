#include "apps/text/attack_program.h"

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <set>

#include "apps/attacking/state_file.h"
#include "apps/common/class_names.h"
#include "apps/common/output_files.h"
#include "apps/common/parse.h"
#include "apps/common/settings.h"
#include "apps/text/attack_diff.h"
#include "apps/text/attack_run.h"
#include "apps/text/text_batches.h"
#include "apps/text/text_victim.h"
#include "attacks/answers.h"
#include "core/file.h"
#include "core/format.h"
#include "core/printable.h"

namespace saddle {
namespace {

namespace fs = std::filesystem;

constexpr const char* kName = "saddle-text attack";

void check_flags(const TextAttackProgramOptions& o) {
  usage(!o.checkpoint.empty(), "--checkpoint is missing: name the model to attack");
  usage(!o.attacks.empty() || !o.suite.empty(),
        "no attack: give --attack SPEC or --suite paper. --list-attacks prints what there is");
  usage(!o.restart || !o.json.empty(),
        "--restart discards the state beside --json FILE: give that, too");
  usage(!o.time_budget || *o.time_budget > 0, "--time-budget: no time");
  usage(!o.strict || (o.ga_selection == "reference" && !o.ga_check_crossover),
        "--strict means --ga-selection fitness and --ga-check-crossover, too: leave them out");
}

// A flag that no attack looks at.
void check_idle(const TextAttackProgramOptions& o, const std::vector<WordAttack>& attacks) {
  const auto any = [&](WordPart part) {
    return std::ranges::any_of(attacks, [&](const WordAttack& attack) {
      return std::ranges::count(attack.parts, part) > 0;
    });
  };
  const bool genetic = std::ranges::count(attacks, "iga", &WordAttack::name) > 0;
  const WordResourceOptions& r = o.resources;
  for (const auto& [flag, idle] :
       {std::pair{"--bank", !r.bank.empty() && !any(WordPart::bank)},
        {"--wordnet-hypernyms", r.hypernyms && !any(WordPart::wordnet)},
        {"--tags", !r.tags.empty() && !any(WordPart::tags)},
        {"--vectors", !r.vectors.empty() && !any(WordPart::vectors)},
        {"--vectors-kind", r.vectors_kind != "glove" && !any(WordPart::vectors)},
        {"--neighbours", !r.neighbours.empty() && !any(WordPart::vectors)},
        {"--raw-vectors", r.raw_vectors && !any(WordPart::vectors)},
        {"--ga-selection", o.ga_selection != "reference" && !genetic},
        {"--ga-check-crossover", o.ga_check_crossover && !genetic}}) {
    usage(!idle, text(flag, " does nothing: no attack that is asked for looks at it"));
  }
}

Compat compat_of(const TextAttackProgramOptions& o) {
  return o.compat == "2024" ? Compat::of_2024 : Compat::of_2026;
}

Quirks quirks_of(const TextAttackProgramOptions& o) {
  if (o.strict) return kNoQuirks;
  Quirks quirks = quirks_of(compat_of(o));
  quirks.weak_parents = o.ga_selection == "reference";
  quirks.unchecked_children = !o.ga_check_crossover;
  return quirks;
}

// The attacks that the command line names, in its order.
std::vector<WordAttack> attacks_of(const TextAttackProgramOptions& o) {
  std::vector<std::string> specs = o.attacks;
  if (!o.suite.empty()) {
    for (std::string& spec : word_suite_specs(o.suite, !o.resources.bank.empty())) {
      specs.push_back(std::move(spec));
    }
  }
  std::vector<WordAttack> attacks;
  std::set<std::string> told;
  for (const std::string& spec : specs) {
    usage(told.insert(spec).second, text("attack ", spec, " is given twice"));
    attacks.push_back(make_word_attack(parse_attack_spec(spec), quirks_of(o),
                                       static_cast<std::uint64_t>(o.common.seed)));
  }
  return attacks;
}

void check_files(const TextAttackProgramOptions& o) {
  const WordResourceOptions& r = o.resources;
  std::vector<std::string> outputs{o.json, o.outcomes, o.html};
  if (!o.json.empty()) outputs.push_back(state_path(o.json).string());
  check_outputs(std::vector{o.checkpoint, o.vocabulary, r.bank, r.vectors, r.neighbours,
                            r.stop_words, r.tags},
                outputs);
}

// The model's classes are those of the set, in the same order.
TextSet load_set(const TextAttackProgramOptions& o, TextModel& text_model) {
  Model& model = text_model.model;
  const TextSet set = load(o.data, "test", model.class_names);
  for (const std::string& line : set.warnings) print_warning(kName, line);
  require(model.classes() == std::ssize(set.class_names), o.checkpoint, ": the model knows ",
          model.classes(), " classes, ", set.name, " has ", set.class_names.size(),
          ". Name the data set it was trained on with --dataset and --data-dir");
  if (model.class_names.empty()) {
    model.class_names = storable_names(set.class_names);
    model.assumptions.push_back(
        text("the checkpoint does not name its classes: they are taken to be those of ", set.name,
             " in their order"));
  }
  const std::string differences =
      class_name_differences(model.class_names, set.class_names, set.name);
  require(differences.empty(), o.checkpoint, ": its classes are not those of ", set.name, ": ",
          differences, ". Give what it was trained on, with --dataset and --data-dir");
  return set;
}

// What the attacks rest on: descriptions of files, each once, and what is to be said of them.
void describe_resources(const WordResources& resources, TextAttackReport& report) {
  std::set<std::string> told;
  const auto add = [&](const std::string& remark, const std::string& of) {
    if (!remark.empty()) report.assumptions.push_back(of + ": " + remark);
  };
  for (WordAttackResult& result : report.attacks) {
    for (const std::string& note : result.attack.notes) add(note, result.attack.name);
    for (const WordPart part : result.attack.parts) {
      add(resources.remark(part), result.attack.name);
      for (const Resource& resource : resources.describe(part)) {
        if (std::ranges::count(result.resources, resource.kind) > 0) continue;
        result.resources.push_back(resource.kind);
        if (told.insert(resource.kind).second) report.resources.push_back(resource);
      }
    }
  }
}

// Of all texts, by the victim that the attacks ask.
double clean_accuracy(const TextModel& model, const TextSet& set, std::int64_t batch_size) {
  const std::vector<std::vector<float>> logits = text_victim(model, batch_size)(set.texts);
  std::int64_t right = 0;
  for (std::size_t i = 0; i < logits.size(); ++i) {
    right += answer_of(logits[i], set.labels[i]).success ? 0 : 1;
  }
  return percent(right, set.size());
}

// What is to be said of the texts before any attack.
std::vector<std::string> doubts_about(const TextModel& model, const TextSet& set,
                                      const TextAttackReport& report) {
  std::vector<std::string> doubts;
  const std::int64_t cut = encode(set.texts, model.pieces, model.max_length()).cut;
  if (cut > 0) {
    doubts.push_back(text(cut, " of ", set.size(), " texts are cut off at ", model.max_length(),
                          " pieces: words behind that change nothing, and attacks on them fail"));
  }
  const auto chinese =
      std::ranges::count_if(set.texts, [](const std::string& words) { return has_chinese(words); });
  if (chinese > 0) {
    doubts.push_back(text(chinese, " of ", set.size(),
                          " texts have Chinese characters: a run of them counts as one word"));
  }
  const double chance = 100. / static_cast<double>(model.model.classes());
  if (report.clean_accuracy < chance) {
    doubts.push_back(text("the model names ", formatted("%.1f", report.clean_accuracy),
                          " % of the texts, chance would name ", formatted("%.1f", chance),
                          " %: are the labels numbered as in its training?"));
  }
  return doubts;
}

TextAttackReport new_report(const TextAttackProgramOptions& o, const TextModel& text_model,
                            const TextSet& set) {
  const Model& model = text_model.model;
  TextAttackReport report;
  report.checkpoint = o.checkpoint;
  report.model = model.network.options.model;
  report.device = model.device().name();
  report.precision = o.common.precision;
  report.dataset = set.name;
  report.split = set.split;
  report.class_names = model.class_names;
  report.examples = set.size();
  report.compat = compat_of(o);
  report.quirks = quirks_of(o);
  if (o.query_budget) report.query_budget = *o.query_budget;
  report.assumptions = model.assumptions;
  if (model.precision != Precision::fp32) {
    report.assumptions.push_back(
        text("the network that is attacked and judged computes in ", report.precision));
  }
  report.assumptions.push_back(
      text("words are TextAttack's ", o.compat == "2024" ? "until its release 0.3.10" : "of 2026",
           ", PSO and IGA have ",
           o.strict ? "none of the published code's quirks (--strict)" : "the quirks of its code",
           " (--compat ", o.compat, ")"));
  return report;
}

void print(const TextAttackReport& report, std::int64_t shown) {
  std::cout << report_table(report);
  for (const std::string& line : report.assumptions)
    std::cout << "note: " << printable(line) << '\n';
  for (const WordAttackResult& result : report.attacks) {
    std::int64_t printed = 0;
    for (const TextOutcome& outcome : result.outcomes) {
      if (outcome.status != TextStatus::succeeded || printed == shown) continue;
      if (printed++ == 0) std::cout << '\n' << printable(result.attack.spec) << '\n';
      std::cout << diff_paragraph(outcome, report.compat, report.class_names, colours_of_stdout());
    }
  }
  std::cout << std::flush;
}

DiffPage page_of(const TextAttackReport& report) {
  DiffPage page;
  page.title = text(report.checkpoint, " on ", report.dataset);
  page.remarks = report.assumptions;
  page.remarks.insert(page.remarks.end(), report.warnings.begin(), report.warnings.end());
  for (const WordAttackResult& result : report.attacks) {
    for (const std::string& line : result.warnings) {
      page.remarks.push_back(result.attack.spec + ": " + line);
    }
    page.attacks.push_back(
        {result.attack.spec, text_metric_rows(text_metrics(result.outcomes)), result.outcomes});
  }
  return page;
}

// The JSON comes last: where it is, all that belongs to it is there, whatever interrupts us.
void write_files(const TextAttackProgramOptions& o, const TextAttackReport& report) {
  if (!o.outcomes.empty())
    write_file_atomically(o.outcomes, std::string_view(outcome_lines(report)));
  if (!o.html.empty()) {
    write_file_atomically(
        o.html, std::string_view(diff_page(page_of(report), report.compat, report.class_names)));
  }
  if (o.json.empty()) return;
  write_file_atomically(o.json, std::string_view(report_json(report)));
  std::error_code ignored;
  if (std::ranges::all_of(report.attacks, &WordAttackResult::finished)) {
    fs::remove(state_path(o.json), ignored);
  }
}

}  // namespace

void attack(const TextAttackProgramOptions& o) {
  if (o.list_attacks) {
    std::cout << describe_word_attacks();
    return;
  }
  TextDataOptions data = o.data;
  refuse_idle(settings_of(data, TextPart::test_only));
  check_flags(o);
  const std::vector<WordAttack> attacks = attacks_of(o);
  check_idle(o, attacks);
  check_files(o);
  // What is missing is found out before the work.
  WordResources resources(o.resources);
  std::vector<TextSearch> searches;
  for (const WordAttack& each : attacks) searches.push_back(each.search(resources));
  Device& device = open_device(o.common);
  TextModel model = load_text_model(o.checkpoint, o.vocabulary, device, precision_of(o.common));
  const TextSet set = load_set(o, model);
  TextAttackReport report = new_report(o, model, set);
  for (const WordAttack& each : attacks) report.attacks.push_back({.attack = each});
  describe_resources(resources, report);
  report.clean_accuracy = clean_accuracy(model, set, batch_size_of(o, model));
  report.warnings = doubts_about(model, set, report);
  for (const std::string& warning : resources.warnings()) report.warnings.push_back(warning);
  for (const std::string& warning : report.warnings) print_warning(kName, warning);
  report.warnings.insert(report.warnings.end(), set.warnings.begin(), set.warnings.end());

  run_attacks(o, model, set, searches, report);
  for (WordAttackResult& result : report.attacks) {
    result.warnings = doubts_about(result, report);
    for (const std::string& warning : result.warnings) {
      print_warning(kName, result.attack.spec + ": " + warning);
    }
  }
  print(report, o.shown);  // first: a failed write loses less
  write_files(o, report);
}

}  // namespace saddle
