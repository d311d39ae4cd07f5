// Confusion: how many pixels of each class a segmentation network takes for each class, and what is
// said of these counts: accuracies, and intersections over unions (IoU).
//
// Counts of images add, so a set's are the sum of its images'. IoU_c = C_cc / (row_c + column_c -
// C_cc), rows being labels; pixels without a class (void) count nowhere, in label or prediction.
// All scores are shares in [0, 1], in double, and NaN where there is nothing to divide by.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "apps/data/label_png.h"

namespace saddle {

class Confusion {
 public:
  // Throws Error unless 1 <= classes <= 255: labels are bytes, and 255 is void.
  explicit Confusion(std::int64_t classes);
  // Of counts [classes, classes]. Throws Error where they are others in number, or negative.
  Confusion(std::int64_t classes, std::vector<std::int64_t> counts);

  // Adds pixels. Throws Error where there are not as many labels as predictions, or one of them is
  // no class (labels: nor void).
  void add(std::span<const std::uint8_t> labels, std::span<const std::uint8_t> predictions);
  // Throws Error where the other has other classes.
  Confusion& operator+=(const Confusion& other);

  std::int64_t classes() const { return classes_; }
  std::int64_t at(std::int64_t label, std::int64_t prediction) const {
    return counts_[static_cast<std::size_t>(label * classes_ + prediction)];
  }
  const std::vector<std::int64_t>& counts() const { return counts_; }  // [label, prediction]

  // Pixels of a label, taken for a class, right, and of either of the two.
  std::int64_t labelled(std::int64_t label) const;
  std::int64_t predicted(std::int64_t prediction) const;
  std::int64_t intersection(std::int64_t c) const { return at(c, c); }
  std::int64_t union_of(std::int64_t c) const;
  std::int64_t right() const;
  std::int64_t pixels() const;

 private:
  std::int64_t classes_;
  std::vector<std::int64_t> counts_;
};

// Throws Error where there are none, or they have different classes.
Confusion sum_of(std::span<const Confusion> confusions);

struct SegmentationScores {
  double pixel_accuracy;          // aAcc: right pixels of all
  double mean_class_accuracy;     // mAcc: over classes with labelled pixels
  double miou;                    // over classes with labelled or predicted pixels
  double miou_present;            // over classes with labelled pixels
  double frequency_weighted_iou;  // weights: the classes' shares of the labels
  std::vector<double> class_iou;  // NaN: neither labelled nor predicted
};
SegmentationScores scores_of(const Confusion& confusion);

// The scores that greedy searches ask for again and again, each as in scores_of.
double pixel_accuracy_of(const Confusion& confusion);
double miou_of(const Confusion& confusion);
// Over all classes but those left out.
double miou_without(const Confusion& confusion, std::span<const std::int64_t> left_out);

// Means over those images that have a pixel with a class.
struct ImageScores {
  std::int64_t images;    // of how many
  double pixel_accuracy;  // of each image's
  double miou;            // of each image's, over the classes of its labels (miou_present)
};
ImageScores image_scores_of(std::span<const Confusion> images);

}  // namespace saddle
