// SourcePath: files of the tree that programs read while they run, as tables and scripts.
//
// A program looks for them where it was built. One that was carried to another machine is told by
// the environment where they lie there.
#pragma once

#include <string>

namespace saddle {

// $SADDLE_SOURCE_DIR/PATH where that variable is set and not empty, else PATH in the tree that this
// build was configured from.
std::string source_path(const std::string& path);

}  // namespace saddle
