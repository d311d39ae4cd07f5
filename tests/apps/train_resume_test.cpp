// A training run that is killed at any moment and resumed leaves the files of one that never was.
//
// The trainings run in processes of their own, so that they can be killed: this program called with
//   --train NAME OUTPUT fresh|resume
// trains instead of testing.
#include <gtest/gtest.h>

#include <csignal>
#include <cstdio>
#include <random>
#include <spawn.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <nlohmann/json.hpp>

#include "core/json_text.h"
#include "tests/apps/training_runs.h"

extern char** environ;

namespace saddle {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

// A kill is the kernel's: what it leaves is the same under sanitizers, which only make it slow.
#ifdef SADDLE_SANITIZE
constexpr int kRandomMoments = 1;
#else
constexpr int kRandomMoments = 6;
#endif

class ChildTraining {
 public:
  ChildTraining(const std::string& name, const fs::path& output, const std::string& mode) {
    std::string words[] = {"test_train", "--train", name, output.string(), mode};
    char* arguments[] = {words[0].data(), words[1].data(), words[2].data(),
                         words[3].data(), words[4].data(), nullptr};
    const int error =
        posix_spawn(&process_, "/proc/self/exe", nullptr, nullptr, arguments, environ);
    require(error == 0, "tests: posix_spawn failed with ", error);
  }
  ~ChildTraining() { kill(); }
  ChildTraining(const ChildTraining&) = delete;
  ChildTraining& operator=(const ChildTraining&) = delete;

  bool finished() {
    if (!reaped_) reaped_ = ::waitpid(process_, &status_, WNOHANG) == process_;
    return reaped_;
  }
  // Its exit code; -1 where a signal ended it.
  int wait() {
    if (!reaped_) reaped_ = ::waitpid(process_, &status_, 0) == process_;
    return WIFEXITED(status_) ? WEXITSTATUS(status_) : -1;
  }
  void kill() {
    if (reaped_) return;
    ::kill(process_, SIGKILL);
    wait();
  }

 private:
  pid_t process_ = -1;
  int status_ = 0;
  bool reaped_ = false;
};

bool has_temporary(const fs::path& run, const std::string& file) {
  if (!fs::exists(run)) return false;
  for (const std::string& name : names_in(run)) {
    if (name.starts_with(file + ".tmp-")) return true;
  }
  return false;
}

// Goes on with the run and kills it while `file` is being written; false where the moment was
// missed.
bool kill_while_writing(const std::string& name, const fs::path& run, const std::string& file) {
  ChildTraining child(name, run, "resume");
  while (!child.finished()) {
    bool seen = false;
    try {
      seen = has_temporary(run, file);
    } catch (const fs::filesystem_error&) {
      continue;  // the directory changed while it was read
    }
    if (seen) {
      child.kill();
      return has_temporary(run, file);  // it may have been renamed in the last instant
    }
  }
  return false;
}

using Names = std::vector<std::string>;

const Names kFiles = {"config.json", "best.safetensors", "last.safetensors", "metrics.jsonl",
                      "state.safetensors"};

void kill_while_writing_each(const Names& files, const std::string& name, const fs::path& run) {
  constexpr int kMostTries = 50;
  for (const std::string& file : files) {
    int tries = 1;
    while (!kill_while_writing(name, run, file) && tries < kMostTries) {
      ++tries;
      fs::remove_all(run);  // a run that got to its end writes nothing more
    }
    ASSERT_LT(tries, kMostTries) << "never met " << file << " half-written";
  }
}

void expect_resumed_equals_uninterrupted(const std::string& name, const Names& kill_in) {
  const TemporaryDirectory directory;
  const fs::path whole = directory.path() / "whole", killed = directory.path() / "killed";
  const auto start = Clock::now();
  ASSERT_EQ(ChildTraining(name, whole, "fresh").wait(), 0);
  const double seconds = Seconds(Clock::now() - start).count();

  ASSERT_NO_FATAL_FAILURE(kill_while_writing_each(kill_in, name, killed));
  // Then at moments that mean nothing. A run may lose an epoch at each, so their number is fixed.
  std::mt19937 random(7);
  for (int i = 0; i < kRandomMoments; ++i) {
    ChildTraining child(name, killed, "resume");
    std::this_thread::sleep_for(
        Seconds(seconds * std::uniform_real_distribution(0.1, 0.9)(random)));
    child.kill();
  }
  ASSERT_EQ(ChildTraining(name, killed, "resume").wait(), 0);

  expect_equal_runs(killed, whole);
  EXPECT_EQ(names_in(killed),
            (Names{"best.safetensors", "config.json", "events.out.tfevents.0.saddle",
                   "last.safetensors", "metrics.jsonl", "state.safetensors"}));
  EXPECT_EQ(timeless_metrics(killed).size(), 6u);
}

TEST(resume, an_sgd_run_killed_in_every_kind_of_write_equals_one_never_killed) {
  expect_resumed_equals_uninterrupted("sgd", kFiles);
}

TEST(resume, a_sam_over_adam_run_killed_in_every_kind_of_write_equals_one_never_killed) {
  expect_resumed_equals_uninterrupted("sam-adam", kFiles);
}

TEST(resume, an_adversarial_run_killed_while_its_state_is_written_equals_one_never_killed) {
  expect_resumed_equals_uninterrupted("pgd", {"state.safetensors"});
}

TEST(
    resume,
    a_run_that_keeps_a_delta_and_averaged_weights_killed_while_its_state_is_written_equals_one_never_killed) {
  expect_resumed_equals_uninterrupted("free", {"state.safetensors"});
}

TEST(resume, a_run_on_mixed_images_killed_while_its_state_is_written_equals_one_never_killed) {
  expect_resumed_equals_uninterrupted("mixed", {"state.safetensors"});
}

// In the last epoch nothing later mends a file that the state claims is written.
TEST(resume, in_the_last_epoch_writes_every_file_that_a_kill_prevented) {
  const TemporaryDirectory directory;
  const fs::path whole = directory.path() / "whole";
  ASSERT_EQ(ChildTraining("sgd-one-epoch", whole, "fresh").wait(), 0);

  for (const std::string& file : kFiles) {
    SCOPED_TRACE("killed while writing " + file);
    const fs::path killed = directory.path() / ("killed-in-" + file);
    ASSERT_NO_FATAL_FAILURE(kill_while_writing_each({file}, "sgd-one-epoch", killed));
    ASSERT_EQ(ChildTraining("sgd-one-epoch", killed, "resume").wait(), 0);
    expect_equal_runs(killed, whole);
  }
}

TEST(resume, of_a_finished_run_changes_nothing) {
  const TemporaryDirectory directory;
  TrainOptions options = small_run("sgd", directory.path() / "run");
  options.epochs = 2;
  const TrainResult first = train_small(options);
  const std::string state = contents(directory.path() / "run/state.safetensors");
  const std::string last = contents(directory.path() / "run/last.safetensors");
  const std::string metrics = contents(directory.path() / "run/metrics.jsonl");

  options.run.resume = true;
  const TrainResult again = train_small(options);

  EXPECT_EQ(again.score("test_accuracy"), first.score("test_accuracy"));
  EXPECT_EQ(again.best, first.best);
  EXPECT_EQ(contents(directory.path() / "run/state.safetensors"), state);
  EXPECT_EQ(contents(directory.path() / "run/last.safetensors"), last);
  EXPECT_EQ(contents(directory.path() / "run/metrics.jsonl"), metrics);
}

TEST(resume, in_an_empty_directory_starts_from_the_beginning) {
  const TemporaryDirectory directory;
  TrainOptions options = small_run("sgd", directory.path() / "fresh");
  options.epochs = 2;
  train_small(options);

  options.run.output = (directory.path() / "resumed").string();
  options.run.resume = true;
  train_small(options);

  expect_equal_runs(directory.path() / "resumed", directory.path() / "fresh");
}

// All files of a run with their bytes.
std::map<std::string, std::string> files_of(const fs::path& run) {
  std::map<std::string, std::string> files;
  for (const std::string& name : names_in(run)) files[name] = contents(run / name);
  return files;
}

TEST(resume, with_other_settings_names_each_and_touches_nothing) {
  const TemporaryDirectory directory;
  TrainOptions options = small_run("sgd", directory.path());
  options.epochs = 1;
  train_small(options);
  const auto before = files_of(directory.path());

  options.run.resume = true;
  options.descent.lr = 0.25;
  options.batch_size = 8;
  const std::string message = error_of([&] { train_small(options); });

  expect_part("lr (0.1, now 0.25)", message);
  expect_part("batch_size (16, now 8)", message);
  EXPECT_EQ(message.find("momentum"), std::string::npos) << message;
  EXPECT_EQ(files_of(directory.path()), before);
}

TEST(resume, without_the_runs_settings_is_refused) {
  const TemporaryDirectory directory;
  TrainOptions options = small_run("sgd", directory.path());
  options.epochs = 1;
  train_small(options);
  fs::remove(directory.path() / "config.json");

  options.run.resume = true;
  expect_error("config.json", [&] { train_small(options); });
}

TEST(resume, with_deeply_nested_settings_is_refused) {
  const TemporaryDirectory directory;
  TrainOptions options = small_run("sgd", directory.path());
  options.epochs = 1;
  train_small(options);

  directory.write("config.json", bytes_of("{\"settings\": " + deep_json() + "}"));
  options.run.resume = true;
  expect_error("config.json: is JSON nested deeper than 64 levels at byte 76. Remove it",
               [&] { train_small(options); });
  directory.write("config.json", bytes_of("[]"));
  expect_error("config.json: is not a JSON object. Remove it", [&] { train_small(options); });
}

TEST(resume, of_a_damaged_state_says_what_to_do) {
  const TemporaryDirectory directory;
  TrainOptions options = small_run("sgd", directory.path());
  options.epochs = 1;
  train_small(options);
  save_safetensors(directory.path() / "state.safetensors", {},
                   {{"position", "{\"epochs_done\": 1}"}});

  options.run.resume = true;
  expect_error("is not a training state. Start over with --overwrite",
               [&] { train_small(options); });
  save_safetensors(directory.path() / "state.safetensors", {}, {{"position", deep_json()}});
  expect_error("is not a training state. Start over with --overwrite",
               [&] { train_small(options); });
}

TEST(resume, goes_on_with_a_run_that_began_from_other_weights) {
  const TemporaryDirectory directory;
  TrainOptions base = small_run("sgd", directory.path() / "base");
  base.epochs = 1;
  train_small(base);

  TrainOptions options = small_run("sgd", directory.path() / "run");
  options.init_from = (directory.path() / "base/last.safetensors").string();
  options.epochs = 2;
  train_small(options);
  const std::string last = contents(directory.path() / "run/last.safetensors");
  options.run.resume = true;
  fs::remove_all(directory.path() / "base");  // the state holds what is needed
  train_small(options);

  EXPECT_EQ(contents(directory.path() / "run/last.safetensors"), last);
}

TEST(fresh_run, into_a_directory_that_holds_one_is_refused_and_touches_nothing) {
  const TemporaryDirectory directory;
  TrainOptions options = small_run("sgd", directory.path());
  options.epochs = 1;
  train_small(options);
  const auto before = files_of(directory.path());

  expect_error("already holds a run. Go on with --resume", [&] { train_small(options); });

  EXPECT_EQ(files_of(directory.path()), before);
}

TEST(fresh_run, does_not_remove_a_checkpoint_that_lies_in_its_directory) {
  const TemporaryDirectory directory;
  directory.write("last.safetensors", bytes_of("precious"));

  expect_error("already holds a run", [&] { train_small(small_run("sgd", directory.path())); });

  EXPECT_EQ(contents(directory.path() / "last.safetensors"), "precious");
}

// ---- what a run goes on with ----

// A run of two epochs, and what resuming it with `change` says.
struct Interrupted {
  TemporaryDirectory directory;
  TrainOptions options = small_run("sgd", directory.path() / "run");
  Dataset train = training_data(), test = test_data();

  Interrupted() {
    options.epochs = 2;
    saddle::train(resolved(options), train, test);
    options.run.resume = true;
  }
  std::string refusal() {
    const auto before = files_of(options.run.output);
    const std::string message = error_of([&] { saddle::train(resolved(options), train, test); });
    EXPECT_EQ(files_of(options.run.output), before);
    return message;
  }
};

TEST(resume, on_other_training_data_is_refused) {
  const auto refusal = [](const std::function<void(Dataset&)>& change) {
    Interrupted run;
    change(run.train);
    return run.refusal();
  };
  const std::string expected =
      "--resume on other inputs than the run began with: the training data (examples, labels or "
      "names "
      "of classes) changed. Put back what was there, or start over with --overwrite";
  expect_part(expected, refusal([](Dataset& data) { data = quadrants(59, 1); }));
  expect_part(expected, refusal([](Dataset& data) { data.pixels[7] ^= 1; }));
  expect_part(expected, refusal([](Dataset& data) { std::swap(data.labels[0], data.labels[1]); }));
  expect_part(expected, refusal([](Dataset& data) { data.class_names[0] = "zebra"; }));
}

TEST(resume, on_other_test_data_is_refused) {
  Interrupted run;
  run.test.pixels[7] ^= 1;
  expect_part("the test data changed", run.refusal());
}

TEST(resume, from_other_first_weights_is_refused_unless_they_are_gone) {
  const TemporaryDirectory directory;
  for (const char* name : {"a", "b"}) {
    TrainOptions base = small_run("sgd-one-epoch", directory.path() / name);
    base.common.seed = name[0];
    train_small(base);
  }
  const fs::path weights = directory.path() / "w.safetensors";
  fs::copy_file(directory.path() / "a/last.safetensors", weights);
  TrainOptions options = small_run("sgd", directory.path() / "run");
  options.epochs = 2;
  options.init_from = weights.string();
  train_small(options);

  options.run.resume = true;
  fs::copy_file(directory.path() / "b/last.safetensors", weights,
                fs::copy_options::overwrite_existing);
  expect_error("the file of --init-from changed", [&] { train_small(options); });

  fs::remove(weights);
  train_small(options);
  fs::copy_file(directory.path() / "a/last.safetensors", weights);
  train_small(options);
}

TEST(resume, of_another_runs_state_is_refused) {
  Interrupted run;
  TrainOptions other = small_run("sgd", run.directory.path() / "other");
  other.epochs = 2;
  other.common.seed = 6;
  train_small(other);
  fs::copy_file(run.directory.path() / "other/state.safetensors",
                run.directory.path() / "run/state.safetensors",
                fs::copy_options::overwrite_existing);

  expect_part("state.safetensors: is the state of another run", run.refusal());
}

TEST(resume, of_a_position_that_cannot_be_is_refused) {
  Interrupted run;
  const fs::path path = run.directory.path() / "run/state.safetensors";
  const SafetensorsFile state = SafetensorsFile::load(path);
  std::vector<NamedTensor> tensors;
  for (const auto& [name, tensor] : state.tensors())
    tensors.push_back({name, tensor.dtype, tensor.shape, tensor.bytes});
  const auto refusal = [&](const std::string& key, const nlohmann::json& value) {
    auto position = parse_json(state.metadata().at("position"));
    position[key] = value;
    save_safetensors(path, tensors, {{"position", json_text(position)}});
    return run.refusal();
  };
  expect_part("is not a training state", refusal("epochs_done", -1));
  expect_part("is not a training state", refusal("epochs_done", 1));
  expect_part("is not a training state", refusal("steps_done", -4));
  expect_part("is not a training state", refusal("metrics", {1, 2}));
  expect_part("is not a training state", refusal("metrics", {{{"epoch", 1}}, {{"epoch", 2}}}));
  const std::int64_t done = parse_json(state.metadata().at("position")).at("epochs_done");
  const nlohmann::json last{{"epoch", done}, {"seconds", 1}};
  expect_part("is not a training state", refusal("metrics", {last, last}));
  expect_part("is not a training state", refusal("metrics", {{"first", last}}));
  expect_part("is the state of another run", refusal("run", "0123456789abcdef"));
}

TEST(resume, of_a_run_that_does_not_say_what_it_began_with_is_refused) {
  Interrupted run;
  const fs::path path = run.directory.path() / "run/config.json";
  auto config = parse_json(contents(path));
  for (const char* part : {"settings", "inputs", "environment"}) {
    auto changed = config;
    changed.erase(part);
    write_file_atomically(path, std::string_view(json_text(changed)));
    expect_part("does not say what the run began with", run.refusal());
    changed[part] = {1, 2};
    write_file_atomically(path, std::string_view(json_text(changed)));
    expect_part("does not say what the run began with", run.refusal());
  }
}

// ---- more epochs ----

TEST(resume, goes_on_for_more_epochs_where_the_schedule_does_not_know_their_number) {
  const TemporaryDirectory directory;
  TrainOptions options = small_run("sam-adam", directory.path() / "whole");
  options.schedule = "constant";
  options.epochs = 4;
  train_small(options);

  options.run.output = (directory.path() / "longer").string();
  options.epochs = 2;
  train_small(options);
  options.run.resume = true;
  options.epochs = 4;
  train_small(options);

  expect_equal_runs(directory.path() / "longer", directory.path() / "whole");
  options.epochs = 3;
  expect_error("epochs (4, now 3)", [&] { train_small(options); });
}

TEST(resume, for_more_epochs_is_refused_where_they_would_have_been_others) {
  Interrupted run;
  run.options.epochs = 3;
  const std::string message = run.refusal();
  expect_part("epochs (2, now 3)", message);
  expect_part("Only where nothing depends on the number of epochs (--schedule constant)", message);

  const TemporaryDirectory directory;
  TrainOptions dynamic = small_run("ssam-dynamic", directory.path());
  dynamic.schedule = "constant";
  dynamic.epochs = 1;
  train_small(dynamic);
  dynamic.run.resume = true;
  dynamic.epochs = 2;
  expect_error("epochs (1, now 2)", [&] { train_small(dynamic); });
}

// ---- one training a directory ----

TEST(run_directory, is_not_shared_by_two_trainings) {
  const TemporaryDirectory directory;
  ChildTraining first("mixed", directory.path() / "run", "fresh");
  while (!fs::exists(directory.path() / "run/state.safetensors")) ASSERT_FALSE(first.finished());

  for (const char* mode : {"resume", "overwrite"}) {
    TrainOptions options = small_run("mixed", directory.path() / "run");
    options.run.resume = mode[0] == 'r';
    options.run.overwrite = !options.run.resume;
    expect_error(
        "another training is writing here. Wait until it ends, stop it, or name another "
        "--output",
        [&] { train_small(options); });
  }
  EXPECT_EQ(first.wait(), 0);
}

TEST(fresh_run, that_cannot_find_its_first_weights_leaves_the_directory_free) {
  const TemporaryDirectory directory;
  TrainOptions options = small_run("sgd", directory.path());
  options.epochs = 1;
  options.init_from = (directory.path() / "missing.safetensors").string();
  expect_error("missing.safetensors", [&] { train_small(options); });
  EXPECT_EQ(names_in(directory.path()), std::vector<std::string>{});

  options.init_from.clear();
  train_small(options);

  EXPECT_EQ(timeless_metrics(directory.path()).size(), 1u);
}

TEST(overwriting_run, removes_the_earlier_run_and_keeps_other_files) {
  const TemporaryDirectory directory;
  TrainOptions options = small_run("sgd", directory.path());
  options.epochs = 2;
  train_small(options);
  directory.write("notes.txt", bytes_of("mine"));
  directory.write("state.safetensors.tmp-1-0", bytes_of("left by a kill"));

  options.run.overwrite = true;
  options.epochs = 1;
  train_small(options);

  EXPECT_EQ(timeless_metrics(directory.path()).size(), 1u);
  EXPECT_EQ(contents(directory.path() / "notes.txt"), "mine");
  EXPECT_FALSE(has_temporary(directory.path(), "state.safetensors"));
}

}  // namespace
}  // namespace saddle

int main(int argc, char** argv) {
  if (argc == 5 && std::string(argv[1]) == "--train") {
    try {
      saddle::TrainOptions options = saddle::small_run(argv[2], argv[3]);
      options.run.resume = std::string(argv[4]) == "resume";
      saddle::train_small(options);
      return 0;
    } catch (const std::exception& error) {
      std::fprintf(stderr, "%s\n", error.what());
      return 1;
    }
  }
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
