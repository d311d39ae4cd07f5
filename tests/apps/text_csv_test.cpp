// text-csv: classes and labels of tables, and what is said of wrong ones.
#include "apps/data/text_csv.h"

#include "tests/apps/text_tables.h"

namespace saddle {
namespace {

// A tree of tables, in which each test changes something.
class TextCsv : public testing::Test {
 protected:
  void SetUp() override {
    write("train.csv", "text,label\nfine,good\npoor,bad\nso-so,\"fair\"\n");
    write("test.csv", "label,text\ngood,great\nbad,awful\n");
  }

  void write(const std::string& name, const std::string& letters) const {
    write_letters(directory_, name, letters);
  }

  TextSet load(const std::string& split = "train") {
    request_.split = split;
    return load_text_set(request_);
  }

  std::string refusal(const std::string& split = "train") {
    request_.split = split;
    return text_set_refusal(request_);
  }

  std::string path(const std::string& name) const { return (directory_.path() / name).string(); }

  const TemporaryDirectory directory_;
  TextRequest request_ = text_request("text-csv", directory_);
};

TEST_F(TextCsv, sorts_the_names_of_classes) {
  const TextSet train = load();

  EXPECT_EQ(train.texts, (Texts{"fine", "poor", "so-so"}));
  EXPECT_EQ(train.class_names, (Texts{"bad", "fair", "good"}));
  EXPECT_EQ(train.labels, (TextLabels{2, 0, 1}));
}

TEST_F(TextCsv, gives_labels_of_other_splits_the_classes_of_train) {
  write("validation.tsv", "text\tlabel\nmiddling, if that\tfair\n");

  const TextSet test = load("test"), validation = load("validation");

  EXPECT_EQ(test.texts, (Texts{"great", "awful"}));
  EXPECT_EQ(test.labels, (TextLabels{2, 0}));
  EXPECT_EQ(test.class_names, (Texts{"bad", "fair", "good"}));
  EXPECT_EQ(validation.texts, (Texts{"middling, if that"}));
  EXPECT_EQ(validation.labels, (TextLabels{1}));
}

TEST_F(TextCsv, takes_whole_numbers_for_classes) {
  std::string rows = "text,label\n";
  for (int i = 11; i >= 0; --i) rows += text("t,", i, "\n");
  write("train.csv", rows);

  const TextSet train = load();

  EXPECT_EQ(train.labels, (TextLabels{11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0}));
  EXPECT_EQ(train.class_names,
            (Texts{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11"}));
}

TEST_F(TextCsv, takes_numbers_in_another_form_for_names) {
  write("train.csv", "text,label\na,1.0\nb,-1\n");

  EXPECT_EQ(load().class_names, (Texts{"-1", "1.0"}));
}

TEST_F(TextCsv, reads_other_columns_and_another_delimiter) {
  write("train.csv", "\xef\xbb\xbfsentence;id;class\r\n\"a;\nb\";7;x\r\nc, d;8;y\r\n");
  request_.text_column = "sentence", request_.label_column = "class", request_.delimiter = ';';

  const TextSet train = load();

  EXPECT_EQ(train.texts, (Texts{"a;\nb", "c, d"}));
  EXPECT_EQ(train.labels, (TextLabels{0, 1}));
}

TEST_F(TextCsv, takes_classes_that_it_is_given_in_their_order) {
  request_.classes = {"good", "fair", "bad", "none"};

  EXPECT_EQ(load().labels, (TextLabels{0, 2, 1}));
  EXPECT_EQ(load().class_names, request_.classes);
}

TEST_F(TextCsv, needs_no_train_where_classes_are_given) {
  std::filesystem::remove(path("train.csv"));
  request_.classes = {"good", "bad"};

  EXPECT_EQ(load("test").labels, (TextLabels{0, 1}));
}

TEST_F(TextCsv, takes_numbers_of_classes_that_it_is_given) {
  write("test.csv", "text,label\na,1\nb,0\n");
  request_.classes = {"good", "fair", "bad"};

  EXPECT_EQ(load("test").labels, (TextLabels{1, 0}));
}

TEST_F(TextCsv, refuses_a_label_that_train_has_not) {
  write("test.csv", "text,label\ngreat,good\n\nhm,dull\n");

  EXPECT_EQ(
      refusal("test"),
      "text-csv: " + path("test.csv") +
          ", line 4 has label 'dull', which is none of the classes: bad, fair, good. Mend the "
          "row, or give all classes in the training split");
}

TEST_F(TextCsv, refuses_a_number_beyond_the_classes) {
  write("train.csv", "text,label\na,0\nb,1\n");
  write("test.csv", "text,label\na,2\n");

  expect_part("line 2 has label '2', which is none of the classes: 0, 1.", refusal("test"));
}

TEST_F(TextCsv, refuses_a_gap_between_numbers) {
  write("train.csv", "text,label\na,2\nb,1\nc,2\n");

  EXPECT_EQ(refusal(), "text-csv: " + path("train.csv") +
                           ", line 3 has label 1, but no row of text-csv: " + path("train.csv") +
                           " has label 0. Number the classes from 0, without a gap, or name them");
}

TEST_F(TextCsv, refuses_numbers_among_names) {
  write("train.csv", "text,label\na,0\nb,1\nc,one\n");

  EXPECT_EQ(refusal(), "text-csv: " + path("train.csv") +
                           ", line 4 has label 'one', text-csv: " + path("train.csv") +
                           ", line 2 has label 0, expected whole numbers from 0, or names, "
                           "throughout");
}

TEST_F(TextCsv, refuses_fewer_than_two_classes) {
  write("train.csv", "text,label\na,0\nb,0\n");
  expect_part("train.csv has one label for all rows, expected texts of at least two classes",
              refusal());

  write("train.csv", "text,label\n");
  expect_part("train.csv has no rows, expected texts of at least two classes", refusal());
}

TEST_F(TextCsv, refuses_a_split_without_rows) {
  write("test.csv", "text,label\n");

  EXPECT_EQ(refusal("test"), "text-csv: the split 'test' has no texts");
}

TEST_F(TextCsv, refuses_labels_that_are_no_names) {
  const std::string mend =
      "' in column label, expected a label: a number or name of at most 200 bytes. Is it another "
      "column? --label-column names it";

  write("train.csv", "text,label\na,good\nb,\n");
  expect_part("line 3 has '" + mend, refusal());
  write("train.csv", "text,label\na,\"go\x1b[2J\"\n");
  expect_part("line 2 has 'go\\x1b[2J" + mend, refusal());
  write("train.csv", "text,label\na," + std::string(201, 'x') + "\n");
  expect_part("expected a label", refusal());
}

TEST_F(TextCsv, refuses_more_than_1000_labels) {
  std::string rows = "text,label\n";
  for (int i = 0; i < 1001; ++i) rows += text("t,label ", i, "\n");
  write("train.csv", rows);

  expect_part("has over 1000 different labels. Is it another column? --label-column names it",
              refusal());
}

TEST_F(TextCsv, tells_the_columns_where_one_is_missing) {
  request_.text_column = "sentence";

  EXPECT_EQ(refusal(), "text-csv: " + path("train.csv") +
                           " has no column 'sentence'. Its columns: text, label");
}

TEST_F(TextCsv, tells_the_line_that_is_no_text) {
  write("train.csv", "text,label\na,good\ncaf\xe9,bad\n");
  expect_part("train.csv, line 3 is not UTF-8", refusal());

  write("train.csv", "text,label\na,good\nb" + std::string(1, '\0') + ",bad\n");
  expect_part("train.csv, line 3 holds a zero byte", refusal());
}

TEST_F(TextCsv, tells_what_is_missing) {
  EXPECT_EQ(refusal("validation"),
            "text-csv: " + path("validation.csv") +
                " (or .tsv) is missing. Expected DIR/train.csv and DIR/test.csv, or .tsv, with a "
                "line of column names; --data-dir names DIR");

  std::filesystem::remove(path("train.csv"));
  EXPECT_EQ(refusal("test"), "text-csv: " + path("train.csv") +
                                 " (or .tsv) is missing. The classes are those that it has, unless "
                                 "--classes names them");

  std::filesystem::remove(path("test.csv"));
  expect_part("text-csv: found no table in " + directory_.path().string() + ". Expected DIR/train",
              refusal());
}

TEST_F(TextCsv, refuses_two_tables_of_one_split) {
  write("test.tsv", "text\tlabel\n");

  EXPECT_EQ(refusal("test"), "text-csv: both " + path("test.csv") + " and " + path("test.tsv") +
                                 " are there. Move one away");
}

}  // namespace
}  // namespace saddle
