#include "apps/segment/attack_state.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <deque>
#include <map>
#include <nlohmann/json.hpp>

#include "core/json_text.h"
#include "core/safetensors.h"

namespace saddle {
namespace {

using Json = nlohmann::json;

constexpr const char* kMetadata = "saddle_segment_attack";

// Tensors, and the memory they point into.
struct Tensors {
  std::vector<NamedTensor> list;
  std::deque<std::vector<std::int64_t>> integers;
  std::deque<std::vector<double>> numbers;
  std::deque<std::vector<float>> images;

  template <class T>
  void add(const std::string& name, DType dtype, std::deque<std::vector<T>>& memory,
           std::vector<T> values) {
    memory.push_back(std::move(values));
    list.push_back({name,
                    dtype,
                    {static_cast<std::int64_t>(memory.back().size())},
                    std::as_bytes(std::span(memory.back()))});
  }

  void add(const std::string& prefix, const PixelResult& result) {
    std::vector<std::int64_t> counts, done(result.done.begin(), result.done.end());
    std::vector<double> numbers_of_images;
    std::vector<float> kept;
    for (std::size_t i = 0; i < result.images.size(); ++i) {
      const auto& own = result.images[i].counts();
      counts.insert(counts.end(), own.begin(), own.end());
      for (double number : {result.linf[i], result.l2[i], result.cross_entropy[i]})
        numbers_of_images.push_back(number);
      kept.insert(kept.end(), result.adversarial[i].begin(), result.adversarial[i].end());
    }
    add(prefix + ".counts", DType::i64, integers, std::move(counts));
    add(prefix + ".done", DType::i64, integers, std::move(done));
    add(prefix + ".numbers", DType::f64, numbers, std::move(numbers_of_images));
    add(prefix + ".adversarial", DType::f32, images, std::move(kept));
  }
};

std::string prefix_of(std::size_t job, std::size_t result) { return text(job, ".", result); }

// A state file may have been damaged or edited: what is read from it is checked before it is used.
// The Errors thrown say what is wrong; load_pixel_state says where.

template <class T>
std::vector<T> values_of(const SafetensorsFile& file, const std::string& name, std::size_t count) {
  const FileTensor& tensor = file.tensor(name);
  require(tensor.dtype == dtype_of<T>, name, " has another type");
  require(static_cast<std::size_t>(tensor.shape.count()) == count, name, " has ",
          tensor.shape.count(), " values, this run's ", count);
  std::vector<T> values(count);
  if (count > 0) std::memcpy(values.data(), tensor.bytes.data(), tensor.bytes.size());
  return values;
}

class Reader {
 public:
  Reader(const SafetensorsFile& file, const SegmentationSet& set, std::int64_t images_kept)
      : file_(file), set_(set), images_kept_(images_kept) {}

  void read(const std::string& prefix, const Json& json, PixelResult& result) const {
    const std::size_t n = result.images.size(), cells = result.images.front().counts().size();
    const auto done = values_of<std::int64_t>(file_, prefix + ".done", n);
    const auto counts = values_of<std::int64_t>(file_, prefix + ".counts", n * cells);
    const auto numbers = values_of<double>(file_, prefix + ".numbers", 3 * n);
    for (std::size_t i = 0; i < n; ++i) {
      require(done[i] == 0 || done[i] == 1, "an image is neither done nor not");
      result.done[i] = static_cast<std::uint8_t>(done[i]);
      const auto own = counts.begin() + static_cast<std::ptrdiff_t>(i * cells);
      result.images[i] = checked_counts(i, done[i] == 1, {own, own + static_cast<long>(cells)});
      for (std::size_t k = 3 * i; k < 3 * i + 3; ++k)
        require(std::isfinite(numbers[k]) && numbers[k] >= 0, "a norm or loss is ", numbers[k]);
      result.linf[i] = numbers[3 * i];
      result.l2[i] = numbers[3 * i + 1];
      result.cross_entropy[i] = numbers[3 * i + 2];
    }
    read_images(prefix, result);
    result.passes = {count_in(json, "forward"), count_in(json, "backward")};
    result.seconds = json.at("seconds").get<double>();
    require(std::isfinite(result.seconds) && result.seconds >= 0, "seconds are none");
  }

 private:
  static std::int64_t count_in(const Json& json, const char* key) {
    const std::int64_t value = json.at(key).get<std::int64_t>();
    require(value >= 0, key, " is negative");
    return value;
  }

  // Of each class as many pixels as the image has, or none.
  Confusion checked_counts(std::size_t image, bool done, std::vector<std::int64_t> counts) const {
    Confusion confusion(set_.classes, std::move(counts));
    const auto labels = set_.labels_of(static_cast<std::int64_t>(image));
    for (std::int64_t c = 0; c < set_.classes; ++c) {
      const std::int64_t pixels =
          done ? std::ranges::count(labels, static_cast<std::uint8_t>(c)) : 0;
      require(confusion.labelled(c) == pixels, "image ", set_.images[image].id, " has ",
              confusion.labelled(c), " counted pixels of class ", c, ", expected ", pixels);
    }
    return confusion;
  }

  void read_images(const std::string& prefix, PixelResult& result) const {
    const auto size_of = [&](std::size_t i) {
      const bool kept = result.done[i] != 0 && static_cast<std::int64_t>(i) < images_kept_;
      return kept ? set_.pixels_of(static_cast<std::int64_t>(i)).size() : 0;
    };
    std::size_t all = 0;
    for (std::size_t i = 0; i < result.done.size(); ++i) all += size_of(i);
    const auto values = values_of<float>(file_, prefix + ".adversarial", all);
    require(std::ranges::all_of(values, [](float x) { return x >= 0 && x <= 1; }),
            "an adversarial image leaves [0, 1]");
    auto at = values.begin();
    for (std::size_t i = 0; i < result.done.size(); ++i) {
      const auto size = static_cast<std::ptrdiff_t>(size_of(i));
      result.adversarial[i].assign(at, at + size);
      at += size;
    }
  }

  const SafetensorsFile& file_;
  const SegmentationSet& set_;
  std::int64_t images_kept_;
};

}  // namespace

void save_pixel_state(const std::filesystem::path& path, const Command& command,
                      const std::vector<std::vector<PixelResult>>& jobs, const std::string& plans) {
  Json json{{"command", Json::object()}, {"plans", plans}, {"results", Json::object()}};
  for (const auto& [name, value] : command) json["command"][name] = value;
  Tensors tensors;
  for (std::size_t job = 0; job < jobs.size(); ++job) {
    for (std::size_t i = 0; i < jobs[job].size(); ++i) {
      const PixelResult& result = jobs[job][i];
      tensors.add(prefix_of(job, i), result);
      json["results"][prefix_of(job, i)] = {{"forward", result.passes.forward},
                                            {"backward", result.passes.backward},
                                            {"seconds", result.seconds}};
    }
  }
  save_safetensors(path, tensors.list, {{kMetadata, json_text(json)}});
}

std::string load_pixel_state(const std::filesystem::path& path, const Command& command,
                             const SegmentationSet& set, std::int64_t images_kept,
                             std::vector<std::vector<PixelResult>>& jobs) {
  const SafetensorsFile file = SafetensorsFile::load(path);
  const auto found = file.metadata().find(kMetadata);
  require(
      found != file.metadata().end(), path.string(),
      ": is not the state of an attack on segmentation. Name another --json, or begin anew with "
      "--restart");
  const Json json = readable(path, [&] { return parse_json(found->second); });
  const auto saved =
      readable(path, [&] { return json.at("command").get<std::map<std::string, std::string>>(); });
  check_command(command, saved, path.string());
  return readable(path, [&] {
    const Reader reader(file, set, images_kept);
    for (std::size_t job = 0; job < jobs.size(); ++job) {
      for (std::size_t i = 0; i < jobs[job].size(); ++i) {
        const std::string prefix = prefix_of(job, i);
        reader.read(prefix, json.at("results").at(prefix), jobs[job][i]);
      }
      for (const PixelResult& result : jobs[job]) {
        require(result.done == jobs[job].back().done, result.spec, " has other images done than ",
                jobs[job].back().spec);
      }
    }
    return json.value("plans", "");
  });
}

}  // namespace saddle
