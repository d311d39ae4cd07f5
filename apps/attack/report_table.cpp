// The table of a report, for stdout.
#include <algorithm>
#include <utility>

#include "apps/attack/report.h"
#include "apps/attacking/report_text.h"
#include "apps/common/table.h"
#include "core/printable.h"

namespace saddle {
namespace {

constexpr std::size_t kMostOfWord = 200;  // bytes of a path or an attack in a table

void add(Table& table, std::vector<std::string> line) {
  for (std::string& word : line) word = printable(word, kMostOfWord);
  table.add(std::move(line));
}
// A row for the attack, and below it what each of several members left standing.
void add_rows(Table& rows, const AttackReport& report, const NamedResult& attack) {
  const AttackResult& r = attack.result;
  add(rows, {report.checkpoint, attack.spec,
             (attack.finished ? "" : "at most ") + formatted("%.2f %%", r.robust_accuracy),
             formatted("%.6f", r.max_linf), formatted("%.6f", r.max_l2), text(r.passes.forward),
             text(r.passes.backward), formatted("%.4g", images_per_second(r)),
             formatted("%.2f", r.seconds)});
  const auto add_accuracy = [&](const std::string& what, double accuracy) {
    add(rows,
        {report.checkpoint, "  " + what, formatted("%.2f %%", accuracy), "", "", "", "", "", ""});
  };
  if (r.members.size() >= 2) {
    for (const MemberResult& member : r.members) {
      add(rows, {report.checkpoint, "  " + member.name,
                 formatted("%.2f %%", member.robust_accuracy), "", "", text(member.passes.forward),
                 text(member.passes.backward), "", formatted("%.2f", member.seconds)});
    }
  }
  if (attack.targeted) add_accuracy("taken for the target", target_success(r));
  if (attack.eight_bit) add_accuracy("rounded to 8 bits", attack.eight_bit->robust_accuracy);
}

// `of` names the checkpoint where there are several.
void add_worst_cases(Table& rows, const AttackReport& report, const std::string& of,
                     std::string& notes) {
  for (const WorstCase& worst : report.worst_cases) {
    const std::string name = "worst case " + ball_text(worst.ball);
    add(rows, {report.checkpoint, name, formatted("%.2f %%", worst.robust_accuracy), "", "", "", "",
               "", ""});
    notes += name + of + ":";
    for (std::size_t i = 0; i < worst.attacks.size(); ++i) {
      notes += (i > 0 ? "; " : " ") + report.attacks[worst.attacks[i]].spec;
    }
    notes += "\n";
  }
}

void add_transfers(Table& rows, const AttackReport& report) {
  for (const TransferResult& other : report.transfers) {
    add(rows,
        {report.checkpoint, other.checkpoint, "clean", formatted("%.2f %%", other.clean_accuracy)});
    for (std::size_t i = 0; i < other.accuracy.size(); ++i) {
      add(rows, {report.checkpoint, other.checkpoint, report.attacks[i].spec,
                 formatted("%.2f %%", other.accuracy[i])});
    }
  }
}

}  // namespace

std::string report_table(const std::vector<AttackReport>& reports, const Dataset& data) {
  Table rows({"checkpoint", "attack", "robust accuracy", "max linf", "max l2", "forward",
              "backward", "images/s", "seconds"});
  Table curves({"checkpoint", "attack", "eps", "robust accuracy"});
  Table transfers({"checkpoint", "transfer to", "images of", "accuracy"});
  std::string table, notes;
  for (const AttackReport& report : reports) {
    table +=
        formatted("clean accuracy %.2f %%, loss %.4f (", report.clean.accuracy, report.clean.loss) +
        printable(text(data.size(), " examples of ", data.name, ", ", report.model,
                       report.precision == kJudgedIn
                           ? ""
                           : text(", attacked in ", report.precision, ", judged in ", kJudgedIn),
                       reports.size() > 1 ? ", " + report.checkpoint : "")) +
        ")\n";
    const std::string of =
        reports.size() > 1 ? " (" + printable(report.checkpoint, kMostOfWord) + ")" : "";
    for (const NamedResult& attack : report.attacks) add_rows(rows, report, attack);
    add_worst_cases(rows, report, of, notes);
    add_transfers(transfers, report);
    for (const RadiusCurve& curve : report.curves) {
      for (std::size_t i = 0; i < curve.eps.size(); ++i) {
        add(curves, {report.checkpoint, curve.spec, formatted("%.6g", curve.eps[i]),
                     formatted("%.2f %%", curve.robust_accuracy[i])});
      }
    }
    if (report.average_robustness) {
      notes += formatted("average robustness %.2f %%", *report.average_robustness) + of + "\n";
    }
    for (const std::string& spec : report.unfinished) {
      notes += "unfinished: " + printable(spec, kMostOfWord) + of + "\n";
    }
  }
  const std::size_t hidden = reports.size() > 1 ? 0 : 1;  // the checkpoint is one: no column for it
  return table + rows.aligned(hidden) + curves.aligned(hidden) + transfers.aligned(hidden) + notes;
}

}  // namespace saddle
