// load_text_set: what all text sets share: names, splits, limits, places, warnings.
#include "apps/data/text_set.h"

#include "tests/apps/surroundings.h"
#include "tests/apps/text_tables.h"

namespace saddle {
namespace {

const std::string kRows = "text,label\na,0\nb,1\n c,1\n";

TextSet load_rows(const std::string& train, const std::string& test, const std::string& split) {
  const TemporaryDirectory directory;
  write_letters(directory, "train.csv", train);
  write_letters(directory, "test.csv", test);
  return load_text_set(text_request("text-csv", directory, split));
}

// The message of the UsageError that a wrong request meets.
std::string usage_refusal(const TextRequest& request) {
  EXPECT_THROW(load_text_set(request), UsageError);
  return text_set_refusal(request);
}

TEST(TextSet, has_three_names) {
  EXPECT_EQ(text_set_names(), (Texts{"rotten-tomatoes", "rotten-tomatoes-rated", "text-csv"}));
}

TEST(TextSet, keeps_the_texts_of_tables_as_they_are) {
  EXPECT_EQ(load_rows(kRows, kRows, "train").texts, (Texts{"a", "b", " c"}));
}

TEST(TextSet, of_an_unknown_name_is_a_usage_error) {
  TextRequest request;
  request.name = "imdb\n";

  EXPECT_EQ(usage_refusal(request),
            "dataset: 'imdb\\n' is not a text set this program reads. It reads rotten-tomatoes, "
            "rotten-tomatoes-rated, text-csv.");
}

TEST(TextSet, of_an_unknown_split_is_a_usage_error) {
  TextRequest request;
  request.name = "text-csv", request.split = "../train";

  EXPECT_EQ(usage_refusal(request), "--split '../train': text-csv has train, validation and test");
}

TEST(TextSet, has_its_first_texts_under_a_limit) {
  const TemporaryDirectory directory;
  write_letters(directory, "train.csv", kRows);
  TextRequest request = text_request("text-csv", directory);
  request.limit = 2;

  EXPECT_EQ(load_text_set(request).texts, (Texts{"a", "b"}));
  EXPECT_EQ(load_text_set(request).labels, (TextLabels{0, 1}));
}

TEST(TextSet, takes_limits_from_1_to_its_size) {
  const TemporaryDirectory directory;
  write_letters(directory, "train.csv", kRows);
  TextRequest request = text_request("text-csv", directory);

  request.limit = 3;
  EXPECT_EQ(load_text_set(request).size(), 3);
  request.limit = 0;
  EXPECT_EQ(usage_refusal(request),
            "text-csv: a limit of 0 texts, expected at least 1, or -1 for all");
  request.limit = 4;
  EXPECT_EQ(usage_refusal(request),
            "text-csv: a limit of 4 texts is over the 3 of the split 'train'");
}

TEST(TextSet, refuses_options_that_belong_to_tables) {
  TextRequest request;
  request.name = "rotten-tomatoes";

  request.classes = {"a", "b"};
  EXPECT_EQ(usage_refusal(request),
            "--classes: the files of rotten-tomatoes are known. It belongs to text-csv");
  request.delimiter = ';';
  expect_part("--delimiter: the files", usage_refusal(request));
  request.label_column = "class";
  expect_part("--label-column: the files", usage_refusal(request));
  request.text_column = "sentence";
  expect_part("--text-column: the files", usage_refusal(request));
}

TEST(TextSet, refuses_a_delimiter_that_could_be_part_of_anything) {
  TextRequest request;
  request.name = "text-csv";

  request.delimiter = '"';
  EXPECT_EQ(usage_refusal(request),
            "--delimiter '\"': expected a tab or one ASCII character that is no double quote");
  request.delimiter = '\n';
  expect_part("--delimiter '\\n'", usage_refusal(request));
  request.delimiter = '\xc3';
  expect_part("--delimiter '\\xc3'", usage_refusal(request));
}

TEST(TextSet, refuses_classes_that_are_one_or_not_distinct) {
  TextRequest request;
  request.name = "text-csv";

  request.classes = {"good"};
  EXPECT_EQ(usage_refusal(request), "--classes good: expected two classes or more, each once");
  request.classes = {"good", "bad", "good"};
  expect_part("--classes good, bad, good: expected", usage_refusal(request));
}

TEST(TextSet, is_looked_for_in_two_places) {
  const TemporaryDirectory data, working;
  const Surroundings surroundings(data.path().string(), working.path());
  TextRequest request;
  request.name = "text-csv";
  const auto first_text = [&] { return load_text_set(request).texts[0]; };

  expect_part("found no table in " + (data.path() / "text-csv").string() + ", data/text-csv. ",
              text_set_refusal(request));
  write_letters(working, "data/text-csv/train.csv", "text,label\nin data,0\n,1\n");
  EXPECT_EQ(first_text(), "in data");
  write_letters(data, "text-csv/train.csv", "text,label\nin SADDLE_DATA,0\n,1\n");
  EXPECT_EQ(first_text(), "in SADDLE_DATA");
}

TEST(TextSet, without_a_flaw_has_no_warnings) {
  const TextSet test = load_rows(kRows, "text,label\nd,1\ne,0\n", "test");

  EXPECT_EQ(test.warnings, Texts());
}

TEST(TextSet, warns_of_texts_without_a_letter) {
  const TextSet test = load_rows(kRows, "text,label\nd,1\n,0\n\" \xc2\xa0\n\",1\n", "test");

  EXPECT_EQ(test.warnings,
            (Texts{"text-csv: 2 of the 3 texts of test are empty or blank, text 2 the first"}));
}

TEST(TextSet, warns_of_classes_without_a_text) {
  const TextSet test = load_rows("text,label\na,x\nb,y\nc,z\n", "text,label\nd,y\n", "test");

  EXPECT_EQ(test.warnings, (Texts{"text-csv: none of the 1 texts of test is of class x, z"}));
}

TEST(TextSet, warns_of_texts_that_train_has_too) {
  const TextSet test = load_rows(kRows, "text,label\nb,0\nd,1\nb,1\nc,0\n", "test");
  const TextSet train = load_rows(kRows, kRows, "train");

  EXPECT_EQ(test.warnings, (Texts{"text-csv: 2 of the 4 texts of test are in train, too"}));
  EXPECT_EQ(train.warnings, Texts());
}

}  // namespace
}  // namespace saddle
