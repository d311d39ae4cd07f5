#include "attacks/text/attacked_text.h"

#include <gtest/gtest.h>

#include "kernels/philox.h"

namespace saddle {
namespace {

AttackedText original(const std::string& text) { return AttackedText(text, Compat::of_2026); }

std::optional<AttackedText> replaced(const AttackedText& text, std::size_t index,
                                     std::string_view word) {
  return text.replace({&index, 1}, {&word, 1});
}

using Indices = std::vector<std::size_t>;

TEST(attacked_text, keeps_what_stands_between_words) {
  const AttackedText text = *replaced(original("ok ,  bad--day !"), 1, "fine");

  EXPECT_EQ(text.text(), "ok ,  fine !");
  EXPECT_EQ(text.words(), (std::vector<std::string_view>{"ok", "fine"}));
}

TEST(attacked_text, of_2024_keeps_what_stands_between_words_too) {
  const AttackedText text("ok ,  bad--day !", Compat::of_2024);

  EXPECT_EQ(replaced(text, 1, "fine")->text(), "ok ,  fine !");
}

TEST(attacked_text, replaces_several_words_by_longer_and_shorter_ones) {
  const Indices indices{0, 2};
  const std::vector<std::string_view> words{"an", "c"};

  const AttackedText text = *original("'the' film, really!").replace(indices, words);

  EXPECT_EQ(text.text(), "'an' film, c!");
  EXPECT_EQ(text.word(2), "c");
  EXPECT_EQ(text.newly_modified(), indices);
}

TEST(attacked_text, knows_which_words_were_changed_ever_and_of_late) {
  const AttackedText first = *replaced(original("a b c"), 1, "x");
  const AttackedText second = *replaced(first, 2, "y");
  const AttackedText same = *replaced(second, 2, "y");

  EXPECT_FALSE(second.modified(0));
  EXPECT_TRUE(second.modified(1));
  EXPECT_TRUE(second.modified(2));
  EXPECT_EQ(second.newly_modified(), Indices{2});
  EXPECT_EQ(same.newly_modified(), Indices{});
  EXPECT_TRUE(same.modified(2));
  EXPECT_EQ(first.text(), "a x c");  // as it was
}

TEST(attacked_text, comes_from_a_replacement_or_not) {
  const AttackedText text = original("a b"), other = *replaced(text, 0, "x");

  EXPECT_FALSE(text.transformed());
  EXPECT_TRUE(other.transformed());
  EXPECT_FALSE(mixed(text, text, {true, true}).transformed());
  EXPECT_TRUE(mixed(text, other, {false, false}).transformed());
}

TEST(attacked_text, refuses_a_replacement_that_changes_the_number_of_words) {
  EXPECT_FALSE(replaced(original("a film"), 1, "motion picture"));
  EXPECT_FALSE(replaced(original("a film"), 1, "!"));
  EXPECT_FALSE(replaced(original("a film"), 1, ""));
}

TEST(attacked_text, splits_anew_where_a_replacement_brings_signs_of_its_own) {
  const AttackedText text = *replaced(original("doctor no"), 0, "dr.");

  EXPECT_EQ(text.text(), "dr. no");
  EXPECT_EQ(text.word(0), "dr");
  EXPECT_EQ(replaced(text, 1, "yes")->text(), "dr. yes");
}

TEST(attacked_text, refuses_places_that_do_not_ascend_or_are_none) {
  const Indices turned{1, 0}, outside{2};
  const std::vector<std::string_view> words{"x", "y"};

  EXPECT_ANY_THROW(original("a b").replace(turned, words));
  EXPECT_ANY_THROW(original("a b").replace(outside, std::span(words).first(1)));
  EXPECT_ANY_THROW(original("a b").replace(turned, std::span(words).first(1)));
}

TEST(attacked_text, shows_a_text_with_one_word_replaced_or_gone) {
  const AttackedText text = original("the 'film' is , good");

  EXPECT_EQ(text.text_with(1, "[UNK]"), "the '[UNK]' is , good");
  EXPECT_EQ(text.text_without(0), "'film' is , good");   // with the blank behind it
  EXPECT_EQ(text.text_without(2), "the 'film' , good");  // with the blank before it
  EXPECT_EQ(text.text_without(1), "the '' is , good");   // no blank beside it
  EXPECT_EQ(text.text_without(3), "the 'film' is , ");   // nothing follows
  EXPECT_EQ(original("a!").text_without(0), "!");
}

// Every word is from one or the other, as chosen, and so is whether it is modified; that is how a
// word becomes replaceable again whose original a turn has restored.
TEST(mixed, takes_words_and_their_history_where_told) {
  const AttackedText text = original("a b , c");
  const AttackedText from = *replaced(*replaced(text, 0, "x"), 2, "z");
  const AttackedText to = *replaced(text, 1, "y");

  const AttackedText child = mixed(from, to, {true, true, false});

  EXPECT_EQ(child.text(), "a y , z");
  EXPECT_FALSE(child.modified(0));
  EXPECT_TRUE(child.modified(1));
  EXPECT_TRUE(child.modified(2));
  EXPECT_EQ(child.newly_modified(), (Indices{0, 1}));
}

TEST(mixed, of_nothing_taken_is_the_first_and_of_all_the_second) {
  const AttackedText text = original("a b c");
  const AttackedText from = *replaced(text, 0, "x"), to = *replaced(text, 1, "yy");

  EXPECT_EQ(mixed(from, to, {false, false, false}).text(), from.text());
  EXPECT_EQ(mixed(from, to, {true, true, true}).text(), to.text());
  EXPECT_EQ(mixed(from, to, {false, false, true}).newly_modified(), Indices{});
}

TEST(mixed, refuses_texts_of_different_numbers_of_words) {
  EXPECT_ANY_THROW(mixed(original("a b"), original("a"), {true, true}));
  EXPECT_ANY_THROW(mixed(original("a b"), original("a c"), {true}));
}

TEST(differences, are_told_by_letters_and_their_case) {
  const AttackedText text = original("a b c"), other = original("a, B d");

  EXPECT_EQ(differences(text, other), (Indices{1, 2}));
  EXPECT_EQ(count_differences(text, other), 2u);
  EXPECT_EQ(count_differences(text, text), 0u);
}

}  // namespace
}  // namespace saddle
