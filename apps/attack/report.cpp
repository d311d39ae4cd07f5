#include "apps/attack/report.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "apps/common/png.h"
#include "core/safetensors.h"

namespace saddle {
namespace {

template <class... Values>
std::string formatted(const char* format, Values... values) {
  char buffer[256];
  std::snprintf(buffer, sizeof buffer, format, values...);
  return buffer;
}

double images_per_second(const AttackResult& result) {
  return result.seconds > 0 ? static_cast<double>(result.attacked) / result.seconds : 0.;
}

// The pixels as the engine sees them: [N, H, W, C] in [0, 1].
std::vector<float> unit_pixels(const Dataset& data) {
  std::vector<float> values(data.pixels.size());
  std::transform(data.pixels.begin(), data.pixels.end(), values.begin(),
                 [](std::uint8_t byte) { return static_cast<float>(byte) / 255.f; });
  return values;
}

// [N, H, W, C] -> [N, C, H, W]
std::vector<float> channels_first(const std::vector<float>& images, const Dataset& data) {
  std::vector<float> moved(images.size());
  const std::int64_t area = data.height * data.width, channels = data.channels;
  std::size_t to = 0;
  for (std::int64_t n = 0; n < data.size(); ++n) {
    for (std::int64_t c = 0; c < channels; ++c) {
      for (std::int64_t i = 0; i < area; ++i) {
        moved[to++] = images[static_cast<std::size_t>((n * area + i) * channels + c)];
      }
    }
  }
  return moved;
}

std::span<const float> image_of(const std::vector<float>& images, const Dataset& data,
                                std::int64_t example) {
  const auto size = static_cast<std::size_t>(data.height * data.width * data.channels);
  return {images.data() + static_cast<std::size_t>(example) * size, size};
}

std::string class_name(const Dataset& data, std::int32_t label) {
  const auto place = static_cast<std::size_t>(label);
  return place < data.class_names.size() ? data.class_names[place] : text("class ", label);
}

// Grey where nothing changed; the largest change is black or white.
std::vector<float> stretched(std::span<const float> clean, std::span<const float> adversarial,
                             float largest) {
  std::vector<float> picture;
  for (std::size_t i = 0; i < clean.size(); ++i) {
    picture.push_back(largest > 0 ? 0.5f + (adversarial[i] - clean[i]) / (2 * largest) : 0.5f);
  }
  return picture;
}

float largest_change(std::span<const float> clean, std::span<const float> adversarial) {
  float largest = 0;
  for (std::size_t i = 0; i < clean.size(); ++i) {
    largest = std::max(largest, std::fabs(adversarial[i] - clean[i]));
  }
  return largest;
}

// The first examples that any attack moved, at most `most`; the first of the set where none moved.
std::vector<std::int64_t> examples_to_show(const AttackReport& report, const Dataset& data,
                                           const std::vector<float>& clean, std::size_t most) {
  std::vector<std::int64_t> moved;
  for (std::int64_t n = 0; n < data.size() && moved.size() < most; ++n) {
    const auto moves = [&](const NamedResult& attack) {
      return largest_change(image_of(clean, data, n),
                            image_of(attack.result.adversarial, data, n)) > 0;
    };
    if (std::any_of(report.attacks.begin(), report.attacks.end(), moves)) moved.push_back(n);
  }
  if (moved.empty()) moved.push_back(0);
  return moved;
}

}  // namespace

double average_robustness(const std::vector<NamedResult>& attacks) {
  require(!attacks.empty(), "average robustness: no attack was run");
  double sum = 0;
  for (const NamedResult& attack : attacks) sum += attack.result.robust_accuracy;
  return sum / static_cast<double>(attacks.size());
}

std::string report_table(const AttackReport& report, const Dataset& data) {
  std::size_t width = 6;
  for (const NamedResult& attack : report.attacks) width = std::max(width, attack.spec.size());
  const auto padded = [width](std::string word) {
    word.resize(width, ' ');
    return word;
  };
  std::string table =
      formatted("clean accuracy %.2f %%, loss %.4f (", report.clean.accuracy, report.clean.loss) +
      text(data.size(), " examples of ", data.name, ", ", report.model, ")\n");
  if (report.attacks.empty()) return table;
  table +=
      padded("attack") +
      "  robust accuracy    max linf      max l2     forward    backward  images/s   seconds\n";
  for (const NamedResult& attack : report.attacks) {
    const AttackResult& r = attack.result;
    table +=
        padded(attack.spec) +
        formatted("  %13.2f %%  %10.6f  %10.6f  %10lld  %10lld  %8.4g  %8.2f\n", r.robust_accuracy,
                  r.max_linf, r.max_l2, static_cast<long long>(r.passes.forward),
                  static_cast<long long>(r.passes.backward), images_per_second(r), r.seconds);
  }
  if (report.average_robustness) {
    table += formatted("average robustness %.2f %%\n", *report.average_robustness);
  }
  return table;
}

std::string report_json(const AttackReport& report, const Dataset& data) {
  using Json = nlohmann::ordered_json;
  Json attacks = Json::array();
  for (const NamedResult& attack : report.attacks) {
    const AttackResult& r = attack.result;
    attacks.push_back({{"name", attack.name},
                       {"spec", attack.spec},
                       {"robust_accuracy", r.robust_accuracy},
                       {"max_linf", r.max_linf},
                       {"max_l2", r.max_l2},
                       {"forward_passes", r.passes.forward},
                       {"backward_passes", r.passes.backward},
                       {"seconds", r.seconds},
                       {"images_per_second", images_per_second(r)},
                       {"warnings", r.warnings}});
  }
  Json json{{"checkpoint", report.checkpoint},
            {"model", report.model},
            {"dataset", data.name},
            {"examples", data.size()},
            {"device", report.device},
            {"precision", report.precision},
            {"clean_accuracy", report.clean.accuracy},
            {"attacks", attacks}};
  json["average_robustness"] =
      report.average_robustness ? Json(*report.average_robustness) : Json(nullptr);
  // A path need not be UTF-8; JSON must be.
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

void save_adversarial(const std::filesystem::path& path, const AttackReport& report,
                      const Dataset& data) {
  const Shape shape{data.size(), data.channels, data.height, data.width};
  const std::vector<float> images = channels_first(unit_pixels(data), data);
  const std::vector<std::int64_t> labels(data.labels.begin(), data.labels.end());
  std::vector<NamedTensor> tensors{
      {"images", DType::f32, shape, std::as_bytes(std::span(images))},
      {"labels", DType::i64, {data.size()}, std::as_bytes(std::span(labels))},
  };
  std::vector<std::vector<float>> adversarial;
  adversarial.reserve(report.attacks.size());  // the tensors point into it
  Metadata metadata;
  for (std::size_t i = 0; i < report.attacks.size(); ++i) {
    const NamedResult& attack = report.attacks[i];
    adversarial.push_back(channels_first(attack.result.adversarial, data));
    const std::string name = text("adversarial.", i, "-", attack.name);
    tensors.push_back({name, DType::f32, shape, std::as_bytes(std::span(adversarial.back()))});
    metadata[name] = attack.spec;
  }
  save_safetensors(path, tensors, metadata);
}

void save_logits(const std::filesystem::path& path, const AttackReport& report) {
  const std::vector<float>& logits = report.clean.logits;
  const std::int64_t classes = report.clean.classes;
  const NamedTensor tensor{"logits",
                           DType::f32,
                           {static_cast<std::int64_t>(logits.size()) / classes, classes},
                           std::as_bytes(std::span(logits))};
  save_safetensors(path, std::span(&tensor, 1), {});
}

void save_images(const std::filesystem::path& path, const AttackReport& report,
                 const Dataset& data) {
  constexpr std::size_t kMostRows = 10;
  constexpr std::int64_t kCellPixels = 96;  // wide enough for a caption of 16 letters
  const std::vector<float> clean = unit_pixels(data);
  const std::vector<std::int64_t> examples = examples_to_show(report, data, clean, kMostRows);
  ImageGrid grid(static_cast<std::int64_t>(examples.size()),
                 1 + 2 * static_cast<std::int64_t>(report.attacks.size()), data.height, data.width,
                 data.channels,
                 std::max<std::int64_t>(1, (kCellPixels + data.width - 1) / data.width));
  grid.heading(0, "clean");
  for (std::size_t i = 0; i < report.attacks.size(); ++i) {
    const auto column = 1 + 2 * static_cast<std::int64_t>(i);
    grid.heading(column, "perturbation");
    grid.heading(column + 1, report.attacks[i].spec);
  }
  for (std::size_t row = 0; row < examples.size(); ++row) {
    const std::int64_t n = examples[row];
    const auto place = static_cast<std::size_t>(n);
    const auto line = static_cast<std::int64_t>(row);
    const std::span<const float> x = image_of(clean, data, n);
    grid.place(line, 0, x, class_name(data, report.clean.predictions[place]));
    for (std::size_t i = 0; i < report.attacks.size(); ++i) {
      const AttackResult& result = report.attacks[i].result;
      const std::span<const float> x_hat = image_of(result.adversarial, data, n);
      const float largest = largest_change(x, x_hat);
      const auto column = 1 + 2 * static_cast<std::int64_t>(i);
      grid.place(line, column, stretched(x, x_hat, largest),
                 formatted("linf %.5f", static_cast<double>(largest)));
      grid.place(line, column + 1, x_hat, class_name(data, result.predictions[place]));
    }
  }
  grid.write(path);
}

}  // namespace saddle
