// The state that an interrupted run leaves: what is written is what is read, and nothing else is
// taken for it.
#include "apps/attack/resume.h"

#include <gtest/gtest.h>

#include <limits>

#include "core/file.h"
#include "core/safetensors.h"
#include "tests/apps/data_files.h"

namespace saddle {
namespace {

const Command kCommand{{"attacks", "fgsm pgd:steps=2"}, {"seed", "7"}};
// Two images of one value, and room for three attacks.
constexpr StateExtent kExtent{3, 2, 1, SavedImages::all};

AttackResult result(std::int32_t member) {
  AttackResult result;
  result.robust_accuracy = 37.5;
  result.passes = {11, 5};
  result.seconds = 1.25;
  result.warnings = {"beware"};
  result.members = {{"apgd-ce", 40, {10, 4}, 0.5, 6, 7}};
  ExampleRecord record;
  record.label = 3;
  record.prediction = 4;
  record.member = member;
  record.attempt = 2;
  record.forward = 1. / 3;
  record.margin = -0.1;
  result.examples = {record, ExampleRecord{}};
  result.adversarial = {0.1f, 0.2f};
  return result;
}

AttackState state() {
  AttackState state;
  state.member = 1;
  state.attempt = 2;
  state.position = 3;
  state.standing = {0, 1};
  state.result = result(0);
  return state;
}

TEST(SaveState, is_read_back_bit_for_bit) {
  const TemporaryDirectory directory;
  const auto path = directory.path() / "r.json.state";
  const AttackState current = state();

  save_state(path, kCommand, std::vector{result(1), result(-1)}, &current, SavedImages::all);
  const RunState read = load_state(path, kCommand, kExtent);

  ASSERT_EQ(read.finished.size(), 2u);
  EXPECT_EQ(read.finished[0].robust_accuracy, 37.5);
  EXPECT_EQ(read.finished[0].passes.backward, 5);
  EXPECT_EQ(read.finished[0].warnings, (std::vector<std::string>{"beware"}));
  EXPECT_EQ(read.finished[0].members[0].name, "apgd-ce");
  EXPECT_EQ(read.finished[0].members[0].passes.forward, 10);
  EXPECT_EQ(read.finished[0].members[0].zero_gradients, 6);
  EXPECT_EQ(read.finished[0].members[0].repeated, 7);
  EXPECT_EQ(read.finished[0].adversarial, (std::vector<float>{0.1f, 0.2f}));
  EXPECT_EQ(read.finished[1].examples[0].member, -1);
  ASSERT_TRUE(read.current.has_value());
  EXPECT_EQ(read.current->member, 1);
  EXPECT_EQ(read.current->attempt, 2);
  EXPECT_EQ(read.current->position, 3);
  EXPECT_EQ(read.current->standing, (std::vector<std::uint8_t>{0, 1}));
  EXPECT_EQ(read.current->result.examples[0].forward, 1. / 3);
  EXPECT_EQ(read.current->result.examples[0].margin, -0.1);
  EXPECT_EQ(read.current->result.examples[0].label, 3);
}

TEST(SaveState, leaves_images_out_where_nobody_wants_them) {
  const TemporaryDirectory directory;
  const auto path = directory.path() / "s";
  const AttackState current = state();

  save_state(path, kCommand, {}, &current, SavedImages::none);

  StateExtent extent = kExtent;
  extent.images = SavedImages::none;
  EXPECT_TRUE(load_state(path, kCommand, extent).current->result.adversarial.empty());
}

TEST(LoadState, refuses_another_command_and_says_what_differs) {
  const TemporaryDirectory directory;
  const auto path = directory.path() / "s";
  save_state(path, kCommand, {}, nullptr, SavedImages::all);

  expect_error("other attacks ('fgsm pgd:steps=2', this one has 'fgsm')", [&] {
    load_state(path, {{"attacks", "fgsm"}, {"seed", "7"}}, kExtent);
  });
  expect_error("other checkpoint", [&] { load_state(path, {{"checkpoint", "1234"}}, kExtent); });
  expect_error("other seed ('7', this one has '')", [&] {
    load_state(path, {{"attacks", "fgsm pgd:steps=2"}}, kExtent);
  });
  EXPECT_FALSE(load_state(path, kCommand, kExtent).current.has_value());
}

TEST(LoadState, refuses_files_that_are_no_state) {
  const TemporaryDirectory directory;
  const auto path = directory.path() / "s";
  save_safetensors(path, {}, {});
  expect_error("is not the state of an attack", [&] { load_state(path, kCommand, kExtent); });

  save_safetensors(path, {}, {{"saddle_attack", "{\"command\": {}, \"finished\": [{}]}"}});
  expect_error("cannot be read", [&] { load_state(path, Command{}, kExtent); });

  save_safetensors(path, {}, {{"saddle_attack", "no json"}});
  expect_error("cannot be read (not JSON at byte 1", [&] { load_state(path, Command{}, kExtent); });

  save_safetensors(path, {}, {{"saddle_attack", "{\"command\": " + deep_json() + "}"}});
  expect_error("cannot be read (JSON nested deeper than 64 levels",
               [&] { load_state(path, Command{}, kExtent); });
}

// Writes a state of one finished attack and one under way after `edit`, and expects it refused in a
// line that contains `part`.
void expect_refused(const std::string& part,
                    const std::function<void(AttackResult& finished, AttackState& current)>& edit) {
  const TemporaryDirectory directory;
  const auto path = directory.path() / "s";
  AttackResult finished = result(0);
  AttackState current = state();
  edit(finished, current);
  save_state(path, kCommand, std::vector{finished}, &current, SavedImages::all);

  const std::string message = error_of([&] { load_state(path, kCommand, kExtent); });

  expect_part(path.string() + ": the state of the attack cannot be read (", message);
  expect_part(part, message);
  expect_part("Begin anew with --restart", message);
  EXPECT_EQ(message.find('\n'), std::string::npos);
}

TEST(LoadState, refuses_sizes_that_are_not_this_runs) {
  expect_refused("finished.0.adversarial has 1 values, this run's 2",
                 [](AttackResult& r, AttackState&) { r.adversarial.resize(1); });
  expect_refused("finished.0.adversarial has 3 values",
                 [](AttackResult& r, AttackState&) { r.adversarial.resize(3); });
  expect_refused("finished.0.examples has the shape [1, 14]",
                 [](AttackResult& r, AttackState&) { r.examples.resize(1); });
  expect_refused("current.adversarial has 0 values",
                 [](AttackResult&, AttackState& s) { s.result.adversarial.clear(); });
  expect_refused("current.standing is not a 0 or 1 for each of 2",
                 [](AttackResult&, AttackState& s) { s.standing.resize(1); });
}

TEST(LoadState, refuses_values_that_no_run_writes) {
  constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
  expect_refused("finished.0.adversarial holds a value outside [0, 1]",
                 [](AttackResult& r, AttackState&) { r.adversarial[1] = kNaN; });
  expect_refused("an example has nan where a number from 0",
                 [](AttackResult& r, AttackState&) { r.examples[1].linf = kNaN; });
  expect_refused("an example has -1 where a number from 0",
                 [](AttackResult& r, AttackState&) { r.examples[1].forward = -1; });
  expect_refused("the margin of an example",
                 [](AttackResult& r, AttackState&) { r.examples[0].margin = kNaN; });
  expect_refused("current.standing is not a 0 or 1",
                 [](AttackResult&, AttackState& s) { s.standing[0] = 7; });
  expect_refused("robust_accuracy is 101, outside 0 to 100",
                 [](AttackResult& r, AttackState&) { r.robust_accuracy = 101; });
  expect_refused("forward is no whole number from 0",
                 [](AttackResult& r, AttackState&) { r.passes.forward = -1; });
  expect_refused("position is no whole number from 0",
                 [](AttackResult&, AttackState& s) { s.position = -1; });
}

// A number that does not fit an int32: casting it would be undefined.
TEST(LoadState, refuses_numbers_that_are_no_label) {
  const TemporaryDirectory directory;
  const auto path = directory.path() / "s";
  save_state(path, kCommand, std::vector{result(0)}, nullptr, SavedImages::all);
  for (const double wrong : {1e300, -3e9, 0.5, std::numeric_limits<double>::quiet_NaN()}) {
    const SafetensorsFile file = SafetensorsFile::load(path);
    std::vector<double> table(2 * 14, 0.);
    table[0] = wrong;
    const FileTensor& images = file.tensor("finished.0.adversarial");
    save_safetensors(
        directory.path() / "wrong",
        std::vector<NamedTensor>{
            {"finished.0.examples", DType::f64, {2, 14}, std::as_bytes(std::span(table))},
            {"finished.0.adversarial", images.dtype, images.shape, images.bytes}},
        file.metadata());

    expect_error("where a whole number belongs",
                 [&] { load_state(directory.path() / "wrong", kCommand, kExtent); });
  }
}

TEST(LoadState, refuses_more_attacks_than_the_run_has) {
  const TemporaryDirectory directory;
  const auto path = directory.path() / "s";
  const AttackState current = state();
  save_state(path, kCommand, std::vector(3, result(0)), &current, SavedImages::all);

  expect_error("it has 4 attacks, this run 3", [&] { load_state(path, kCommand, kExtent); });
}

TEST(SaveState, tells_the_circumstances_it_was_made_in) {
  const TemporaryDirectory directory;
  const auto path = directory.path() / "s";

  save_state(path, kCommand, {}, nullptr, SavedImages::all, {{"threads", "6"}});

  EXPECT_EQ(load_state(path, kCommand, kExtent).circumstances, (Command{{"threads", "6"}}));
}

TEST(SaveState, keeps_the_plans_it_was_made_by) {
  const TemporaryDirectory directory;
  const auto path = directory.path() / "s";

  save_state(path, kCommand, {}, nullptr, SavedImages::all, {}, "the plans");

  EXPECT_EQ(load_state(path, kCommand, kExtent).plans, "the plans");
}

TEST(SaveClock, waits_a_while_after_each_save) {
  SaveClock clock;

  clock.run([] {});

  EXPECT_FALSE(clock.due());
}

}  // namespace
}  // namespace saddle
