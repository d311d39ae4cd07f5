#include "attacks/text/swaps.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/error.h"
#include "tests/attacks/text/word_victim.h"

namespace saddle {
namespace {

using Indices = std::vector<std::size_t>;
using Texts = std::vector<std::string>;

AttackedText original(const std::string& text) { return AttackedText(text, Compat::of_2024); }

Texts texts_of(const std::vector<Swap>& swaps) {
  Texts texts;
  for (const Swap& swap : swaps) texts.push_back(swap.text);
  return texts;
}

Texts found(const SwapRules& rules, const AttackedText& text) {
  return texts_of(SwapFinder(rules, text, 0).find(text));
}

AttackedText with(const AttackedText& text, std::size_t index, const std::string& word) {
  return swapped(text, {index, word, ""});
}

TEST(swaps, leave_stop_words_as_the_list_writes_them) {
  const SwapRules rules{.of_word = of_word({}), .is_stop_word = stop_words({"the"})};
  const AttackedText text = original("The the THE");

  EXPECT_EQ(SwapFinder(rules, text, 0).allowed(text), (Indices{0, 2}));
}

TEST(swaps, are_sorted_by_bytes_at_each_word) {
  const SwapRules rules{.of_word = of_word({{"1", {"z", "\u00e9", "a", "B"}}, {"2", {"c", "b"}}})};

  EXPECT_EQ(found(rules, original("1 2")), (Texts{"B 2", "a 2", "z 2", "\u00e9 2", "1 b", "1 c"}));
}

TEST(swaps, are_sorted_by_texts_where_one_candidate_begins_another) {
  const SwapRules rules{.of_word = of_word({{"1", {"b", "b'c"}}})};

  EXPECT_EQ(found(rules, original("1 2")), (Texts{"b 2", "b'c 2"}));
  EXPECT_EQ(found(rules, original("1-2")), Texts{});
  EXPECT_EQ(found(rules, original("1~2")), (Texts{"b'c~2", "b~2"}));
}

TEST(swaps, are_written_as_the_word_is_and_never_the_word_itself) {
  const SwapRules rules{.of_word = of_word({{"good", {"great", "Good", "good"}}})};

  EXPECT_EQ(found(rules, original("GOOD")), Texts{"GREAT"});
  EXPECT_EQ(found(rules, original("gOOd")), (Texts{"Good", "good", "great"}));
}

TEST(swaps, repeat_what_the_source_repeats) {
  const SwapRules rules{.of_word = of_word({{"a", {"b", "c", "b"}}})};

  EXPECT_EQ(found(rules, original("a")), (Texts{"b", "b", "c"}));
}

TEST(swaps, reject_what_is_not_one_word_and_count_it) {
  const SwapRules rules{.of_word = of_word({{"film", {"motion picture", "!", "movie", "mov."}}})};
  const AttackedText text = original("a film");
  SwapFinder finder(rules, text, 0);

  EXPECT_EQ(texts_of(finder.find(text)), (Texts{"a mov.", "a movie"}));
  EXPECT_EQ(finder.rejected(), 2);
}

TEST(swaps, stand_for_texts) {
  const AttackedText text = with(original("a film"), 1, "movie");

  EXPECT_EQ(text.text(), "a movie");
  EXPECT_TRUE(text.modified(1));
  EXPECT_THROW(with(text, 1, "motion picture"), Error);
}

TEST(swaps, are_asked_of_the_source_with_example_words_and_the_indices_that_may_be_touched) {
  std::int64_t example = -1;
  Texts words;
  Indices indices;
  const SwapRules rules{.in_text =
                            [&](const Places& places) {
                              example = places.example;
                              words.assign(places.words.begin(), places.words.end());
                              indices.assign(places.indices.begin(), places.indices.end());
                              return std::vector<Texts>{{"x"}, {"y"}};
                            },
                        .is_stop_word = stop_words({"b"})};
  const AttackedText text = original("a b C");

  EXPECT_EQ(texts_of(SwapFinder(rules, text, 7).find(text)), (Texts{"x b C", "a b y"}));
  EXPECT_EQ(example, 7);
  EXPECT_EQ(words, (Texts{"a", "b", "C"}));
  EXPECT_EQ(indices, (Indices{0, 2}));
}

TEST(swaps, refuse_a_source_that_answers_something_else) {
  const SwapRules rules{.in_text = [](const Places&) { return std::vector<Texts>{}; }};

  EXPECT_THROW(found(rules, original("a")), Error);
  EXPECT_THROW(found({}, original("a")), Error);
  EXPECT_THROW(found({.in_text = in_text({}), .of_word = of_word({})}, original("a")), Error);
}

TEST(swaps, of_a_word_that_was_replaced_are_none_until_a_turn_restores_it) {
  const SwapRules rules{.of_word = of_word({{"a", {"x"}}, {"x", {"y"}}}),
                        .repeats = Repeats::forbidden};
  const AttackedText text = original("a b"), changed = with(text, 0, "x");
  SwapFinder finder(rules, text, 0);

  EXPECT_EQ(texts_of(finder.find(changed)), Texts{});
  EXPECT_EQ(texts_of(finder.find(mixed(changed, text, {true, false}))), Texts{"x b"});
}

TEST(swaps, change_a_fifth_of_the_words_at_most_rounded_up) {
  EXPECT_EQ(most_changed_words(1, 0.2), 1u);
  EXPECT_EQ(most_changed_words(4, 0.2), 1u);
  EXPECT_EQ(most_changed_words(5, 0.2), 1u);
  EXPECT_EQ(most_changed_words(6, 0.2), 2u);
  EXPECT_EQ(most_changed_words(10, 0.2), 2u);
  EXPECT_EQ(most_changed_words(11, 0.2), 3u);
  EXPECT_EQ(most_changed_words(18, 0.2), 4u);
}

TEST(swaps, are_held_to_the_number_of_changed_words_against_the_original) {
  const SwapRules rules{.of_word = of_word({{"a", {"x", "y"}}, {"x", {"a", "z"}}, {"b", {"c"}}}),
                        .most_changed = 0.2};
  const AttackedText text = original("a b w w w");
  SwapFinder finder(rules, text, 0);

  // Another substitute of the word that is changed, or its original, but no second word.
  EXPECT_EQ(texts_of(finder.find(with(text, 0, "x"))), (Texts{"a b w w w", "z b w w w"}));
  // Of two changed words, as a crossover makes them: only what takes one back.
  EXPECT_EQ(texts_of(finder.find(with(with(text, 0, "x"), 1, "c"))), Texts{"a c w w w"});
}

// Unit vectors with a cosine of 0.75 have the squared distance 2 - 2 * 0.75.
TEST(within_distance, ends_at_the_limit_and_lets_unknown_words_pass) {
  const auto at = [](float distance) {
    return within_distance([=](std::string_view, std::string_view) { return distance; }, 0.5f);
  };
  const WordFilter unknown = within_distance(
      [](std::string_view, std::string_view) { return std::optional<float>(); }, 0.5f);

  EXPECT_TRUE(at(2 - 2 * 0.75f)("a", "b"));
  EXPECT_FALSE(at(2 - 2 * 0.7499f)("a", "b"));
  EXPECT_TRUE(unknown("a", "b"));
}

TEST(with_cosine, begins_at_the_limit_and_lets_unknown_words_pass) {
  const auto at = [](float cosine) {
    return with_cosine([=](std::string_view, std::string_view) { return cosine; }, 0.5f);
  };
  const WordFilter unknown =
      with_cosine([](std::string_view, std::string_view) { return std::optional<float>(); }, 0.5f);

  EXPECT_TRUE(at(0.5f)("a", "b"));
  EXPECT_FALSE(at(std::nextafter(0.5f, 0.f))("a", "b"));
  EXPECT_TRUE(unknown("a", "b"));
}

TEST(within_distance, asks_for_words_in_lower_case) {
  std::string asked;
  const WordFilter filter = within_distance(
      [&](std::string_view a, std::string_view b) {
        asked = std::string(a) + " " + std::string(b);
        return 0.f;
      },
      0.5f);

  filter("GOOD", "Great");

  EXPECT_EQ(asked, "good great");
}

std::optional<float> chain(std::string_view a, std::string_view b) {
  if ((a == "a" && b == "b") || (a == "b" && b == "c")) return 0.4f;
  return 1.3f;
}

// a -> b -> c drifts as far as 1.3, for each step is measured from the word that stands there.
TEST(swaps, are_held_to_the_distance_from_the_word_that_stands_there) {
  const SwapRules rules{.of_word = of_word({{"a", {"b", "c"}}, {"b", {"c"}}}),
                        .accepts = within_distance(chain, 0.5f)};
  const AttackedText text = original("a");
  SwapFinder finder(rules, text, 0);

  EXPECT_EQ(texts_of(finder.find(text)), Texts{"b"});
  EXPECT_EQ(texts_of(finder.find(with(text, 0, "b"))), Texts{"c"});
}

TEST(swap_finder, holds_a_mixed_text_to_the_same_rules) {
  const SwapRules rules{
      .of_word = of_word({}), .most_changed = 0.2, .accepts = within_distance(chain, 0.5f)};
  const AttackedText text = original("a a w w w"), b = with(text, 0, "b"), c = with(text, 0, "c");
  const AttackedText two = with(b, 1, "b");
  const SwapFinder finder(rules, text, 0);
  const std::vector<bool> first{true, false, false, false, false};

  EXPECT_TRUE(finder.passes(mixed(text, b, first), text));
  EXPECT_FALSE(finder.passes(mixed(text, c, first), text));  // too far
  EXPECT_FALSE(finder.passes(b, b));                         // the same text
  EXPECT_FALSE(finder.passes(two, b));                       // two words of five
}

TEST(same_part_of_speech, swaps_nouns_and_verbs_and_nothing_else) {
  const PlaceFilter filter =
      same_part_of_speech([](std::span<const std::string_view> words, std::size_t index) {
        const char first = words[index][0];
        return first == 'n' ? "NOUN" : first == 'v' ? "VERB" : first == 'a' ? "ADJ" : "X";
      });
  const std::vector<std::string_view> words{"n", "v", "a"};

  EXPECT_TRUE(filter(words, 0, "n1"));
  EXPECT_TRUE(filter(words, 0, "v1"));
  EXPECT_TRUE(filter(words, 1, "n1"));
  EXPECT_FALSE(filter(words, 0, "a1"));
  EXPECT_FALSE(filter(words, 2, "v1"));
  EXPECT_TRUE(filter(words, 2, "a1"));
}

TEST(same_part_of_speech, shows_the_tagger_four_words_before_and_three_behind) {
  Texts seen;
  const PlaceFilter filter =
      same_part_of_speech([&](std::span<const std::string_view> words, std::size_t index) {
        std::string window;
        for (std::string_view word : words) window += word;
        seen.push_back(window + " " + std::string(words[index]));
        return "X";
      });
  const std::vector<std::string_view> words{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j"};

  filter(words, 5, "F");
  filter(words, 0, "A");
  filter(words, 9, "J");

  EXPECT_EQ(seen, (Texts{"bcdefghi f", "bcdeFghi F", "abcd a", "Abcd A", "fghij j", "fghiJ J"}));
}

}  // namespace
}  // namespace saddle
