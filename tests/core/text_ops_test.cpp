// What the table of ops cannot ask of the ops for text: padding, words that are not trained, draws.
#include "core/text_ops.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "core/ops.h"
#include "tests/support/devices.h"
#include "tests/support/expect_near.h"
#include "tests/support/functional.h"
#include "tests/support/random_values.h"

namespace saddle {
namespace {

using namespace testing_support;

constexpr std::int32_t kPad = kNoToken;

Tensor tokens_of(Device& device, const Shape& shape, const std::vector<std::int32_t>& values) {
  return Tensor::from_host(device, shape, values);
}

// Two sentences, of 2 and of 3 tokens.
Tensor two_sentences(Device& device) {
  return tokens_of(device, {2, 4}, {1, 2, kPad, kPad, 3, 0, 1, kPad});
}

Tensor random_tensor(Device& device, const Shape& shape, std::uint64_t seed) {
  return Tensor::from_host(device, shape, random_values(shape.count(), seed));
}

TEST(sequences, leave_padding_out) {
  const Sequences s = packed_sequences(two_sentences(cpu_device()));

  EXPECT_EQ(s.count, 2);
  EXPECT_EQ(s.longest, 4);
  EXPECT_EQ(s.rows, 5);
  EXPECT_EQ(s.tokens.to_host<std::int32_t>(), (std::vector<std::int32_t>{1, 2, 3, 0, 1}));
  EXPECT_EQ(s.first.to_host<std::int32_t>(), (std::vector<std::int32_t>{0, 2, 5}));
  EXPECT_EQ(s.sequence.to_host<std::int32_t>(), (std::vector<std::int32_t>{0, 0, 1, 1, 1}));
  EXPECT_EQ(s.length.to_host<std::int32_t>(), (std::vector<std::int32_t>{2, 3}));
}

TEST(sequences, keep_padding_where_work_is_captured) {
  const Sequences s = sequences_of(two_sentences(emulated_device()));

  EXPECT_EQ(s.rows, 8);
  EXPECT_EQ(s.tokens.to_host<std::int32_t>(),
            (std::vector<std::int32_t>{1, 2, kPad, kPad, 3, 0, 1, kPad}));
  EXPECT_EQ(s.first.to_host<std::int32_t>(), (std::vector<std::int32_t>{0, 4, 8}));
  EXPECT_EQ(s.sequence.to_host<std::int32_t>(),
            (std::vector<std::int32_t>{0, 0, 0, 0, 1, 1, 1, 1}));
  EXPECT_EQ(s.length.to_host<std::int32_t>(), (std::vector<std::int32_t>{2, 3}));
}

TEST(sequences, refuse_what_is_none) {
  const auto message = [](const Shape& shape, const std::vector<std::int32_t>& values) {
    return message_of<Error>([&] { packed_sequences(tokens_of(cpu_device(), shape, values)); });
  };
  EXPECT_CONTAINS(message({2, 2}, {1, 2, kPad, kPad}), "sequences: number 1 has no tokens");
  EXPECT_CONTAINS(message({1, 3}, {1, kPad, 2}), "has a token at 2 behind its end at 1");
  EXPECT_CONTAINS(message({4}, {1, 2, 3, 4}), "must be i32 [N, T]");
}

// What a small encoder makes of two sentences, and the gradient of its tables.
struct Encoded {
  std::vector<float> pooled, dword, dposition, dshift;
};

Encoded encode(Device& device, Sequences (*rows)(const Tensor&)) {
  const Sequences s = rows(two_sentences(device));
  Tape tape;
  const Var word(random_tensor(device, {4, 8}, 1), Gradient::wanted),
      position(random_tensor(device, {4, 8}, 2), Gradient::wanted),
      shift(random_tensor(device, {2, 4, 8}, 3), Gradient::wanted);
  const Var x = embed_words(tape, s, {word, position, {}, kNoToken}, shift);
  const Var y = add(tape, x, attention(tape, x, x, x, 2, s));
  const Var pooled = add(tape, mean_of_tokens(tape, y, s), first_token(tape, y, s));
  tape.backward(functional(tape, pooled, random_values(16, 4)));
  return {pooled.value().to_host<float>(), word.gradient().to_host<float>(),
          position.gradient().to_host<float>(), shift.gradient().to_host<float>()};
}

void expect_close(const std::vector<float>& got, const std::vector<float>& want,
                  const std::string& what) {
  ASSERT_EQ(got.size(), want.size());
  for (std::size_t i = 0; i < got.size(); ++i) {
    EXPECT_NEAR(got[i], want[i], 1e-5) << what << ' ' << i;  // sums of some dozen numbers around 1
  }
}

TEST(sequences, padding_changes_no_result_and_no_gradient) {
  const Encoded packed = encode(cpu_device(), packed_sequences);
  for (const std::string& name : device_names()) {
    const Encoded padded = encode(device_named(name), padded_sequences);

    expect_close(padded.pooled, packed.pooled, name + " pooled");
    expect_close(padded.dword, packed.dword, name + " dword");
    expect_close(padded.dposition, packed.dposition, name + " dposition");
    expect_close(padded.dshift, packed.dshift, name + " dshift");
  }
}

TEST(embed_words_op, leaves_the_fixed_word_without_a_gradient) {
  Device& device = cpu_device();
  const Sequences s = packed_sequences(two_sentences(device));
  Tape tape;
  const Var word(random_tensor(device, {4, 2}, 1), Gradient::wanted),
      position(random_tensor(device, {4, 2}, 2), Gradient::none);
  const Var y = embed_words(tape, s, {word, position, {}, 1});
  tape.backward(functional(tape, y, std::vector<float>(10, 1.f)));

  EXPECT_EQ(word.gradient().to_host<float>(), (std::vector<float>{1, 1, 0, 0, 1, 1, 1, 1}));
}

// ---- draws ----

PassRandom random_of(Device& device, std::int32_t step, std::vector<std::int32_t> examples) {
  const auto count = static_cast<std::int64_t>(examples.size());
  return {7, Tensor::from_host(device, {1}, std::vector<std::int32_t>{step}),
          Tensor::from_host(device, {count}, examples), 0, 0.f};
}

constexpr DrawPlace kPlace{3, 128};

// What dropout makes of ones at the tokens of sentences of these lengths.
std::vector<float> dropped_ones(Device& device, const std::vector<std::int32_t>& examples,
                                const std::vector<std::int32_t>& tokens) {
  const auto count = static_cast<std::int64_t>(examples.size());
  const Sequences s = packed_sequences(
      tokens_of(device, {count, static_cast<std::int64_t>(tokens.size()) / count}, tokens));
  Tape tape;
  const Var ones(Tensor::filled(device, {s.rows, 6}, 1.f), Gradient::none);
  return dropout(tape, ones, s, random_of(device, 0, examples), kPlace, 0.5f)
      .value()
      .to_host<float>();
}

TEST(dropout_of_sequences, draws_for_an_example_whatever_it_is_batched_with) {
  const std::vector<float> alone = dropped_ones(cpu_device(), {5}, {1, 1, 1});
  const std::vector<float> second = dropped_ones(cpu_device(), {9, 5}, {1, kPad, kPad, 1, 1, 1});

  EXPECT_EQ(std::vector<float>(second.begin() + 6, second.end()), alone);
  EXPECT_NE(std::vector<float>(alone.begin(), alone.begin() + 6),
            std::vector<float>(alone.begin() + 6, alone.begin() + 12));  // places draw anew
}

// The text classifier's last block goes on with first tokens alone.
TEST(dropout_of_sequences, draws_for_first_tokens_as_for_the_same_places_of_whole_sentences) {
  const std::vector<float> whole = dropped_ones(cpu_device(), {9, 5}, {1, 1, kPad, 1, 1, 1});
  Tape tape;
  const Var ones(Tensor::filled(cpu_device(), {2, 6}, 1.f), Gradient::none);

  const std::vector<float> firsts =
      dropout(tape, ones, random_of(cpu_device(), 0, {9, 5}), kPlace, 0.5f)
          .value()
          .to_host<float>();

  EXPECT_TRUE(std::equal(firsts.begin(), firsts.begin() + 6, whole.begin()));
  EXPECT_TRUE(std::equal(firsts.begin() + 6, firsts.end(), whole.begin() + 2 * 6));
}

TEST(dropout_of_sequences, draws_alike_on_every_device) {
  const std::vector<float> here = dropped_ones(cpu_device(), {5, 2}, {1, 1, 1, 1, kPad, kPad});
  for (const std::string& name : gpu_like_device_names()) {
    EXPECT_EQ(dropped_ones(device_named(name), {5, 2}, {1, 1, 1, 1, kPad, kPad}), here) << name;
  }
}

// Attention over zeros averages the values of its sentence; with values of one, an output is the
// sum of the weights that are left.
std::vector<float> sums_of_weights(Device& device, std::int32_t step,
                                   const std::vector<std::int32_t>& examples,
                                   const std::vector<std::int32_t>& tokens, float rate) {
  const auto count = static_cast<std::int64_t>(examples.size());
  const Sequences s = packed_sequences(
      tokens_of(device, {count, static_cast<std::int64_t>(tokens.size()) / count}, tokens));
  Tape tape;
  const Var zeros(Tensor::filled(device, {s.rows, 4}, 0.f), Gradient::none),
      ones(Tensor::filled(device, {s.rows, 4}, 1.f), Gradient::none);
  const PassRandom random = random_of(device, step, examples);
  return attention(tape, zeros, zeros, ones, 2, s, Precision::fp32,
                   AttentionDropout{random, kPlace, rate})
      .value()
      .to_host<float>();
}

TEST(attention_dropout, keeps_the_mean) {
  const std::vector<std::int32_t> tokens(400, 1);  // a sentence of 400, two heads
  const std::vector<float> sums = sums_of_weights(cpu_device(), 0, {5}, tokens, 0.25f);
  double mean = 0;
  for (std::size_t i = 0; i < sums.size(); i += 2) mean += sums[i] / 800.;
  // Every other output is of the same head and token as the one before. Four standard errors of a
  // mean of 320,000 draws of variance r / (1 - r).
  EXPECT_NEAR(mean, 1, 4 * std::sqrt(0.25 / 0.75 / 320'000));
}

TEST(attention_dropout, draws_for_an_example_whatever_it_is_batched_with) {
  const auto alone = sums_of_weights(cpu_device(), 0, {5}, {1, 1, 1}, 0.5f);
  const auto second =
      sums_of_weights(cpu_device(), 0, {9, 5}, {1, 1, 1, 1, 1, 1, 1, 1, kPad, kPad}, 0.5f);

  EXPECT_EQ(std::vector<float>(second.begin() + 20, second.end()), alone);
  EXPECT_NE(sums_of_weights(cpu_device(), 1, {5}, {1, 1, 1}, 0.5f), alone);
}

TEST(attention_dropout, sends_gradients_through_what_it_left) {
  Device& device = cpu_device();
  const Sequences s = packed_sequences(two_sentences(device));
  const PassRandom random = random_of(device, 0, {5, 2});
  const auto run = [&](const Tensor& v, Var* value) {
    Tape tape;
    const Var q(random_tensor(device, {5, 4}, 1), Gradient::none),
        k(random_tensor(device, {5, 4}, 2), Gradient::none), x(v, Gradient::wanted);
    const Var y =
        attention(tape, q, k, x, 2, s, Precision::fp32, AttentionDropout{random, kPlace, 0.5f});
    tape.backward(functional(tape, y, random_values(20, 9)));
    if (value) *value = x;
    const std::vector<float> got = y.value().to_host<float>(), weight = random_values(20, 9);
    return std::inner_product(got.begin(), got.end(), weight.begin(), 0.f);
  };
  // The output is linear in v: a step of 1 along an axis changes it by the gradient.
  const std::vector<float> v = random_values(20, 3);
  Var at;
  const float before = run(Tensor::from_host(device, {5, 4}, v), &at);
  const std::vector<float> gradient = at.gradient().to_host<float>();
  for (std::size_t i : {0u, 7u, 13u, 19u}) {
    std::vector<float> moved = v;
    moved[i] += 1.f;
    EXPECT_NEAR(run(Tensor::from_host(device, {5, 4}, moved), nullptr) - before, gradient[i], 1e-5)
        << i;
  }
}

TEST(attention_dropout, refuses_more_tokens_than_are_told_apart) {
  EXPECT_CONTAINS(message_of<Error>([] {
                    sums_of_weights(cpu_device(), 0, {5}, std::vector<std::int32_t>(513, 1), 0.5f);
                  }),
                  "attention: dropout of 513 tokens and 2 heads: draws are told apart up to 512");
}

}  // namespace
}  // namespace saddle
