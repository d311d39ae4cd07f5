#include "apps/attack/resume.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <map>
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

// A state file may have been damaged or edited: what is read from it is checked before it is used
// as a place or a size. The Errors thrown say what is wrong; load_state says where.

std::int32_t whole_number(double value) {
  constexpr std::int32_t kLeast = std::numeric_limits<std::int32_t>::min(),
                         kMost = std::numeric_limits<std::int32_t>::max();
  require(value >= kLeast && value <= kMost && value == std::floor(value), "an example has ", value,
          " where a whole number belongs");
  return static_cast<std::int32_t>(value);
}

std::vector<ExampleRecord> records_of(const std::vector<double>& table) {
  std::vector<ExampleRecord> records;
  for (std::size_t i = 0; i < table.size(); i += kFields) {
    const double* v = table.data() + i;
    const auto integer = [&](int field) { return whole_number(v[field]); };
    for (int field = 7; field < kFields - 1; ++field) {  // of passes, norms and a loss
      require(std::isfinite(v[field]) && v[field] >= 0, "an example has ", v[field],
              " where a number from 0 belongs");
    }
    require(!std::isnan(v[kFields - 1]), "the margin of an example is not a number");
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
                       {"zero_gradients", member.zero_gradients},
                       {"repeated", member.repeated}});
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

// A count: a whole number from 0.
std::int64_t count_in(const Json& json, const char* key) {
  const Json& value = json.at(key);
  constexpr auto kMost = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  require(value.is_number_unsigned() && value.get<std::uint64_t>() <= kMost, key,
          " is no whole number from 0");
  return value.get<std::int64_t>();
}

double number_in(const Json& json, const char* key,
                 double most = std::numeric_limits<double>::max()) {
  const double value = json.at(key).get<double>();
  require(value >= 0 && value <= most, key, " is ", value, ", outside 0 to ", most);
  return value;
}

AttackResult summary_of(const Json& json) {
  AttackResult result;
  result.robust_accuracy = number_in(json, "robust_accuracy", 100);
  result.max_linf = number_in(json, "max_linf");
  result.max_l2 = number_in(json, "max_l2");
  result.max_l1 = number_in(json, "max_l1");
  result.passes = {count_in(json, "forward"), count_in(json, "backward")};
  result.seconds = number_in(json, "seconds");
  result.attacked = count_in(json, "attacked");
  result.warnings = json.at("warnings").get<std::vector<std::string>>();
  for (const Json& member : json.at("members")) {
    result.members.push_back({member.at("name").get<std::string>(),
                              number_in(member, "robust_accuracy", 100),
                              {count_in(member, "forward"), count_in(member, "backward")},
                              number_in(member, "seconds"),
                              count_in(member, "zero_gradients"),
                              count_in(member, "repeated")});
  }
  return result;
}

// Tensors of the results, and the memory they point into.
class Tensors {
 public:
  void add(const std::string& prefix, const AttackResult& result, SavedImages images) {
    tables_.push_back(record_table(result.examples));
    const auto examples = static_cast<std::int64_t>(result.examples.size());
    list_.push_back({prefix + ".examples",
                     DType::f64,
                     {examples, kFields},
                     std::as_bytes(std::span(tables_.back()))});
    static const std::vector<float> kNone;
    add(prefix + ".adversarial", DType::f32,
        images == SavedImages::all ? result.adversarial : kNone);
  }
  template <class T>
  void add(const std::string& name, DType dtype, const std::vector<T>& values) {
    list_.push_back({name,
                     dtype,
                     {static_cast<std::int64_t>(values.size())},
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
  require(tensor.dtype == dtype_of<T>, name, " has another type");
  std::vector<T> values(static_cast<std::size_t>(tensor.shape.count()));
  if (!values.empty()) std::memcpy(values.data(), tensor.bytes.data(), tensor.bytes.size());
  return values;
}

AttackResult read_result(const SafetensorsFile& file, const std::string& prefix, const Json& json,
                         const StateExtent& extent) {
  AttackResult result = summary_of(json);
  const std::string records = prefix + ".examples", images = prefix + ".adversarial";
  const Shape expected{extent.examples, kFields};
  require(file.tensor(records).shape == expected, records, " has the shape ",
          file.tensor(records).shape, ", this run's ", expected);
  result.examples = records_of(read_values<double>(file, records));
  const std::int64_t pixels =
      extent.images == SavedImages::all ? extent.examples * extent.image : 0;
  require(file.tensor(images).shape.count() == pixels, images, " has ",
          file.tensor(images).shape.count(), " values, this run's ", pixels);
  result.adversarial = read_values<float>(file, images);
  require(std::ranges::all_of(result.adversarial, [](float x) { return x >= 0 && x <= 1; }), images,
          " holds a value outside [0, 1]");
  return result;
}

AttackState read_current(const SafetensorsFile& file, const Json& json, const StateExtent& extent) {
  AttackState current;
  current.result = read_result(file, "current", json.at("current"), extent);
  current.standing = read_values<std::uint8_t>(file, "current.standing");
  require(static_cast<std::int64_t>(current.standing.size()) == extent.examples &&
              std::ranges::all_of(current.standing, [](std::uint8_t is) { return is <= 1; }),
          "current.standing is not a 0 or 1 for each of ", extent.examples, " examples");
  const Json& queue = json.at("queue");
  current.member = count_in(queue, "member");
  current.attempt = count_in(queue, "attempt");
  current.position = count_in(queue, "position");
  return current;
}

RunState read_state(const SafetensorsFile& file, const Json& json, const StateExtent& extent) {
  RunState state;
  const bool begun = json.contains("current");
  const std::size_t attacks = json.at("finished").size() + (begun ? 1 : 0);
  require(attacks <= extent.attacks, "it has ", attacks, " attacks, this run ", extent.attacks);
  for (const Json& summary : json.at("finished")) {
    state.finished.push_back(
        read_result(file, text("finished.", state.finished.size()), summary, extent));
  }
  if (begun) state.current = read_current(file, json, extent);
  const auto named = json.at("circumstances").get<std::map<std::string, std::string>>();
  state.circumstances.assign(named.begin(), named.end());
  state.plans = json.value("plans", "");
  return state;
}

}  // namespace

void save_state(const std::filesystem::path& path, const Command& command,
                std::span<const AttackResult> finished, const AttackState* current,
                SavedImages images, const Command& circumstances, const std::string& plans) {
  Json json{{"command", Json::object()},
            {"circumstances", Json::object()},
            {"plans", plans},
            {"finished", Json::array()}};
  for (const auto& [name, value] : command) json["command"][name] = value;
  for (const auto& [name, value] : circumstances) json["circumstances"][name] = value;
  Tensors tensors;
  for (std::size_t i = 0; i < finished.size(); ++i) {
    json["finished"].push_back(summary_json(finished[i]));
    tensors.add(text("finished.", i), finished[i], SavedImages::all);
  }
  if (current) {
    json["current"] = summary_json(current->result);
    json["queue"] = {{"member", current->member},
                     {"attempt", current->attempt},
                     {"position", current->position}};
    tensors.add("current", current->result, images);
    tensors.add("current.standing", DType::u8, current->standing);
  }
  const Metadata metadata{{kMetadata, json_text(json)}};
  save_safetensors(path, tensors.list(), metadata);
}

RunState load_state(const std::filesystem::path& path, const Command& command,
                    const StateExtent& extent) {
  const SafetensorsFile file = SafetensorsFile::load(path);
  const auto found = file.metadata().find(kMetadata);
  require(found != file.metadata().end(), path.string(),
          ": is not the state of an attack. Name another --json, or begin anew with --restart");
  const Json json = readable(path, [&] { return parse_ordered_json(found->second); });
  check_command(
      command,
      readable(path, [&] { return json.at("command").get<std::map<std::string, std::string>>(); }),
      path.string());
  return readable(path, [&] { return read_state(file, json, extent); });
}

}  // namespace saddle
