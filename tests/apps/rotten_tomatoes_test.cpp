// Both sets of film reviews: their texts, labels and splits, and what is said of wrong files.
#include "apps/data/rotten_tomatoes.h"

#include <algorithm>

#include "tests/apps/text_tables.h"

namespace saddle {
namespace {

// "pos 1 \n", "pos 2 \n" ...: a blank before the end of each line, as in the published files.
std::string numbered_lines(const std::string& word, int count) {
  std::string lines;
  for (int i = 1; i <= count; ++i) lines += text(word, " ", i, " \n");
  return lines;
}

void write_polarity(const TemporaryDirectory& directory, int positive, int negative,
                    const std::string& folder = "") {
  write_letters(directory, folder + "rt-polarity.pos", numbered_lines("pos", positive));
  write_letters(directory, folder + "rt-polarity.neg", numbered_lines("neg", negative));
}

TextSet load_polarity(const TemporaryDirectory& directory, const std::string& split) {
  return load_text_set(text_request("rotten-tomatoes", directory, split));
}

TEST(RottenTomatoes, has_a_text_of_each_class_in_turn) {
  const TemporaryDirectory directory;
  write_polarity(directory, 3, 2);

  const TextSet train = load_polarity(directory, "train");

  EXPECT_EQ(train.texts, (Texts{"neg 1", "pos 1", "neg 2", "pos 2"}));
  EXPECT_EQ(train.labels, (TextLabels{0, 1, 0, 1}));
  EXPECT_EQ(train.class_names, (Texts{"negative", "positive"}));
  EXPECT_EQ(train.name, "rotten-tomatoes");
  EXPECT_EQ(train.split, "train");
  EXPECT_EQ(train.warnings, Texts());
}

TEST(RottenTomatoes, rounds_the_shares_of_the_splits) {
  const TemporaryDirectory directory;
  write_polarity(directory, 7, 8);  // 0.8 n + 0.5 = 6.1, 6.9; 0.9 n + 0.5 = 6.8, 7.7

  EXPECT_EQ(load_polarity(directory, "train").size(), 6 + 6);
  EXPECT_EQ(load_polarity(directory, "validation").texts, (Texts{"neg 7"}));
  EXPECT_EQ(load_polarity(directory, "test").texts, (Texts{"neg 8", "pos 7"}));
}

TEST(RottenTomatoes, has_the_published_splits) {
  const TemporaryDirectory directory;
  write_polarity(directory, 5331, 5331);
  TextRequest request = text_request("rotten-tomatoes", directory);
  request.records = Records::standard;

  const TextSet train = load_text_set(request);
  request.split = "validation";
  const TextSet validation = load_text_set(request);
  request.split = "test";
  const TextSet test = load_text_set(request);

  EXPECT_EQ(train.size(), 8530);
  EXPECT_EQ(train.texts.front(), "neg 1");
  EXPECT_EQ(train.texts.back(), "pos 4265");
  EXPECT_EQ(validation.size(), 1066);
  EXPECT_EQ(validation.texts.front(), "neg 4266");
  EXPECT_EQ(validation.texts.back(), "pos 4798");
  EXPECT_EQ(test.size(), 1066);
  EXPECT_EQ(test.texts.front(), "neg 4799");
  EXPECT_EQ(test.texts.back(), "pos 5331");
  EXPECT_EQ(std::ranges::count(test.labels, 0), 533);
  EXPECT_EQ(std::ranges::count(test.labels, 1), 533);
}

TEST(RottenTomatoes, reads_latin1_and_copies_in_utf8) {
  const TemporaryDirectory directory;
  write_letters(directory, "rt-polarity.pos", "clich\xe9s \x96 \xa0\n");
  write_letters(directory, "rt-polarity.neg", "clich\xc3\xa9s \xe2\x80\x93 \xc2\xa0\r\n");

  EXPECT_EQ(load_polarity(directory, "train").texts,
            (Texts{"clich\xc3\xa9s \xe2\x80\x93", "clich\xc3\xa9s \xc2\x96"}));
}

TEST(RottenTomatoes, is_found_in_the_folder_of_its_archive) {
  const TemporaryDirectory directory;
  write_polarity(directory, 1, 1, "rt-polaritydata/");

  EXPECT_EQ(load_polarity(directory, "train").texts, (Texts{"neg 1", "pos 1"}));
}

TEST(RottenTomatoes, that_is_nowhere_is_told_with_the_places_and_how_to_get_it) {
  const TemporaryDirectory directory;
  const std::string place = directory.path().string();

  EXPECT_EQ(text_set_refusal(text_request("rotten-tomatoes", directory)),
            "rotten-tomatoes: found no rt-polarity.pos, rt-polarity.neg in " + place + ", " +
                place +
                "/rt-polaritydata. Unpack https://www.cs.cornell.edu/people/pabo/movie-review-data/"
                "rt-polaritydata.tar.gz there; --data-dir names the folder");
}

TEST(RottenTomatoes, that_lacks_a_class_is_told) {
  const TemporaryDirectory directory;
  write_letters(directory, "rt-polarity.pos", "good\n");

  expect_part((directory.path() / "rt-polarity.neg").string() + " is missing. Unpack https:",
              text_set_refusal(text_request("rotten-tomatoes", directory)));
}

TEST(RottenTomatoes, of_another_number_of_lines_is_told) {
  const TemporaryDirectory directory;
  write_polarity(directory, 5331, 5330);
  TextRequest request = text_request("rotten-tomatoes", directory);
  request.records = Records::standard;

  expect_part((directory.path() / "rt-polarity.neg").string() +
                  " has 5330 lines, expected 5331. Unpack https:",
              text_set_refusal(request));
}

TEST(RottenTomatoes, with_a_zero_byte_is_told_with_the_line) {
  const TemporaryDirectory directory;
  write_letters(directory, "rt-polarity.pos", "caf\xe9\ngood" + std::string(1, '\0') + "\n");
  write_letters(directory, "rt-polarity.neg", "bad\n");

  expect_part("rt-polarity.pos, line 2 holds a zero byte",
              text_set_refusal(text_request("rotten-tomatoes", directory)));
}

// ---- rated ----

TextSet load_rated(const TemporaryDirectory& directory, const std::string& split = "train") {
  return load_text_set(text_request("rotten-tomatoes-rated", directory, split));
}

std::string rated_refusal(int number, const std::string& line, int lines = 10605) {
  const TemporaryDirectory directory;
  write_rated(directory, number, line, lines);
  return text_set_refusal(text_request("rotten-tomatoes-rated", directory));
}

TEST(RatedRottenTomatoes, has_the_splits_of_rotten_tomatoes) {
  const TemporaryDirectory directory;
  write_rated(directory);

  const TextSet train = load_rated(directory);
  const TextSet validation = load_rated(directory, "validation");
  const TextSet test = load_rated(directory, "test");

  EXPECT_EQ(train.size(), 8485);
  EXPECT_EQ(train.texts[0], "snippet 1");
  EXPECT_EQ(train.texts[4121], "snippet 4122");
  EXPECT_EQ(train.texts[4122], "snippet 5153");
  EXPECT_EQ(train.texts[8484], "snippet 10605");
  EXPECT_EQ(validation.size(), 1058);
  EXPECT_EQ(validation.texts[0], "snippet 4123");
  EXPECT_EQ(validation.texts[1057], "snippet 10604");
  EXPECT_EQ(test.size(), 1062);
  EXPECT_EQ(test.texts[0], "snippet 4633");
  EXPECT_EQ(test.texts[1061], "snippet 10603");
}

TEST(RatedRottenTomatoes, takes_the_sign_of_the_mean_for_the_label) {
  const TemporaryDirectory directory;
  write_rated(directory, 2, "2\t-0.0666666666667\tnot quite\r\n");

  const TextSet train = load_rated(directory);

  EXPECT_EQ(train.texts[0], "not quite");
  EXPECT_EQ(train.labels[0], 0);
  EXPECT_EQ(train.labels[1], 1);
  EXPECT_EQ(train.class_names, (Texts{"negative", "positive"}));
}

TEST(RatedRottenTomatoes, leaves_a_mean_of_zero_out_and_says_so) {
  const TemporaryDirectory directory;
  write_rated(directory, 2, "2\t0.0\tso-so\r\n");

  const TextSet train = load_rated(directory);

  EXPECT_EQ(train.texts[1], "snippet 3");
  EXPECT_EQ(train.size(), 8484);
  EXPECT_EQ(train.warnings.front(),
            "rotten-tomatoes-rated: labels are the sign of the mean rating of 15 to 29 people, "
            "not the verdicts of the reviewers; 1 of 10605 snippets have a mean of 0 and are left "
            "out");
}

TEST(RatedRottenTomatoes, that_is_nowhere_is_told_with_how_to_get_it) {
  const TemporaryDirectory directory;

  expect_part("found no movieReviewSnippets_GroundTruth.txt in " + directory.path().string(),
              text_set_refusal(text_request("rotten-tomatoes-rated", directory)));
  expect_part("/hutto_ICWSM_2014. `make text-data` fetches it",
              text_set_refusal(text_request("rotten-tomatoes-rated", directory)));
}

TEST(RatedRottenTomatoes, of_another_number_of_lines_is_told) {
  expect_part(" has 10604 lines, expected 10605. Fetch it again.", rated_refusal(0, "", 10604));
}

TEST(RatedRottenTomatoes, of_other_lines_is_told) {
  const std::string what =
      ", line 5 is not '5', a rating from -4 to 4 and a text, with tabs between. Fetch it again.";

  expect_part(what, rated_refusal(5, "6\t1.5\tx\r\n"));
  expect_part(what, rated_refusal(5, "5\t4.01\tx\r\n"));
  expect_part(what, rated_refusal(5, "5\tnan\tx\r\n"));
  expect_part(what, rated_refusal(5, "5\t1.5x\tx\r\n"));
  expect_part(what, rated_refusal(5, "5\t1.5 x\r\n"));
  expect_part(what, rated_refusal(5, "\r\n"));
  expect_part(", line 5 is not UTF-8", rated_refusal(5, "5\t1.5\tcaf\xe9\r\n"));
}

}  // namespace
}  // namespace saddle
