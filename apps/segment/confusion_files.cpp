#include "apps/segment/confusion_files.h"

#include <algorithm>
#include <cmath>

#include "apps/attacking/report_text.h"
#include "apps/common/canvas.h"
#include "apps/common/class_names.h"

namespace saddle {
namespace {

struct NamedConfusion {
  std::string name;
  Confusion counts;
};

std::vector<NamedConfusion> all_of(const SegmentationReport& report) {
  std::vector<NamedConfusion> all = {{"clean", sum_of(report.clean.images)}};
  for (const PixelResult& attack : report.attacks)
    all.push_back({attack.spec, sum_of(attack.images)});
  return all;
}

constexpr std::int64_t kMargin = 8;
constexpr std::int64_t kCellWidth = 3 * Canvas::kLetterWidth + 4;  // "100"
constexpr std::int64_t kCellHeight = Canvas::kLetterHeight + 6;
constexpr std::int64_t kMostLetters = 20;  // of a class's name

std::int64_t width_of(const std::string& words) { return std::ssize(words) * Canvas::kLetterWidth; }

// White for 0, blue for 1; letters stay legible on it.
Colour shade_of(double share) {
  const auto mixed = [&](double full) {
    return static_cast<std::uint8_t>(std::lround(255 + share * (full - 255)));
  };
  return {mixed(90), mixed(160), mixed(230)};
}

void fill_cell(Canvas& canvas, std::int64_t top, std::int64_t left, const Colour& colour) {
  for (std::int64_t y = 0; y + 1 < kCellHeight; ++y) {
    for (std::int64_t x = 0; x + 1 < kCellWidth; ++x) canvas.set(top + y, left + x, colour);
  }
}

// `words`, flush right at `right`.
void text_before(Canvas& canvas, std::int64_t y, std::int64_t right, const std::string& words) {
  canvas.text(y, right - width_of(words), words);
}

void draw(Canvas& canvas, std::int64_t top, std::int64_t left, const Confusion& counts) {
  for (std::int64_t label = 0; label < counts.classes(); ++label) {
    const std::int64_t pixels = counts.labelled(label), y = top + label * kCellHeight;
    if (pixels == 0) continue;
    for (std::int64_t prediction = 0; prediction < counts.classes(); ++prediction) {
      const std::int64_t x = left + prediction * kCellWidth, here = counts.at(label, prediction);
      if (here == 0) continue;
      const double share = static_cast<double>(here) / static_cast<double>(pixels);
      fill_cell(canvas, y, x, shade_of(share));
      text_before(canvas, y + 2, x + kCellWidth - 2, text(std::lround(100 * share)));
    }
  }
}

}  // namespace

std::string confusion_csv(const SegmentationReport& report) {
  const auto& names = report.model.class_names;
  std::string csv = "attack,label,prediction,pixels\n";
  for (const NamedConfusion& of : all_of(report)) {
    for (std::int64_t label = 0; label < of.counts.classes(); ++label) {
      for (std::int64_t prediction = 0; prediction < of.counts.classes(); ++prediction) {
        csv +=
            text(quoted(of.name), ",", quoted(class_name(names, label)), ",",
                 quoted(class_name(names, prediction)), ",", of.counts.at(label, prediction), "\n");
      }
    }
  }
  return csv;
}

void save_confusion_picture(const std::filesystem::path& path, const SegmentationReport& report) {
  const std::vector<NamedConfusion> all = all_of(report);
  const std::int64_t classes = all.front().counts.classes();
  std::vector<std::string> labels;
  std::int64_t label_width = 0;
  for (std::int64_t c = 0; c < classes; ++c) {
    labels.push_back(text(class_name(report.model.class_names, c).substr(0, kMostLetters), " ", c));
    label_width = std::max(label_width, width_of(labels.back()));
  }
  // A title is wider than a small matrix.
  const std::int64_t matrix = std::max(classes, std::int64_t{8}) * kCellWidth;
  const std::int64_t line = Canvas::kLetterHeight + 4, left = kMargin + label_width + kMargin;
  const std::int64_t top = kMargin + 2 * line, step = matrix + 2 * kMargin;
  Canvas canvas(left + std::ssize(all) * step, top + classes * kCellHeight + kMargin);
  for (std::int64_t c = 0; c < classes; ++c) {
    text_before(canvas, top + c * kCellHeight + 2, left - kMargin,
                labels[static_cast<std::size_t>(c)]);
  }
  for (std::size_t a = 0; a < all.size(); ++a) {
    const std::int64_t x = left + static_cast<std::int64_t>(a) * step;
    const auto letters = static_cast<std::size_t>(matrix / Canvas::kLetterWidth);
    canvas.text(kMargin, x, all[a].name.substr(0, letters));
    for (std::int64_t c = 0; c < classes; ++c)
      text_before(canvas, kMargin + line, x + (c + 1) * kCellWidth - 2, text(c));
    draw(canvas, top, x, all[a].counts);
  }
  canvas.write(path);
}

}  // namespace saddle
