// A report of attacks on texts as JSON.
#include <cmath>
#include <nlohmann/json.hpp>

#include "apps/text/attack_report.h"
#include "apps/text/outcome_json.h"
#include "core/json_text.h"

namespace saddle {
namespace {

using Json = nlohmann::ordered_json;

Json number_or_null(double value) { return std::isnan(value) ? Json() : Json(value); }

Json attack_json(const WordAttackResult& result) {
  const TextMetrics m = text_metrics(result.outcomes);
  std::int64_t rejected = 0, asked = 0;
  for (const TextOutcome& outcome : result.outcomes) {
    rejected += outcome.rejected_candidates;
    asked += outcome.asked;
  }
  Json changed = Json::object();
  for (const auto& [words, texts] : m.changed_words) changed[std::to_string(words)] = texts;
  return {{"name", result.attack.name},
          {"spec", result.attack.spec},
          {"seed", result.attack.seed},
          {"success_rate", number_or_null(success_rate_of(m))},
          {"success_rate_error", number_or_null(success_rate_error(m))},
          {"robust_accuracy", number_or_null(m.accuracy_under_attack)},
          {"attacked", m.succeeded + m.failed},
          {"succeeded", m.succeeded},
          {"failed", m.failed},
          {"skipped", m.skipped},
          {"perturbed_words", number_or_null(m.perturbed_words)},
          {"words", number_or_null(m.words)},
          {"queries", number_or_null(m.queries)},
          {"changed_words", changed},
          {"rejected_candidates", rejected},
          {"asked", asked},
          {"seconds", result.seconds},
          {"queries_per_second", number_or_null(queries_per_second(result))},
          {"resources", result.resources},
          {"finished", result.finished},
          {"warnings", result.warnings}};
}

Json resource_json(const Resource& resource) {
  return {{"kind", resource.kind},
          {"files", resource.files},
          {"bytes", resource.bytes},
          {"sha256", resource.sha256}};
}

Json quirks_json(const Quirks& quirks) {
  return {{"ratio_of_one_word", quirks.ratio_of_one_word},
          {"shared_elites", quirks.shared_elites},
          {"weak_parents", quirks.weak_parents},
          {"first_word_at_random", quirks.first_word_at_random},
          {"unchecked_children", quirks.unchecked_children},
          {"last_generation_unseen", quirks.last_generation_unseen}};
}

}  // namespace

std::string report_json(const TextAttackReport& report) {
  Json attacks = Json::array(), resources = Json::array(), unfinished = Json::array();
  for (const WordAttackResult& result : report.attacks) {
    attacks.push_back(attack_json(result));
    if (!result.finished) unfinished.push_back(result.attack.spec);
  }
  for (const Resource& resource : report.resources) resources.push_back(resource_json(resource));
  const bool unlimited = report.query_budget == kNoQueryBudget;
  const Json json{{"checkpoint", report.checkpoint},
                  {"model", report.model},
                  {"dataset", report.dataset},
                  {"split", report.split},
                  {"examples", report.examples},
                  {"device", report.device},
                  {"precision", report.precision},
                  {"clean_accuracy", report.clean_accuracy},
                  {"attacks", attacks},
                  {"classes", report.class_names},
                  {"compat", report.compat == Compat::of_2024 ? "2024" : "2026"},
                  {"quirks", quirks_json(report.quirks)},
                  {"query_budget", unlimited ? Json() : Json(report.query_budget)},
                  {"resources", resources},
                  {"assumptions", report.assumptions},
                  {"warnings", report.warnings},
                  {"finished", unfinished.empty()},
                  {"unfinished", unfinished}};
  return json_text(json, 2) + "\n";
}

std::string outcome_lines(const TextAttackReport& report) {
  std::string lines;
  for (const WordAttackResult& result : report.attacks) {
    for (const TextOutcome& outcome : result.outcomes) {
      Json line{{"attack", result.attack.spec}};
      line.update(outcome_json(outcome));
      lines += json_text(line) + "\n";
    }
  }
  return lines;
}

}  // namespace saddle
