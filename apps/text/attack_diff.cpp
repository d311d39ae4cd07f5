#include "apps/text/attack_diff.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <string_view>

#include "apps/common/chart.h"
#include "attacks/text/metrics.h"
#include "attacks/text/words.h"
#include "core/error.h"
#include "core/format.h"
#include "core/printable.h"

namespace saddle {
namespace {

using Names = std::vector<std::string>;

constexpr std::size_t kMostOfName = 200;  // bytes
constexpr std::size_t kMostBars = 10;     // of the histogram; what is beyond shares one

constexpr const char* kStruckRed = "\x1b[9;31m";
constexpr const char* kGreen = "\x1b[32m";
constexpr const char* kColourEnd = "\x1b[0m";

// A part of both texts: the same in both, or what took the other's place.
struct Piece {
  std::string_view before, after;
  bool same;
};

// Two texts in pieces from left to right, same and changed in turn. Signs between words are
// compared as words are: what is shown as kept was kept.
class Pieces {
 public:
  Pieces(std::string_view before, std::string_view after) : before_(before), after_(after) {}

  void take_until(std::size_t before_end, std::size_t after_end) {
    const std::string_view before = before_.substr(before_at_, before_end - before_at_);
    const std::string_view after = after_.substr(after_at_, after_end - after_at_);
    before_at_ = before_end;
    after_at_ = after_end;
    if (before.empty() && after.empty()) return;
    const bool same = before == after;
    if (made_.empty() || made_.back().same != same) {
      made_.push_back({before, after, same});
      return;
    }
    Piece& last = made_.back();
    last.before = {last.before.data(), last.before.size() + before.size()};
    last.after = {last.after.data(), last.after.size() + after.size()};
  }

  std::vector<Piece> all() && {
    take_until(before_.size(), after_.size());
    return std::move(made_);
  }

 private:
  std::string_view before_, after_;
  std::size_t before_at_ = 0, after_at_ = 0;
  std::vector<Piece> made_;
};

std::vector<Piece> pieces_of(const TextOutcome& outcome, Compat compat) {
  const std::vector<WordRange> before = word_ranges(outcome.original, compat),
                               after = word_ranges(outcome.adversarial, compat);
  require(before.size() == after.size(), "example ", outcome.index, ": the text has ",
          before.size(), " words and what became of it ", after.size(),
          ", expected as many. Was it attacked with the other --compat?");
  Pieces pieces(outcome.original, outcome.adversarial);
  for (std::size_t i = 0; i < before.size(); ++i) {
    pieces.take_until(before[i].begin, after[i].begin);
    pieces.take_until(before[i].end, after[i].end);
  }
  return std::move(pieces).all();
}

std::string class_name(std::int32_t number, const Names& names) {
  const auto place = static_cast<std::size_t>(number);  // beyond all where negative
  if (place >= names.size()) return text("class ", number);
  return printable(names[place], kMostOfName);
}

std::string in_percent(double share) { return formatted("%.1f %%", 100 * share); }

// "1 query", "2 queries"
template <class Number>
std::string counted(Number number, const char* one, const char* many) {
  return text(number, " ", number == 1 ? one : many);
}

std::string headline(const TextOutcome& outcome, const Names& names, const char* arrow) {
  const std::string label = class_name(outcome.label, names);
  const std::string begin = text("#", outcome.index, "  ", label);
  if (outcome.status == TextStatus::skipped) {
    return begin + ": taken for " + class_name(outcome.before.predicted, names) +
           " without an attack";
  }
  const std::string now = in_percent(1 - outcome.after.score);
  std::string after = class_name(outcome.after.predicted, names);
  if (outcome.status == TextStatus::failed) {
    after = "still " + label + " " + now;
  } else if (names.size() == 2) {
    after += " " + in_percent(outcome.after.score);
  } else {
    after += " (" + label + " " + now + ")";
  }
  return text(begin, " ", in_percent(1 - outcome.before.score), " ", arrow, " ", after, "  (",
              outcome.changed.size(), " of ", counted(outcome.words, "word", "words"), ", ",
              counted(outcome.queries, "query", "queries"), ")");
}

// What `codes` make of `raw` where there are colours.
std::string painted(std::string_view raw, const char* codes, Colours colour) {
  if (colour == Colours::none) return printable(raw);
  return codes + printable(raw) + kColourEnd;
}

// Text of a page, whatever it was.
std::string shown(std::string_view raw) { return escaped(printable(raw)); }

constexpr const char* kStyle = R"(
:root { color-scheme: light dark; --faint: #595959; --line: #ccc;
  --old: #a40000; --old-ground: #fdeaea; --new: #00572b; --new-ground: #e3f5ea; }
@media (prefers-color-scheme: dark) {
  :root { --faint: #aaa; --line: #555;
    --old: #ff9d9d; --old-ground: #3d1d1d; --new: #8fe3b0; --new-ground: #14351f; }
}
body { font: 16px/1.5 sans-serif; max-width: 50em; margin: 2em auto; padding: 0 1em; }
del { color: var(--old); background: var(--old-ground); text-decoration: line-through; }
ins { color: var(--new); background: var(--new-ground); text-decoration: underline;
  font-weight: bold; margin-left: .25em; }
table { border-collapse: collapse; margin: 1em 3em 1em 0; display: inline-table;
  vertical-align: top; }
caption { text-align: left; color: var(--faint); }
th, td { padding: .15em .6em; border-bottom: 1px solid var(--line); text-align: right; }
th { font-weight: normal; text-align: left; }
.bars { width: 12em; }
.bars span { display: block; border-top: .8em solid var(--faint); }
summary { font-size: 1.17em; font-weight: bold; cursor: pointer; margin: 1em 0; }
dl { margin: 0; }
dt { color: var(--faint); font-size: .85em; break-after: avoid; }
dd { margin: 0 0 1em; white-space: pre-wrap; overflow-wrap: anywhere; }
@media print { body { font-size: 10pt; max-width: none; margin: 0; } }
)";

std::string page_head(const std::string& title) {
  // The policy: whatever came into the page, nothing is loaded or run.
  return "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
         "<meta http-equiv=\"Content-Security-Policy\" "
         "content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
         "<meta name=\"viewport\" content=\"width=device-width\">\n<title>" +
         title + "</title>\n<style>" + kStyle + "</style>\n</head>\n<body>\n<h1>" + title +
         "</h1>\n<p><del>Struck through</del><ins>underlined</ins>: a word, and what the attack "
         "put "
         "in its place. Percentages are the model's probabilities.</p>\n";
}

std::string remarks_of(const DiffPage& page) {
  if (page.remarks.empty()) return "";
  std::string made = "<ul>\n";
  for (const std::string& remark : page.remarks) made += "<li>" + shown(remark) + "</li>\n";
  return made + "</ul>\n";
}

std::string numbers_of(const DiffPage::Attack& attack) {
  if (attack.rows.empty()) return "";
  std::string made = "<table>\n";
  for (const auto& [name, value] : attack.rows) {
    made += "<tr><th scope=\"row\">" + shown(name) + "</th><td>" + shown(value) + "</td></tr>\n";
  }
  return made + "</table>\n";
}

// How many texts had so many words changed, as bars.
std::string histogram_of(const DiffPage::Attack& attack) {
  std::vector<std::int64_t> texts(kMostBars + 2);
  for (const auto& [words, count] : text_metrics(attack.outcomes).changed_words) {
    texts[std::min(words, kMostBars + 1)] += count;
  }
  const auto most = static_cast<double>(*std::ranges::max_element(texts));
  if (most == 0) return "";
  std::string made =
      "<table>\n<caption>Succeeded, by changed words</caption>\n"
      "<tr><th scope=\"col\">words</th><th scope=\"col\">texts</th><td></td></tr>\n";
  for (std::size_t words = 0; words < texts.size(); ++words) {
    if (texts[words] == 0) continue;
    const double width = 100 * static_cast<double>(texts[words]) / most;
    made +=
        text("<tr><th scope=\"row\">", words, words > kMostBars ? " or more" : "", "</th><td>",
             texts[words], "</td><td class=\"bars\"><span style=\"width:", formatted("%.1f", width),
             "%\"></span></td></tr>\n");
  }
  return made + "</table>\n";
}

std::string marked_up(const std::vector<Piece>& pieces) {
  std::string made;
  for (const Piece& piece : pieces) {
    made += piece.same
                ? shown(piece.before)
                : "<del>" + shown(piece.before) + "</del><ins>" + shown(piece.after) + "</ins>";
  }
  return made;
}

// The examples of one status under its name; nothing where there is none.
std::string examples_of(const DiffPage::Attack& attack, TextStatus status, Compat compat,
                        const Names& names) {
  std::vector<const TextOutcome*> chosen;
  for (const TextOutcome& outcome : attack.outcomes) {
    if (outcome.status == status) chosen.push_back(&outcome);
  }
  if (chosen.empty()) return "";
  std::ranges::stable_sort(chosen, {}, &TextOutcome::index);
  std::string list = "<dl>\n";
  for (const TextOutcome* outcome : chosen) {
    list += "<dt>" + escaped(headline(*outcome, names, "→")) + "</dt>\n<dd dir=\"auto\">" +
            marked_up(pieces_of(*outcome, compat)) + "</dd>\n";
  }
  list += "</dl>\n";
  const std::string heading = text(name_of(status), ": ", chosen.size());
  if (status == TextStatus::succeeded) return "<h3>" + heading + "</h3>\n" + list;
  return "<details>\n<summary>" + heading + "</summary>\n" + list + "</details>\n";
}

}  // namespace

Colours colours_of_stdout() {
  const char* refused = std::getenv("NO_COLOR");
  const char* terminal = std::getenv("TERM");
  if (refused != nullptr && *refused != '\0') return Colours::none;
  if (terminal == nullptr || std::string_view(terminal) == "dumb") return Colours::none;
  return isatty(STDOUT_FILENO) == 1 ? Colours::ansi : Colours::none;
}

std::string diff_paragraph(const TextOutcome& outcome, Compat compat, const Names& class_names,
                           Colours colour) {
  std::string made = headline(outcome, class_names, "->") + "\n";
  const std::vector<Piece> pieces = pieces_of(outcome, compat);
  if (std::ranges::all_of(pieces, &Piece::same)) return made;
  made += "  ";
  for (const Piece& piece : pieces) {
    made += piece.same ? printable(piece.before)
                       : "[" + painted(piece.before, kStruckRed, colour) + " -> " +
                             painted(piece.after, kGreen, colour) + "]";
  }
  return made + "\n";
}

std::string diff_page(const DiffPage& page, Compat compat, const Names& class_names) {
  std::string made = page_head(shown(page.title)) + remarks_of(page);
  for (const DiffPage::Attack& attack : page.attacks) {
    made += "<section>\n<h2>" + shown(attack.name) + "</h2>\n" + numbers_of(attack) +
            histogram_of(attack);
    for (const TextStatus status :
         {TextStatus::succeeded, TextStatus::failed, TextStatus::skipped}) {
      made += examples_of(attack, status, compat, class_names);
    }
    made += "</section>\n";
  }
  return made + "</body>\n</html>\n";
}

}  // namespace saddle
