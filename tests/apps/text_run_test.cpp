// What a whole training of a network for text does and leaves behind.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "core/json_text.h"
#include "tests/apps/text_runs.h"
#include "tests/apps/training_runs.h"
#include "tests/support/expect_near.h"

namespace saddle {
namespace {

using namespace testing_support;
namespace fs = std::filesystem;

class TextRun : public ::testing::Test {
 protected:
  TextRun() { write_text_world(directory.path()); }

  TextTrainOptions options(const std::string& run) const {
    return small_text_run(directory.path(), path(run));
  }
  fs::path path(const std::string& name) const { return directory.path() / name; }

  TemporaryDirectory directory;
};

nlohmann::json config_of(const fs::path& run) { return parse_json(contents(run / "config.json")); }

TEST_F(TextRun, learns_which_word_decides) {
  TextTrainOptions o = options("run");
  o.epochs = 12;

  const TrainResult result = train(resolved(o));

  EXPECT_GE(result.score("test_accuracy"), 90);
  EXPECT_GE(result.best, 90);
  const auto metrics = timeless_metrics(path("run"));
  ASSERT_EQ(metrics.size(), 12u);
  EXPECT_LT(double{metrics.back().at("train_loss")},
            0.5 * double{metrics.front().at("train_loss")});
}

// Steps that are captured, with dropout and SAM, on the way back from their roundings to f32
// weights.
TEST_F(TextRun, in_bf16_follows_the_losses_of_fp32) {
  TextTrainOptions o = options("exact");
  o.common.device = "emulated";
  o.descent.optimizer = "sam";
  o.epochs = 1;
  o.data.train_limit = 24;
  const TrainResult exact = train(resolved(o));
  o.run.output = path("rounded");
  o.common.precision = "bf16";

  const TrainResult rounded = train(resolved(o));

  EXPECT_NE(rounded.score("test_loss"), exact.score("test_loss")) << "nothing was rounded";
  EXPECT_NEAR(rounded.score("test_loss"), exact.score("test_loss"),
              0.05 * (1 + exact.score("test_loss")));
}

TEST_F(TextRun, leaves_metrics_checkpoints_and_the_vocabulary) {
  train(resolved(options("run")));

  EXPECT_EQ(names_in(path("run")),
            (std::vector<std::string>{"best.safetensors", "config.json",
                                      "events.out.tfevents.0.saddle", "last.safetensors",
                                      "metrics.jsonl", "state.safetensors", "vocab.txt"}));
  EXPECT_EQ(contents(path("run") / "vocab.txt"), contents(path("encoder") / "vocab.txt"));
  const nlohmann::json last = timeless_metrics(path("run")).back();
  for (const char* key : {"epoch", "iteration", "lr", "train_loss", "train_accuracy",
                          "validation_accuracy", "validation_loss", "test_accuracy", "test_loss"}) {
    EXPECT_TRUE(last.contains(key)) << key;
  }
  EXPECT_EQ(last.at("iteration"), 18);  // six batches of 46 texts, three times
}

TEST_F(TextRun, records_what_decides_about_the_result) {
  TextTrainOptions o = options("run");
  o.epochs = 1;
  o.head_dropout = 0.25;
  train(resolved(o));

  const nlohmann::json settings = config_of(path("run")).at("settings");
  EXPECT_EQ(settings.at("optimizer"), "adamw");
  EXPECT_EQ(settings.at("schedule"), "linear");
  EXPECT_EQ(settings.at("max_length"), 16);
  EXPECT_EQ(settings.at("clip_norm"), 1);
  EXPECT_FLOAT_EQ(settings.at("dropout"), 0.1f);
  EXPECT_FLOAT_EQ(settings.at("head_dropout"), 0.25f);
  const nlohmann::json inputs = config_of(path("run")).at("inputs");
  for (const char* key : {"train_data", "validation_data", "test_data", "encoder"}) {
    EXPECT_TRUE(inputs.contains(key)) << key;
  }
}

TEST_F(TextRun, writes_tensors_by_the_names_of_transformers) {
  train(resolved(options("run")));

  const auto tensors = tensors_of(path("run") / "last.safetensors");
  EXPECT_EQ(tensors.size(), 5u + 2 * 16 + 4);
  for (const char* name :
       {"bert.embeddings.word_embeddings.weight", "bert.encoder.layer.1.attention.self.query.bias",
        "bert.encoder.layer.0.output.LayerNorm.weight", "bert.pooler.dense.weight",
        "classifier.bias"}) {
    EXPECT_TRUE(tensors.contains(name)) << name;
  }
}

TEST_F(TextRun, begins_with_the_encoder_and_a_new_head) {
  TextTrainOptions o = options("run");
  o.epochs = 1;
  o.descent.lr = 0;
  train(resolved(o));

  const auto encoder = tensors_of(path("encoder") / "model.safetensors"),
             got = tensors_of(path("run") / "last.safetensors");
  EXPECT_EQ(got.at("bert.embeddings.word_embeddings.weight"),
            encoder.at("bert.embeddings.word_embeddings.weight"));
  EXPECT_EQ(got.at("bert.pooler.dense.weight"), encoder.at("bert.pooler.dense.weight"));
  EXPECT_EQ(got.at("classifier.weight").size(), 2u * 24 * 4);  // two classes, not three
}

TEST_F(TextRun, gives_the_same_bytes_twice) {
  for (const char* run : {"first", "second"}) train(resolved(options(run)));

  expect_equal_runs(path("second"), path("first"));
}

TEST_F(TextRun, resumed_equals_uninterrupted) {
  TextTrainOptions o = options("whole");
  o.schedule = "constant";
  o.descent.optimizer = "sam";
  o.adversarial = "embedding-pgd";
  o.epochs = 4;
  train(resolved(o));

  o.run.output = path("parts").string();
  o.epochs = 2;
  train(resolved(o));
  o.epochs = 4;
  o.run.resume = true;
  train(resolved(o));

  expect_equal_runs(path("parts"), path("whole"));
}

TEST_F(TextRun, another_encoder_is_refused_when_it_goes_on) {
  train(resolved(options("run")));
  TextTrainOptions o = options("run");
  o.run.resume = true;
  const auto bytes = contents(path("encoder") / "model.safetensors");
  std::string changed = bytes;
  changed.back() = static_cast<char>(changed.back() ^ 1);
  write_file_atomically(path("encoder") / "model.safetensors", std::string_view(changed));

  EXPECT_CONTAINS(message_of<Error>([&] { train(resolved(o)); }),
                  "the weights of --encoder changed");
}

TEST_F(TextRun, sam_and_embedding_pgd_change_the_weights) {
  TextTrainOptions plain = options("plain"), sam = options("sam"), pgd = options("pgd");
  sam.descent.optimizer = "sam";
  pgd.adversarial = "embedding-pgd";
  for (TextTrainOptions* o : {&plain, &sam, &pgd}) train(resolved(*o));

  const auto weights = [&](const char* run) {
    return tensors_of(path(run) / "last.safetensors").at("classifier.weight");
  };
  EXPECT_NE(weights("sam"), weights("plain"));
  EXPECT_NE(weights("pgd"), weights("plain"));
}

// Kernels in their GPU form, captured and replayed for each length of a batch, with padding.
TEST_F(TextRun, trains_alike_where_steps_are_captured) {
  TextTrainOptions here = options("here"), there = options("there");
  there.common.device = "emulated";
  for (TextTrainOptions* o : {&here, &there}) {
    o->epochs = 2;
    train(resolved(*o));
  }

  const auto metrics = timeless_metrics(path("here")), others = timeless_metrics(path("there"));
  ASSERT_EQ(metrics.size(), others.size());
  // The same draws; sums in another order, over twelve steps of Adam.
  EXPECT_NEAR(metrics.back().at("train_loss"), others.back().at("train_loss"), 1e-3);
  EXPECT_NEAR(metrics.back().at("test_loss"), others.back().at("test_loss"), 1e-3);
}

TEST_F(TextRun, says_how_many_texts_are_cut_off) {
  TextTrainOptions o = options("run");
  o.max_length = 6;
  o.epochs = 1;
  train(resolved(o));

  EXPECT_CONTAINS(json_text(config_of(path("run")).at("warnings")),
                  "texts of train are cut off at 6 pieces. --max-length takes more");
}

TEST_F(TextRun, records_what_is_to_be_known_of_each_split) {
  write_file_atomically(path("reviews") / "validation.csv",
                        std::string_view("text,label\ngood day,good\n \t,bad\n"));
  TextTrainOptions o = options("run");
  o.epochs = 1;
  train(resolved(o));

  EXPECT_CONTAINS(json_text(config_of(path("run")).at("warnings")),
                  "1 of the 2 texts of validation are empty or blank");
}

TEST_F(TextRun, takes_a_checkpoint_to_begin_with) {
  train(resolved(options("first")));
  TextTrainOptions o = options("second");
  o.init_from = (path("first") / "last.safetensors").string();
  o.descent.lr = 0;
  o.epochs = 1;
  train(resolved(o));

  EXPECT_EQ(tensors_of(path("second") / "last.safetensors"),
            tensors_of(path("first") / "last.safetensors"));
}

TEST_F(TextRun, refuses_a_vocabulary_that_is_larger_than_the_encoder_knows) {
  std::string pieces = contents(path("encoder") / "vocab.txt");
  for (int i = 0; i < 40; ++i) pieces += "word" + std::to_string(i) + "\n";
  write_file_atomically(path("encoder") / "vocab.txt", std::string_view(pieces));

  EXPECT_CONTAINS(message_of<Error>([&] { train(resolved(options("run"))); }),
                  "pieces, config.json says 60. They belong to different networks");
}

// What config.json asks for is not allocated before the file of weights is known to have it.
TEST_F(TextRun, refuses_sizes_that_the_weights_do_not_have) {
  std::string config = contents(path("encoder") / "config.json");
  const std::string was = "\"vocab_size\": 60";
  config.replace(config.find(was), was.size(), "\"vocab_size\": 16777216");
  const std::string hidden = "\"intermediate_size\": 40";
  config.replace(config.find(hidden), hidden.size(), "\"intermediate_size\": 65536");
  write_file_atomically(path("encoder") / "config.json", std::string_view(config));

  const std::string message = message_of<Error>([&] { train(resolved(options("run"))); });

  EXPECT_CONTAINS(message, "has shape [60, 24], expected [16777216, 24]");
  EXPECT_CONTAINS(message, "Does config.json belong to it?");
}

// ---- options ----

std::string usage_of(const TextTrainOptions& o) {
  return message_of<UsageError>([&] { resolved(o); });
}

TEST_F(TextRun, wraps_adamw_in_sam_unless_told_otherwise) {
  TextTrainOptions o = options("run");
  o.descent.optimizer = "sam";
  o.descent.lr.reset();
  const TextTrainOptions got = resolved(o);

  EXPECT_EQ(got.descent.base_optimizer, "adamw");
  EXPECT_EQ(got.descent.sharpness.rho, 0.05);
  EXPECT_EQ(got.descent.lr, 5e-5);
  EXPECT_EQ(got.descent.weight_decay, 0);
}

TEST_F(TextRun, refuses_settings_that_would_do_nothing) {
  TextTrainOptions o = options("run");
  o.at_eps = 0.1;
  EXPECT_CONTAINS(usage_of(o), "--at-eps needs --adversarial embedding-pgd");
  o = options("run");
  o.descent.optimizer = "sam";
  o.descent.sam_statistics = "first";
  EXPECT_CONTAINS(usage_of(o), "--sam-bn: the network has no batch-norm");
  o = options("run");
  o.max_length = 2;
  EXPECT_CONTAINS(usage_of(o), "--max-length");
}

TEST_F(TextRun, refuses_more_pieces_than_the_encoder_has_positions) {
  TextTrainOptions o = options("run");
  o.max_length = 33;

  EXPECT_CONTAINS(message_of<UsageError>([&] { train(resolved(o)); }),
                  "--max-length 33: the encoder has 32 positions");
}

TEST_F(TextRun, falls_to_a_learning_rate_of_0_by_equal_steps) {
  TextTrainOptions o = options("run");
  o.descent.lr = 0.6;
  const TrainerOptions trainer = trainer_options_of(resolved(o), {}, 10);  // two steps an epoch

  EXPECT_DOUBLE_EQ(trainer.learning_rate({0, 0}), 0.6);
  EXPECT_DOUBLE_EQ(trainer.learning_rate({1, 3}), 0.3);
  EXPECT_DOUBLE_EQ(trainer.learning_rate({2, 5}), 0.1);
}

}  // namespace
}  // namespace saddle
