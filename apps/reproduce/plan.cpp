#include "apps/reproduce/plan.h"

#include <nlohmann/json.hpp>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <set>

#include "apps/reproduce/results.h"
#include "core/error.h"
#include "core/file.h"
#include "core/json_text.h"

namespace saddle::reproduce {
namespace {

using Json = nlohmann::json;
namespace fs = std::filesystem;

constexpr const char* kCurveAttack = "pgd:norm=linf,steps=10";

// Who does the work of a task's tables.
struct Workers {
  std::vector<std::string> train, attack;
  const char *outcomes_flag, *outcomes_ending;  // of what the attack says of each example
  const char* curve_radii;                      // null: an attack has no radius
  const char* presets;
};

const Workers& workers_of(Task task) {
  static const Workers classification = {
      {"saddle-train"}, {"saddle-attack"}, "--csv", ".csv", "0.5/255,1/255,2/255,4/255,8/255",
      "presets.json"};
  static const Workers segmentation = {
      {"saddle-segment", "train"}, {"saddle-segment", "attack"}, "--counts", ".safetensors",
      "0.5/255,1/255,2/255,4/255", "presets-segmentation.json"};
  static const Workers of_texts = {
      {"saddle-text", "train"}, {"saddle-text", "attack"}, "--outcomes", ".jsonl", nullptr,
      "presets-text.json"};
  if (task == Task::text) return of_texts;
  return task == Task::classification ? classification : segmentation;
}

// Where an attack upon texts shows them.
fs::path page_of(const fs::path& directory, const std::string& attack) {
  return directory / (attack + ".html");
}

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
  const Json commands = fs::exists(record) ? read_json(record) : Json::object();
  require(commands.is_object(), record.string(), ": is not a JSON object. Remove it and run again");
  return commands;
}

void write_commands(const PlannedRun& run, const Json& commands) {
  write_file_atomically(run.directory / "commands.json",
                        std::string_view(json_text(commands, 1) + "\n"));
}

// Where an attack that was interrupted goes on.
fs::path state_of(const fs::path& result) { return result.string() + ".state"; }

// All that an attack leaves.
std::vector<fs::path> files_of(const Stage& stage) {
  std::vector<fs::path> files = {stage.result};
  for (const fs::path& file : {stage.outcomes, stage.pictures}) {
    if (!file.empty()) files.push_back(file);
  }
  return files;
}

// For good: not even a power cut brings them back.
void remove_files(const fs::path& directory, const std::vector<fs::path>& files) {
  for (const fs::path& file : files) {
    std::error_code error;
    fs::remove(file, error);
    require(!error, file.string(), " cannot be removed: ", error.message());
  }
  const int descriptor = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return;
  ::fsync(descriptor);
  ::close(descriptor);
}

// Whether the command of the stage's result is noted. Throws Error where it is another command.
bool is_vouched_for(const PlannedRun& run, const Stage& stage) {
  const Json commands = recorded_commands(run);
  if (!commands.contains(stage.name)) return false;
  require(commands.at(stage.name) == recorded_command(run, stage), run.directory.string(),
          " holds a run of other settings: '", stage.name,
          "' of its commands.json is another command. Choose another --output, or remove it");
  return true;
}

std::string tables_in(const fs::path& directory) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(directory)) {
    const std::string name = entry.path().stem().string();
    if (name.starts_with("table")) names.push_back(name.substr(5));
  }
  std::ranges::sort(names, {},
                    [](const std::string& name) { return std::pair(name.size(), name); });
  std::string all;
  for (const std::string& name : names) all += (all.empty() ? "" : ", ") + name;
  return all;
}

Task task_of(const std::string& name) {
  if (name == "classification") return Task::classification;
  if (name == "segmentation") return Task::segmentation;
  require(name == "text", "task '", name, "' is none of classification, segmentation, text");
  return Task::text;
}

PaperTable parse_table(const Json& json) {
  PaperTable table;
  table.task = task_of(json.value("task", "classification"));
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
                          row.value("model", json.value("model", "preact_resnet18")),
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
    return !options_.dataset.empty() ? options_.dataset : preset_.value("dataset", table_.dataset);
  }

  fs::path directory() const {
    return options_.output / (slug(options_.preset) + "-" + slug(dataset()));
  }

  PlannedRun run(const TableRow& row, std::int64_t seed) const {
    std::vector<std::string> flags = model_flags(row);
    append(flags, row.flags);
    if (std::ranges::count(row.flags, "--adversarial") > 0 && preset_.contains("adversarial")) {
      append(flags, words("adversarial"));
    }
    std::string name;
    for (const std::string& flag : flags) name += flag + " ";
    const fs::path place = directory() / (slug(name + "seed " + std::to_string(seed)));
    PlannedRun made{
        table_.task, row.name, row.model, seed, place, {}, row.name.starts_with(options_.only)};
    std::vector<std::string> train = program(workers_of(table_.task).train, seed);
    append(train, words("train"));
    append(train, flags);
    append(train, {"--resume", "--output", place.string()});
    made.stages.push_back({"train", train, place / "metrics.jsonl"});
    for (const TableColumn& column : table_.columns) {
      if (!column.attack.empty()) made.stages.push_back(column_stage(column, seed, place));
    }
    if (has_curve(table_.task)) made.stages.push_back(curve_stage(seed, place));
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
  std::vector<std::string> program(const std::vector<std::string>& worker,
                                   std::int64_t seed) const {
    std::vector<std::string> line = worker;
    line.front() = (options_.programs / line.front()).string();
    append(line, {"--dataset", dataset(), "--seed", std::to_string(seed), "--threads",
                  std::to_string(options_.threads), "--device", options_.device, "--precision",
                  options_.precision, "--quiet"});
    if (options_.cpu_isa != "auto") append(line, {"--cpu-isa", options_.cpu_isa});
    if (!options_.plan.empty()) append(line, {"--plan", options_.plan});
    if (options_.deterministic) line.push_back("--deterministic");
    if (!options_.data_directory.empty()) {
      append(line, {"--data-dir", fs::absolute(options_.data_directory).string()});
    }
    return line;
  }
  Stage attack(std::int64_t seed, const fs::path& directory, const std::string& name) const {
    Stage stage{name, program(workers_of(table_.task).attack, seed), directory / (name + ".json")};
    append(stage.command, {"--checkpoint", (directory / "last.safetensors").string(), "--json",
                           stage.result.string()});
    append(stage.command, words("attack"));
    return stage;
  }

  Stage column_stage(const TableColumn& column, std::int64_t seed, const fs::path& place) const {
    const Workers& workers = workers_of(table_.task);
    Stage stage = attack(seed, place, slug(column.attack));
    stage.outcomes = place / (stage.name + workers.outcomes_ending);
    append(stage.command,
           {workers.outcomes_flag, stage.outcomes.string(), "--attack", column.attack});
    if (table_.task == Task::text) {
      stage.pictures = page_of(place, stage.name);
      append(stage.command, {"--html", stage.pictures.string()});
    }
    return stage;
  }
  Stage curve_stage(std::int64_t seed, const fs::path& place) const {
    Stage curve = attack(seed, place, "curve");
    curve.pictures = place / "images.png";
    append(curve.command,
           {"--attack", kCurveAttack, "--eps-curve", workers_of(table_.task).curve_radii,
            "--save-images", curve.pictures.string()});
    return curve;
  }

  const PlanOptions& options_;
  const Json& preset_;
  const PaperTable& table_;
};

}  // namespace

PaperTable load_table(const fs::path& directory, std::int64_t number) {
  const fs::path path = directory / ("table" + std::to_string(number) + ".json");
  if (!fs::exists(path)) {
    throw UsageError(text("there is no table ", number, " in ", directory.string(), ". There are ",
                          tables_in(directory)));
  }
  const Json json = read_json(path);
  try {
    return parse_table(json);
  } catch (const std::exception& error) {
    fail(path.string(), ": ", error.what());
  }
}

Plan make_plan(const PlanOptions& options, std::int64_t number) {
  // Its name stands in the lines of the attacks' CSV files and of logs.
  if (std::ranges::any_of(options.output.string(), [](unsigned char c) { return c < 0x20; })) {
    throw UsageError("--output: a line break or another control character is in the name");
  }
  PaperTable table = load_table(options.tables, number);
  const Json presets = read_json(options.tables / workers_of(table.task).presets);
  if (!presets.contains(options.preset)) {
    std::string names;
    for (const auto& [name, preset] : presets.items()) names += (names.empty() ? "" : ", ") + name;
    throw UsageError(text("preset '", options.preset, "' is unknown. There are ", names));
  }
  const Json& preset = presets.at(options.preset);
  Plan plan{std::move(table), options.preset, preset.at("about"), {}, 0, {}, {}};
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
  if (std::ranges::none_of(plan.runs, &PlannedRun::chosen)) {
    throw UsageError(text("no row's name begins with --only '", options.only, "'"));
  }
  return plan;
}

bool has_curve(Task task) { return workers_of(task).curve_radii != nullptr; }

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

std::vector<std::string> recorded_command(const PlannedRun& run, const Stage& stage) {
  const std::string directory = run.directory.string();
  std::vector<std::string> words = stage.command;
  words.front() = fs::path(words.front()).filename().string();
  for (std::string& word : words) {
    if (word == directory) word = ".";
    if (word.starts_with(directory + "/")) word.erase(0, directory.size() + 1);
  }
  // A file's name need not be UTF-8; what a file keeps of it is.
  std::ranges::transform(words, words.begin(), valid_utf8);
  return words;
}

std::string value_of(const std::vector<std::string>& command, const std::string& flag) {
  const auto found = std::ranges::find(command, flag);
  return found == command.end() || found + 1 == command.end() ? "" : *(found + 1);
}

TrainingLength length_of(const PlannedRun& run) {
  const std::vector<std::string>& line = run.stages.front().command;
  const std::string iterations = value_of(line, "--iterations"),
                    epochs = value_of(line, "--epochs");
  if (!iterations.empty()) return {0, std::stoll(iterations)};
  return {epochs.empty() ? 100 : std::stoll(epochs), 0};
}

double trained_part(const PlannedRun& run) {
  const Stage& training = run.stages.front();
  if (!is_vouched_for(run, training) || !fs::exists(training.result)) return 0;
  const TrainingResult done = read_training(run.directory, run.task);
  const TrainingLength length = length_of(run);
  const auto part = length.iterations > 0 ? std::pair{done.iterations, length.iterations}
                                          : std::pair{done.epochs, length.epochs};
  if (part.first >= part.second) return 1;
  return static_cast<double>(part.first) / static_cast<double>(part.second);
}

bool is_done(const PlannedRun& run, const Stage& stage) {
  if (stage.name == "train") return trained_part(run) >= 1;
  if (!is_vouched_for(run, stage)) return false;
  return std::ranges::all_of(files_of(stage),
                             [](const fs::path& file) { return fs::exists(file); });
}

bool is_finished(const PlannedRun& run) {
  bool finished = true;
  for (const Stage& stage : run.stages) finished = is_done(run, stage) && finished;  // each checked
  return finished;
}

void begin_stage(const PlannedRun& run, const Stage& stage) {
  if (stage.name != "train") {
    std::vector<fs::path> files = files_of(stage);
    if (!is_vouched_for(run, stage)) files.push_back(state_of(stage.result));
    remove_files(run.directory, files);
  }
  Json commands = recorded_commands(run);
  commands[stage.name] = recorded_command(run, stage);
  write_commands(run, commands);
}

void forget_attacks(const PlannedRun& run) {
  const Json commands = recorded_commands(run);
  Json kept = Json::object();
  std::vector<fs::path> files;
  for (const auto& [name, command] : commands.items()) {
    if (name == "train") {
      kept[name] = command;
    } else if (name == slug(name)) {
      const fs::path result = run.directory / (name + ".json");
      files.insert(files.end(), {result, state_of(result),
                                 run.directory / (name + workers_of(run.task).outcomes_ending)});
      if (run.task == Task::text) files.push_back(page_of(run.directory, name));
    }
  }
  if (files.empty()) return;
  remove_files(run.directory, files);
  write_commands(run, kept);
}

}  // namespace saddle::reproduce
