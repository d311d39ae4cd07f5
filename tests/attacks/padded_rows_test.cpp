// Attacks on the rows that are predicted right, however many these are: where steps are captured
// the model is asked for few sizes of batch, and the results are those of the rows alone.
#include <gtest/gtest.h>

#include <functional>
#include <numeric>
#include <set>

#include "attacks/carlini_wagner.h"
#include "attacks/fab.h"
#include "attacks/open_rows.h"
#include "attacks/square.h"
#include "tests/support/expect_near.h"
#include "tests/support/linear_models.h"

namespace saddle {
namespace {

using namespace testing_support;

using Attack =
    std::function<Tensor(const LogitsFunction& logits, const Batch& batch, PassCounts& counts)>;

// What an attack on 30 examples found, spent, and asked the model for beside the whole batch.
struct Outcome {
  std::vector<float> images;
  std::vector<std::int64_t> forward, backward;
  std::set<std::int64_t> sizes;
};

constexpr std::int64_t kExamples = 30;

Outcome outcome(Device& device, const Attack& attack) {
  Outcome result;
  const LogitsFunction inner = bit_stable_model(device, 3);
  const LogitsFunction noting = [&](Tape& tape, const Var& x) {
    if (x.shape()[0] != kExamples) result.sizes.insert(x.shape()[0]);
    return inner(tape, x);
  };
  std::vector<std::int32_t> which(kExamples);
  std::iota(which.begin(), which.end(), 0);
  PassCounts counts;
  result.images =
      attack(noting, random_examples(device, which, kExamples, 9, 7, 3), counts).to_host<float>();
  for (const Passes& row : counts.rows) {
    result.forward.push_back(row.forward);
    result.backward.push_back(row.backward);
  }
  return result;
}

void expect_few_sizes_and_the_same_results(const Attack& attack) {
  Device& device = emulated_device();
  const Outcome alone = outcome(cpu_device(), attack), got = outcome(device, attack);

  EXPECT_TRUE(std::ranges::any_of(alone.sizes, [&](std::int64_t size) {
    return size != padded(device, size);
  })) << "of this model nothing would have to be padded";
  ASSERT_FALSE(got.sizes.empty());
  for (const std::int64_t size : got.sizes) EXPECT_EQ(size, padded(device, size));
  EXPECT_EQ(bits_of(got.images), bits_of(alone.images));
  EXPECT_EQ(got.forward, alone.forward);
  EXPECT_EQ(got.backward, alone.backward);
}

TEST(padded_rows, are_no_part_of_what_square_finds_and_spends) {
  expect_few_sizes_and_the_same_results(
      [](const LogitsFunction& logits, const Batch& batch, PassCounts& counts) {
        SquareOptions options;
        options.eps = .02f;
        options.queries = 6;
        return Square(logits, options)(batch, 3, &counts);
      });
}

TEST(padded_rows, are_no_part_of_what_fab_finds_and_spends) {
  expect_few_sizes_and_the_same_results(
      [](const LogitsFunction& logits, const Batch& batch, PassCounts& counts) {
        FabOptions options;
        options.eps = .1f;
        options.steps = 3;
        return Fab(logits, options)(batch, 3, &counts);
      });
}

TEST(padded_rows, are_no_part_of_what_cw_finds_and_spends) {
  expect_few_sizes_and_the_same_results(
      [](const LogitsFunction& logits, const Batch& batch, PassCounts& counts) {
        CarliniWagnerOptions options;
        options.iterations = 12;
        options.searches = 2;
        return CarliniWagner(logits, options)(batch, 3, &counts);
      });
}

}  // namespace
}  // namespace saddle
