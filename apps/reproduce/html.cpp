// The HTML form of a report: one page, with curves as SVG and pictures within it.
#include <algorithm>

#include "apps/reproduce/charts.h"
#include "apps/reproduce/wording.h"
#include "core/error.h"
#include "core/file.h"

namespace saddle::reproduce {
namespace {

namespace fs = std::filesystem;

using Columns = std::vector<std::pair<std::string, std::string>>;

std::string table_head(const Columns& columns) {
  std::string made = "<table><tr><th></th>";
  for (const auto& [key, title] : columns) made += "<th>" + escaped(title) + "</th>";
  return made + "</tr>";
}

std::string table_of(const Report& report) {
  const Columns columns = columns_of(report.plan->table);
  std::string made = table_head(columns);
  for (const MeasuredRow& row : report.rows) {
    made += "<tr><th>" + escaped(row.name) + (row.doubtful ? kDoubtMark : "") + "</th>";
    for (const auto& [key, title] : columns) {
      const auto paper = row.paper.find(key);
      made += "<td>" + cell_text(row.cells.at(key)) + "<br><small>" +
              (paper == row.paper.end() ? "–" : number_text(paper->second)) + "</small></td>";
    }
    made += "</tr>";
  }
  return made + "</table>";
}

std::string differences_of(const Report& report) {
  const Columns columns = columns_of(report.plan->table);
  std::string rows;
  for (const MeasuredRow& row : report.rows) {
    if (row.base.empty()) continue;
    rows += "<tr><th>" + escaped(row.name) + (row.doubtful ? kDoubtMark : "") + "</th>";
    for (const auto& [key, title] : columns) {
      rows += "<td>" + difference_text(row.differences.at(key)) + "</td>";
    }
    rows += "</tr>";
  }
  if (rows.empty()) return "";
  return "<h2>Differences</h2><p>" + escaped(about_differences(report.plan->table.task)) + "</p>" +
         table_head(columns) + rows + "</table>";
}

std::string charts_of(const Report& report) {
  const std::string curves = "<h2>Robustness against the radius</h2>";
  return "<h2>Training</h2>" + training_chart(report, SvgPlace::page) +
         (has_curve(report.plan->table.task) ? curves + robustness_chart(report, SvgPlace::page)
                                             : "") +
         "<h2>Natural accuracy and " + wording_of(report.plan->table.task).robustness + "</h2>" +
         trade_off_chart(report, SvgPlace::page);
}

std::string pictures_of(const Report& report) {
  std::string made = "<h2>Adversarial pictures</h2>";
  for (const MeasuredRun& run : report.runs) {
    const fs::path path = run.run->directory / "images.png";
    if (run.run->seed != 0 || !fs::exists(path)) continue;
    const std::vector<std::byte> bytes = read_file(path, std::int64_t{1} << 26);
    made += "<details><summary>" + escaped(run.run->row) +
            "</summary><img alt=\"clean, perturbed\" src=\"data:image/png;base64," +
            base64({reinterpret_cast<const char*>(bytes.data()), bytes.size()}) + "\"></details>";
  }
  return made;
}

// The attacks upon texts have pages of their own, in the run's directory.
std::string links_of(const Report& report) {
  std::string made = "<h2>Adversarial texts</h2><ul>";
  for (const MeasuredRun& run : report.runs) {
    made += text("<li>", escaped(run.run->row), ", seed ", run.run->seed, ":");
    const std::string directory = run.run->directory.filename().string();
    for (const Stage& stage : run.run->stages) {
      if (stage.pictures.empty()) continue;
      const std::string page = directory + "/" + stage.pictures.filename().string();
      made += " <a href=\"" + escaped(page) + "\">" + escaped(stage.name) + "</a>";
    }
    made += "</li>";
  }
  return made + "</ul>";
}

std::string runs_of(const Report& report) {
  std::string made =
      "<h2>Where each number is from</h2><p>Commands within the named directory.</p>";
  for (const MeasuredRun& run : report.runs) {
    const TrainingEnvironment& ran_in = run.training.environment;
    made += "<details><summary>" + escaped(run.run->row) + ", seed " +
            std::to_string(run.run->seed) + "</summary><pre>" +
            escaped(run.run->directory.filename().string()) + "\n" +
            escaped(text("saddle ", ran_in.version, ", ", ran_in.device, ", ", ran_in.threads,
                         " threads\n"));
    for (const Stage& stage : run.run->stages) {
      for (const std::string& word : recorded_command(*run.run, stage)) {
        made += escaped(word) + " ";
      }
      made += "\n";
    }
    made += "</pre></details>";
  }
  return made;
}

}  // namespace

std::string base64(const std::string& bytes) {
  constexpr const char* kLetters =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string made;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t word = 0;
    const std::size_t count = std::min<std::size_t>(3, bytes.size() - i);
    for (std::size_t k = 0; k < 3; ++k) {
      word = word << 8 | (k < count ? static_cast<unsigned char>(bytes[i + k]) : 0u);
    }
    for (std::size_t k = 0; k < 4; ++k) {
      made += k <= count ? kLetters[word >> (18 - 6 * k) & 63u] : '=';
    }
  }
  return made;
}

std::string html_of(const Report& report) {
  const PaperTable& table = report.plan->table;
  const auto paragraphs = [](const std::string& before, const std::vector<std::string>& texts) {
    std::string made;
    for (const std::string& text : texts) made += "<p>" + before + escaped(text) + "</p>";
    return made;
  };
  return text("<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>Table ",
              table.number,
              "</title><style>body{font:15px sans-serif;max-width:1000px;margin:2em auto}"
              "table{border-collapse:collapse}td,th{padding:.3em .7em;border-bottom:1px solid #ccc;"
              "text-align:right}small{color:#777}img{max-width:100%}pre{white-space:pre-wrap}"
              "</style></head><body><h1>Table ",
              table.number, ": ", escaped(table.title), "</h1>") +
         paragraphs("", report.remarks) +
         paragraphs("", {text(wording_of(table.task).scores_in_percent, "; small: the paper's.")}) +
         table_of(report) +
         (std::ranges::any_of(report.rows, &MeasuredRow::doubtful)
              ? text("<p>", escaped(kAboutDoubts), "</p>")
              : "") +
         differences_of(report) + paragraphs("", table.notes) +
         paragraphs("<b>Doubt:</b> ", report.doubts) +
         paragraphs("<b>Not finished:</b> ", report.missing) + charts_of(report) +
         (table.task == Task::text ? links_of(report) : pictures_of(report)) + runs_of(report) +
         "</body></html>\n";
}

}  // namespace saddle::reproduce
