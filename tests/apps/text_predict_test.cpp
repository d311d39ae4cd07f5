// What a network for text takes a user's own texts for.
#include "apps/text/predict.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "apps/text/load_text_model.h"
#include "core/json_text.h"
#include "tests/apps/text_runs.h"
#include "tests/apps/training_runs.h"
#include "tests/support/expect_near.h"

namespace saddle {
namespace {

using namespace testing_support;

class TextPredict : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    world = new TemporaryDirectory;
    write_text_world(world->path());
    TextTrainOptions o = small_text_run(world->path(), world->path() / "run");
    o.epochs = 12;
    train(resolved(o));
  }
  static void TearDownTestSuite() {
    delete world;
    world = nullptr;
  }

  TextPredictOptions options() const {
    TextPredictOptions o;
    o.common.quiet = true;
    o.common.threads = 1;
    o.common.device = "cpu";
    o.checkpoint = (world->path() / "run" / "last.safetensors").string();
    return o;
  }
  static std::string printed(const TextPredictOptions& o) {
    ::testing::internal::CaptureStdout();
    try {
      predict(o);
    } catch (...) {
      ::testing::internal::GetCapturedStdout();
      throw;
    }
    return ::testing::internal::GetCapturedStdout();
  }

  static TemporaryDirectory* world;
};
TemporaryDirectory* TextPredict::world = nullptr;

TEST_F(TextPredict, names_texts_and_says_how_sure_it_is) {
  TextPredictOptions o = options();
  o.texts = {"the film is good", "a bad story of the day"};

  const std::string lines = printed(o);

  EXPECT_TRUE(lines.starts_with("good ")) << lines;
  EXPECT_CONTAINS(lines, " %  the film is good\nbad ");
}

TEST_F(TextPredict, shows_the_pieces) {
  TextPredictOptions o = options();
  o.texts = {"The Film isa good"};
  o.tokens = true;

  EXPECT_CONTAINS(printed(o), "\n    [CLS] the film is ##a good [SEP]\n");
}

TEST_F(TextPredict, reads_a_file_line_by_line_and_prints_json) {
  TextPredictOptions o = options();
  o.file = (world->path() / "lines.txt").string();
  write_file_atomically(o.file, std::string_view("good\n\nbad\n"));
  o.json = o.tokens = true;

  std::istringstream lines(printed(o));
  std::vector<nlohmann::json> found;
  for (std::string line; std::getline(lines, line);) found.push_back(parse_json(line));

  ASSERT_EQ(found.size(), 3u);
  EXPECT_EQ(found[0].at("class"), "good");
  EXPECT_EQ(found[1].at("text"), "");
  EXPECT_EQ(found[1].at("ids"), (std::vector<int>{2, 3}));
  EXPECT_EQ(found[2].at("tokens"), (std::vector<std::string>{"[CLS]", "bad", "[SEP]"}));
  EXPECT_NEAR(
      found[0].at("probabilities")[0].get<double>() + found[0].at("probabilities")[1].get<double>(),
      1, 1e-12);
}

TEST_F(TextPredict, reads_a_folder_of_transformers_with_its_head) {
  TextPredictOptions o = options();
  o.checkpoint = (world->path() / "encoder").string();
  o.texts = {"good"};

  const std::string line = printed(o);

  EXPECT_TRUE(line.starts_with("up ") || line.starts_with("level ") || line.starts_with("down "))
      << line;
}

std::string usage_of(const TextPredictOptions& o) {
  return message_of<UsageError>([&] { predict(o); });
}
std::string error_of_predict(const TextPredictOptions& o) {
  return message_of<Error>([&] { predict(o); });
}

TEST_F(TextPredict, says_what_is_missing) {
  EXPECT_CONTAINS(usage_of(options()), "no text: give --text TEXT, or --file FILE");
  EXPECT_CONTAINS(usage_of({}), "--checkpoint is missing");
}

TEST_F(TextPredict, refuses_texts_that_are_not_utf8) {
  TextPredictOptions o = options();
  o.texts = {"caf\xe9"};
  EXPECT_CONTAINS(error_of_predict(o), "--text 1, line 1 is not UTF-8");
  o.texts = {"good", std::string("a\0b", 3)};
  EXPECT_CONTAINS(error_of_predict(o), "--text 2, line 1 holds a zero byte");
}

TEST_F(TextPredict, refuses_another_vocabulary) {
  TextPredictOptions o = options();
  o.texts = {"good"};
  o.vocabulary = (world->path() / "other.txt").string();
  EXPECT_CONTAINS(error_of_predict(o), "is missing. Name it with --vocab");
  write_file_atomically(o.vocabulary, std::string_view("[PAD]\n[UNK]\n[CLS]\n[SEP]\ngood\nbad\n"));

  EXPECT_CONTAINS(error_of_predict(o), "is not the vocabulary that");
}

TEST_F(TextPredict, refuses_a_network_for_images) {
  TextPredictOptions o = options();
  o.texts = {"good"};
  ModelDescription images;
  images.network = {"preact_resnet10", 4, 1, 12, 12, 2};
  images.mean = images.std = {0.5f};
  o.checkpoint = (world->path() / "images.safetensors").string();
  save_checkpoint(o.checkpoint, Model(cpu_device(), images, 1));

  EXPECT_CONTAINS(error_of_predict(o), "preact_resnet10 sees images");
}

}  // namespace
}  // namespace saddle
