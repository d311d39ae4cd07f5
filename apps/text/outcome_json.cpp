#include "apps/text/outcome_json.h"

#include <nlohmann/json.hpp>

#include "apps/attacking/report_text.h"
#include "core/error.h"

namespace saddle {
namespace {

using Json = nlohmann::json;

std::int64_t count_in(const Json& json, const char* key) {
  const auto count = json.at(key).get<std::int64_t>();
  require(count >= 0, key, " is negative");
  return count;
}

Answer answer_in(const Json& json, const char* score, const char* predicted, std::int32_t label,
                 std::int64_t classes) {
  Answer answer;
  answer.score = json.at(score).get<float>();
  require(answer.score >= 0 && answer.score <= 1, score, " is outside 0 to 1");
  answer.predicted = json.at(predicted).get<std::int32_t>();
  require(answer.predicted >= 0 && answer.predicted < classes, predicted, " is no class");
  answer.success = answer.predicted != label;
  return answer;
}

}  // namespace

nlohmann::ordered_json outcome_json(const TextOutcome& o) {
  return {{"index", o.index},
          {"label", o.label},
          {"status", name_of(o.status)},
          {"queries", o.queries},
          {"asked", o.asked},
          {"words", o.words},
          {"changed", o.changed},
          {"score_before", decimal(o.before.score)},
          {"score_after", decimal(o.after.score)},
          {"predicted_before", o.before.predicted},
          {"predicted_after", o.after.predicted},
          {"rejected_candidates", o.rejected_candidates},
          {"original", o.original},
          {"adversarial", o.adversarial}};
}

TextOutcome outcome_of(const Json& json, const TextExample& example, Compat compat,
                       std::int64_t classes) {
  TextOutcome o;
  o.index = example.index;
  o.label = example.label;
  o.original = json.at("original").get<std::string>();
  require(json.at("index").get<std::int64_t>() == example.index &&
              json.at("label").get<std::int32_t>() == example.label && o.original == example.text,
          "example ", example.index, " is another text");
  o.adversarial = json.at("adversarial").get<std::string>();
  const AttackedText before(o.original, compat), after(o.adversarial, compat);
  require(before.word_count() == after.word_count(), "example ", example.index, " has ",
          before.word_count(), " words, attacked ", after.word_count());
  o.words = before.word_count();
  o.changed = differences(before, after);
  o.before = answer_in(json, "score_before", "predicted_before", o.label, classes);
  o.after = answer_in(json, "score_after", "predicted_after", o.label, classes);
  o.status = o.before.success  ? TextStatus::skipped
             : o.after.success ? TextStatus::succeeded
                               : TextStatus::failed;
  require(o.status != TextStatus::skipped || o.adversarial == o.original, "example ", example.index,
          " was skipped, and yet changed");
  o.queries = count_in(json, "queries");
  o.asked = count_in(json, "asked");
  o.rejected_candidates = count_in(json, "rejected_candidates");
  return o;
}

}  // namespace saddle
