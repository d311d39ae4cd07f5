// TinyImagenet: the text files of Tiny ImageNet-200.
//
// wnids.txt names the classes, a WordNet id a line; val/val_annotations.txt says which class each
// validation image has. Names from them become parts of paths, so their letters are checked.
#pragma once

#include <string>
#include <vector>

#include "core/file.h"

namespace saddle {

// The ids, sorted by their bytes: an id's place is its label, as in PyTorch's ImageFolder. The file
// itself is not sorted. `name` begins every message. Throws Error where a line is not n and 8
// digits, an id comes twice, or there is none.
std::vector<std::string> parse_wnids(Bytes bytes, const std::string& name);

struct Annotation {
  std::string file;  // "val_17.JPEG", without a folder
  std::int32_t label = 0;
};

// The lines of val_annotations.txt, in order; what follows file and id (a box) is not read. Throws
// Error, with the line, where a file is no plain name or comes twice, or the id is not in `wnids`.
std::vector<Annotation> parse_annotations(Bytes bytes, const std::vector<std::string>& wnids,
                                          const std::string& name);

// The first name that words.txt has for each id, or the id where it has none.
std::vector<std::string> parse_words(Bytes bytes, const std::vector<std::string>& wnids);

}  // namespace saddle
