// A report as Markdown and JSON, and its files.
#include <nlohmann/json.hpp>
#include <algorithm>
#include <cmath>
#include <limits>
#include <string_view>

#include "apps/reproduce/charts.h"
#include "apps/reproduce/report.h"
#include "apps/reproduce/wording.h"
#include "core/error.h"
#include "core/file.h"
#include "core/format.h"
#include "core/json_text.h"

namespace saddle::reproduce {
namespace {

using Json = nlohmann::json;

constexpr double kNotThere = std::numeric_limits<double>::quiet_NaN();

double paper_of(const MeasuredRow& row, const std::string& key) {
  const auto found = row.paper.find(key);
  return found == row.paper.end() ? kNotThere : found->second;
}

std::string markdown_head(const PaperTable& table) {
  std::string head = "| |", rule = "|---|";
  for (const auto& [key, title] : columns_of(table)) {
    head += " " + markdown_text(title) + " |";
    rule += "---:|";
  }
  return head + "\n" + rule + "\n";
}

std::string markdown_of_differences(const Report& report) {
  std::string rows;
  for (const MeasuredRow& row : report.rows) {
    if (row.base.empty()) continue;
    rows += "| " + markdown_text(row.name) + (row.doubtful ? kDoubtMark : "") + " |";
    for (const auto& [key, title] : columns_of(report.plan->table)) {
      rows += " " + difference_text(row.differences.at(key)) + " |";
    }
    rows += "\n";
  }
  if (rows.empty()) return "";
  return "\n" + about_differences(report.plan->table.task) + "\n\n" +
         markdown_head(report.plan->table) + rows;
}

std::string list_of(const std::string& title, const std::vector<std::string>& items) {
  if (items.empty()) return "";
  std::string made = "\n" + title + "\n\n";
  for (const std::string& item : items) made += "* " + markdown_text(item) + "\n";
  return made;
}

}  // namespace

std::string markdown_text(const std::string& text) {
  constexpr std::string_view kMeaning = "\\`*_[]|~";
  std::string made;
  for (const char c : text) {
    if (c == '<' || c == '>' || c == '&') {
      made += c == '<' ? "&lt;" : c == '>' ? "&gt;" : "&amp;";
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      made += ' ';
    } else {
      if (kMeaning.find(c) != std::string_view::npos) made += '\\';
      made += c;
    }
  }
  return made;
}

std::string about_differences(Task task) {
  const Wording& wording = wording_of(task);
  return text("Against ", wording.plain,
              " with the same seeds, in points. The standard error is that over the ",
              wording.examples,
              ", which are the same, and of several seeds that over the trainings too.");
}

std::string number_text(double percent) {
  return std::isnan(percent) ? "-" : formatted("%.1f", percent);
}

std::string cell_text(const Cell& cell) {
  return number_text(cell.mean) + (cell.count > 1 ? " ± " + number_text(cell.deviation) : "");
}

std::string difference_text(const Difference& difference) {
  return formatted("%+.1f", difference.mean) +
         (std::isnan(difference.error) ? "" : " ± " + number_text(difference.error));
}

std::string markdown_of(const Report& report) {
  const PaperTable& table = report.plan->table;
  std::string made = text("## Table ", table.number, ": ", markdown_text(table.title), "\n");
  for (const std::string& remark : report.remarks) made += "\n" + markdown_text(remark);
  made += " " + std::string(wording_of(table.task).scores_in_percent) +
          ", here / in the paper.\n\n" + markdown_head(table);
  for (const MeasuredRow& row : report.rows) {
    made += "| " + markdown_text(row.name) + (row.doubtful ? kDoubtMark : "") + " |";
    for (const auto& [key, title] : columns_of(table)) {
      const double paper = paper_of(row, key);
      made += " " + cell_text(row.cells.at(key)) +
              (std::isnan(paper) ? "" : " / " + number_text(paper)) + " |";
    }
    made += "\n";
  }
  if (std::ranges::any_of(report.rows, &MeasuredRow::doubtful)) {
    made += "\n" + std::string(kAboutDoubts) + "\n";
  }
  for (const std::string& note : table.notes) made += "\n" + markdown_text(note) + "\n";
  made += markdown_of_differences(report);
  return made + list_of("Doubts:", report.doubts) + list_of("Not finished:", report.missing);
}

Json json_of(const Report& report) {
  const Plan& plan = *report.plan;
  Json json = {
      {"table", plan.table.number}, {"title", plan.table.title}, {"preset", plan.preset},
      {"dataset", plan.dataset},    {"seeds", plan.seeds},       {"notes", plan.table.notes},
      {"remarks", report.remarks},  {"doubts", report.doubts},   {"missing", report.missing},
      {"rows", Json::array()},      {"runs", Json::array()}};
  for (const MeasuredRow& row : report.rows) {
    Json cells;
    for (const auto& [key, cell] : row.cells) {
      cells[key] = {{"mean", cell.mean}, {"deviation", cell.deviation}, {"count", cell.count}};
    }
    Json differences = Json::object();
    for (const auto& [key, difference] : row.differences) {
      differences[key] = {{"mean", difference.mean}, {"error", difference.error}};
    }
    json["rows"].push_back({{"name", row.name},
                            {"cells", cells},
                            {"paper", row.paper},
                            {"base", row.base},
                            {"differences", differences},
                            {"doubtful", row.doubtful}});
  }
  for (const MeasuredRun& run : report.runs) {
    const TrainingEnvironment& environment = run.training.environment;
    Json commands;
    for (const Stage& stage : run.run->stages) {
      commands[stage.name] = recorded_command(*run.run, stage);
    }
    json["runs"].push_back({{"row", run.run->row},
                            {"seed", run.run->seed},
                            {"directory", run.run->directory.filename().string()},
                            {"commands", commands},
                            {"environment",
                             {{"version", environment.version},
                              {"device", environment.device},
                              {"threads", environment.threads}}},
                            {"doubts", run.doubts},
                            {"values", run.values}});
  }
  return json;
}

void save_report(const Report& report) {
  const std::string name =
      (report.plan->directory / ("table" + std::to_string(report.plan->table.number))).string();
  const auto save = [&](const char* ending, const std::string& text) {
    write_file_atomically(name + ending, std::string_view(text));
  };
  save(".md", markdown_of(report));
  save(".json", json_text(json_of(report), 1) + "\n");
  save(".html", html_of(report));
  if (has_curve(report.plan->table.task)) {
    save("-robustness.svg", robustness_chart(report, SvgPlace::file));
  }
  save("-trade-off.svg", trade_off_chart(report, SvgPlace::file));
}

}  // namespace saddle::reproduce
