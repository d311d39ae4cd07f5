// saddle-attack from the command line to its files, on an untrained network and Fashion-MNIST.
#include "apps/attack/program.h"

#include <gtest/gtest.h>

#include <sys/resource.h>

#include <algorithm>
#include <fstream>
#include <csignal>
#include <nlohmann/json.hpp>

#include "apps/common/checkpoint.h"
#include "apps/common/evaluate.h"
#include "apps/common/png.h"
#include "core/device.h"
#include "core/json_text.h"
#include "tests/apps/data_files.h"
#include "tests/apps/editable_checkpoint.h"

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

nlohmann::json read_json(const std::string& path) {
  const std::vector<std::byte> bytes = read_file(path, 1 << 24);
  return parse_json(Bytes(bytes));
}

// An untrained network for images of `size` x `size` pixels and `classes` classes.
void save_network(const std::filesystem::path& path, std::int64_t size, std::int64_t classes) {
  ModelDescription description;
  description.network = {"preact_resnet10", 2, 1, size, size, classes};
  description.mean = {0.5f};
  description.std = {0.25f};
  save_checkpoint(path, Model(cpu_device(), description, 1));
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
  expect_answer(2, "there is no attack 'nothing'", {"--checkpoint", "m", "--attack", "nothing"});
  expect_answer(2, "--eps belongs to --suite", {"--checkpoint", "m", "--eps", "8/255"});
  expect_answer(2, "--model: 'vgg' is not one of", {"--checkpoint", "m", "--model", "vgg"});
  expect_answer(2, "Did you mean 8/255?", {"--checkpoint", "m", "--attack", "square:eps=8"});
  expect_answer(2, "--plot draws the curves of --eps-curve",
                {"--checkpoint", "m", "--attack", "pgd", "--plot", "p.svg"});
  expect_answer(
      2, "--plot p.png: charts are SVG. Name a file that ends in .svg",
      {"--checkpoint", "m", "--attack", "pgd", "--eps-curve", "1/255", "--plot", "p.png"});
  expect_answer(2, "0/255 is not above 0",
                {"--checkpoint", "m", "--attack", "pgd", "--eps-curve", "0/255,1/255"});
  expect_answer(2, "1/255 is given twice",
                {"--checkpoint", "m", "--attack", "pgd", "--eps-curve", "2/510,1/255"});
  expect_answer(2, "'' is not a number",
                {"--checkpoint", "m", "--attack", "pgd", "--eps-curve", "1/255,"});
  expect_answer(2, "--eps-curve needs an --attack", {"--checkpoint", "m", "--eps-curve", "1/255"});
  expect_answer(
      2, "needs mode=sequential",
      {"--checkpoint", "m", "--attack", "autoattack:mode=individual", "--eps-curve", "0.1"});
  expect_answer(2, "--time-budget: 0 s is no time", {"--checkpoint", "m", "--time-budget", "0"});
  expect_answer(2, "take one --checkpoint a run",
                {"--checkpoint", "m", "--checkpoint", "n", "--save-images", "i.png"});
}

TEST(AttackProgramUsage, refuses_flags_that_would_do_nothing) {
  const auto alone = [](const std::vector<std::string>& flags) {
    std::vector<std::string> command{"--checkpoint", "m"};
    command.insert(command.end(), flags.begin(), flags.end());
    expect_answer(2, flags[0] + " needs an --attack or a --suite", command);
  };
  alone({"--attack-all"});
  alone({"--restart"});
  alone({"--eight-bit"});
  alone({"--time-budget", "3"});
  alone({"--csv", "c.csv"});
  alone({"--transfer-to", "other"});
  alone({"--eps-curve", "1/255"});
  expect_answer(2, "attack pgd:eps=8/255: its eps would do nothing beside --eps-curve",
                {"--checkpoint", "m", "--attack", "pgd:eps=8/255", "--eps-curve", "1/255,2/255"});
  expect_answer(2, "--restart discards the state beside --json",
                {"--checkpoint", "m", "--attack", "pgd", "--restart"});
  expect_answer(2, "--restart: there is no nowhere/r.json.state to discard",
                {"--checkpoint", "m", "--attack", "pgd", "--restart", "--json", "nowhere/r.json"});
}

TEST_F(AttackProgram, tells_once_what_it_assumes_and_records_it) {
  Editable plain(checkpoint());
  plain.metadata.clear();
  plain.save(checkpoint());

  const Answer answer = attack({"--checkpoint", checkpoint(), "--model", "preact_resnet10",
                                "--width", "2", "--classes", "10", "--test-limit", "8", "--attack",
                                "fgsm", "--json", file("r.json")});

  EXPECT_EQ(answer.exit_code, 0) << answer.err;
  const std::string said = "the file does not say how its pixels are normalised";
  expect_part("warning: " + checkpoint() + ": " + said, answer.err);
  EXPECT_EQ(answer.err.find(said), answer.err.rfind(said));
  const auto json = read_json(file("r.json"));
  expect_part(said, json.at("assumptions").at(0));
}

TEST_F(AttackProgram, refuses_classes_of_other_names) {
  ModelDescription digits;
  digits.network = {"preact_resnet10", 2, 1, 28, 28, 10};
  digits.mean = {0.5f};
  digits.std = {0.25f};
  for (int i = 0; i < 10; ++i) digits.class_names.push_back(std::to_string(i));
  save_checkpoint(checkpoint(), Model(cpu_device(), digits, 1));

  expect_answer(1, "its classes are not those of fashion-mnist: the data set has no '0', '1'",
                {"--checkpoint", checkpoint(), "--test-limit", "8", "--attack", "fgsm", "--quiet"});
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
  const auto json = read_json(file("r.json"));
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

TEST_F(AttackProgram, compares_checkpoints_along_a_curve_of_radii) {
  save_network(file("n.safetensors"), 28, 10);

  const Answer answer = attack({"--checkpoint", checkpoint(), "--checkpoint", file("n.safetensors"),
                                "--test-limit", "16", "--quiet", "--attack", "pgd:steps=2",
                                "--attack", "fgsm", "--eps-curve", "2/255,1/255", "--json",
                                file("r.json"), "--plot", file("p.svg"), "--csv", file("e.csv")});

  ASSERT_EQ(answer.exit_code, 0) << answer.err;
  const auto json = read_json(file("r.json"));
  ASSERT_EQ(json["reports"].size(), 2u);
  const auto& report = json["reports"][1];
  EXPECT_EQ(report["checkpoint"], file("n.safetensors"));
  ASSERT_EQ(report["attacks"].size(), 4u);
  EXPECT_EQ(report["attacks"][0]["spec"], "pgd:eps=1/255,steps=2");
  ASSERT_EQ(report["eps_curves"].size(), 2u);
  EXPECT_EQ(report["eps_curves"][0]["spec"], "pgd:steps=2");
  EXPECT_EQ(report["eps_curves"][0]["eps"].size(), 2u);
  EXPECT_TRUE(report["finished"]);
  expect_part("n.safetensors", answer.out);
  const std::vector<std::byte> csv = read_file(file("e.csv"), 1 << 24);
  EXPECT_EQ(std::count(csv.begin(), csv.end(), std::byte{'\n'}),
            1 + 2 * (4 + 2) * 16);  // a worst case a radius
  EXPECT_TRUE(std::filesystem::exists(file("p.svg")));
  EXPECT_FALSE(std::filesystem::exists(file("r.json.state")));
}

TEST_F(AttackProgram, stops_after_its_time_and_goes_on_with_the_same_command) {
  std::vector<std::string> command{
      "--checkpoint", checkpoint(),  "--test-limit", "16",          "--quiet",
      "--batch-size", "8",           "--attack-all", "--attack",    "fgsm",
      "--attack",     "pgd:steps=1", "--json",       file("r.json")};
  const Answer whole = attack(command);
  const auto wanted = read_json(file("r.json"));
  std::vector<std::string> hurried = command;
  hurried.insert(hurried.end(), {"--time-budget", "1e-6"});

  const Answer first = attack(hurried);
  const auto cut = read_json(file("r.json"));
  std::vector<std::string> other = command;
  other.insert(other.end(), {"--seed", "3"});
  const Answer refused = attack(other);
  const Answer second = attack(command);

  EXPECT_EQ(first.exit_code, 0);
  expect_part("Unfinished: fgsm; pgd:steps=1. The same command goes on from here", first.err);
  EXPECT_FALSE(cut["finished"]);
  EXPECT_FALSE(cut["attacks"][0]["finished"]);
  EXPECT_EQ(refused.exit_code, 1);
  expect_part("is the state of a run with other seed", refused.err);
  EXPECT_EQ(second.exit_code, 0) << second.err;
  const auto got = read_json(file("r.json"));
  EXPECT_TRUE(got["finished"]);
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(got["attacks"][i]["robust_accuracy"], wanted["attacks"][i]["robust_accuracy"]);
    EXPECT_EQ(got["attacks"][i]["forward_passes"], wanted["attacks"][i]["forward_passes"]);
    EXPECT_EQ(got["attacks"][i]["max_l2"], wanted["attacks"][i]["max_l2"]);
  }
  EXPECT_FALSE(std::filesystem::exists(file("r.json.state")));
}

// The tensors of a finished attack are read by place: fewer than the data has must not be taken.
TEST_F(AttackProgram, refuses_a_state_whose_images_are_too_few) {
  std::vector<std::string> command{"--checkpoint",
                                   checkpoint(),
                                   "--test-limit",
                                   "16",
                                   "--quiet",
                                   "--attack",
                                   "fgsm",
                                   "--attack",
                                   "pgd:steps=1",
                                   "--json",
                                   file("r.json"),
                                   "--save-adversarial",
                                   file("a.safetensors"),
                                   "--attack-all"};
  std::vector<std::string> hurried = command;
  hurried.insert(hurried.end(), {"--time-budget", "1e-6"});
  ASSERT_EQ(attack(hurried).exit_code, 0);
  const SafetensorsFile state = SafetensorsFile::load(file("r.json.state"));
  std::vector<NamedTensor> tensors;
  for (const auto& [name, tensor] : state.tensors()) {
    tensors.push_back({name, tensor.dtype, tensor.shape, tensor.bytes});
    if (name != "finished.0.adversarial") continue;
    tensors.back().shape = {1};
    tensors.back().bytes = tensor.bytes.first(4);
  }
  save_safetensors(file("edited"), tensors, state.metadata());
  std::filesystem::rename(file("edited"), file("r.json.state"));

  expect_answer(1, "finished.0.adversarial has 1 values, this run's 12544", command);
}

// What a state is of: `first` leaves one, and `second` is not taken for the same run.
void expect_other_run(const std::string& part, const std::string& state,
                      std::vector<std::string> first, const std::vector<std::string>& second) {
  first.insert(first.end(), {"--time-budget", "1e-6"});
  ASSERT_EQ(attack(first).exit_code, 0);
  ASSERT_TRUE(std::filesystem::exists(state));

  const Answer refused = attack(second);

  EXPECT_EQ(refused.exit_code, 1);
  expect_part("is the state of a run with other " + part, refused.err);
  std::filesystem::remove(state);
}

TEST_F(AttackProgram, tells_runs_apart_by_all_that_decides_about_them) {
  const auto with = [&](const std::vector<std::string>& flags) {
    std::vector<std::string> command{"--checkpoint", checkpoint(),   "--test-limit", "4",
                                     "--quiet",      "--attack-all", "--batch-size", "2",
                                     "--json",       file("r.json")};
    command.insert(command.end(), flags.begin(), flags.end());
    return command;
  };
  const std::string state = file("r.json.state");

  expect_other_run("mean ('0.4', this one has '0.5')", state,
                   with({"--attack", "fgsm", "--mean", "0.4"}),
                   with({"--attack", "fgsm", "--std", "0.4"}));
  expect_other_run(
      "attacks", state, with({"--attack", "pgd:steps=1", "--eps-curve", "1/255,2/255"}),
      with({"--attack", "pgd:eps=1/255,steps=1", "--attack", "pgd:eps=2/255,steps=1"}));
  expect_other_run("device ('cpu', this one has 'emulated')", state,
                   with({"--attack", "fgsm", "--device", "cpu"}),
                   with({"--attack", "fgsm", "--device", "emulated"}));
  expect_other_run("data", state, with({"--attack", "fgsm"}), [&] {
    std::vector<std::string> fewer = with({"--attack", "fgsm"});
    fewer[3] = "3";
    return fewer;
  }());
  expect_other_run("saved images", state, with({"--attack", "fgsm"}),
                   with({"--attack", "fgsm", "--eight-bit"}));
}

TEST(AttackProgramImages, says_in_the_json_what_the_data_set_left_out) {
  const TemporaryDirectory directory;
  const auto at = [&](const std::string& name) { return (directory.path() / name).string(); };
  for (const char* folder : {"train/cat", "train/dog", "test/cat", "test/dog"}) {
    std::filesystem::create_directories(at(folder));
    const std::vector<std::uint8_t> pixels(8 * 8 * 3, folder[6] == 'c' ? 40 : 200);
    write_png(at(std::string(folder) + "/a.png"), 8, 8, 3, pixels);
  }
  directory.write("test/cat/broken.png", bytes_of("no picture"));
  ModelDescription description;
  description.network = {"preact_resnet10", 2, 3, 8, 8, 2};
  description.mean = description.std = {0.5f, 0.5f, 0.5f};
  save_checkpoint(at("m.safetensors"), Model(cpu_device(), description, 1));

  const Answer answer =
      attack({"--checkpoint", at("m.safetensors"), "--dataset", "image-folder", "--data-dir",
              directory.path().string(), "--no-cache", "--broken-images", "skip", "--quiet",
              "--attack", "fgsm", "--json", at("r.json")});

  ASSERT_EQ(answer.exit_code, 0) << answer.err;
  const auto json = read_json(at("r.json"));
  EXPECT_EQ(json["examples"], 2);
  bool told = false;
  for (const std::string warning : json["warnings"]) {
    told = told || warning.find("broken.png") != std::string::npos;
  }
  EXPECT_TRUE(told) << json["warnings"];
}

TEST_F(AttackProgram, says_what_the_command_line_put_above_the_checkpoint) {
  const Answer answer = attack({"--checkpoint", checkpoint(), "--test-limit", "4", "--quiet",
                                "--mean", "0.4", "--classes", "10", "--json", file("r.json")});

  ASSERT_EQ(answer.exit_code, 0) << answer.err;
  const auto json = read_json(file("r.json"));
  EXPECT_EQ(json_text(json["mean"]), "[0.4]");
  EXPECT_EQ(json_text(json["std"]), "[0.25]");
  ASSERT_EQ(json["assumptions"].size(), 1u);
  expect_part("--classes, --mean", json["assumptions"][0]);
}

// A file that grows too large stands for a full disk.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limited{bytes, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limited);
    handler_ = std::signal(SIGXFSZ, SIG_IGN);
  }
  ~FileSizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }

 private:
  rlimit before_{};
  void (*handler_)(int) = nullptr;
};

// Others take the JSON for the sign that all is done.
TEST_F(AttackProgram, writes_the_json_last_so_that_the_same_command_goes_on_after_a_full_disk) {
  const std::vector<std::string> command{"--checkpoint",
                                         checkpoint(),
                                         "--test-limit",
                                         "16",
                                         "--quiet",
                                         "--attack",
                                         "fgsm",
                                         "--json",
                                         file("r.json"),
                                         "--csv",
                                         file("r.csv"),
                                         "--save-adversarial",
                                         file("a.safetensors")};
  {
    const FileSizeLimit limit(80'000);  // the state has 53 kB, the adversarial file 101 kB
    const Answer cut = attack(command);
    EXPECT_EQ(cut.exit_code, 1);
    expect_part("a.safetensors", cut.err);
  }
  EXPECT_FALSE(std::filesystem::exists(file("r.json")));
  EXPECT_TRUE(std::filesystem::exists(file("r.json.state")));

  EXPECT_EQ(attack(command).exit_code, 0);

  EXPECT_TRUE(read_json(file("r.json"))["finished"]);
  EXPECT_TRUE(std::filesystem::exists(file("r.csv")));
  EXPECT_FALSE(std::filesystem::exists(file("r.json.state")));
}

TEST_F(AttackProgram, judges_rounded_images_and_lets_another_model_judge) {
  save_network(file("n.safetensors"), 28, 10);

  const Answer answer =
      attack({"--checkpoint", checkpoint(), "--test-limit", "16", "--quiet", "--attack-all",
              "--attack", "fgsm:eps=8/255", "--attack", "pgd:eps=8/255", "--eight-bit",
              "--transfer-to", file("n.safetensors"), "--json", file("r.json")});

  ASSERT_EQ(answer.exit_code, 0) << answer.err;
  expect_part("rounded to 8 bits", answer.out);
  EXPECT_TRUE(read_json(file("r.json"))["assumptions"].empty());
  expect_part("worst case linf 0.0313726", answer.out);
  expect_part("transfer to", answer.out);
  const auto json = read_json(file("r.json"));
  EXPECT_LE(json["worst_cases"][0]["robust_accuracy"], json["attacks"][0]["robust_accuracy"]);
  EXPECT_EQ(json["transfer"][0]["checkpoint"], file("n.safetensors"));
  EXPECT_EQ(json["transfer"][0]["attacks"].size(), 2u);
  EXPECT_TRUE(json["attacks"][0]["eight_bit"].contains("robust_accuracy"));
}

// Near the boundary, where these attacks end, bf16 and fp32 disagree about many images.
TEST_F(AttackProgram, that_climbs_in_bf16_is_judged_in_fp32) {
  const auto report_in = [&](const std::string& precision) {
    const Answer answer =
        attack({"--checkpoint", checkpoint(), "--test-limit", "60", "--device", "emulated",
                "--precision", precision, "--attack", "deepfool", "--attack", "fgsm:eps=1/255",
                "--json", file("r.json"), "--save-adversarial", file("r.safetensors"), "--quiet"});
    EXPECT_EQ(answer.exit_code, 0) << answer.err;
    const bool rough = precision != "fp32";
    EXPECT_EQ(answer.out.find("attacked in bf16, judged in fp32") != std::string::npos, rough);
    EXPECT_EQ(answer.err.find("attacks climb in bf16") != std::string::npos, rough) << answer.err;
    return read_json(file("r.json"));
  };
  const auto exact = report_in("fp32"), rough = report_in("bf16");

  EXPECT_EQ(rough["judged_in"], "fp32");
  EXPECT_EQ(rough["clean_accuracy"], exact["clean_accuracy"]);
  EXPECT_EQ(exact["attacks"][0]["members"][0]["repeated_in_fp32"], 0);
  EXPECT_GT(rough["attacks"][0]["members"][0]["repeated_in_fp32"], 0);
  // What DeepFool found, whatever it climbed, breaks the network in fp32.
  const SafetensorsFile found = SafetensorsFile::load(file("r.safetensors"));
  const Model model = load_checkpoint(checkpoint(), emulated_device(), {}, {});
  const std::vector<std::int64_t> labels = found.read_i64("labels");
  const auto accuracy_on = [&](const std::string& name) {
    const std::vector<std::int32_t> predictions =
        predict_images(model.evaluation(), emulated_device(),
                       found.read_f32(name),  // of one channel: NCHW is NHWC
                       {28, 28, 1}, 60);
    std::int64_t right = 0;
    for (std::size_t i = 0; i < labels.size(); ++i) right += predictions[i] == labels[i] ? 1 : 0;
    return percent(right, std::ssize(labels));
  };
  EXPECT_EQ(rough["attacks"][0]["robust_accuracy"], accuracy_on("adversarial.0-deepfool"));
  EXPECT_EQ(rough["attacks"][1]["robust_accuracy"], accuracy_on("adversarial.1-fgsm"));
}

TEST_F(AttackProgram, says_in_a_line_that_the_model_answers_with_what_is_no_number) {
  expect_answer(1, "the model answers",
                {"--checkpoint", checkpoint(), "--test-limit", "16", "--quiet", "--std", "2.95e-39",
                 "--attack", "fgsm"});
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
