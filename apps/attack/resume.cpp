#include "apps/attack/resume.h"

#include <cstdio>
#include <cstring>
#include <nlohmann/json.hpp>

#include "core/file.h"
#include "core/json_text.h"
#include "core/safetensors.h"

namespace saddle {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kMetadata = "saddle_attack";
constexpr std::int64_t kFields = 14;  // of an ExampleRecord

// Every number of a record is exact as a double.
std::vector<double> record_table(const std::vector<ExampleRecord>& records) {
  std::vector<double> table;
  table.reserve(records.size() * kFields);
  for (const ExampleRecord& r : records) {
    for (double value : {static_cast<double>(r.label), static_cast<double>(r.clean_prediction),
                         static_cast<double>(r.prediction), static_cast<double>(r.attacked),
                         static_cast<double>(r.member), static_cast<double>(r.attempt),
                         static_cast<double>(r.changed_pixels), r.forward, r.backward, r.linf, r.l2,
                         r.l1, r.cross_entropy, r.margin}) {
      table.push_back(value);
    }
  }
  return table;
}

std::vector<ExampleRecord> records_of(const std::vector<double>& table) {
  std::vector<ExampleRecord> records;
  for (std::size_t i = 0; i < table.size(); i += kFields) {
    const double* v = table.data() + i;
    const auto integer = [&](int field) { return static_cast<std::int32_t>(v[field]); };
    ExampleRecord r;
    r.label = integer(0);
    r.clean_prediction = integer(1);
    r.prediction = integer(2);
    r.attacked = integer(3);
    r.member = integer(4);
    r.attempt = integer(5);
    r.changed_pixels = integer(6);
    r.forward = v[7];
    r.backward = v[8];
    r.linf = v[9];
    r.l2 = v[10];
    r.l1 = v[11];
    r.cross_entropy = v[12];
    r.margin = v[13];
    records.push_back(r);
  }
  return records;
}

Json summary_json(const AttackResult& result) {
  Json members = Json::array();
  for (const MemberResult& member : result.members) {
    members.push_back({{"name", member.name},
                       {"robust_accuracy", member.robust_accuracy},
                       {"forward", member.passes.forward},
                       {"backward", member.passes.backward},
                       {"seconds", member.seconds},
                       {"zero_gradients", member.zero_gradients}});
  }
  return {{"robust_accuracy", result.robust_accuracy},
          {"max_linf", result.max_linf},
          {"max_l2", result.max_l2},
          {"max_l1", result.max_l1},
          {"forward", result.passes.forward},
          {"backward", result.passes.backward},
          {"seconds", result.seconds},
          {"attacked", result.attacked},
          {"warnings", result.warnings},
          {"members", members}};
}

AttackResult summary_of(const Json& json) {
  AttackResult result;
  result.robust_accuracy = json.at("robust_accuracy").get<double>();
  result.max_linf = json.at("max_linf").get<double>();
  result.max_l2 = json.at("max_l2").get<double>();
  result.max_l1 = json.at("max_l1").get<double>();
  result.passes = {json.at("forward").get<std::int64_t>(),
                   json.at("backward").get<std::int64_t>()};
  result.seconds = json.at("seconds").get<double>();
  result.attacked = json.at("attacked").get<std::int64_t>();
  result.warnings = json.at("warnings").get<std::vector<std::string>>();
  for (const Json& member : json.at("members")) {
    result.members.push_back({member.at("name").get<std::string>(),
                              member.at("robust_accuracy").get<double>(),
                              {member.at("forward").get<std::int64_t>(),
                               member.at("backward").get<std::int64_t>()},
                              member.at("seconds").get<double>(),
                              member.at("zero_gradients").get<std::int64_t>()});
  }
  return result;
}

// Tensors of the results, and the memory they point into.
class Tensors {
 public:
  void add(const std::string& prefix, const AttackResult& result, SavedImages images) {
    tables_.push_back(record_table(result.examples));
    const auto examples = static_cast<std::int64_t>(result.examples.size());
    list_.push_back({prefix + ".examples", DType::f64, {examples, kFields},
                     std::as_bytes(std::span(tables_.back()))});
    static const std::vector<float> kNone;
    add(prefix + ".adversarial", DType::f32,
        images == SavedImages::all ? result.adversarial : kNone);
  }
  template <class T>
  void add(const std::string& name, DType dtype, const std::vector<T>& values) {
    list_.push_back({name, dtype, {static_cast<std::int64_t>(values.size())},
                     std::as_bytes(std::span(values))});
  }
  std::span<const NamedTensor> list() const { return list_; }

 private:
  std::vector<NamedTensor> list_;
  std::vector<std::vector<double>> tables_;  // moving a vector leaves its elements where they are
};

template <class T>
std::vector<T> read_values(const SafetensorsFile& file, const std::string& name) {
  const FileTensor& tensor = file.tensor(name);
  require(tensor.dtype == dtype_of<T>, file.file_name(), ": ", name, " has another type");
  std::vector<T> values(static_cast<std::size_t>(tensor.shape.count()));
  if (!values.empty()) std::memcpy(values.data(), tensor.bytes.data(), tensor.bytes.size());
  return values;
}

AttackResult read_result(const SafetensorsFile& file, const std::string& prefix, const Json& json) {
  AttackResult result = summary_of(json);
  const std::vector<double> table = read_values<double>(file, prefix + ".examples");
  require(table.size() % kFields == 0, file.file_name(), ": ", prefix, ".examples is misshapen");
  result.examples = records_of(table);
  result.adversarial = read_values<float>(file, prefix + ".adversarial");
  return result;
}

void compare(const Command& command, const Json& saved, const std::string& file) {
  for (const auto& [name, value] : command) {
    const std::string was = saved.value(name, std::string());
    require(was == value, file, ": is the state of a run with other ", name, " ('", was,
            "', this one has '", value,
            "'). Repeat that command, name another --json, or begin anew with --restart");
  }
}

std::string hexadecimal(std::uint64_t number) {
  char digits[32];
  std::snprintf(digits, sizeof digits, "%016llx", static_cast<unsigned long long>(number));
  return digits;
}

// FNV-1a over 8 bytes at a time (the rest one by one).
std::uint64_t hash_of(Bytes bytes, std::uint64_t hash = 0xcbf29ce484222325u) {
  constexpr std::uint64_t kPrime = 0x100000001b3u;
  std::size_t i = 0;
  for (; i + 8 <= bytes.size(); i += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data() + i, 8);
    hash = (hash ^ word) * kPrime;
    hash ^= hash >> 32;  // else the upper bytes of a word would reach no lower bit
  }
  for (; i < bytes.size(); ++i) hash = (hash ^ std::to_integer<std::uint64_t>(bytes[i])) * kPrime;
  return (hash ^ bytes.size()) * kPrime;
}

}  // namespace

std::filesystem::path state_path(const std::filesystem::path& json) {
  std::filesystem::path path = json;
  path += ".state";
  return path;
}

void save_state(const std::filesystem::path& path, const Command& command,
                std::span<const AttackResult> finished, const AttackState* current,
                SavedImages images) {
  Json json{{"command", Json::object()}, {"finished", Json::array()}};
  for (const auto& [name, value] : command) json["command"][name] = value;
  Tensors tensors;
  for (std::size_t i = 0; i < finished.size(); ++i) {
    json["finished"].push_back(summary_json(finished[i]));
    tensors.add(text("finished.", i), finished[i], SavedImages::all);
  }
  if (current) {
    json["current"] = summary_json(current->result);
    json["queue"] = {current->member, current->attempt, current->position};
    tensors.add("current", current->result, images);
    tensors.add("current.standing", DType::u8, current->standing);
  }
  const Metadata metadata{{kMetadata, json.dump(-1, ' ', false, Json::error_handler_t::replace)}};
  save_safetensors(path, tensors.list(), metadata);
}

namespace {

Json state_json(const std::filesystem::path& path, const std::string& metadata) {
  try {
    return parse_ordered_json(metadata);
  } catch (const Error& error) {
    fail(path.string(), ": the state of the attack is ", error.what(),
         ". Begin anew with --restart");
  }
}

}  // namespace

RunState load_state(const std::filesystem::path& path, const Command& command) {
  const SafetensorsFile file = SafetensorsFile::load(path);
  const auto found = file.metadata().find(kMetadata);
  require(found != file.metadata().end(), path.string(),
          ": is not the state of an attack. Name another --json, or begin anew with --restart");
  try {
    const Json json = state_json(path, found->second);
    compare(command, json.at("command"), path.string());
    RunState state;
    for (const Json& summary : json.at("finished")) {
      state.finished.push_back(read_result(file, text("finished.", state.finished.size()), summary));
    }
    if (json.contains("current")) {
      AttackState current;
      current.result = read_result(file, "current", json.at("current"));
      current.standing = read_values<std::uint8_t>(file, "current.standing");
      current.member = json.at("queue").at(0).get<std::int64_t>();
      current.attempt = json.at("queue").at(1).get<std::int64_t>();
      current.position = json.at("queue").at(2).get<std::int64_t>();
      state.current = std::move(current);
    }
    return state;
  } catch (const nlohmann::json::exception& error) {
    fail(path.string(), ": the state of the attack cannot be read (", error.what(),
         "). Begin anew with --restart");
  }
}

std::string fingerprint_of_file(const std::filesystem::path& path) {
  return hexadecimal(hash_of(read_file(path, SafetensorsFile::kMaxFileBytes)));
}

std::string fingerprint_of_data(const Dataset& data) {
  const std::uint64_t pixels = hash_of(std::as_bytes(std::span(data.pixels)));
  return hexadecimal(hash_of(std::as_bytes(std::span(data.labels)), pixels));
}

bool SaveClock::due() const {
  constexpr auto kAtMostEvery = std::chrono::seconds(5);
  constexpr int kWorkPerSave = 20;  // at most a twentieth of the time goes into saving
  const auto since = Clock::now() - last_;
  return since >= kAtMostEvery && since >= kWorkPerSave * cost_;
}

}  // namespace saddle
