// Class names: what a label means.
//
// Labels are numbers, and the number of a class of an image-folder is its folder's place among
// those that are there. A checkpoint therefore holds the names it was trained with, and labels are
// matched by them.
#pragma once

#include <string>
#include <vector>

#include "apps/data/dataset.h"

namespace saddle {

// What class c is called: its name, or its number where it has none.
std::string class_name(const std::vector<std::string>& names, std::int64_t c);

// The names as a checkpoint holds them: what is not UTF-8 is replaced.
std::vector<std::string> storable_names(const std::vector<std::string>& names);

// What tells the names of a checkpoint from those of the data set called `dataset`, in words; empty
// where nothing does. "class 7" and WordNet's numbers, which published sets carry where their file
// of names is missing, equal any name in their place.
std::string class_name_differences(const std::vector<std::string>& of_checkpoint,
                                   const std::vector<std::string>& of_data,
                                   const std::string& dataset);

// Renumbers the labels of `data` where its classes have the names of `of_checkpoint` in another
// order. Returns whether it did; other differences are left.
bool order_classes(Dataset& data, const std::vector<std::string>& of_checkpoint);

}  // namespace saddle
