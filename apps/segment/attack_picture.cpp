#include "apps/segment/attack_picture.h"

#include <algorithm>
#include <cmath>

#include "apps/common/png.h"
#include "core/format.h"

namespace saddle {
namespace {

constexpr std::size_t kMostRows = 4;
constexpr std::int64_t kCellPixels = 96;  // wide enough for a caption of 16 letters
constexpr float kWhite = 1;

// Grey where nothing changed; the largest change is black or white.
std::vector<float> stretched(std::span<const float> clean, std::span<const float> adversarial,
                             double largest) {
  std::vector<float> picture;
  for (std::size_t i = 0; i < clean.size(); ++i) {
    const double change = static_cast<double>(adversarial[i]) - clean[i];
    picture.push_back(static_cast<float>(largest > 0 ? 0.5 + change / (2 * largest) : 0.5));
  }
  return picture;
}

std::string iou_text(const Confusion& image) {
  return formatted("MIOU %.1f %%", 100 * image_scores_of(std::span(&image, 1)).miou);
}

// The images that are shown: one grid has cells of one size.
std::vector<std::int64_t> shown(const SegmentationReport& report, const SegmentationSet& set) {
  std::vector<std::int64_t> images;
  const SegmentationImage& first = set.images.front();
  for (std::int64_t i = 0; i < set.size() && images.size() < kMostRows; ++i) {
    const SegmentationImage& image = set.images[static_cast<std::size_t>(i)];
    const bool kept = report.attacks.empty() ||
                      !report.attacks.back().adversarial[static_cast<std::size_t>(i)].empty();
    if (kept && image.height == first.height && image.width == first.width) images.push_back(i);
  }
  return images;
}

class Picture {
 public:
  Picture(const SegmentationReport& report, const SegmentationSet& set,
          const LogitsFunction& logits, Device& device)
      : report_(report), set_(set), logits_(logits), device_(device), images_(shown(report, set)) {
    for (const PixelResult& attack : report.attacks) {
      if (attack.at_end) attacks_.push_back(&attack);
    }
  }

  void write(const std::filesystem::path& path) {
    const SegmentationImage& first = set_.images.front();
    ImageGrid grid(std::ssize(images_), 3 + 3 * std::ssize(attacks_), first.height, first.width,
                   set_.channels,
                   std::max<std::int64_t>(1, (kCellPixels + first.width - 1) / first.width));
    head(grid);
    for (std::size_t row = 0; row < images_.size(); ++row) {
      place(grid, static_cast<std::int64_t>(row), images_[row]);
    }
    grid.write(path);
  }

 private:
  void head(ImageGrid& grid) const {
    grid.heading(0, "image");
    grid.heading(1, "label");
    grid.heading(2, "clean");
    for (std::size_t a = 0; a < attacks_.size(); ++a) {
      const auto column = static_cast<std::int64_t>(3 + 3 * a);
      grid.heading(column, "perturbation");
      grid.heading(column + 1, attacks_[a]->spec);
      grid.heading(column + 2, "prediction");
    }
  }

  void place(ImageGrid& grid, std::int64_t row, std::int64_t i) const {
    const auto at = static_cast<std::size_t>(i);
    const std::vector<std::int32_t> index = {static_cast<std::int32_t>(i)};
    const Batch clean = whole_images(device_, set_, index, report_.range);
    const std::vector<float> x = clean.inputs.to_host<float>();
    grid.place(row, 0, x, set_.images[at].id);
    grid.place(row, 1, coloured(set_.labels_of(i), set_.palette), "");
    grid.place(row, 2, prediction_on(clean.inputs, clean.targets),
               iou_text(report_.clean.images[at]));
    for (std::size_t a = 0; a < attacks_.size(); ++a) {
      const PixelResult& attack = *attacks_[a];
      const std::vector<float>& x_hat = attack.adversarial[at];
      const auto column = static_cast<std::int64_t>(3 + 3 * a);
      grid.place(row, column, stretched(x, x_hat, attack.linf[at]),
                 formatted("linf %.5f", attack.linf[at]));
      grid.place(row, column + 1, x_hat, "");
      grid.place(
          row, column + 2,
          prediction_on(Tensor::from_host(device_, clean.inputs.shape(), x_hat), clean.targets),
          iou_text(attack.images[at]));
    }
  }

  std::vector<float> prediction_on(const Tensor& image, const Tensor& labels) const {
    return coloured(judge_pixels(logits_, image, labels, set_.classes).predictions, set_.palette);
  }

  const SegmentationReport& report_;
  const SegmentationSet& set_;
  const LogitsFunction& logits_;
  Device& device_;
  std::vector<std::int64_t> images_;
  std::vector<const PixelResult*> attacks_;
};

}  // namespace

std::vector<float> coloured(std::span<const std::uint8_t> labels, const Palette& palette) {
  std::vector<float> picture;
  for (const std::uint8_t label : labels) {
    for (std::size_t k = 0; k < 3; ++k) {
      picture.push_back(label < palette.size() ? static_cast<float>(palette[label][k]) / 255.f
                                               : kWhite);
    }
  }
  return picture;
}

void save_picture(const std::filesystem::path& path, const SegmentationReport& report,
                  const SegmentationSet& set, const LogitsFunction& logits, Device& device) {
  Picture(report, set, logits, device).write(path);
}

}  // namespace saddle
