// An attack run in steps: interrupted and resumed, and what a state may not say.
#include <gtest/gtest.h>

#include <functional>

#include "tests/apps/data_files.h"
#include "tests/apps/identity_victim.h"

namespace saddle {
namespace {

using namespace testing_support;

// A run of two members and three attempts each that breaks example 0 late, 1 never and 3 at once.
Attack long_attack() {
  return attack_of(
      {member_of(breaking([](std::int32_t example, std::int32_t) { return example == 3; }), 3),
       member_of(breaking([](std::int32_t example, std::int32_t attempt) {
                   return example == 0 && attempt == 1;
                 }),
                 3)});
}

TEST(AttackRun, goes_on_from_any_state_as_if_it_had_not_been_interrupted) {
  const IdentityVictim victim;
  const Attack attack = long_attack();
  const AttackResult whole = victim.attack(attack, AttackedExamples::correct_only, 1);
  const auto start = [&](std::int64_t batch_size) {
    return AttackRun(victim.logits, victim.data.examples(), victim.clean, attack,
                     AttackedExamples::correct_only, batch_size);
  };
  AttackRun run = start(1);
  int interruptions = 0;

  while (!run.finished()) {
    run.step();
    if (run.finished()) break;
    AttackRun next = start(1 + interruptions % 3);  // the batch size may change
    next.resume(run.state());
    const AttackResult rest = [&] {
      while (!next.finished()) next.step();
      return next.result();
    }();

    EXPECT_EQ(rest.adversarial, whole.adversarial) << interruptions;
    EXPECT_EQ(rest.predictions(), whole.predictions()) << interruptions;
    EXPECT_EQ(rest.members.size(), 2u);
    EXPECT_EQ(rest.examples[0].attempt, 1);
    EXPECT_EQ(rest.examples[0].member, 1);
    ++interruptions;
  }

  EXPECT_GT(interruptions, 5);
}

TEST(AttackRun, counts_passes_down_to_nothing_left) {
  const IdentityVictim victim;
  const Attack attack = long_attack();
  AttackRun run(victim.logits, victim.data.examples(), victim.clean, attack,
                AttackedExamples::correct_only, 2);
  std::int64_t done = run.done();

  EXPECT_EQ(done, 0);
  while (!run.finished()) {
    run.step();
    EXPECT_GT(run.done(), done);
    done = run.done();
  }

  EXPECT_EQ(done, run.total());
}

TEST(AttackRun, refuses_the_state_of_other_examples) {
  const IdentityVictim victim;
  const Attack attack = long_attack();
  AttackRun run(victim.logits, victim.data.examples(), victim.clean, attack,
                AttackedExamples::correct_only, 2);
  AttackState state = run.state();
  state.result.examples[1].label = 0;

  expect_error("example 1 contradicts data and model, so it is of another run",
               [&] { run.resume(state); });
}

// A fault that a state file may carry: `edit` of the true result of a run is refused by another
// that has not begun.
void expect_no_result(const std::string& part, const std::function<void(AttackResult&)>& edit) {
  const IdentityVictim victim;
  const Attack attack = pgd_of(fgsm(8.f / 255), 2);
  AttackResult result = victim.attack(attack);
  const AttackRun run(victim.logits, victim.data.examples(), victim.clean, attack,
                      AttackedExamples::correct_only, 3);
  run.check(result);  // the true one is taken

  edit(result);

  expect_error(part, [&] { run.check(result); });
}

TEST(AttackRun, refuses_a_result_that_is_not_of_its_run) {
  constexpr const char* kContradicts = "the state's example 0 contradicts data and model";
  expect_no_result("has 3 examples, the data 4", [](AttackResult& r) { r.examples.pop_back(); });
  expect_no_result("has 1 values of images", [](AttackResult& r) { r.adversarial.resize(1); });
  expect_no_result("has 2 members", [](AttackResult& r) { r.members.push_back(r.members[0]); });
  expect_no_result("'fab' in the place of pgd", [](AttackResult& r) { r.members[0].name = "fab"; });
  expect_no_result(kContradicts, [](AttackResult& r) { r.examples[0].label = 1; });
  expect_no_result(kContradicts, [](AttackResult& r) { r.examples[0].clean_prediction = 1; });
  expect_no_result(kContradicts, [](AttackResult& r) { r.examples[0].attacked = 0; });
  expect_no_result(kContradicts, [](AttackResult& r) { r.examples[0].prediction = 2; });
  expect_no_result(kContradicts, [](AttackResult& r) { r.examples[0].prediction = 0; });
  expect_no_result(kContradicts, [](AttackResult& r) { r.examples[0].member = 1; });
  expect_no_result(kContradicts, [](AttackResult& r) { r.examples[0].member = -2; });
  expect_no_result(kContradicts, [](AttackResult& r) { r.examples[0].attempt = 2; });
  expect_no_result(kContradicts, [](AttackResult& r) { r.examples[0].linf = 0.5; });
  expect_no_result("image 1 is not the one", [](AttackResult& r) { r.adversarial[3] = 0.75f; });
  expect_no_result("summary", [](AttackResult& r) { r.robust_accuracy = 75; });
  expect_no_result("summary", [](AttackResult& r) { r.max_l2 = 0; });
}

TEST(AttackRun, refuses_a_place_in_the_queue_that_is_not_there) {
  const IdentityVictim victim;
  const Attack attack = pgd_of(fgsm(8.f / 255), 2);
  const auto start = [&] {
    return AttackRun(victim.logits, victim.data.examples(), victim.clean, attack,
                     AttackedExamples::correct_only, 1);
  };
  AttackRun run = start();
  run.step();
  const auto refused = [&](const std::function<void(AttackState&)>& edit) {
    AttackState state = run.state();
    start().resume(state);
    edit(state);
    expect_error("the state is of another run", [&] { start().resume(state); });
  };

  refused([](AttackState& state) { state.member = 1; });
  refused([](AttackState& state) { state.member = -1; });
  refused([](AttackState& state) { state.attempt = 2; });
  refused([](AttackState& state) { state.position = 4; });
  refused([](AttackState& state) { state.standing.pop_back(); });
  refused([](AttackState& state) { state.standing[0] = 1; });  // it is broken
  refused([](AttackState& state) { state.standing[2] = 1; });  // it is not attacked
}

TEST(AttackRun, takes_over_what_a_smaller_radius_broke) {
  const IdentityVictim victim;
  const Attack attack = attack_of(
      {member_of(breaking([](std::int32_t example, std::int32_t) { return example == 1; }))});
  const AttackResult smaller = victim.attack(attack_of(
      {member_of(breaking([](std::int32_t example, std::int32_t) { return example == 0; }))}));
  AttackRun run(victim.logits, victim.data.examples(), victim.clean, attack,
                AttackedExamples::correct_only, 4);

  run.inherit(smaller);
  while (!run.finished()) run.step();
  const AttackResult result = run.result();

  EXPECT_EQ(result.robust_accuracy, 25.);
  EXPECT_EQ(result.passes.forward, 2 * 11);  // examples 1 and 3
  EXPECT_EQ(result.adversarial[0], 0.25f);
}

}  // namespace
}  // namespace saddle
