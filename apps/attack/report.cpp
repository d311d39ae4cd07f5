#include "apps/attack/report.h"

#include <algorithm>
#include <utility>

#include "apps/attacking/report_text.h"

namespace saddle {

double average_robustness(const std::vector<NamedResult>& attacks) {
  require(!attacks.empty(), "average robustness: no attack was run");
  double sum = 0;
  for (const NamedResult& attack : attacks) sum += attack.result.robust_accuracy;
  return sum / static_cast<double>(attacks.size());
}

double images_per_second(const AttackResult& result) {
  return result.seconds > 0 ? static_cast<double>(result.attacked) / result.seconds : 0.;
}

double target_success(const AttackResult& result) {
  const auto hits = std::ranges::count_if(result.examples, &ExampleRecord::broken);
  if (result.attacked == 0) return 0;
  return 100. * static_cast<double>(hits) / static_cast<double>(result.attacked);
}

std::vector<WorstCase> worst_cases(const std::vector<NamedResult>& attacks) {
  std::vector<WorstCase> all;
  for (std::size_t i = 0; i < attacks.size(); ++i) {
    const std::optional<Ball>& ball = attacks[i].ball;
    if (!ball || !attacks[i].finished) continue;
    const auto same = [&](const WorstCase& other) {
      return other.ball.norm == ball->norm && other.ball.eps == ball->eps;
    };
    auto found = std::ranges::find_if(all, same);
    if (found == all.end()) found = all.insert(all.end(), {*ball, {}, 0, {}});
    found->attacks.push_back(i);
  }
  std::erase_if(all, [](const WorstCase& worst) { return worst.attacks.size() < 2; });
  for (WorstCase& worst : all) {
    const std::size_t examples = attacks[worst.attacks.front()].result.examples.size();
    std::size_t robust = 0;
    for (std::size_t n = 0; n < examples; ++n) {
      const auto is_broken = [&](std::size_t i) {
        const ExampleRecord& record = attacks[i].result.examples[n];
        return record.attacked != 0 && record.prediction != record.label;
      };
      const auto is_right = [&](std::size_t i) {
        const ExampleRecord& record = attacks[i].result.examples[n];
        return record.prediction == record.label;
      };
      const auto breaker = std::ranges::find_if(worst.attacks, is_broken);
      worst.broken_by.push_back(breaker == worst.attacks.end() ? WorstCase::npos : *breaker);
      robust += std::ranges::all_of(worst.attacks, is_right) ? 1 : 0;
    }
    worst.robust_accuracy =
        examples > 0 ? 100. * static_cast<double>(robust) / static_cast<double>(examples) : 0.;
  }
  return all;
}

const std::vector<float>& stored_images(const NamedResult& attack) {
  return attack.eight_bit ? attack.eight_bit->adversarial : attack.result.adversarial;
}

namespace {

// From the label on; `broken_by` is empty where nothing broke the example.
std::string csv_fields(const ExampleRecord& r, bool broken, const std::string& broken_by) {
  return text(r.label, ",", r.clean_prediction, ",", r.prediction, ",", r.attacked, ",",
              broken ? 1 : 0, ",", broken_by, ",", r.broken() ? text(r.attempt) : std::string(),
              ",") +
         formatted("%.15g,%.15g,%.9g,%.9g,%.9g,%d,%.9g,%.9g\n", r.forward, r.backward, r.linf, r.l2,
                   r.l1, r.changed_pixels, r.cross_entropy, r.margin);
}

}  // namespace

std::string report_csv(const std::vector<AttackReport>& reports) {
  std::string csv =
      "checkpoint,attack,example,label,clean_prediction,prediction,attacked,broken,broken_by,"
      "attempt,forward_passes,backward_passes,linf,l2,l1,changed_pixels,cross_entropy,margin\n";
  for (const AttackReport& report : reports) {
    for (const NamedResult& attack : report.attacks) {
      const std::string begin = quoted(report.checkpoint) + "," + quoted(attack.spec) + ",";
      for (std::size_t i = 0; i < attack.result.examples.size(); ++i) {
        const ExampleRecord& r = attack.result.examples[i];
        const auto member = static_cast<std::size_t>(std::max(r.member, 0));
        const bool named = r.broken() && member < attack.result.members.size();
        csv +=
            begin + text(i, ",") +
            csv_fields(r, r.broken(), named ? attack.result.members[member].name : std::string());
      }
    }
    for (const WorstCase& worst : report.worst_cases) {
      const std::string begin =
          quoted(report.checkpoint) + "," + quoted("worst case " + ball_text(worst.ball)) + ",";
      for (std::size_t i = 0; i < worst.broken_by.size(); ++i) {
        const bool broken = worst.broken_by[i] != WorstCase::npos;
        const NamedResult& by = report.attacks[broken ? worst.broken_by[i] : worst.attacks.front()];
        csv += begin + text(i, ",") +
               csv_fields(by.result.examples[i], broken, broken ? quoted(by.spec) : std::string());
      }
    }
  }
  return csv;
}

}  // namespace saddle
