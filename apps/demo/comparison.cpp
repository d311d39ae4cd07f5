#include "apps/demo/comparison.h"

#include <nlohmann/json.hpp>
#include <sstream>

#include "apps/common/table.h"
#include "core/file.h"
#include "core/error.h"
#include "core/format.h"
#include "core/json_text.h"
#include "core/printable.h"

namespace saddle {
namespace {

std::string percent(double value) { return formatted("%.1f", value); }

}  // namespace

void add_flags(CLI::App& app, DemoSettings& settings, const std::string& examples) {
  add_common_options(app, settings.common);
  add_integer(app, "--epochs", settings.epochs, 1, "passes over the training " + examples);
  add_number(app, "--rho", settings.rho, "SAM's radius, l2 norm over all weights");
  add_text(app, "--output", settings.output, "DIR", "directory for networks, table and picture",
           settings.output);
  add_switch(app, "--overwrite", settings.overwrite,
             "train again what is already trained in --output");
}

std::string table_of(const std::vector<Compared>& rows, const std::string& clean,
                     const std::vector<std::string>& attacks) {
  std::vector<std::string> heading{"trained with", clean};
  heading.insert(heading.end(), attacks.begin(), attacks.end());
  heading.push_back("training");
  Table table(heading);
  for (const Compared& row : rows) {
    std::vector<std::string> line{row.title, percent(row.clean)};
    for (const double value : row.attacked) line.push_back(percent(value));
    line.push_back(formatted("%.0f s", row.seconds));
    table.add(line);
  }
  return table.markdown();
}

std::string reading(const std::vector<Compared>& rows, const Wording& wording) {
  const Compared &sgd = rows[0], &sam = rows[1], &at = rows[2];
  const auto attacked = [&](const Compared& row) { return row.attacked.at(wording.attack); };
  const double gain = attacked(sam) - attacked(sgd), kept = sam.clean - sgd.clean;
  const double at_gain = attacked(at) - attacked(sgd), paid = sgd.clean - at.clean;
  const std::string first = kept > -0.5
                                ? "SAM keeps the " + wording.score + " of SGD"
                                : "SAM loses " + percent(-kept) + " points of " + wording.score;
  const std::string second =
      gain > 0 ? (kept > -0.5 ? " and gains " : " but gains ") + percent(gain) + " points"
               : " and does not gain";
  return text(first, " (", percent(sam.clean), " against ", percent(sgd.clean), " %)", second, " ",
              wording.shown, " (", percent(attacked(sam)), " against ", percent(attacked(sgd)),
              " %), though it never saw an attacked image; adversarial training ",
              at_gain > gain ? "gains more" : "gains less", " (", percent(attacked(at)), " %) and ",
              paid > 0.5 ? "pays " + percent(paid) + " points of " + wording.score + " for it"
                         : "keeps the " + wording.score,
              ".");
}

std::string places_of(const std::string& output, const std::string& picture) {
  const std::string place = printable(output);
  return text("Picture: ", place, "/", picture, "   Numbers: ", place,
              "/table.json   Networks: ", place, "/{sgd,sam,at}/last.safetensors");
}

nlohmann::json to_json(const Compared& row) {
  return {{"trained_with", row.title}, {"clean", row.clean}, {"training_seconds", row.seconds}};
}

double training_seconds(const std::string& run) {
  const std::vector<std::byte> bytes = read_file(run + "/metrics.jsonl", 1 << 26);
  std::istringstream lines(std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
  double seconds = 0;
  for (std::string line; std::getline(lines, line);)
    seconds += parse_json(line).at("seconds").get<double>();
  return seconds;
}

}  // namespace saddle
