#include "apps/text/attack_report.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "apps/common/table.h"
#include "attacks/text/constraints.h"
#include "attacks/text/metrics.h"
#include "core/error.h"
#include "core/format.h"
#include "core/printable.h"

namespace saddle {
namespace {

// "-" where there is none.
std::string number(const char* form, double value) {
  return std::isnan(value) ? "-" : formatted(form, value);
}

template <class Which>
std::int64_t count_of(const WordAttackResult& result, TextStatus status, const Which& which) {
  return std::ranges::count_if(result.outcomes, [&](const TextOutcome& outcome) {
    return outcome.status == status && which(outcome);
  });
}

}  // namespace

std::vector<std::string> doubts_about(const WordAttackResult& result,
                                      const TextAttackReport& report) {
  const TextMetrics metrics = text_metrics(result.outcomes);
  std::vector<std::string> doubts;
  const std::int64_t untried =
      count_of(result, TextStatus::failed, [](const TextOutcome& o) { return o.asked <= 1; });
  if (untried > 0) {
    doubts.push_back(text("of ", metrics.failed, " texts that withstood, ", untried,
                          " have no word with a candidate: nothing was tried on them"));
  }
  const std::int64_t cut = count_of(result, TextStatus::failed, [&](const TextOutcome& o) {
    return o.queries == report.query_budget;
  });
  if (cut > 0) {
    doubts.push_back(text("of ", metrics.failed, " texts that withstood, ", cut,
                          " did so when --query-budget ", report.query_budget,
                          " was spent: more queries would break more"));
  }
  const double share = result.attack.most_changed;
  const std::int64_t beyond = count_of(result, TextStatus::succeeded, [&](const TextOutcome& o) {
    return o.changed.size() > most_changed_words(o.words, share);
  });
  if (beyond > 0) {
    doubts.push_back(text("of ", metrics.succeeded, " successes, ", beyond, " change more than ",
                          share,
                          " of the words: texts mixed of two are not held to that rule, as in the "
                          "published attack. --ga-check-crossover holds them to it"));
  }
  if (!result.finished) {
    doubts.push_back(text("stopped by --time-budget after ", result.outcomes.size(), " of ",
                          report.examples,
                          " texts, those that took the fewest queries: the success rate is too "
                          "high. The same command with --json goes on"));
  }
  return doubts;
}

double success_rate_of(const TextMetrics& metrics) {
  const bool attacked = metrics.succeeded + metrics.failed > 0;
  return attacked ? metrics.success_rate : std::numeric_limits<double>::quiet_NaN();
}

double success_rate_error(const TextMetrics& metrics) {
  const double p = success_rate_of(metrics) / 100;
  return 100 * std::sqrt(p * (1 - p) / static_cast<double>(metrics.succeeded + metrics.failed));
}

std::string report_table(const TextAttackReport& report) {
  Table rows({"attack", "success %", "error", "accuracy %", "succeeded", "failed", "skipped",
              "words %", "queries", "queries/s", "s"});
  rows.add({"clean", "", "", formatted("%.2f", report.clean_accuracy), "", "", "", "", "", "", ""});
  for (const WordAttackResult& result : report.attacks) {
    const TextMetrics m = text_metrics(result.outcomes);
    rows.add({printable(result.attack.spec, 40), number("%.2f", success_rate_of(m)),
              number("%.2f", success_rate_error(m)), number("%.2f", m.accuracy_under_attack),
              text(m.succeeded), text(m.failed), text(m.skipped), number("%.2f", m.perturbed_words),
              number("%.1f", m.queries), number("%.4g", queries_per_second(result)),
              formatted("%.2f", result.seconds)});
  }
  return rows.aligned();
}

double queries_per_second(const WordAttackResult& result) {
  double queries = 0;
  for (const TextOutcome& outcome : result.outcomes)
    queries += static_cast<double>(outcome.queries);
  return result.seconds > 0 ? queries / result.seconds : std::numeric_limits<double>::quiet_NaN();
}

}  // namespace saddle
