// The plans of convolutions in a training: measured or named, kept in the run's
// directory, and gone on with when it is resumed.
#include <gtest/gtest.h>

#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>

#include "apps/common/plan_options.h"
#include "core/plans.h"
#include "core/json_text.h"
#include "tests/apps/training_runs.h"

namespace saddle {
namespace {

namespace fs = std::filesystem;

constexpr const char *kRules = "no such implementation", *kProduct = "x64:gemm:jit";

// With a cache directory of its own. Other tests go by the rules.
class TrainPlans : public testing::Test {
 protected:
  TrainPlans() { ::setenv("XDG_CACHE_HOME", cache_.path().c_str(), 1); }
  ~TrainPlans() override {
    ::unsetenv("XDG_CACHE_HOME");
    use_plans({});
  }

  TrainOptions run(const std::string& name, const std::string& plan, std::int64_t epochs = 2) {
    TrainOptions options = small_run("sgd", runs_.path() / name);
    options.common.plan = plan;
    options.schedule = "constant";  // so that a run may be gone on with
    options.epochs = epochs;
    return options;
  }
  // The machine's file says that `implementation` takes each of the run's problems.
  void plan_all_by(const std::string& implementation) {
    Plans plans = problems();
    for (auto& [problem, name] : plans) name = implementation;
    MeasuredPlans of_machine(cache_.path() / "saddle", planned_machine(), {});
    write_plans(of_machine.file(), planned_machine(), plans);
  }
  std::string file_of(const TrainOptions& options, const char* name = "plans.json") const {
    return (fs::path(options.run.output) / name).string();
  }
  std::string refusal(const TrainOptions& options) {
    try {
      train_small(options);
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  }

 private:
  // Those of a run, as they are measured.
  Plans problems() {
    train_small(run("measured", "measure", 1));
    Plans plans = plans_in_use();
    fs::remove_all(runs_.path() / "measured");
    return plans;
  }

  TemporaryDirectory cache_, runs_;
};

std::string weights_of(const TrainOptions& options) {
  return tensors_of(fs::path(options.run.output) / "last.safetensors").at("conv1.weight");
}

TEST_F(TrainPlans, are_measured_once_and_kept_in_the_run) {
  const TrainOptions first = run("first", "measure"), second = run("second", "measure");

  train_small(first);
  const Plans plans = plans_in_use();
  train_small(second);

  EXPECT_FALSE(plans.empty());
  EXPECT_EQ(read_plans(file_of(first), planned_machine(), ""), plans);
  EXPECT_EQ(contents(file_of(second)), contents(file_of(first)));
  EXPECT_EQ(weights_of(second), weights_of(first));
}

TEST_F(TrainPlans, of_rules_are_none) {
  const TrainOptions options = run("rules", "default");

  train_small(options);

  EXPECT_FALSE(fs::exists(file_of(options)));
  EXPECT_TRUE(plans_in_use().empty());
}

TEST_F(TrainPlans, decide_about_the_bits) {
  plan_all_by(kProduct);
  const TrainOptions product = run("product", "measure"), rules = run("rules", "default");

  train_small(product);
  train_small(rules);

  EXPECT_NE(weights_of(product), weights_of(rules));
}

TEST_F(TrainPlans, of_a_run_are_those_it_is_resumed_with) {
  plan_all_by(kProduct);
  const TrainOptions whole = run("whole", "measure", 2);
  train_small(whole);
  TrainOptions resumed = run("resumed", "measure", 1);
  train_small(resumed);

  plan_all_by(kRules);
  resumed.epochs = 2;
  resumed.run.resume = true;
  train_small(resumed);

  EXPECT_EQ(weights_of(resumed), weights_of(whole));
  EXPECT_EQ(contents(file_of(resumed)), contents(file_of(whole)));
}

TEST_F(TrainPlans, may_be_another_run_s) {
  plan_all_by(kProduct);
  const TrainOptions first = run("first", "measure");
  train_small(first);
  plan_all_by(kRules);
  const TrainOptions second = run("second", file_of(first));

  train_small(second);

  EXPECT_EQ(weights_of(second), weights_of(first));
  EXPECT_EQ(contents(file_of(second)), contents(file_of(first)));
}

TEST_F(TrainPlans, of_another_kind_or_machine_are_no_plans_to_resume_with) {
  TrainOptions options = run("run", "measure", 1);
  train_small(options);
  options.epochs = 2;
  options.run.resume = true;

  options.common.plan = "default";
  EXPECT_NE(refusal(options).find("plan (\"measure\", now \"default\")"), std::string::npos)
      << refusal(options);

  options.common.plan = "measure";
  write_plans(file_of(options), "another machine", {});
  EXPECT_NE(refusal(options).find("holds the plans of another machine"), std::string::npos)
      << refusal(options);
}

TEST_F(TrainPlans, of_a_run_of_before_there_were_any_are_the_rules) {
  TrainOptions options = run("run", "default", 1);
  train_small(options);
  nlohmann::json config = parse_json(contents(file_of(options, "config.json")));
  config.at("settings").erase("plan");
  write_file_atomically(file_of(options, "config.json"), std::string_view(json_text(config)));
  options.epochs = 2;
  options.run.resume = true;

  options.common.plan = "measure";
  EXPECT_NE(refusal(options).find("plan (\"default\", now \"measure\")"), std::string::npos)
      << refusal(options);
  options.common.plan = "default";
  EXPECT_EQ(refusal(options), "");
}

TEST_F(TrainPlans, are_refused_where_they_contradict_determinism) {
  CommonOptions options;
  ::unsetenv("SADDLE_PLAN");
  EXPECT_EQ(plan_name(options), "measure");
  options.deterministic = true;
  EXPECT_EQ(plan_name(options), "default");
  ::setenv("SADDLE_PLAN", "default", 1);
  options.deterministic = false;
  EXPECT_EQ(plan_name(options), "default");

  options.plan = "measure";
  options.deterministic = true;
  EXPECT_THROW(plan_name(options), UsageError);
}

TEST_F(TrainPlans, in_a_file_that_holds_none_are_refused) {
  const TemporaryDirectory temporary;
  const fs::path file = temporary.path() / "plans.json";
  write_file_atomically(file, std::string_view("not plans"));
  const TrainOptions options = run("run", file.string());

  EXPECT_NE(refusal(options).find("is no file of plans"), std::string::npos) << refusal(options);
  EXPECT_NE(refusal(run("run", "/no/such/file")).find("/no/such/file"), std::string::npos);
}

}  // namespace
}  // namespace saddle
