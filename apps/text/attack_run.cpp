#include "apps/text/attack_run.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <iostream>
#include <set>

#include "apps/common/fingerprint.h"
#include "apps/common/progress.h"
#include "apps/text/attack_state.h"
#include "apps/text/encoder_folder.h"
#include "apps/text/text_victim.h"

namespace saddle {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kTextsAtOnce = 1024;  // enough of every length to fill batches

std::vector<TextExample> examples_of(const TextSet& set) {
  std::vector<TextExample> examples;
  for (std::size_t i = 0; i < set.texts.size(); ++i) {
    examples.push_back({static_cast<std::int64_t>(i), set.texts[i], set.labels[i]});
  }
  return examples;
}

std::string fingerprint_of(const Vocabulary& vocabulary) {
  std::string pieces;
  for (std::int32_t id = 0; id < vocabulary.size(); ++id) {
    pieces += vocabulary.piece(id);
    pieces += '\n';
  }
  return fingerprint_of_text(pieces);
}

// All that decides about the results, so that an interrupted run is not continued as another.
Command command_of(const TextAttackProgramOptions& o, const TextAttackReport& report,
                   const TextModel& model, const TextSet& set) {
  std::string attacks, resources;
  for (const WordAttackResult& result : report.attacks) attacks += result.attack.spec + "; ";
  for (const Resource& resource : report.resources) resources += resource.sha256 + "; ";
  const fs::path weights = fs::is_directory(o.checkpoint)
                               ? read_encoder_folder(o.checkpoint).weights
                               : fs::path(o.checkpoint);
  return {{"checkpoint", fingerprint_of_file(weights)},
          {"vocabulary", fingerprint_of(model.pieces.vocabulary())},
          {"length", text(model.max_length())},
          {"data", fingerprint_of(set)},
          {"attacks", attacks},
          {"resources", resources},
          {"kind of vectors", o.resources.vectors_kind + (o.resources.raw_vectors ? ", raw" : "")},
          {"hypernyms", o.resources.hypernyms ? "yes" : "no"},
          {"compat", o.compat},
          {"strict", o.strict ? "yes" : "no"},
          {"ga-selection", o.ga_selection},
          {"ga-check-crossover", o.ga_check_crossover ? "yes" : "no"},
          {"query budget", o.query_budget ? text(*o.query_budget) : "none"},
          {"seed", text(o.common.seed)},
          {"device", kind_of(model.model.device())},
          {"precision", o.common.precision},
          {"version", SADDLE_VERSION}};
}

class Run {
 public:
  Run(const TextAttackProgramOptions& o, const TextModel& model, const TextSet& set,
      TextAttackReport& report)
      : o_(o),
        model_(model),
        examples_(examples_of(set)),
        report_(report),
        command_(command_of(o, report, model, set)) {}

  // The attacks, or what is left of them.
  void attack(const std::vector<TextSearch>& searches) {
    if (keeps_state() && !o_.restart && fs::exists(state())) {
      load_text_state(state(), command_, examples_, report_.compat, model_.model.classes(),
                      report_.attacks);
      if (!o_.common.quiet) std::cerr << "resuming from " << state().string() << std::endl;
    }
    for (std::size_t i = 0; i < searches.size(); ++i) {
      if (left_early_) break;
      attack(searches[i], report_.attacks[i]);
    }
    if (keeps_state() && left_early_) save_text_state(state(), command_, report_.attacks);
  }

 private:
  bool keeps_state() const { return !o_.json.empty(); }
  fs::path state() const { return state_path(o_.json); }

  bool has_time() const {
    const double seconds = std::chrono::duration<double>(Clock::now() - start_).count();
    return !o_.time_budget || seconds < *o_.time_budget;
  }

  std::vector<TextExample> left_of(const WordAttackResult& result) const {
    std::set<std::int64_t> done;
    for (const TextOutcome& outcome : result.outcomes) done.insert(outcome.index);
    std::vector<TextExample> left;
    for (const TextExample& example : examples_) {
      if (!done.contains(example.index)) left.push_back(example);
    }
    return left;
  }

  TextAttackOptions options_of(const WordAttack& attack) const {
    TextAttackOptions options;
    options.compat = report_.compat;
    options.seed = attack.seed;
    options.queries.budget = report_.query_budget;
    options.concurrent = static_cast<std::size_t>(o_.concurrent);
    const auto batch = static_cast<std::size_t>(batch_size_of(o_, model_));
    options.batch_size = std::max(kTextsAtOnce, batch);
    options.length = [&](std::string_view words) { return token_count(model_, words); };
    return options;
  }

  void attack(const TextSearch& search, WordAttackResult& result) {
    Progress progress(result.attack.spec, std::ssize(examples_), "texts",
                      o_.common.quiet ? Progress::Show::nothing : Progress::Show::line,
                      std::ssize(result.outcomes));
    const double seconds_before = result.seconds;
    const auto start = Clock::now();
    TextAttackEvents events;
    events.keep_going = [&] { return has_time(); };
    events.done = [&](const TextOutcome& outcome) {
      const auto place =
          std::ranges::lower_bound(result.outcomes, outcome.index, {}, &TextOutcome::index);
      result.outcomes.insert(place, outcome);
      result.seconds = seconds_before + std::chrono::duration<double>(Clock::now() - start).count();
      progress.advance(1);
      if (keeps_state() && clock_.due()) {
        clock_.run([&] { save_text_state(state(), command_, report_.attacks); });
      }
    };
    result.finished =
        attack_texts(left_of(result), search, text_victim(model_, batch_size_of(o_, model_)),
                     options_of(result.attack), events) == TextAttackEnd::all_done;
    left_early_ = !result.finished;
  }

  const TextAttackProgramOptions& o_;
  const TextModel& model_;
  std::vector<TextExample> examples_;
  TextAttackReport& report_;
  Command command_;
  SaveClock clock_;
  Clock::time_point start_ = Clock::now();
  bool left_early_ = false;
};

}  // namespace

std::int64_t batch_size_of(const TextAttackProgramOptions& options, const TextModel& model) {
  return options.batch_size.value_or(model.model.device().captures() ? 512 : 64);
}

void run_attacks(const TextAttackProgramOptions& options, const TextModel& model,
                 const TextSet& set, const std::vector<TextSearch>& searches,
                 TextAttackReport& report) {
  Run(options, model, set, report).attack(searches);
}

}  // namespace saddle
