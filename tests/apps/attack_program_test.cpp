// saddle-attack from the command line to its files, on an untrained network and Fashion-MNIST.
#include "apps/attack/program.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "apps/common/checkpoint.h"
#include "core/device.h"
#include "tests/apps/data_files.h"

namespace saddle {
namespace {

constexpr const char* kFashionMnist = "/usr/share/datasets/fashion-mnist/t10k-images-idx3-ubyte.gz";

struct Answer {
  int exit_code;
  std::string out, err;
};

Answer attack(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "saddle-attack");
  std::vector<const char*> pointers;
  for (const std::string& argument : arguments) pointers.push_back(argument.c_str());
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  const int exit_code = attack_main(static_cast<int>(pointers.size()), pointers.data());
  std::string out = testing::internal::GetCapturedStdout();
  return {exit_code, out, testing::internal::GetCapturedStderr()};
}

// An untrained network for images of `size` x `size` pixels and `classes` classes.
void save_network(const std::filesystem::path& path, std::int64_t size, std::int64_t classes) {
  ModelDescription description;
  description.network = {"preact_resnet10", 2, 1, size, size, classes};
  description.mean = {0.5f};
  description.std = {0.25f};
  save_checkpoint(path, Classifier(cpu_device(), description, 1));
}

void expect_answer(int exit_code, const std::string& part,
                   const std::vector<std::string>& arguments) {
  const Answer answer = attack(arguments);
  EXPECT_EQ(answer.exit_code, exit_code) << answer.err;
  EXPECT_EQ(answer.out, "");
  EXPECT_TRUE(answer.err.find("saddle-attack: error: ") != std::string::npos) << answer.err;
  expect_part(part, answer.err);
}

class AttackProgram : public testing::Test {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(kFashionMnist))
      GTEST_SKIP() << "needs Debian's package dataset-fashion-mnist";
    save_network(checkpoint(), 28, 10);
  }
  std::string file(const std::string& name) const { return (directory_.path() / name).string(); }
  std::string checkpoint() const { return file("m.safetensors"); }

  TemporaryDirectory directory_;
};

TEST(AttackProgramUsage, lists_attacks_without_a_checkpoint) {
  const Answer answer = attack({"--list-attacks"});

  EXPECT_EQ(answer.exit_code, 0);
  expect_part("pgd", answer.out);
}

TEST(AttackProgramUsage, returns_2_for_a_wrong_command_line) {
  expect_answer(2, "--checkpoint is missing", {});
  expect_answer(2, "--frobnicate", {"--frobnicate"});
  expect_answer(2, "pgd has no key 'foo'. Its keys: norm, eps,",
                {"--checkpoint", "m", "--attack", "pgd:foo=1"});
  expect_answer(2, "this version has no attack 'nothing'",
                {"--checkpoint", "m", "--attack", "nothing"});
  expect_answer(2, "--eps belongs to --suite", {"--checkpoint", "m", "--eps", "8/255"});
  expect_answer(2, "--model: 'vgg' is not one of", {"--checkpoint", "m", "--model", "vgg"});
}

TEST_F(AttackProgram, writes_table_json_and_tensors) {
  const Answer answer = attack({"--checkpoint",
                                checkpoint(),
                                "--test-limit",
                                "16",
                                "--batch-size",
                                "5",
                                "--quiet",
                                "--attack",
                                "fgsm:eps=8/255",
                                "--attack",
                                "pgd:norm=l2,steps=2",
                                "--json",
                                file("r.json"),
                                "--save-adversarial",
                                file("a.safetensors"),
                                "--save-logits",
                                file("l.safetensors"),
                                "--save-images",
                                file("i.png"),
                                "--attack-all"});

  ASSERT_EQ(answer.exit_code, 0) << answer.err;
  EXPECT_EQ(answer.err, "");
  expect_part("fgsm:eps=8/255", answer.out);
  const std::vector<std::byte> bytes = read_file(file("r.json"), 1 << 20);
  const auto json =
      nlohmann::json::parse(reinterpret_cast<const char*>(bytes.data()),
                            reinterpret_cast<const char*>(bytes.data()) + bytes.size());
  EXPECT_EQ(json["examples"], 16);
  EXPECT_EQ(json["model"], "preact_resnet10");
  EXPECT_EQ(json["attacks"][0]["backward_passes"], 16);
  EXPECT_EQ(json["attacks"][1]["forward_passes"], 48);
  EXPECT_NEAR(json["attacks"][0]["max_linf"].get<double>(), 8. / 255, 1e-6);
  EXPECT_LE(json["attacks"][1]["max_l2"].get<double>(), 32. / 255 + 1e-6);
  const SafetensorsFile tensors = SafetensorsFile::load(file("a.safetensors"));
  EXPECT_EQ(tensors.tensor("adversarial.1-pgd").shape, (Shape{16, 1, 28, 28}));
  EXPECT_EQ(SafetensorsFile::load(file("l.safetensors")).tensor("logits").shape, (Shape{16, 10}));
  EXPECT_TRUE(std::filesystem::exists(file("i.png")));
}

TEST_F(AttackProgram, finds_unwritable_outputs_before_the_work) {
  expect_answer(1, "cannot be written",
                {"--checkpoint", checkpoint(), "--json", file("nowhere/r.json")});
  expect_answer(2, "would be written over", {"--checkpoint", checkpoint(), "--json", checkpoint()});
  expect_answer(2, "would be written over",
                {"--checkpoint", checkpoint(), "--json", file("r"), "--save-logits", file("r")});
}

TEST_F(AttackProgram, returns_1_for_files_that_do_not_fit) {
  save_network(file("larger.safetensors"), 32, 10);
  save_network(file("fewer.safetensors"), 28, 3);

  expect_answer(1, "cannot be opened", {"--checkpoint", file("none")});
  expect_answer(1, "fashion-mnist: found no files",
                {"--checkpoint", checkpoint(), "--data-dir", file("none")});
  expect_answer(1, "the model sees images of 1 x 32 x 32",
                {"--checkpoint", file("larger.safetensors"), "--test-limit", "16"});
  expect_answer(1, "the model has 3 classes",
                {"--checkpoint", file("fewer.safetensors"), "--test-limit", "16"});
  expect_answer(2, "over the 10000 of the test split",
                {"--checkpoint", checkpoint(), "--test-limit", "10001"});
}

}  // namespace
}  // namespace saddle
