// How an epoch is cut into batches, and that a single last image does no harm.
#include "apps/training/batches.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "core/json_text.h"
#include "tests/apps/training_runs.h"

namespace saddle {

bool operator==(const BatchRange& a, const BatchRange& b) {
  return a.first == b.first && a.count == b.count;
}
void PrintTo(const BatchRange& batch, std::ostream* out) {
  *out << batch.first << '+' << batch.count;
}

namespace {

using Ranges = std::vector<BatchRange>;

TEST(batches, keep_a_short_last_one_unless_it_is_to_be_dropped) {
  EXPECT_EQ(batches_of(60, 16, LastBatch::kept), (Ranges{{0, 16}, {16, 16}, {32, 16}, {48, 12}}));
  EXPECT_EQ(batches_of(60, 16, LastBatch::dropped), (Ranges{{0, 16}, {16, 16}, {32, 16}}));
  EXPECT_EQ(batches_of(32, 16, LastBatch::dropped), (Ranges{{0, 16}, {16, 16}}));
  EXPECT_EQ(batches_of(5, 16, LastBatch::kept), (Ranges{{0, 5}}));
  EXPECT_TRUE(batches_of(5, 16, LastBatch::dropped).empty());
}

TEST(batches, join_a_last_single_example_to_the_batch_before) {
  EXPECT_EQ(batches_of(33, 16, LastBatch::kept), (Ranges{{0, 16}, {16, 17}}));
  EXPECT_TRUE(joins_last_example(33, 16, LastBatch::kept));
  EXPECT_FALSE(joins_last_example(34, 16, LastBatch::kept));
  EXPECT_FALSE(joins_last_example(33, 16, LastBatch::dropped));
  // Where every batch is a single example there is nothing to join.
  EXPECT_EQ(batches_of(3, 1, LastBatch::kept), (Ranges{{0, 1}, {1, 1}, {2, 1}}));
  EXPECT_EQ(batches_of(1, 16, LastBatch::kept), (Ranges{{0, 1}}));
}

// Images of 8 x 8 pixels end in maps of one: a batch of one has no variance there.
Dataset tiny(std::int64_t size) {
  Dataset data = quadrants(size, 1);
  std::vector<std::uint8_t> pixels;
  for (std::int64_t n = 0; n < size; ++n) {
    for (std::int64_t y = 2; y < 10; ++y) {
      const auto row = data.pixels.begin() + (n * 12 + y) * 12;
      pixels.insert(pixels.end(), row + 2, row + 10);
    }
  }
  data.pixels = std::move(pixels);
  data.height = data.width = 8;
  return data;
}

TEST(training, with_a_last_batch_of_one_image_joins_it_and_says_so_once) {
  for (const char* run : {"sgd", "pgd", "free"}) {
    SCOPED_TRACE(run);
    const TemporaryDirectory directory;
    TrainOptions options = small_run(run, directory.path());
    options.epochs = 2;

    testing::internal::CaptureStderr();
    train(resolved(options), tiny(33), tiny(20));
    const std::string said = testing::internal::GetCapturedStderr();

    expect_part(
        "warning: the last image of each epoch, a batch by itself (33 images in batches of "
        "16), joins the batch before it. --drop-last leaves it out",
        said);
    EXPECT_EQ(said.find("joins"), said.rfind("joins"));
    EXPECT_EQ(timeless_metrics(directory.path()).size(), 2u);
    const auto config = parse_json(contents(directory.path() / "config.json"));
    EXPECT_EQ(config.at("warnings").size(), 1u);
  }
}

TEST(training, in_pieces_of_which_the_last_would_be_one_image_joins_it) {
  const TemporaryDirectory directory;
  TrainOptions options = small_run("sgd", directory.path());
  options.epochs = 1;
  options.accumulate = 6;  // 16 images as 3, 3, 3, 3, 3 and 1

  train(resolved(options), tiny(32), tiny(20));

  EXPECT_EQ(timeless_metrics(directory.path()).size(), 1u);
}

TEST(training, that_drops_the_last_batch_is_that_without_its_images) {
  const TemporaryDirectory directory;
  TrainOptions options = small_run("sgd", directory.path() / "dropped");
  options.epochs = 1;
  options.no_shuffle = true;
  options.drop_last = true;
  train(resolved(options), tiny(33), tiny(20));
  options.run.output = (directory.path() / "short").string();
  options.drop_last = false;
  train(resolved(options), tiny(32), tiny(20));

  EXPECT_TRUE(tensors_of(directory.path() / "dropped/last.safetensors") ==
              tensors_of(directory.path() / "short/last.safetensors"));
  options.run.output = (directory.path() / "nothing").string();
  options.drop_last = true;
  EXPECT_THROW(train(resolved(options), tiny(15), tiny(20)), UsageError);
}

}  // namespace
}  // namespace saddle
