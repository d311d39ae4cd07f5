// How many images an attack takes at once, and that nothing but time and memory hangs on it.
#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

#include "core/error.h"
#include "tests/apps/data_files.h"
#include "tests/apps/identity_victim.h"

namespace saddle {
namespace {

using namespace testing_support;

TEST(AttackBatches, halves_the_batch_where_memory_runs_out) {
  const IdentityVictim victim;
  const AttackFunction honest =
      breaking([](std::int32_t, std::int32_t attempt) { return attempt == 1; });
  const Attack attack = attack_of({member_of(
      [&](const Batch& batch, PassCounts& counts) {
        require(batch.inputs.shape()[0] <= 1, "cuda: cudaMalloc: out of memory");
        return honest(batch, counts);
      },
      2)});

  const AttackResult result = victim.attack(attack, AttackedExamples::correct_only, 4);

  EXPECT_EQ(result.robust_accuracy, 0.);
  ASSERT_EQ(result.warnings.size(), 2u);
  expect_part("went on with batches of 1", result.warnings[1]);
}

TEST(AttackBatches, takes_no_more_images_at_once_on_the_cpu_than_its_caches_hold) {
  const std::int64_t most = 48 * threads();
  const Crowd crowd(2 * most + 5);
  std::vector<std::int64_t> sizes;
  const Attack attack = attack_of({member_of([&](const Batch& batch, PassCounts&) {
    sizes.push_back(batch.inputs.shape()[0]);
    return batch.inputs;
  })});

  crowd.attack(attack, 10000);
  EXPECT_EQ(sizes, (std::vector<std::int64_t>{most, most, 5}));

  sizes.clear();
  crowd.attack(attack, most - 1);
  EXPECT_EQ(sizes, (std::vector<std::int64_t>{most - 1, most - 1, 7}));
}

TEST(AttackBatches, halves_what_it_tried_and_not_what_was_allowed) {
  const std::int64_t most = 48 * threads();
  const Crowd crowd(most);
  const Attack attack = attack_of({member_of([&](const Batch& batch, PassCounts&) {
    require(batch.inputs.shape()[0] < most, "out of memory: 7 bytes");
    return batch.inputs;
  })});

  const AttackResult result = crowd.attack(attack, 10000);

  ASSERT_FALSE(result.warnings.empty());
  EXPECT_EQ(result.warnings[0], text("out of memory: went on with batches of ", most / 2));
}

TEST(AttackBatches, gives_up_where_not_even_one_image_fits) {
  const IdentityVictim victim;
  const Attack attack = attack_of({member_of([](const Batch&, PassCounts&) -> Tensor {
    fail("out of memory: 7 bytes more are not to be had");
  })});

  expect_error("out of memory", [&] { victim.attack(attack); });
}

TEST(AttackBatches, finds_the_same_for_any_batch_size) {
  const IdentityVictim victim;
  const Attack attack = pgd_of({Norm::linf, 12.f / 255, 3.f / 255, 2, Start::random}, 2);

  const AttackResult one = victim.attack(attack, AttackedExamples::all, 1);
  const AttackResult four = victim.attack(attack, AttackedExamples::all, 4);

  EXPECT_EQ(one.adversarial, four.adversarial);
  EXPECT_EQ(one.robust_accuracy, four.robust_accuracy);
}

}  // namespace
}  // namespace saddle
