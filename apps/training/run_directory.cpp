#include "apps/training/run_directory.h"

#include <algorithm>
#include <array>
#include <deque>
#include <new>

#include "apps/common/checkpoint.h"
#include "apps/common/command_line.h"
#include "apps/common/fingerprint.h"
#include "apps/common/plan_options.h"
#include "apps/training/run_config.h"
#include "apps/training/tensorboard.h"
#include "core/file.h"
#include "core/json_text.h"

namespace saddle {
namespace {

using Json = nlohmann::json;
namespace fs = std::filesystem;

constexpr const char* kConfig = "config.json";
constexpr const char* kMetrics = "metrics.jsonl";
constexpr const char* kEvents = "events.out.tfevents.0.saddle";
constexpr const char* kPlans = "plans.json";
constexpr const char* kState = "state.safetensors";
constexpr const char* kLast = "last.safetensors";
constexpr const char* kBest = "best.safetensors";
constexpr std::int64_t kMaxConfigBytes = 1 << 20;

Json read_config(const fs::path& path) {
  const std::vector<std::byte> bytes = read_file(path, kMaxConfigBytes);
  try {
    return parse_config(bytes);
  } catch (const Error& error) {
    fail(path.string(), ": is ", error.what(), ". Remove it, or start over with --overwrite");
  }
}

// The settings in which two configurations differ, "lr (0.1, now 0.2)".
std::string differences(const Json& was, const Json& now) {
  std::string list;
  for (const auto& [key, value] : now.items()) {
    const Json old = was.value(key, Json());
    if (old != value)
      list += (list.empty() ? "" : ", ") +
              text(key, " (", json_text(old), ", now ", json_text(value), ")");
  }
  for (const auto& [key, value] : was.items()) {
    if (!now.contains(key))
      list += (list.empty() ? "" : ", ") + text(key, " (", json_text(value), ", now unset)");
  }
  return list;
}

bool more_epochs(const Json& was, const Json& now) {
  const auto epochs = [](const Json& settings) {
    const Json value = settings.value("epochs", Json());
    return value.is_number_integer() ? value.get<std::int64_t>() : 0;
  };
  return epochs(now) > epochs(was);
}

// Whether an epoch is the same however many come after it. SSAM's dynamic mask changes less and
// less towards the end.
bool is_open_ended(const Json& settings) {
  return settings.value("schedule", Json()) == "constant" &&
         settings.value("ssam_mask", Json()) != "dynamic";
}

// `was`, with the epochs of `now` where the run may go on for as many.
Json but_for_more_epochs(Json was, const Json& now) {
  if (more_epochs(was, now) && is_open_ended(was)) was["epochs"] = now.at("epochs");
  return was;
}

// Those that differ, in words.
std::string changed_inputs(const Json& was, const Json& now) {
  constexpr std::array kInputs = {
      std::pair{"train_data", "the training data (examples, labels or names of classes)"},
      std::pair{"validation_data", "the validation data"}, std::pair{"test_data", "the test data"},
      std::pair{"init_from", "the file of --init-from"},
      std::pair{"encoder", "the weights of --encoder"}};
  std::string list;
  for (const auto& [key, words] : kInputs) {
    if (was.value(key, Json()) != now.value(key, Json()))
      list += text(list.empty() ? "" : ", ", words);
  }
  return list;
}

// Runs of one identity are the same as far as both go. Where plans come from is left to
// check_resumable: a run of before there were any can be gone on with.
std::string identity_of(const RunConfig& config) {
  Json settings = config.settings;
  settings.erase("plan");
  if (is_open_ended(settings)) settings.erase("epochs");
  return fingerprint_of_text(json_text(settings) + json_text(config.inputs));
}

// In the order of removal: a kill in between must never leave a state whose settings are gone.
constexpr std::array kFiles = {kState, kLast, kBest, kMetrics, kEvents, kPlans, kConfig};

bool holds_run(const fs::path& directory) {
  return std::any_of(kFiles.begin(), kFiles.end(),
                     [&](const char* name) { return fs::exists(directory / name); });
}

// "NAME.tmp-PID-N", which a kill may have left.
void remove_temporary_files(const fs::path& directory) {
  std::vector<fs::path> found;
  for (const auto& entry : fs::directory_iterator(directory)) {
    const std::string name = entry.path().filename().string();
    for (const char* known : kFiles) {
      if (name.starts_with(std::string(known) + ".tmp-")) found.push_back(entry.path());
    }
  }
  for (const fs::path& path : found) fs::remove(path);
}

void restore_buffer(const SafetensorsFile& file, const std::string& name, Tensor tensor) {
  const std::vector<float> values = file.read_f32(name);
  require(static_cast<std::int64_t>(values.size()) == tensor.count(), file.file_name(), ": ", name,
          " has ", values.size(), " elements, this run needs ", tensor.count(),
          ". It belongs to another model");
  tensor.copy_from_host(values.data());
}

// The tensors of a state file by their names there.
std::vector<NamedState> buffers_of(const SavedParts& parts) {
  std::vector<NamedState> all = {{"weights", parts.model.weights},
                                 {"statistics", parts.model.statistics}};
  for (const NamedState& state : parts.minimiser.state()) {
    all.push_back({"optimizer." + state.name, state.tensor});
  }
  if (parts.averaged) {
    all.push_back({"kept.averaged.weights", parts.averaged->weights});
    all.push_back({"kept.averaged.statistics", parts.averaged->statistics});
  }
  for (const NamedState& state : parts.kept) all.push_back({"kept." + state.name, state.tensor});
  return all;
}

}  // namespace

RunDirectory::RunDirectory(const fs::path& path, Open mode, RunConfig config)
    : path_(path), program_(config.program) {
  std::error_code error;
  fs::create_directories(path_, error);
  require(fs::is_directory(path_), path_.string(), ": cannot be made a directory (",
          error.message(), "). Name another --output");
  lock_.emplace(path_,
                "another training is writing here. Wait until it ends, stop it, or name another "
                "--output",
                Inherited::no);
  require(mode != Open::fresh || !holds_run(path_), path_.string(),
          ": already holds a run. Go on with --resume, start over with --overwrite, or name "
          "another --output");
  if (mode == Open::resume && holds_run(path_)) {
    check_resumable(config);
    go_on_with_plans(path_ / kPlans);
  }
  if (mode == Open::overwrite) {
    for (const char* name : kFiles) fs::remove(path_ / name);
  }
  remove_temporary_files(path_);
  for (const auto& [name, content] : config.files) {
    write_file_atomically(path_ / name, std::string_view(content));
  }
  identity_ = identity_of(config);
  const Json json{{"settings", config.settings},
                  {"inputs", config.inputs},
                  {"environment", config.environment},
                  {"warnings", config.warnings}};
  const std::string lines = json_text(json, 2) + "\n";
  write_file_atomically(path_ / kConfig, std::string_view(lines));
}

void RunDirectory::check_resumable(RunConfig& config) const {
  const Json was = read_config(path_ / kConfig);
  Json settings = but_for_more_epochs(was.at("settings"), config.settings);
  // A run of before there were plans went by the rules.
  if (config.settings.contains("plan") && !settings.contains("plan")) settings["plan"] = "default";
  const std::string changed = differences(settings, config.settings);
  require(changed.empty(), path_.string(),
          ": --resume with other settings than the run began with: ", changed,
          more_epochs(settings, config.settings)
              ? ". Only where nothing depends on the number of epochs (--schedule constant) may it "
                "grow"
              : "");
  for (const auto& [name, fingerprint] : was.at("inputs").items()) {
    if (!config.inputs.contains(name)) config.inputs[name] = fingerprint;
  }
  const std::string others = changed_inputs(was.at("inputs"), config.inputs);
  require(others.empty(), path_.string(),
          ": --resume on other inputs than the run began with: ", others,
          " changed. Put back what was there, or start over with --overwrite");
  const std::string moved = differences(was.at("environment"), config.environment);
  if (!moved.empty()) {
    print_warning(program_,
                  text(path_.string(), " goes on where other bits may come out: ", moved));
  }
}

bool RunDirectory::holds_state(const fs::path& path) { return fs::exists(path / kState); }

RunPosition RunDirectory::restore(const SavedParts& parts) const {
  if (!fs::exists(path_ / kState)) return {};
  const SafetensorsFile file = SafetensorsFile::load(path_ / kState);
  SavedPosition saved;
  try {
    saved = parse_position(file.metadata().at("position"));
  } catch (const std::bad_alloc&) {
    throw;
  } catch (const std::exception&) {
    fail(file.file_name(), ": its metadata is not a training state. Start over with --overwrite");
  }
  require(
      saved.run == identity_, file.file_name(),
      ": is the state of another run (other settings or other inputs). Put back this run's own, "
      "or start over with --overwrite");
  for (const NamedState& state : buffers_of(parts)) restore_buffer(file, state.name, state.tensor);
  parts.model.batches_tracked = saved.batches_tracked;
  parts.minimiser.steps() = saved.optimizer_steps;
  if (parts.averaged) parts.averaged->batches_tracked = saved.batches_tracked;
  return saved.position;
}

void RunDirectory::save(const SavedParts& parts, const RunPosition& position, bool is_best) const {
  const Model& tested = parts.averaged ? *parts.averaged : parts.model;
  if (is_best) save_checkpoint(path_ / kBest, tested);
  save_checkpoint(path_ / kLast, tested);
  std::string lines;
  for (const Json& epoch : position.metrics) lines += json_text(epoch) + "\n";
  write_file_atomically(path_ / kMetrics, std::string_view(lines));
  update_event_file(path_ / kEvents, position.metrics);
  save_plans_in_use(path_ / kPlans);

  std::deque<std::vector<float>> values;
  std::vector<NamedTensor> entries;
  for (const NamedState& state : buffers_of(parts)) {
    values.push_back(state.tensor.to_host<float>());
    entries.push_back(
        {state.name, DType::f32, {state.tensor.count()}, std::as_bytes(std::span(values.back()))});
  }
  const Json json = {{"run", identity_},
                     {"epochs_done", position.epochs_done},
                     {"steps_done", position.steps_done},
                     {"best_accuracy", position.best_score},
                     {"metrics", position.metrics},
                     {"batches_tracked", parts.model.batches_tracked},
                     {"optimizer_steps", parts.minimiser.steps()}};
  save_safetensors(path_ / kState, entries, {{"position", json_text(json)}});
}

}  // namespace saddle
