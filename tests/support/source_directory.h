// Where the sources lie, for tests that read vectors, tables or the sources themselves.
#pragma once

#include <filesystem>

namespace saddle {

// $SADDLE_SOURCE_DIR where that variable is set and not empty: a test program was carried there.
// Else the top of the tree that this build was configured from; its path is compiled into one
// object file alone, so that all others are the same in every copy of the tree.
std::filesystem::path source_directory();

}  // namespace saddle
