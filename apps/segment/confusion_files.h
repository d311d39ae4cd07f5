// ConfusionFiles: which class a segmentation network takes which for, of clean and of attacked
// images, as a table and as a picture.
#pragma once

#include <filesystem>
#include <string>

#include "apps/segment/attack_report.h"

namespace saddle {

// Lines `attack,label,prediction,pixels`, attack "clean" first; text fields in quotes (RFC 4180).
std::string confusion_csv(const SegmentationReport& report);

// A matrix for the clean images and for each attack, from left to right. A row is a label, a column
// a prediction; the number is the share of the label's pixels in percent, the darker the more, and
// a cell without pixels is empty. Throws Error where the file cannot be written.
void save_confusion_picture(const std::filesystem::path& path, const SegmentationReport& report);

}  // namespace saddle
