#include "apps/reproduce/plan.h"

#include <algorithm>
#include <cctype>

#include "core/error.h"
#include "core/file.h"

namespace saddle {
namespace {

using Json = nlohmann::json;
namespace fs = std::filesystem;

constexpr const char* kCurveAttack = "pgd:norm=linf,steps=10";
constexpr const char* kCurveRadii = "0.5/255,1/255,2/255,4/255,8/255";

Json read_json(const fs::path& path) {
  const std::vector<std::byte> bytes = read_file(path, std::int64_t{1} << 24);
  const auto* text = reinterpret_cast<const char*>(bytes.data());
  try {
    return Json::parse(text, text + bytes.size());
  } catch (const std::exception& error) {
    fail(path.string(), ": ", error.what());
  }
}

std::string tables_in(const fs::path& directory) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(directory)) {
    const std::string name = entry.path().stem().string();
    if (name.starts_with("table")) names.push_back(name.substr(5));
  }
  std::sort(names.begin(), names.end());
  std::string all;
  for (const std::string& name : names) all += (all.empty() ? "" : ", ") + name;
  return all;
}

PaperTable parse_table(const Json& json) {
  PaperTable table;
  table.number = json.at("table");
  table.title = json.at("title");
  table.dataset = json.at("dataset");
  table.notes = json.at("notes").get<std::vector<std::string>>();
  table.average = json.at("average").get<std::vector<std::string>>();
  for (const Json& column : json.at("columns")) {
    table.columns.push_back({column.at("key"), column.at("title"), column.value("attack", "")});
  }
  for (const Json& row : json.at("rows")) {
    table.rows.push_back({row.at("name"), row.at("flags").get<std::vector<std::string>>(),
                          row.value("model", "preact_resnet18"),
                          row.at("paper").get<std::map<std::string, double>>()});
  }
  for (const std::string& key : table.average) {
    require(std::ranges::any_of(table.columns, [&](const auto& c) { return c.key == key; }),
            "its average names '", key, "', which is no column");
  }
  return table;
}

// "SAM 0.1" -> "sam-0.1"
std::string slug(const std::string& name) {
  std::string made;
  for (const char c : name) {
    if (std::isalnum(static_cast<unsigned char>(c)) || c == '.') {
      made += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    } else if (!made.empty() && made.back() != '-') {
      made += '-';
    }
  }
  return made;
}

void append(std::vector<std::string>& to, const std::vector<std::string>& more) {
  to.insert(to.end(), more.begin(), more.end());
}

class Planner {
 public:
  Planner(const PlanOptions& options, const Json& preset, const PaperTable& table)
      : options_(options), preset_(preset), table_(table) {}

  std::string dataset() const {
    if (!options_.dataset.empty()) return options_.dataset;
    return options_.preset == "paper" ? table_.dataset : "fashion-mnist";
  }

  PlannedRun run(const TableRow& row, std::int64_t seed) const {
    const fs::path directory = options_.output / (slug(row.name) + "-seed-" + std::to_string(seed));
    PlannedRun made{row.name, seed, directory, {}, {}, {}};
    made.train = program("saddle-train", seed);
    append(made.train, words("train"));
    append(made.train, model_flags(row));
    append(made.train, row.flags);
    append(made.train, {"--resume", "--output", directory.string()});
    made.attack = attack(seed, directory, "attacks.json");
    for (const TableColumn& column : table_.columns) {
      if (!column.attack.empty()) append(made.attack, {"--attack", column.attack});
    }
    append(made.attack, {"--csv", (directory / "examples.csv").string()});
    made.curve = attack(seed, directory, "curve.json");
    append(made.curve, {"--attack", kCurveAttack, "--eps-curve", kCurveRadii, "--save-images",
                        (directory / "images.png").string()});
    return made;
  }

 private:
  std::vector<std::string> words(const char* key) const {
    return preset_.at(key).get<std::vector<std::string>>();
  }
  std::vector<std::string> model_flags(const TableRow& row) const {
    const Json& models = preset_.at("models");
    require(models.contains(row.model), "preset ", options_.preset, " has no model ", row.model);
    return models.at(row.model).get<std::vector<std::string>>();
  }
  std::vector<std::string> program(const char* name, std::int64_t seed) const {
    std::vector<std::string> line = {(options_.programs / name).string(),
                                     "--dataset",
                                     dataset(),
                                     "--seed",
                                     std::to_string(seed),
                                     "--threads",
                                     std::to_string(options_.threads),
                                     "--device",
                                     options_.device,
                                     "--precision",
                                     options_.precision,
                                     "--quiet"};
    if (!options_.data_directory.empty()) append(line, {"--data-dir", options_.data_directory});
    return line;
  }
  std::vector<std::string> attack(std::int64_t seed, const fs::path& directory,
                                  const char* json) const {
    std::vector<std::string> line = program("saddle-attack", seed);
    append(line, {"--checkpoint", (directory / "last.safetensors").string(), "--json",
                  (directory / json).string()});
    append(line, words("attack"));
    return line;
  }

  const PlanOptions& options_;
  const Json& preset_;
  const PaperTable& table_;
};

}  // namespace

PaperTable load_table(const fs::path& directory, int number) {
  const fs::path path = directory / ("table" + std::to_string(number) + ".json");
  require(fs::exists(path), "there is no table ", number, " in ", directory.string(),
          ". There are ", tables_in(directory));
  const Json json = read_json(path);
  try {
    return parse_table(json);
  } catch (const std::exception& error) {
    fail(path.string(), ": ", error.what());
  }
}

Plan make_plan(const PlanOptions& options, int number) {
  const Json presets = read_json(options.tables / "presets.json");
  require(presets.contains(options.preset), "preset '", options.preset,
          "' is unknown. There are paper, short, tiny");
  const Json& preset = presets.at(options.preset);
  Plan plan{load_table(options.tables, number), options.preset, preset.at("about"), {}, 0, {}};
  const Planner planner(options, preset, plan.table);
  plan.dataset = planner.dataset();
  plan.seeds = options.seeds.value_or(preset.at("seeds").get<std::int64_t>());
  std::erase_if(plan.table.rows,
                [&](const TableRow& row) { return !row.name.starts_with(options.only); });
  require(!plan.table.rows.empty(), "no row's name begins with --only '", options.only, "'");
  for (const TableRow& row : plan.table.rows) {
    for (std::int64_t seed = 0; seed < plan.seeds; ++seed) {
      plan.runs.push_back(planner.run(row, seed));
    }
  }
  return plan;
}

Json commands_of(const PlannedRun& run) {
  Json commands;
  for (const auto& [name, line] : {std::pair{"train", &run.train}, std::pair{"attack", &run.attack},
                                   std::pair{"curve", &run.curve}}) {
    std::vector<std::string> words = *line;
    words.front() = fs::path(words.front()).filename().string();
    commands[name] = words;
  }
  return commands;
}

bool is_finished(const PlannedRun& run) {
  const fs::path record = run.directory / "commands.json";
  if (!fs::exists(record)) return false;
  require(read_json(record) == commands_of(run), run.directory.string(),
          " holds a run of other settings (see its commands.json). Choose another --output, or "
          "remove it");
  return std::ranges::all_of(std::vector{"metrics.jsonl", "attacks.json", "curve.json"},
                             [&](const char* file) { return fs::exists(run.directory / file); });
}

}  // namespace saddle
