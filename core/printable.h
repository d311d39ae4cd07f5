// Printable: text that a terminal can be given, whoever wrote it.
//
// File names, class names and what stands in files reach messages and tables. Left as they are,
// they could break the line, drive the terminal, or fill the screen.
#pragma once

#include <string>
#include <string_view>

namespace saddle {

constexpr std::size_t kMostShown = 4000;  // bytes of a message

// `raw` with \n, \x1b, \xff ... in the place of line breaks, control characters (C0, DEL, C1),
// marks that turn the direction of writing, and bytes that are not UTF-8. Of more than `most` bytes
// the middle is left out, and how much that is stands there: a message ends in its mend.
std::string printable(std::string_view raw, std::size_t most = kMostShown);

// The same for a report of many lines: its line breaks stay, and nothing is left out.
std::string printable_lines(std::string_view raw);

}  // namespace saddle
