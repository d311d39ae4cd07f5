// APGD's bookkeeping, one row at a time.
#include "kernels/apgd.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "tests/support/expect_near.h"
#include "tests/support/view.h"

namespace saddle {
namespace {

using namespace testing_support;
using Floats = std::vector<float>;

// One row that is told its losses.
struct Row {
  Floats state = Floats(kApgdFields, 0.f);
  bool freeze = true, wrap = false;

  explicit Row(float step = 1) {
    state[kApgdStep] = step;
    state[kApgdReducedAtCheck] = 1;
  }
  float operator[](ApgdField field) const { return state[field]; }
  void score(float loss, std::int32_t prediction = 0) {
    const Floats losses = {loss}, right = {prediction == 0 ? 1.f : 0.f};
    ApgdScore{view(losses), view(right), view(state), freeze ? 1 : 0, wrap ? 1 : 0}(0);
  }
  void check(float window, float rho = .75f) { ApgdCheckpoint{view(state), window, rho}(0); }
};

TEST(apgd_score, takes_the_start_for_the_best_so_far_whatever_its_loss) {
  Row row;

  row.score(-3);

  EXPECT_EQ(row[kApgdImproved], 1.f);
  EXPECT_EQ(row[kApgdBestLoss], -3.f);
  EXPECT_EQ(row[kApgdIncreases], 0.f);
  EXPECT_EQ(row[kApgdMomentum], 1.f);
}

TEST(apgd_score, counts_increases_over_the_iterate_before_and_keeps_the_strictly_best) {
  Row row;
  row.score(1);
  row.score(3);
  row.score(2);
  EXPECT_EQ(row[kApgdImproved], 0.f);
  row.score(3);

  EXPECT_EQ(row[kApgdImproved], 0.f) << "equal is no improvement";
  EXPECT_EQ(row[kApgdIncreases], 2.f);
  EXPECT_EQ(row[kApgdBestLoss], 3.f);
  EXPECT_EQ(row[kApgdMomentum], .75f);
}

TEST(apgd_score, finds_the_first_misclassified_iterate_and_then_leaves_the_row) {
  Row row;
  row.score(1);
  EXPECT_EQ(row[kApgdFound], 0.f);
  row.score(2, 1);
  EXPECT_EQ(row[kApgdFound], 1.f);
  EXPECT_EQ(row[kApgdBroken], 1.f);

  row.score(5, 1);

  EXPECT_EQ(row[kApgdFound], 0.f);
  EXPECT_EQ(row[kApgdImproved], 0.f);
  EXPECT_EQ(row[kApgdBestLoss], 2.f);
}

TEST(apgd_score, goes_on_raising_the_loss_of_a_broken_row_that_is_not_frozen) {
  Row row;
  row.freeze = false;
  row.score(1, 1);

  row.score(5, 1);

  EXPECT_EQ(row[kApgdImproved], 1.f);
  EXPECT_EQ(row[kApgdFound], 0.f);
  EXPECT_EQ(row[kApgdBroken], 1.f);
}

TEST(apgd_score, takes_a_loss_that_is_no_number_for_no_success) {
  Row row;
  row.score(1);

  row.score(std::numeric_limits<float>::quiet_NaN(), 1);

  EXPECT_EQ(row[kApgdFound], 0.f);
  EXPECT_EQ(row[kApgdImproved], 0.f);
}

TEST(apgd_score, takes_zero_for_the_loss_before_the_first_where_the_reference_does) {
  Row row;
  row.wrap = true;
  row.score(-1);

  row.score(-.5f);

  EXPECT_EQ(row[kApgdIncreases], 0.f) << "-1/2 is no increase over 0, as it would be over -1";
}

TEST(apgd_checkpoint, halves_the_step_each_time_while_the_loss_cannot_improve) {
  Row row(.06f);
  row.score(1);
  for (int window : {22, 19, 16, 13, 10, 7, 6, 6}) {  // those of 100 steps
    for (int i = 0; i < window; ++i) row.score(1);
    row.check(static_cast<float>(window));
    EXPECT_EQ(row[kApgdRestart], 1.f);
  }

  EXPECT_EQ(row[kApgdStep], .06f / 256);
}

TEST(apgd_checkpoint, keeps_the_step_while_more_than_rho_of_the_iterations_raise_the_loss) {
  Row row;
  for (float loss : {0.f, 1.f, 2.f, 3.f, 2.5f}) row.score(loss);
  row.check(4, .74f);
  EXPECT_EQ(row[kApgdStep], 1.f);
  EXPECT_EQ(row[kApgdRestart], 0.f);

  Row other;
  for (float loss : {0.f, 1.f, 2.f, 3.f, 2.5f}) other.score(loss);
  other.check(4, .75f);
  EXPECT_EQ(other[kApgdStep], .5f) << "three of four are not more than 0.75 * 4";
}

TEST(apgd_checkpoint, halves_a_step_that_was_kept_while_the_best_loss_stood_still) {
  Row row;
  row.score(10);
  for (float loss : {11.f, 12.f}) row.score(loss);
  row.check(2);
  EXPECT_EQ(row[kApgdRestart], 0.f);

  for (float loss : {1.f, 2.f, 3.f, 4.f, 5.f}) row.score(loss);  // rising, far below the best
  row.check(5);

  EXPECT_EQ(row[kApgdRestart], 1.f);
  EXPECT_EQ(row[kApgdStep], .5f);
}

TEST(apgd_checkpoint_l1, goes_back_with_the_full_step_where_the_best_iterate_got_sparser) {
  Row row(.3f);
  row.state[kApgdChanged] = 100;
  const Floats changed = {90};

  ApgdCheckpointL1{view(row.state), view(changed), 1.f, 1000}(0);

  EXPECT_EQ(row[kApgdRestart], 1.f);
  EXPECT_EQ(row[kApgdStep], 1.f);
  EXPECT_EQ(row[kApgdChanged], 90.f);
  EXPECT_EQ(row[kApgdRank], 940.f);  // 60 of 1000 move
}

TEST(apgd_checkpoint_l1, shrinks_the_step_to_a_tenth_of_eps_where_it_did_not) {
  Row row(.3f);
  row.state[kApgdChanged] = 100;
  const Floats changed = {96};

  ApgdCheckpointL1{view(row.state), view(changed), 1.f, 1000}(0);
  expect_near(row[kApgdStep], .2, 2 * kFloatEps, "step");
  for (int i = 0; i < 5; ++i) ApgdCheckpointL1{view(row.state), view(changed), 1.f, 1000}(0);

  EXPECT_EQ(row[kApgdRestart], 0.f);
  EXPECT_EQ(row[kApgdStep], .1f);
}

TEST(apgd_checkpoint_l1, of_an_iterate_at_the_image_itself_moves_one_pixel) {
  Row row(1);
  const Floats changed = {0};

  ApgdCheckpointL1{view(row.state), view(changed), 1.f, 1000}(0);

  EXPECT_EQ(row[kApgdRank], 999.f);
  EXPECT_TRUE(std::isfinite(row[kApgdStep]));
}

}  // namespace
}  // namespace saddle
