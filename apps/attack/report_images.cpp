// Pictures and tensors of a report.
#include <algorithm>
#include <cmath>
#include <utility>

#include "apps/attack/report.h"
#include "apps/attacking/report_text.h"
#include "apps/common/chart.h"
#include "apps/common/class_names.h"
#include "apps/common/png.h"
#include "core/file.h"
#include "core/printable.h"
#include "core/safetensors.h"

namespace saddle {
namespace {

constexpr std::size_t kMostOfName = 200;  // bytes of a curve's name

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
      return largest_change(image_of(clean, data, n), image_of(stored_images(attack), data, n)) > 0;
    };
    if (std::any_of(report.attacks.begin(), report.attacks.end(), moves)) moved.push_back(n);
  }
  if (moved.empty()) moved.push_back(0);
  return moved;
}

}  // namespace

void save_plot(const std::filesystem::path& path, const std::vector<AttackReport>& reports,
               const Dataset& data) {
  std::vector<Series> curves;
  for (const AttackReport& report : reports) {
    for (const RadiusCurve& radius : report.curves) {
      const std::string name =
          reports.size() > 1 ? radius.spec + "  " + report.checkpoint : radius.spec;
      Series curve{printable(name, kMostOfName), {0}, {report.clean.accuracy}};
      curve.x.insert(curve.x.end(), radius.eps.begin(), radius.eps.end());
      curve.y.insert(curve.y.end(), radius.robust_accuracy.begin(), radius.robust_accuracy.end());
      curves.push_back(std::move(curve));
    }
  }
  const Axis accuracy{"robust accuracy (%)", 0, 100};
  const Chart chart{text("robust accuracy, ", data.size(), " examples of ", data.name),
                    round_axis("eps (pixel range 0 to 1)", curves, &Series::x), accuracy, curves};
  write_file_atomically(path, std::string_view(svg_of(chart, SvgPlace::file)));
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
    adversarial.push_back(channels_first(stored_images(attack), data));
    const std::string name = text("adversarial.", i, "-", attack.name);
    tensors.push_back({name, DType::f32, shape, std::as_bytes(std::span(adversarial.back()))});
    metadata[name] = attack.spec + (attack.eight_bit ? ", rounded to k/255" : "");
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
    grid.place(line, 0, x, class_name(data.class_names, report.clean.predictions[place]));
    for (std::size_t i = 0; i < report.attacks.size(); ++i) {
      const NamedResult& attack = report.attacks[i];
      const std::span<const float> x_hat = image_of(stored_images(attack), data, n);
      const float largest = largest_change(x, x_hat);
      const auto column = 1 + 2 * static_cast<std::int64_t>(i);
      grid.place(line, column, stretched(x, x_hat, largest),
                 formatted("linf %.5f", static_cast<double>(largest)));
      const ExampleRecord& record = attack.result.examples[place];
      const std::int32_t prediction =
          attack.eight_bit ? attack.eight_bit->predictions[place] : record.prediction;
      grid.place(
          line, column + 1, x_hat,
          (prediction == record.label ? "" : "-> ") + class_name(data.class_names, prediction));
    }
  }
  grid.write(path);
}

}  // namespace saddle
