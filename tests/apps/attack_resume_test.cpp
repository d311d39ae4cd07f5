// The state that an interrupted run leaves: what is written is what is read, and nothing else is
// taken for it.
#include "apps/attack/resume.h"

#include <gtest/gtest.h>

#include "core/file.h"
#include "core/safetensors.h"
#include "tests/apps/data_files.h"

namespace saddle {
namespace {

const Command kCommand{{"attacks", "fgsm pgd:steps=2"}, {"seed", "7"}};

AttackResult result(std::int32_t member) {
  AttackResult result;
  result.robust_accuracy = 37.5;
  result.passes = {11, 5};
  result.seconds = 1.25;
  result.warnings = {"beware"};
  result.members = {{"apgd-ce", 40, {10, 4}, 0.5, 6}};
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
  const RunState read = load_state(path, kCommand);

  ASSERT_EQ(read.finished.size(), 2u);
  EXPECT_EQ(read.finished[0].robust_accuracy, 37.5);
  EXPECT_EQ(read.finished[0].passes.backward, 5);
  EXPECT_EQ(read.finished[0].warnings, (std::vector<std::string>{"beware"}));
  EXPECT_EQ(read.finished[0].members[0].name, "apgd-ce");
  EXPECT_EQ(read.finished[0].members[0].passes.forward, 10);
  EXPECT_EQ(read.finished[0].members[0].zero_gradients, 6);
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

  EXPECT_TRUE(load_state(path, kCommand).current->result.adversarial.empty());
}

TEST(LoadState, refuses_another_command_and_says_what_differs) {
  const TemporaryDirectory directory;
  const auto path = directory.path() / "s";
  save_state(path, kCommand, {}, nullptr, SavedImages::all);

  expect_error("other attacks ('fgsm pgd:steps=2', this one has 'fgsm')",
               [&] { load_state(path, {{"attacks", "fgsm"}, {"seed", "7"}}); });
  expect_error("other checkpoint", [&] { load_state(path, {{"checkpoint", "1234"}}); });
  EXPECT_FALSE(load_state(path, kCommand).current.has_value());
}

TEST(LoadState, refuses_files_that_are_no_state) {
  const TemporaryDirectory directory;
  const auto path = directory.path() / "s";
  save_safetensors(path, {}, {});
  expect_error("is not the state of an attack", [&] { load_state(path, kCommand); });

  save_safetensors(path, {}, {{"saddle_attack", "{\"command\": {}, \"finished\": [{}]}"}});
  expect_error("cannot be read", [&] { load_state(path, Command{}); });

  save_safetensors(path, {}, {{"saddle_attack", "no json"}});
  expect_error("the state of the attack is not JSON at byte 1",
               [&] { load_state(path, Command{}); });

  save_safetensors(path, {}, {{"saddle_attack", "{\"command\": " + deep_json() + "}"}});
  expect_error("the state of the attack is JSON nested deeper than 64 levels",
               [&] { load_state(path, Command{}); });
}

TEST(Fingerprint, tells_one_changed_byte) {
  const TemporaryDirectory directory;
  directory.write("a", ramp(1001, 3, 5));
  Blob changed = ramp(1001, 3, 5);
  changed[500] ^= std::byte{1};
  directory.write("b", changed);
  directory.write("c", ramp(1001, 3, 5));
  Blob longer = ramp(1001, 3, 5);
  longer.push_back(std::byte{0});
  directory.write("d", longer);
  const auto of = [&](const char* name) { return fingerprint_of_file(directory.path() / name); };

  EXPECT_EQ(of("a"), of("c"));
  EXPECT_NE(of("a"), of("b"));
  EXPECT_NE(of("a"), of("d"));
  EXPECT_EQ(of("a").size(), 16u);
}

TEST(Fingerprint, covers_pixels_and_labels) {
  Dataset data;
  data.pixels = {1, 2, 3};
  data.labels = {0, 1};
  Dataset other_pixels = data, other_labels = data;
  other_pixels.pixels[2] = 4;
  other_labels.labels[1] = 0;

  EXPECT_NE(fingerprint_of_data(data), fingerprint_of_data(other_pixels));
  EXPECT_NE(fingerprint_of_data(data), fingerprint_of_data(other_labels));
}

TEST(SaveClock, waits_a_while_after_each_save) {
  SaveClock clock;

  clock.run([] {});

  EXPECT_FALSE(clock.due());
}

}  // namespace
}  // namespace saddle
