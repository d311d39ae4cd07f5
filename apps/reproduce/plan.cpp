#include "apps/reproduce/plan.h"

#include <algorithm>
#include <cctype>
#include <set>

#include "core/error.h"
#include "core/file.h"
#include "core/json_text.h"

namespace saddle {
namespace {

using Json = nlohmann::json;
namespace fs = std::filesystem;

constexpr const char* kCurveAttack = "pgd:norm=linf,steps=10";
constexpr const char* kCurveRadii = "0.5/255,1/255,2/255,4/255,8/255";

Json read_json(const fs::path& path) {
  const std::vector<std::byte> bytes = read_file(path, std::int64_t{1} << 24);
  try {
    return parse_json(bytes);
  } catch (const Error& error) {
    fail(path.string(), ": is ", error.what());
  }
}

// What DIRECTORY/commands.json holds, by the stage's name.
Json recorded_commands(const PlannedRun& run) {
  const fs::path record = run.directory / "commands.json";
  return fs::exists(record) ? read_json(record) : Json::object();
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
  require(table.columns.size() > 1 && table.columns.front().key == "natural",
          "its first column must be 'natural', and attacks must follow");
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    require(table.columns[i].attack.empty() == (i == 0), "column '", table.columns[i].key,
            i == 0 ? "' must not have an attack" : "' has no attack");
  }
  for (const std::string& key : table.average) {
    require(std::ranges::any_of(table.columns, [&](const auto& c) { return c.key == key; }),
            "its average names '", key, "', which is no column");
  }
  return table;
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

  fs::path directory() const { return options_.output / (options_.preset + "-" + slug(dataset())); }

  PlannedRun run(const TableRow& row, std::int64_t seed) const {
    std::vector<std::string> flags = model_flags(row);
    append(flags, row.flags);
    std::string name;
    for (const std::string& flag : flags) name += flag + " ";
    const fs::path place = directory() / (slug(name + "seed " + std::to_string(seed)));
    PlannedRun made{row.name, row.model, seed, place, {}, row.name.starts_with(options_.only)};

    std::vector<std::string> train = program("saddle-train", seed);
    append(train, words("train"));
    append(train, flags);
    append(train, {"--resume", "--output", place.string()});
    made.stages.push_back({"train", train, place / "metrics.jsonl"});
    for (const TableColumn& column : table_.columns) {
      if (column.attack.empty()) continue;
      Stage stage = attack(seed, place, slug(column.attack));
      append(stage.command,
             {"--csv", (place / (stage.name + ".csv")).string(), "--attack", column.attack});
      made.stages.push_back(stage);
    }
    Stage curve = attack(seed, place, "curve");
    append(curve.command, {"--attack", kCurveAttack, "--eps-curve", kCurveRadii, "--save-images",
                           (place / "images.png").string()});
    made.stages.push_back(curve);
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
    if (!options_.data_directory.empty()) {
      append(line, {"--data-dir", fs::absolute(options_.data_directory).string()});
    }
    return line;
  }
  Stage attack(std::int64_t seed, const fs::path& directory, const std::string& name) const {
    Stage stage{name, program("saddle-attack", seed), directory / (name + ".json")};
    append(stage.command, {"--checkpoint", (directory / "last.safetensors").string(), "--json",
                           stage.result.string()});
    append(stage.command, words("attack"));
    return stage;
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
  Plan plan{load_table(options.tables, number), options.preset, preset.at("about"), {}, 0, {}, {}};
  const Planner planner(options, preset, plan.table);
  plan.dataset = planner.dataset();
  plan.directory = planner.directory();
  plan.seeds = options.seeds.value_or(preset.at("seeds").get<std::int64_t>());
  std::set<fs::path> directories;
  for (const TableRow& row : plan.table.rows) {
    for (std::int64_t seed = 0; seed < plan.seeds; ++seed) {
      plan.runs.push_back(planner.run(row, seed));
      require(directories.insert(plan.runs.back().directory).second, "row '", row.name,
              "' of table ", number, " has the flags of another row");
    }
  }
  require(std::ranges::any_of(plan.runs, &PlannedRun::chosen), "no row's name begins with --only '",
          options.only, "'");
  return plan;
}

std::string slug(const std::string& words) {
  std::string made;
  for (const char c : words) {
    if (std::isalnum(static_cast<unsigned char>(c)) || c == '.') {
      made += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    } else if (!made.empty() && made.back() != '-') {
      made += '-';
    }
  }
  return made;
}

Json recorded_command(const PlannedRun& run, const Stage& stage) {
  const std::string directory = run.directory.string();
  std::vector<std::string> words = stage.command;
  words.front() = fs::path(words.front()).filename().string();
  for (std::string& word : words) {
    if (word == directory) word = ".";
    if (word.starts_with(directory + "/")) word.erase(0, directory.size() + 1);
  }
  return words;
}

bool is_done(const PlannedRun& run, const Stage& stage) {
  const Json commands = recorded_commands(run);
  if (!commands.contains(stage.name)) return false;
  require(commands.at(stage.name) == recorded_command(run, stage), run.directory.string(),
          " holds a run of other settings: '", stage.name,
          "' of its commands.json is another command. Choose another --output, or remove it");
  return fs::exists(stage.result);
}

bool is_finished(const PlannedRun& run) {
  bool finished = true;
  for (const Stage& stage : run.stages) finished = is_done(run, stage) && finished;  // each checked
  return finished;
}

void record_command(const PlannedRun& run, const Stage& stage) {
  Json commands = recorded_commands(run);
  commands[stage.name] = recorded_command(run, stage);
  write_file_atomically(run.directory / "commands.json", std::string_view(commands.dump(1) + "\n"));
}

}  // namespace saddle
