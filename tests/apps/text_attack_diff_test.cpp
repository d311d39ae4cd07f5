// What an attack did to texts, as people see it: in a terminal and on a page.
#include "apps/text/attack_diff.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "attacks/text/metrics.h"
#include "core/error.h"
#include "tests/support/expect_near.h"

namespace saddle {
namespace {

const std::vector<std::string> kTwoNames = {"negative", "positive"};
const std::vector<std::string> kThreeNames = {"bad", "fair", "good"};

// Taken for its label 1 with 0.875, then for 0 with 0.625.
TextOutcome succeeded(const std::string& original, const std::string& adversarial,
                      const std::vector<std::size_t>& changed, std::size_t words) {
  return {.index = 12,
          .label = 1,
          .status = TextStatus::succeeded,
          .queries = 143,
          .original = original,
          .adversarial = adversarial,
          .words = words,
          .changed = changed,
          .before = {.score = 0.125f, .predicted = 1, .success = false},
          .after = {.score = 0.625f, .predicted = 0, .success = true}};
}

TextOutcome failed(const std::string& original, const std::string& adversarial,
                   const std::vector<std::size_t>& changed, std::size_t words) {
  TextOutcome outcome = succeeded(original, adversarial, changed, words);
  outcome.status = TextStatus::failed;
  outcome.after = {.score = 0.25f, .predicted = 1, .success = false};
  return outcome;
}

TextOutcome skipped(const std::string& original) {
  TextOutcome outcome = succeeded(original, original, {}, 2);
  outcome.index = 3;
  outcome.status = TextStatus::skipped;
  outcome.queries = 1;
  outcome.before = outcome.after = {.score = 0.75f, .predicted = 0, .success = true};
  return outcome;
}

TextOutcome with_index(TextOutcome outcome, std::int64_t index) {
  outcome.index = index;
  return outcome;
}

std::string paragraph(const TextOutcome& outcome,
                      const std::vector<std::string>& names = kTwoNames) {
  return diff_paragraph(outcome, Compat::of_2026, names, Colours::none);
}

// The line with the text, without its two spaces and its end.
std::string line(const std::string& original, const std::string& adversarial,
                 Compat compat = Compat::of_2026) {
  const std::string made =
      diff_paragraph(succeeded(original, adversarial, {}, 2), compat, kTwoNames, Colours::none);
  const std::size_t begin = made.find("\n  ");
  return begin == std::string::npos ? "" : made.substr(begin + 3, made.size() - begin - 4);
}

std::string page_of(const std::vector<TextOutcome>& outcomes,
                    const std::vector<std::string>& names = kTwoNames) {
  return diff_page({.title = "T",
                    .remarks = {},
                    .attacks = {{.name = "A",
                                 .rows = text_metric_rows(text_metrics(outcomes)),
                                 .outcomes = outcomes}}},
                   Compat::of_2026, names);
}

bool contains(const std::string& whole, const std::string& part) {
  return whole.find(part) != std::string::npos;
}

TEST(TextAttackDiff, tells_of_a_success_in_two_lines) {
  EXPECT_EQ(
      paragraph(succeeded("a wonderful , moving film .", "a terrific , moving flick .", {1, 3}, 4)),
      "#12  positive 87.5 % -> negative 62.5 %  (2 of 4 words, 143 queries)\n"
      "  a [wonderful -> terrific] , moving [film -> flick] .\n");
}

TEST(TextAttackDiff, says_how_far_a_failed_attack_came) {
  EXPECT_EQ(paragraph(failed("a film", "a flick", {1}, 2)),
            "#12  positive 87.5 % -> still positive 75.0 %  (1 of 2 words, 143 queries)\n"
            "  a [film -> flick]\n");
}

TEST(TextAttackDiff, shows_no_text_where_no_word_changed) {
  EXPECT_EQ(paragraph(failed("a film", "a film", {}, 2)),
            "#12  positive 87.5 % -> still positive 75.0 %  (0 of 2 words, 143 queries)\n");
}

TEST(TextAttackDiff, says_that_a_text_was_mistaken_without_an_attack) {
  EXPECT_EQ(paragraph(skipped("a film")), "#3  positive: taken for negative without an attack\n");
}

TEST(TextAttackDiff, counts_one_word_and_one_query_as_one) {
  TextOutcome outcome = failed("film", "film", {}, 1);
  outcome.queries = 1;

  EXPECT_CONTAINS(paragraph(outcome), "(0 of 1 word, 1 query)");
}

TEST(TextAttackDiff, says_of_three_classes_what_is_known_of_the_label) {
  EXPECT_EQ(paragraph(succeeded("a film", "a flick", {1}, 2), kThreeNames),
            "#12  fair 87.5 % -> bad (fair 37.5 %)  (1 of 2 words, 143 queries)\n"
            "  a [film -> flick]\n");
}

TEST(TextAttackDiff, calls_a_class_without_a_name_by_its_number) {
  EXPECT_CONTAINS(paragraph(succeeded("a", "b", {0}, 1), {}),
                  "#12  class 1 87.5 % -> class 0 (class 1 37.5 %)");
}

TEST(TextAttackDiff, calls_a_class_below_zero_by_its_number) {
  TextOutcome outcome = skipped("a film");
  outcome.label = -1;

  EXPECT_CONTAINS(paragraph(outcome), "#3  class -1: taken for negative");
}

TEST(TextAttackDiff, marks_the_first_and_the_last_word) {
  EXPECT_EQ(line("good old film", "fine old flick"), "[good -> fine] old [film -> flick]");
}

TEST(TextAttackDiff, marks_neighbours_one_by_one) {
  EXPECT_EQ(line("(good film)", "(fine flick)"), "([good -> fine] [film -> flick])");
}

TEST(TextAttackDiff, keeps_words_of_utf_8_whole) {
  EXPECT_EQ(line("un été à Zürich…", "un hiver à Genève…"),
            "un [été -> hiver] à [Zürich -> Genève]…");
}

TEST(TextAttackDiff, lets_a_word_of_2024_keep_its_sign) {
  EXPECT_EQ(line("the actors' work", "the players work", Compat::of_2024),
            "the [actors' -> players] work");
}

TEST(TextAttackDiff, lets_a_word_of_2026_lose_its_sign) {
  EXPECT_EQ(line("the actors' work", "the players' work", Compat::of_2026),
            "the [actors -> players]' work");
}

TEST(TextAttackDiff, shows_signs_that_changed_between_words) {
  EXPECT_EQ(line("a film.", "a 'film!"), "a[  ->  ']film[. -> !]");
}

TEST(TextAttackDiff, shows_a_change_of_sign_and_word_as_one) {
  EXPECT_EQ(line("the hood .", "the 'burb ."), "the[ hood ->  'burb] .");
}

TEST(TextAttackDiff, tells_of_a_text_without_words) {
  EXPECT_EQ(paragraph(failed("... !", "... !", {}, 0)),
            "#12  positive 87.5 % -> still positive 75.0 %  (0 of 0 words, 143 queries)\n");
}

TEST(TextAttackDiff, tells_of_an_empty_text) {
  EXPECT_CONTAINS(paragraph(failed("", "", {}, 0)), "(0 of 0 words");
}

TEST(TextAttackDiff, refuses_texts_of_different_lengths) {
  try {
    paragraph(succeeded("a film", "a good film", {1}, 2));
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(),
                 "example 12: the text has 2 words and what became of it 3, expected as many. Was "
                 "it attacked with the other --compat?");
  }
}

TEST(TextAttackDiff, paints_the_old_word_red_and_struck_the_new_one_green) {
  EXPECT_CONTAINS(diff_paragraph(succeeded("a film .", "a flick .", {1}, 2), Compat::of_2026,
                                 kTwoNames, Colours::ansi),
                  "\n  a [\x1b[9;31mfilm\x1b[0m -> \x1b[32mflick\x1b[0m] .\n");
}

TEST(TextAttackDiff, lets_no_text_drive_the_terminal) {
  EXPECT_EQ(line("\x1b[2J good\nfilm \x07\xff", "\x1b[2J fine\nfilm \x07\xff"),
            "\\x1b[2J [good -> fine]\\nfilm \\x07\\xff");
}

TEST(TextAttackDiff, lets_no_text_drive_a_terminal_with_colours) {
  const std::string made =
      diff_paragraph(succeeded("\x1b[0;1m \x1b film", "\x1b[0;1m \x1b! film", {}, 3),
                     Compat::of_2026, kTwoNames, Colours::ansi);

  EXPECT_CONTAINS(made,
                  "\n  \\x1b[0;1m[\x1b[9;31m \\x1b \x1b[0m -> \x1b[32m \\x1b! \x1b[0m]film\n");
}

TEST(TextAttackDiff, lets_no_class_name_drive_the_terminal) {
  EXPECT_EQ(paragraph(skipped("a film"), {"\x1b[31mbad\n", "good\r"}),
            "#3  good\\r: taken for \\x1b[31mbad\\n without an attack\n");
}

TEST(TextAttackDiff, says_how_much_it_leaves_out_between_changes) {
  const std::string dots(100'000, '.');

  const std::string made = line("good" + dots + "film", "fine" + dots + "flick");

  EXPECT_LT(made.size(), 4200u);
  EXPECT_CONTAINS(made, "[good -> fine]...");
  EXPECT_CONTAINS(made, " [... 96000 bytes ...] ");
  EXPECT_CONTAINS(made, "...[film -> flick]");
}

// 200,000 words: time that grows with the square would be minutes.
TEST(TextAttackDiff, shows_a_megabyte_of_changed_words) {
  std::string original, adversarial, expected;
  for (int i = 0; i < 200'000; ++i) {
    original += "good ";
    adversarial += "fine ";
    expected += "[good -> fine] ";
  }

  EXPECT_EQ(line(original, adversarial), expected);
}

TEST(TextAttackDiff, shows_a_megabyte_without_a_word_changed_on_a_page) {
  const std::string made = page_of({skipped(std::string(1'000'000, '\'') + " film")});

  EXPECT_CONTAINS(made, "&#39; [... 996005 bytes ...] &#39;");
}

TEST(TextAttackDiff, marks_words_up_on_a_page) {
  EXPECT_CONTAINS(page_of({succeeded("a good film .", "a fine film .", {1}, 3)}),
                  "<dt>#12  positive 87.5 % → negative 62.5 %  (1 of 3 words, 143 queries)</dt>\n"
                  "<dd dir=\"auto\">a <del>good</del><ins>fine</ins> film .</dd>\n");
}

TEST(TextAttackDiff, shows_the_text_of_skipped_examples_on_a_page) {
  EXPECT_CONTAINS(page_of({skipped("a film")}),
                  "<details>\n<summary>skipped: 1</summary>\n<dl>\n"
                  "<dt>#3  positive: taken for negative without an attack</dt>\n"
                  "<dd dir=\"auto\">a film</dd>\n</dl>\n</details>\n");
}

TEST(TextAttackDiff, sorts_a_page_by_status_then_by_index) {
  const TextOutcome good = succeeded("a b", "a c", {1}, 2), bad = failed("a b", "a b", {}, 2);

  const std::string made =
      page_of({with_index(skipped("x"), 1), with_index(bad, 4), with_index(good, 7),
               with_index(bad, 2), with_index(good, 20), with_index(good, 3)});

  const std::vector<std::size_t> places = {made.find("<h3>succeeded: 3</h3>"),
                                           made.find("<dt>#3 "),
                                           made.find("<dt>#7 "),
                                           made.find("<dt>#20 "),
                                           made.find("<summary>failed: 2</summary>"),
                                           made.find("<dt>#2 "),
                                           made.find("<dt>#4 "),
                                           made.find("<summary>skipped: 1</summary>"),
                                           made.find("<dt>#1 ")};
  EXPECT_TRUE(std::ranges::is_sorted(places));
  EXPECT_NE(places.back(), std::string::npos);
}

TEST(TextAttackDiff, gives_the_numbers_of_an_attack) {
  EXPECT_CONTAINS(page_of({succeeded("a b", "a c", {1}, 2)}),
                  "<h2>A</h2>\n<table>\n<tr><th scope=\"row\">Number of successful attacks:</th>"
                  "<td>1</td></tr>\n");
}

TEST(TextAttackDiff, draws_how_many_words_changed) {
  const TextOutcome one = succeeded("a b", "a c", {1}, 2), two = succeeded("a b", "d c", {0, 1}, 2);

  const std::string made = page_of({one, two, one, one, failed("a b", "a c", {1}, 2)});

  EXPECT_CONTAINS(made,
                  "<th scope=\"row\">1</th><td>3</td>"
                  "<td class=\"bars\"><span style=\"width:100.0%\"></span></td></tr>\n"
                  "<tr><th scope=\"row\">2</th><td>1</td>"
                  "<td class=\"bars\"><span style=\"width:33.3%\"></span></td></tr>\n</table>");
}

TEST(TextAttackDiff, lets_more_than_ten_changed_words_share_a_bar) {
  TextOutcome eleven = succeeded("a", "a", {}, 100), many = eleven;
  eleven.changed.resize(11);
  many.changed.resize(90);

  EXPECT_CONTAINS(page_of({eleven, many}), "<th scope=\"row\">11 or more</th><td>2</td>");
}

TEST(TextAttackDiff, draws_nothing_where_no_attack_succeeded) {
  EXPECT_FALSE(contains(page_of({failed("a b", "a b", {}, 2)}), "<caption>"));
}

TEST(TextAttackDiff, makes_a_page_of_no_attack) {
  const std::string made =
      diff_page({.title = "T", .remarks = {}, .attacks = {}}, Compat::of_2026, kTwoNames);

  EXPECT_TRUE(made.starts_with("<!doctype html>\n<html lang=\"en\">\n"));
  EXPECT_TRUE(made.ends_with("</body>\n</html>\n"));
  EXPECT_FALSE(contains(made, "<section>"));
}

TEST(TextAttackDiff, lets_no_text_become_code_of_a_page) {
  EXPECT_CONTAINS(page_of({succeeded("<script>alert('1 & \"2\"')</script>",
                                     "<style>alert('1 & \"2\"')</script>", {0}, 5)}),
                  "&lt;<del>script</del><ins>style</ins>&gt;alert(&#39;1 &amp; "
                  "&quot;2&quot;&#39;)&lt;/script&gt;");
}

TEST(TextAttackDiff, lets_no_title_remark_or_name_become_code_of_a_page) {
  const std::string evil = "</title><script>&'\"\x1b\xff";

  const std::string made =
      diff_page({.title = evil,
                 .remarks = {evil},
                 .attacks = {{.name = evil, .rows = {{evil, evil}}, .outcomes = {skipped(evil)}}}},
                Compat::of_2026, {evil, evil});

  EXPECT_FALSE(contains(made, "<script"));
  EXPECT_FALSE(contains(made, "\x1b"));
  EXPECT_FALSE(contains(made, "\xff"));
  EXPECT_CONTAINS(made, "<li>&lt;/title&gt;&lt;script&gt;&amp;&#39;&quot;\\x1b\\xff</li>");
}

TEST(TextAttackDiff, loads_nothing_from_elsewhere) {
  const std::string made = page_of({succeeded("a b", "a c", {1}, 2)});

  EXPECT_CONTAINS(made, "default-src 'none'");
  EXPECT_FALSE(contains(made, "src=") || contains(made, "href=") || contains(made, "url("));
}

}  // namespace
}  // namespace saddle
