// Texts as batches of token ids, and what is measured on them.
#include "apps/text/text_batches.h"

#include <gtest/gtest.h>

#include "apps/text/evaluate_texts.h"
#include "core/sequences.h"
#include "tests/support/expect_near.h"
#include "core/ops.h"

namespace saddle {
namespace {

using namespace testing_support;
using Ids = std::vector<std::int32_t>;

constexpr std::int32_t kPad = kNoToken;
const EncodedTexts kTexts{{{2, 7, 3}, {2, 3}, {2, 5, 6, 7, 3}, {2, 9, 3}}, 0};

TEST(text_batches, pad_behind_each_end) {
  EXPECT_EQ(padded(kTexts, Ids{1, 2}, 5), (Ids{2, 3, kPad, kPad, kPad, 2, 5, 6, 7, 3}));
}

TEST(text_batches, put_texts_of_like_length_together_the_shortest_first) {
  EXPECT_EQ(batches_by_length(kTexts, 3), (std::vector<Ids>{{1, 0, 3}, {2}}));
  EXPECT_TRUE(batches_by_length({}, 3).empty());
}

TEST(text_batches, count_texts_that_are_cut_off) {
  const std::string pieces = "[PAD]\n[UNK]\n[CLS]\n[SEP]\na\n";
  const WordPiece by(Vocabulary::parse(std::as_bytes(std::span(pieces)), "vocab.txt"));

  const EncodedTexts got = encode({"a a", "a a a a", "b"}, by, 4);

  EXPECT_EQ(got.ids, (std::vector<Ids>{{2, 4, 4, 3}, {2, 4, 4, 3}, {2, 1, 3}}));
  EXPECT_EQ(got.cut, 1);
}

TEST(text_batches, have_a_multiple_of_8_columns_on_the_device) {
  Device& device = cpu_device();
  const Ids labels = {1, 0, 1, 0};
  TextBatches batches(device, kTexts, labels, 3, 30);
  const Ids indices = {2, 0};

  EXPECT_EQ(batches.prepare({indices, 0, 0}), 8);
  const Batch batch = batches.batch(Tensor::from_host(device, {2}, indices));

  EXPECT_EQ(batch.inputs.shape(), (Shape{2, 8}));
  EXPECT_EQ(batch.inputs.to_host<std::int32_t>(),
            (Ids{2, 5, 6, 7, 3, kPad, kPad, kPad, 2, 7, 3, kPad, kPad, kPad, kPad, kPad}));
  EXPECT_EQ(batch.targets.to_host<std::int32_t>(), (Ids{1, 1}));
}

TEST(text_batches, have_no_more_columns_than_a_text_may_be_long) {
  const Ids labels = {1, 0, 1, 0}, indices = {2, 0};
  TextBatches batches(cpu_device(), kTexts, labels, 3, 6);

  EXPECT_EQ(batches.prepare({indices, 0, 0}), 6);
}

// Logits (0, sum of the tokens - 20) of each text.
const LogitsFunction kSumOfTokens = [](Tape& tape, const Var& x) {
  const Sequences s = packed_sequences(x.value());
  const auto tokens = s.tokens.to_host<std::int32_t>(), first = s.first.to_host<std::int32_t>();
  std::vector<float> z;
  for (std::size_t n = 0; n + 1 < first.size(); ++n) {
    float sum = -20;
    for (auto row = first[n]; row < first[n + 1]; ++row) {
      sum += static_cast<float>(tokens[static_cast<std::size_t>(row)]);
    }
    z.insert(z.end(), {0.f, sum});
  }
  return tape.input(Tensor::from_host(x.device(), {s.count, 2}, z), Gradient::none);
};

TEST(evaluate_texts, gives_logits_in_the_order_of_the_texts) {
  for (std::int64_t batch : {1, 2, 64}) {
    EXPECT_EQ(logits_of_texts(kSumOfTokens, cpu_device(), kTexts, batch),
              (std::vector<float>{0, -8, 0, -15, 0, 3, 0, -6}))
        << batch;
  }
}

TEST(evaluate_texts, counts_what_is_right_and_means_the_loss) {
  const Evaluation got = evaluate_texts(kSumOfTokens, cpu_device(), kTexts, {0, 1, 1, 0}, 2);

  EXPECT_EQ(got.predictions, (Ids{0, 0, 1, 0}));
  EXPECT_EQ(got.accuracy, 75);
  const auto softplus = [](double z) { return std::log1p(std::exp(z)); };
  EXPECT_NEAR(got.loss, (softplus(-8) + softplus(15) + softplus(-3) + softplus(-6)) / 4, 1e-6);
}

TEST(evaluate_texts, refuses_to_measure_nothing) {
  EXPECT_CONTAINS(message_of<Error>([] { evaluate_texts(kSumOfTokens, cpu_device(), {}, {}, 2); }),
                  "evaluate: there are no texts");
}

}  // namespace
}  // namespace saddle
