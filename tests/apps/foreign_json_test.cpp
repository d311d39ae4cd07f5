// JSON that a stranger may have edited, in a checkpoint, a run's settings, and its state: each
// reader takes it or throws an Error. Anything else (another exception, a crash, what a sanitizer
// sees) fails.
#include <gtest/gtest.h>

#include <limits>
#include <random>
#include <nlohmann/json.hpp>

#include "core/json_text.h"
#include "tests/apps/training_runs.h"

namespace saddle {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

// Pointers to everything in `json` but itself.
void add_places(const Json& json, const Json::json_pointer& at,
                std::vector<Json::json_pointer>& places) {
  if (!json.is_structured()) return;
  for (const auto& [key, value] : json.items()) {
    const Json::json_pointer place =
        json.is_array() ? at / static_cast<std::size_t>(std::stoul(key)) : at / key;
    places.push_back(place);
    add_places(value, place, places);
  }
}

const std::vector<Json> kStrangeValues = {nullptr,
                                          true,
                                          0,
                                          -1,
                                          1e300,
                                          -0.5,
                                          std::numeric_limits<std::int64_t>::max(),
                                          std::numeric_limits<std::int64_t>::min(),
                                          std::numeric_limits<std::uint64_t>::max(),
                                          "",
                                          "x",
                                          Json::array(),
                                          Json::object(),
                                          Json{{"a", {1, {2}}}}};

// The text of `sound` with one value another or gone, cut short, and with a byte of it changed.
std::vector<std::string> changed(const Json& sound, const std::vector<Json>& values) {
  std::vector<std::string> texts;
  std::vector<Json::json_pointer> places;
  add_places(sound, Json::json_pointer(), places);
  for (const Json::json_pointer& place : places) {
    for (const Json& value : values) {
      Json other = sound;
      other[place] = value;
      texts.push_back(json_text(other));
    }
    texts.push_back(
        json_text(sound.patch(Json::array({Json{{"op", "remove"}, {"path", place.to_string()}}}))));
  }
  const std::string text = json_text(sound);
  std::mt19937 random(1);
  for (int i = 0; i < 50; ++i) {
    texts.push_back(text.substr(0, random() % text.size()));
    texts.push_back(text);
    texts.back()[random() % text.size()] = static_cast<char>(random() % 128);
  }
  return texts;
}

// Whether it was taken.
bool taken_or_refused(const std::string& text, const std::function<void()>& read) {
  try {
    read();
    return true;
  } catch (const Error&) {
    return false;
  } catch (const std::exception& error) {
    ADD_FAILURE() << "neither taken nor refused but thrown: " << error.what() << "\n"
                  << text.substr(0, 2000);
    return false;
  }
}

// The file's tensors beside other metadata. Not through a temporary file that is brought to the
// disk: there are hundreds.
void write_with_metadata(const fs::path& path, const SafetensorsFile& file,
                         const Metadata& metadata) {
  std::vector<NamedTensor> tensors;
  for (const auto& [name, tensor] : file.tensors())
    tensors.push_back({name, tensor.dtype, tensor.shape, tensor.bytes});
  const std::vector<std::byte> bytes = serialize_safetensors(tensors, metadata);
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(bytes.data()),
             static_cast<std::streamsize>(bytes.size()));
}

TEST(foreign_json, in_a_checkpoint_is_taken_or_refused) {
  const TemporaryDirectory directory;
  const fs::path path = directory.path() / "model.safetensors";
  const NetworkOptions network{"preact_resnet10", 2, 3, 8, 8, 5};
  save_checkpoint(path, Model(cpu_device(), {network, {0.1f, 0.2f, 0.3f}, {1, 1, 1}}, 3));
  const SafetensorsFile file = SafetensorsFile::load(path);
  const Json sound = parse_json(file.metadata().at("saddle"));

  int taken = 0, refused = 0;
  for (const std::string& text : changed(sound, kStrangeValues)) {
    write_with_metadata(path, file, {{"saddle", text}});
    (taken_or_refused(text, [&] { load_checkpoint(path, cpu_device(), {}, {}); }) ? taken
                                                                                  : refused)++;
  }

  EXPECT_GT(taken, 0);  // another mean is no fault
  EXPECT_GT(refused, 100);
}

// A finished run of one epoch, whose files are put back after each change.
class ForeignJsonInARun : public testing::Test {
 protected:
  ForeignJsonInARun() : options_(small_run("sgd-one-epoch", directory_.path() / "run")) {
    train_small(options_);
    options_.run.resume = true;
    fs::copy(run(), directory_.path() / "sound");
  }

  fs::path run() const { return directory_.path() / "run"; }

  // How many of the texts are refused, once `put` has placed them.
  template <class Put>
  int refused(const std::vector<std::string>& texts, const Put& put) {
    int count = 0;
    for (const std::string& text : texts) {
      put(text);
      if (taken_or_refused(text, [&] { train_small(options_); })) {
        fs::copy(directory_.path() / "sound", run(), fs::copy_options::overwrite_existing);
      } else {
        ++count;
      }
    }
    return count;
  }

  TemporaryDirectory directory_;
  TrainOptions options_;
};

TEST_F(ForeignJsonInARun, as_its_position_is_taken_or_refused) {
  const SafetensorsFile file = SafetensorsFile::load(run() / "state.safetensors");
  const Json sound = parse_json(file.metadata().at("position"));

  const int count = refused(changed(sound, kStrangeValues), [&](const std::string& text) {
    write_with_metadata(run() / "state.safetensors", file, {{"position", text}});
  });

  EXPECT_GT(count, 50);
}

TEST_F(ForeignJsonInARun, as_its_settings_is_taken_or_refused) {
  const Json sound = parse_json(contents(run() / "config.json"));

  const int count =
      refused(changed(sound, {nullptr, 1e300, "x", Json::array()}),
              [&](const std::string& text) { std::ofstream(run() / "config.json") << text; });

  EXPECT_GT(count, 50);
}

}  // namespace
}  // namespace saddle
