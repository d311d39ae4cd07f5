// Attacks that climb one function and are judged by another, which differs from it by a little.
#include "attacks/confirmed.h"

#include <gtest/gtest.h>

#include "attacks/members.h"
#include "attacks/rows.h"
#include "tests/support/devices.h"
#include "tests/support/linear_models.h"

namespace saddle {
namespace {

using namespace testing_support;

constexpr float kBias = -1.8f;  // lin2's, whose margin at the grey image is 0.2

LogitsFunction lin2_of(Device& device, float bias) {
  return linear_model(device, lin_weights(), {bias, 0});
}

// Grey images, the rows' margins under lin2 being 0.2.
Batch grey_images(Device& device, std::int64_t count) {
  std::vector<float> pixels;
  std::vector<std::int32_t> examples, zeros(static_cast<std::size_t>(count), 0);
  for (std::int64_t i = 0; i < count; ++i) {
    pixels.insert(pixels.end(), grey().begin(), grey().end());
    examples.push_back(static_cast<std::int32_t>(i));
  }
  return {Tensor::from_host(device, {count, 1, 1, 4}, pixels),
          Tensor::from_host(device, {count}, zeros), Tensor::from_host(device, {count}, examples),
          Tensor::from_host(device, {count}, zeros)};
}

// One attempt, climbing lin2 with `rough_bias`; the attack is aimed at lin2 itself.
struct Tried {
  std::vector<std::int32_t> standing;  // rows that lin2 still predicts right
  PassCounts counts;
};
Tried tried(const AttackMember& member, const Batch& batch, float rough_bias) {
  Device& device = batch.inputs.device();
  const LogitsFunction exact = lin2_of(device, kBias);
  const Attack attack = confirmed({{member}, {}}, lin2_of(device, rough_bias));
  Tried result;
  const Tensor images = attack.members.front().against(exact, 0)(batch, result.counts);
  result.standing = rows_to_attack(logits_of(exact, images), batch);
  return result;
}

class Confirmed : public ::testing::TestWithParam<std::string> {
 protected:
  Device& device() const { return device_named(GetParam()); }
};

INSTANTIATE_TEST_SUITE_P(Devices, Confirmed, ::testing::ValuesIn(device_names()),
                         [](const auto& info) { return std::string(info.param); });

// DeepFool stops where the rough model, whose margin is 0.1, errs: the exact one does not yet.
TEST_P(Confirmed, tries_again_what_only_the_rough_model_takes_for_a_success) {
  const Tried result = tried(member_of(DeepFoolOptions{}, {}), grey_images(device(), 3), -1.9f);

  EXPECT_TRUE(result.standing.empty());
  EXPECT_EQ(result.counts.repeated, (std::vector<std::int32_t>{0, 1, 2}));
}

TEST_P(Confirmed, leaves_alone_what_both_models_take_for_a_success) {
  const AttackMember member = member_of(DeepFoolOptions{}, {});
  const Tried result = tried(member, grey_images(device(), 2), -1.7f);
  PassCounts alone;
  member.against(lin2_of(device(), -1.7f), 0)(grey_images(device(), 2), alone);

  EXPECT_TRUE(result.standing.empty());
  EXPECT_TRUE(result.counts.repeated.empty());
  // One more pass through the exact model.
  EXPECT_EQ(result.counts.forward, alone.forward + 2);
  EXPECT_EQ(result.counts.backward, alone.backward);
}

// A step of 0.01 takes 0.06 off both margins, 0.2 and 0.15.
TEST_P(Confirmed, leaves_alone_what_the_attack_gave_up) {
  const PgdOptions options = fgsm(.01f);
  const Tried result = tried(member_of(options, {}), grey_images(device(), 2), -1.85f);

  EXPECT_EQ(result.standing, (std::vector<std::int32_t>{0, 1}));
  EXPECT_TRUE(result.counts.repeated.empty());
}

// A step of 0.03 takes 0.18 off: the rough margin of 0.1 is gone, the exact one of 0.2 is not, and
// no attack within the radius can take it.
TEST_P(Confirmed, claims_nothing_where_the_exact_model_stands) {
  const Tried result = tried(member_of(fgsm(.03f), {}), grey_images(device(), 2), -1.9f);

  EXPECT_EQ(result.standing, (std::vector<std::int32_t>{0, 1}));
  EXPECT_EQ(result.counts.repeated, (std::vector<std::int32_t>{0, 1}));
}

// Of four images only the second and the fourth are tried again, and counted as such.
TEST_P(Confirmed, tries_again_some_rows_of_a_batch_and_counts_their_passes) {
  const Batch batch = grey_images(device(), 4);
  std::vector<float> pixels = batch.inputs.to_host<float>();
  for (const std::size_t row : {0, 2}) pixels[4 * row] = .55f;  // margins 0.35 and 0.25
  const Tensor inputs = Tensor::from_host(device(), batch.inputs.shape(), pixels);
  const Tried result = tried(member_of(fgsm(.03f), {}),
                             {inputs, batch.targets, batch.indices, batch.attempts}, -1.9f);

  EXPECT_EQ(result.counts.repeated, (std::vector<std::int32_t>{1, 3}));
  // A step, two questions; and of those tried again another step.
  const std::int64_t once = result.counts.rows[0].forward;
  EXPECT_EQ(result.counts.rows[2].forward, once);
  EXPECT_EQ(result.counts.rows[1].forward, once + result.counts.rows[1].backward / 2);
  EXPECT_EQ(result.counts.rows[1].backward, 2 * result.counts.rows[0].backward);
}

TEST_P(Confirmed, asks_whether_a_row_is_taken_for_its_aim) {
  Batch batch = grey_images(device(), 2);
  batch.aims = Tensor::from_host(device(), {2}, std::vector<std::int32_t>{1, 1});
  const Tried near = tried(member_of(fgsm(.03f), {}), batch, -1.9f);
  const Tried far = tried(member_of(fgsm(.04f), {}), batch, -1.9f);

  EXPECT_EQ(near.standing, (std::vector<std::int32_t>{0, 1}));
  EXPECT_EQ(near.counts.repeated, (std::vector<std::int32_t>{0, 1}));
  EXPECT_TRUE(far.standing.empty());
  EXPECT_TRUE(far.counts.repeated.empty());
}

TEST_P(Confirmed, member_has_a_stand_in_that_is_confirmed_too) {
  AttackMember member = member_of(fgsm(.03f), {});
  member.stand_in = std::make_shared<const AttackMember>(member_of(DeepFoolOptions{}, {}));
  const Attack attack = confirmed({{member}, {}}, lin2_of(device(), -1.9f));
  PassCounts counts;
  attack.members.front().stand_in->against(lin2_of(device(), kBias), 0)(grey_images(device(), 1),
                                                                        counts);

  EXPECT_EQ(counts.repeated, (std::vector<std::int32_t>{0}));
}

}  // namespace
}  // namespace saddle
