// ImageSet: a data set of image files, decoded into memory by all threads.
//
// The result depends on the files alone, not on the number of threads. Besides the pixels of the
// result, each thread holds one image at a time. Images once decoded are kept in a file
// (ImageCache) where the request names a directory for it.
#pragma once

#include "apps/data/dataset.h"
#include "apps/data/image_list.h"

namespace saddle {

// The names of the sets that load_image_set reads.
const std::vector<std::string>& image_set_names();

// load_dataset for them. `places` are where the set may lie, in the order of the search.
Dataset load_image_set(const DatasetRequest& request, const std::vector<std::string>& places);

}  // namespace saddle
