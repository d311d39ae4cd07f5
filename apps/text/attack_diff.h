// AttackDiff: what an attack did to texts, shown to people: each text once, with the words that
// gave way beside those that took their place.
//
// For a terminal and as a page. Texts and names come from users' files, so neither may drive the
// terminal nor become part of the page's code: see core/printable.h. Of more than its 4000 bytes
// without a change the middle is left out, and how much that is stands there.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "attacks/text/text_outcome.h"
#include "attacks/text/words.h"

namespace saddle {

enum class Colours { none, ansi };

// Whether stdout is a terminal that shows colours: TERM names one that does, and NO_COLOR is unset
// or empty (no-color.org).
Colours colours_of_stdout();

// What became of an example, ended by a line break:
//
//   #12  positive 98.3 % -> negative 61.0 %  (2 of 18 words, 143 queries)
//     a [wonderful -> terrific] , moving [film -> flick] .
//
// The second line is there where a word changed. Colours only underline: without them nothing is
// lost. The percentages are the model's probabilities of the classes; of more than two only the
// label's is known, before and after. Classes beyond `class_names` go by their numbers. Throws
// Error where the texts have not equally many words.
std::string diff_paragraph(const TextOutcome& outcome, Compat compat,
                           const std::vector<std::string>& class_names, Colours colour);

struct DiffPage {
  struct Attack {
    std::string name;
    std::vector<std::pair<std::string, std::string>> rows;  // text_metric_rows, say
    std::vector<TextOutcome> outcomes;                      // in any order
  };

  std::string title;
  std::vector<std::string> remarks;  // assumptions, warnings
  std::vector<Attack> attacks;
};

// HTML in one file that loads nothing: of every attack the numbers, how many words changed, and the
// examples by index, first where it succeeded; the others are folded up. Throws as diff_paragraph.
std::string diff_page(const DiffPage& page, Compat compat,
                      const std::vector<std::string>& class_names);

}  // namespace saddle
