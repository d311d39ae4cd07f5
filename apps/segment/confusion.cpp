#include "apps/segment/confusion.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <utility>

#include "core/error.h"

namespace saddle {
namespace {

constexpr double kUndefined = std::numeric_limits<double>::quiet_NaN();

double share(std::int64_t part, std::int64_t whole) {
  if (whole == 0) return kUndefined;
  return static_cast<double>(part) / static_cast<double>(whole);
}

// Of what is added; NaN where nothing was.
class Mean {
 public:
  void add(double value) {
    sum_ += value;
    ++count_;
  }
  std::int64_t count() const { return count_; }
  double value() const { return count_ == 0 ? kUndefined : sum_ / static_cast<double>(count_); }

 private:
  double sum_ = 0;
  std::int64_t count_ = 0;
};

double iou_of(const Confusion& confusion, std::int64_t c) {
  return share(confusion.intersection(c), confusion.union_of(c));
}

double miou_present_of(const Confusion& confusion) {
  Mean mean;
  for (std::int64_t c = 0; c < confusion.classes(); ++c) {
    if (confusion.labelled(c) > 0) mean.add(iou_of(confusion, c));
  }
  return mean.value();
}

}  // namespace

Confusion::Confusion(std::int64_t classes) : classes_(classes) {
  require(classes >= 1 && classes <= kVoidLabel, "confusion: ", classes, " classes, expected 1 to ",
          int{kVoidLabel});
  counts_.assign(static_cast<std::size_t>(classes * classes), 0);
}

Confusion::Confusion(std::int64_t classes, std::vector<std::int64_t> counts) : Confusion(classes) {
  require(counts.size() == counts_.size(), "confusion: ", counts.size(), " counts for ", classes,
          " classes, expected ", counts_.size());
  for (std::int64_t count : counts) {
    require(count >= 0, "confusion: a count is ", count, ", below 0");
  }
  counts_ = std::move(counts);
}

void Confusion::add(std::span<const std::uint8_t> labels,
                    std::span<const std::uint8_t> predictions) {
  require(labels.size() == predictions.size(), "confusion: ", labels.size(), " labels and ",
          predictions.size(), " predictions");
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if (labels[i] == kVoidLabel) continue;
    require(labels[i] < classes_, "confusion: label ", int{labels[i]}, " of pixel ", i,
            " is none of ", classes_, " classes and not ", int{kVoidLabel}, " (void)");
    require(predictions[i] < classes_, "confusion: prediction ", int{predictions[i]}, " of pixel ",
            i, " is none of ", classes_, " classes");
    ++counts_[static_cast<std::size_t>(labels[i] * classes_ + predictions[i])];
  }
}

Confusion& Confusion::operator+=(const Confusion& other) {
  require(classes_ == other.classes_, "confusion: ", classes_, " and ", other.classes_,
          " classes cannot be added");
  for (std::size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
  return *this;
}

std::int64_t Confusion::labelled(std::int64_t label) const {
  std::int64_t sum = 0;
  for (std::int64_t c = 0; c < classes_; ++c) sum += at(label, c);
  return sum;
}

std::int64_t Confusion::predicted(std::int64_t prediction) const {
  std::int64_t sum = 0;
  for (std::int64_t c = 0; c < classes_; ++c) sum += at(c, prediction);
  return sum;
}

std::int64_t Confusion::union_of(std::int64_t c) const {
  return labelled(c) + predicted(c) - intersection(c);
}

std::int64_t Confusion::right() const {
  std::int64_t sum = 0;
  for (std::int64_t c = 0; c < classes_; ++c) sum += at(c, c);
  return sum;
}

std::int64_t Confusion::pixels() const {
  return std::accumulate(counts_.begin(), counts_.end(), std::int64_t{0});
}

Confusion sum_of(std::span<const Confusion> confusions) {
  require(!confusions.empty(), "confusion: a sum of no counts, expected those of an image or more");
  Confusion sum(confusions.front().classes());
  for (const Confusion& confusion : confusions) sum += confusion;
  return sum;
}

double pixel_accuracy_of(const Confusion& confusion) {
  return share(confusion.right(), confusion.pixels());
}

double miou_of(const Confusion& confusion) { return miou_without(confusion, {}); }

double miou_without(const Confusion& confusion, std::span<const std::int64_t> left_out) {
  Mean mean;
  for (std::int64_t c = 0; c < confusion.classes(); ++c) {
    const bool counts = std::ranges::find(left_out, c) == left_out.end();
    if (counts && confusion.union_of(c) > 0) mean.add(iou_of(confusion, c));
  }
  return mean.value();
}

SegmentationScores scores_of(const Confusion& confusion) {
  SegmentationScores scores;
  Mean class_accuracy;
  double weighted = 0;
  for (std::int64_t c = 0; c < confusion.classes(); ++c) {
    const double iou = iou_of(confusion, c);
    const std::int64_t labelled = confusion.labelled(c);
    scores.class_iou.push_back(iou);
    if (labelled == 0) continue;
    class_accuracy.add(share(confusion.intersection(c), labelled));
    weighted += static_cast<double>(labelled) * iou;
  }
  const std::int64_t pixels = confusion.pixels();
  scores.pixel_accuracy = pixel_accuracy_of(confusion);
  scores.mean_class_accuracy = class_accuracy.value();
  scores.miou = miou_of(confusion);
  scores.miou_present = miou_present_of(confusion);
  scores.frequency_weighted_iou = pixels == 0 ? kUndefined : weighted / static_cast<double>(pixels);
  return scores;
}

ImageScores image_scores_of(std::span<const Confusion> images) {
  Mean accuracy, miou;
  for (const Confusion& image : images) {
    if (image.pixels() == 0) continue;
    accuracy.add(pixel_accuracy_of(image));
    miou.add(miou_present_of(image));
  }
  return {accuracy.count(), accuracy.value(), miou.value()};
}

}  // namespace saddle
