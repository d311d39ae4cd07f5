#include "apps/reproduce/report.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <set>

#include "apps/reproduce/wording.h"
#include "core/error.h"
#include "core/format.h"

namespace saddle::reproduce {
namespace {

namespace fs = std::filesystem;

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
constexpr const char* kAverage = "average";

double mean_of(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.) / static_cast<double>(values.size());
}

double standard_error(const Cell& cell) {
  return cell.deviation / std::sqrt(static_cast<double>(cell.count));
}

// The result of the column's attack.
const Stage& stage_of(const PlannedRun& run, const TableColumn& column) {
  return *std::ranges::find(run.stages, slug(column.attack), &Stage::name);
}

MeasuredRun read_run(const Plan& plan, const PlannedRun& run) {
  MeasuredRun found{&run, read_training(run.directory, run.task), {}, {}, {}, {}};
  require(!found.training.scores.empty(), run.directory.string(),
          "/metrics.jsonl has no epoch, but attacks lie beside it. Remove the directory");
  // All attacks saw the network of the last one.
  const Stage& last = run.stages.back();
  if (has_curve(run.task)) found.curve = read_curve(last.result, run.task);
  const double clean = has_curve(run.task) ? found.curve.robust.front()
                                           : read_attack(last.result, run.task).clean_score;
  for (const TableColumn& column : plan.table.columns) {
    if (column.attack.empty()) {
      found.values[column.key] = found.training.scores.back().second;
      continue;
    }
    const Stage& stage = stage_of(run, column);
    const AttackResult& attack = found.attacks[column.key] = read_attack(stage.result, run.task);
    found.values[column.key] = attack.score;
    require(attack.clean_score == clean, stage.result.string(), " finds a clean ",
            wording_of(run.task).score, " of ", attack.clean_score, " %, ",
            last.result.filename().string(), " beside it ", clean,
            " %: they attacked different networks. Remove both and run again");
    const Outcomes& outcomes = found.outcomes[column.key] = read_outcomes(stage.outcomes, run.task);
    require(static_cast<std::int64_t>(outcomes.size()) == attack.examples &&
                std::abs(100 * mean_of(outcomes) - attack.score) < 1e-6,
            stage.outcomes.string(), " is not of the same attack as ",
            stage.result.filename().string(), ". Remove both and run again");
  }
  if (!plan.table.average.empty()) {
    Outcomes& average = found.outcomes[kAverage];
    average.assign(found.outcomes.at(plan.table.average.front()).size(), 0);
    for (const std::string& key : plan.table.average) {
      for (std::size_t i = 0; i < average.size(); ++i) {
        average[i] += found.outcomes.at(key)[i] / static_cast<double>(plan.table.average.size());
      }
    }
    found.values[kAverage] = 100 * mean_of(average);
  }
  return found;
}

// No attack leaves more than there was, and a weaker one not less than a stronger one at the same
// radius and norm. All on the same examples. The success rates of attacks upon texts have no such
// order, but some text must be attacked.
void add_doubts(MeasuredRun& run) {
  std::vector<std::string>& doubts = run.doubts;
  // The same network is warned of by each attack upon it: once is enough.
  const auto said = [&](const std::string& doubt) {
    return std::ranges::find(doubts, doubt) != doubts.end();
  };
  const auto add = [&](const std::string& doubt) {
    if (!said(doubt)) doubts.push_back(doubt);
  };
  const auto beyond = [&](const char* strong, const char* weak, double slack) {
    const auto a = run.attacks.find(strong), b = run.attacks.find(weak);
    if (a == run.attacks.end() || b == run.attacks.end()) return;
    const double left = a->second.score, right = b->second.score;
    if (left <= right + slack) return;
    add(text(strong, " leaves ", left, " %, ", weak, " ", right, " %"));
  };
  beyond("autoattack-l2", "pgd-l2", 0);
  beyond("autoattack-l2", "fab", 0);
  beyond("pgd-linf", "fgsm", 0.5);
  for (const auto& [key, attack] : run.attacks) {
    if (run.run->task == Task::text) {
      if (attack.attacked == 0) add("no text was named rightly, so none was attacked");
    } else if (attack.score > attack.clean_score) {
      add(text(key, " leaves ", attack.score, " %, no attack ", attack.clean_score, " %"));
    }
    for (const std::string& warning : attack.warnings) add(key + ": " + warning);
    for (const std::string& warning : attack.model_warnings) add(warning);
  }
  for (const std::string& warning : run.curve.warnings) add("curve: " + warning);
  for (const std::string& warning : run.curve.model_warnings) add(warning);
  for (const std::string& warning : run.training.warnings) {
    if (!said(warning)) add("training: " + warning);  // attacks say it of the data, too
  }
}

// An attack that breaks every network compares none, nor does one upon texts that breaks none.
void add_saturated(const Report& report, std::vector<std::string>& remarks) {
  if (report.runs.empty()) return;
  const bool texts = report.plan->table.task == Task::text;
  for (const TableColumn& column : report.plan->table.columns) {
    if (column.attack.empty()) continue;
    std::vector<double> scores;
    for (const MeasuredRun& run : report.runs) {
      scores.push_back(run.attacks.at(column.key).score);
    }
    const auto [least, most] = std::ranges::minmax(scores);
    const auto remark = [&](const char* what) {
      remarks.push_back(column.title + what + ": the column compares nothing here.");
    };
    if (!texts && most <= 1) remark(" breaks every row (1 % or less is left)");
    if (texts && least >= 99) remark(" is 99 % or more of every row");
    if (texts && most <= 1) remark(" is 1 % or less of every row");
  }
}

// Where the runs differ in what should be one for all.
void add_differences(const Report& report, std::vector<std::string>& remarks) {
  std::map<std::string, std::set<std::string>> found;
  for (const MeasuredRun& run : report.runs) {
    const TrainingEnvironment& environment = run.training.environment;
    found["trainings differ in version"].insert(environment.version);
    found["trainings differ in device"].insert(environment.device);
    found["trainings differ in threads"].insert(text(environment.threads));
    for (const auto& [key, attack] : run.attacks) {
      found["attacks differ in device"].insert(attack.device);
      found[key + " attacks differ in the files they rest on"].insert(attack.resources);
    }
  }
  for (const auto& [what, values] : found) {
    if (values.size() < 2) continue;
    std::string all;
    for (const std::string& value : values) all += (all.empty() ? "" : ", ") + value;
    remarks.push_back("The " + what + ": " + all + ".");
  }
}

// What is said of every run tells none from another, and is said once.
void take_common_doubts(Report& report) {
  if (report.runs.size() < 2) return;
  for (const std::string& doubt : std::vector<std::string>(report.runs.front().doubts)) {
    const auto has = [&](const MeasuredRun& run) {
      return std::ranges::find(run.doubts, doubt) != run.doubts.end();
    };
    if (!std::ranges::all_of(report.runs, has)) continue;
    report.doubts.push_back("every run: " + doubt);
    for (MeasuredRun& run : report.runs) std::erase(run.doubts, doubt);
  }
}

// The largest standard error of a column over the examples, in points.
double largest_example_error(const Report& report) {
  double largest = 0;
  for (const MeasuredRun& run : report.runs) {
    for (const auto& [key, outcomes] : run.outcomes) {
      const double error = 100 * standard_error(cell_of(outcomes));
      if (error > largest) largest = error;
    }
  }
  return largest;
}

std::vector<std::string> remarks_of(const Report& report) {
  const Plan& plan = *report.plan;
  const Wording& wording = wording_of(plan.table.task);
  std::vector<std::string> remarks = {
      text("Preset ", plan.preset, ": ", plan.about, ". Data set ", plan.dataset, ", ", plan.seeds,
           plan.seeds == 1 ? " seed." : " seeds (mean ± deviation).")};
  if (plan.dataset != plan.table.dataset || plan.preset != "paper") {
    remarks.push_back(text("The paper's numbers are of ", plan.table.dataset,
                           " with its own recipe: to be compared in tendency alone."));
  }
  if (!report.runs.empty()) {
    remarks.push_back(text(
        "Natural ", wording.score, " is of all test ", wording.examples, ", ", wording.attacked,
        " ", report.runs.front().attacks.begin()->second.examples, ": a standard error of up to ",
        number_text(largest_example_error(report)), " points."));
  }
  add_saturated(report, remarks);
  add_differences(report, remarks);
  return remarks;
}

// The row of plain training that another is to be compared with; null: there is none.
const TableRow* base_of(const PaperTable& table, const TableRow& row) {
  const std::vector<std::string> plain = {"--optimizer", wording_of(table.task).plain_flag};
  for (const TableRow& other : table.rows) {
    if (other.model != row.model || other.name == row.name) continue;
    if (other.flags.size() >= plain.size() &&
        std::equal(plain.begin(), plain.end(), other.flags.begin())) {
      return &other;
    }
  }
  return nullptr;
}

void compare(const Report& report, const std::string& base, MeasuredRow& row) {
  std::vector<double> natural;
  std::map<std::string, std::pair<std::vector<Outcomes>, std::vector<Outcomes>>> outcomes;
  for (const MeasuredRun& run : report.runs) {
    for (const MeasuredRun& other : report.runs) {
      if (run.run->row != row.name || other.run->row != base || run.run->seed != other.run->seed) {
        continue;
      }
      natural.push_back(run.values.at("natural") - other.values.at("natural"));
      for (const auto& [key, of_examples] : run.outcomes) {
        outcomes[key].first.push_back(of_examples);
        outcomes[key].second.push_back(other.outcomes.at(key));
      }
    }
  }
  if (natural.empty()) return;
  row.base = base;
  const Cell cell = cell_of(natural);
  row.differences["natural"] = {cell.mean, standard_error(cell)};
  for (const auto& [key, both] : outcomes) {
    row.differences[key] = paired_difference(both.first, both.second);
  }
}

}  // namespace

std::vector<std::pair<std::string, std::string>> columns_of(const PaperTable& table) {
  std::vector<std::pair<std::string, std::string>> columns;
  for (const TableColumn& column : table.columns) columns.emplace_back(column.key, column.title);
  if (!table.average.empty()) columns.emplace_back(kAverage, "average robustness");
  return columns;
}

Cell cell_of(const std::vector<double>& values) {
  const auto n = static_cast<double>(values.size());
  if (values.empty()) return {kNone, kNone, 0};
  const double mean = mean_of(values);
  double squares = 0;
  for (const double value : values) squares += (value - mean) * (value - mean);
  return {mean, n > 1 ? std::sqrt(squares / (n - 1)) : kNone,
          static_cast<std::int64_t>(values.size())};
}

Difference paired_difference(const std::vector<Outcomes>& row, const std::vector<Outcomes>& base) {
  Outcomes examples(base.front().size(), 0), seeds;
  for (std::size_t seed = 0; seed < base.size(); ++seed) {
    require(row[seed].size() == examples.size() && base[seed].size() == examples.size(),
            "the rows attack ", row[seed].size(), " and ", base[seed].size(), " examples");
    for (std::size_t i = 0; i < examples.size(); ++i) {
      examples[i] += 100 * (row[seed][i] - base[seed][i]) / static_cast<double>(base.size());
    }
    seeds.push_back(100 * (mean_of(row[seed]) - mean_of(base[seed])));
  }
  const double training = seeds.size() > 1 ? standard_error(cell_of(seeds)) : 0;
  return {mean_of(seeds), std::hypot(standard_error(cell_of(examples)), training)};
}

Report make_report(const Plan& plan) {
  Report report{&plan, {}, {}, {}, {}, {}};
  for (const PlannedRun& run : plan.runs) {
    if (!is_finished(run)) {
      report.missing.push_back(text(run.row, ", seed ", run.seed));
      continue;
    }
    report.runs.push_back(read_run(plan, run));
    add_doubts(report.runs.back());
  }
  take_common_doubts(report);
  for (const MeasuredRun& run : report.runs) {
    for (const std::string& doubt : run.doubts) {
      report.doubts.push_back(text(run.run->row, ", seed ", run.run->seed, ": ", doubt));
    }
  }
  for (const TableRow& row : plan.table.rows) {
    MeasuredRow measured{row.name, {}, row.paper, {}, {}};
    for (const auto& [key, title] : columns_of(plan.table)) {
      std::vector<double> values;
      for (const MeasuredRun& run : report.runs) {
        if (run.run->row != row.name) continue;
        values.push_back(run.values.at(key));
        measured.doubtful = measured.doubtful || !run.doubts.empty();
      }
      measured.cells[key] = cell_of(values);
    }
    if (const TableRow* base = base_of(plan.table, row)) compare(report, base->name, measured);
    if (measured.cells.begin()->second.count > 0) report.rows.push_back(measured);
  }
  report.remarks = remarks_of(report);
  return report;
}

}  // namespace saddle::reproduce
