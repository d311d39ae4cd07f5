// Fingerprints: which bytes a file, a data set or a text consists of, as 16 hexadecimal digits
// (FNV-1a, 64 bits). They tell inputs apart and protect against nobody.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "apps/data/dataset.h"

namespace saddle {

std::string fingerprint_of_file(const std::filesystem::path& path);
std::string fingerprint_of_text(std::string_view text);
// Of all that training and attacks look at: extents, pixels, labels, names of classes, mean and
// deviation.
std::string fingerprint_of_data(const Dataset& data);

}  // namespace saddle
