// Plans: measured once on a machine, by whoever comes first; then the file decides.
#include "core/plan_file.h"

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "core/directory_lock.h"
#include "core/error.h"
#include "core/file.h"
#include "tests/support/temporary_directory.h"

namespace saddle {
namespace {

namespace fs = std::filesystem;

class PlanFiles : public testing::Test {
 protected:
  MeasuredPlans plans(const std::string& machine = "a machine") {
    return MeasuredPlans(folder_, machine,
                         {[this](const std::string& line) { notices_.push_back(line); },
                          [this](const std::string& line) { warnings_.push_back(line); }});
  }
  // What a measurement finds; counted.
  std::function<std::string()> finding(const std::string& name) {
    return [this, name] {
      ++measurements_;
      return name;
    };
  }

  TemporaryDirectory temporary_;
  const fs::path folder_ = temporary_.path() / "cache" / "saddle";
  std::vector<std::string> notices_, warnings_;
  int measurements_ = 0;
};

TEST_F(PlanFiles, a_problem_is_measured_once_on_a_machine) {
  MeasuredPlans first = plans(), second = plans();

  EXPECT_EQ(first.find("forward", finding("winograd")), "winograd");
  EXPECT_EQ(first.find("backward", finding("direct")), "direct");
  EXPECT_EQ(second.find("forward", finding("direct")), "winograd");
  EXPECT_EQ(plans().find("backward", finding("winograd")), "direct");

  EXPECT_EQ(measurements_, 2);
  EXPECT_EQ(read_plans(first.file(), "a machine", ""),
            (Plans{{"forward", "winograd"}, {"backward", "direct"}}));
  ASSERT_EQ(notices_.size(), 1u) << "said once";
  EXPECT_NE(notices_[0].find(first.file().string()), std::string::npos) << notices_[0];
  EXPECT_TRUE(warnings_.empty());
}

TEST_F(PlanFiles, machines_that_share_a_folder_have_files_of_their_own) {
  plans().find("forward", finding("winograd"));

  EXPECT_EQ(plans("another machine").find("forward", finding("direct")), "direct");
  EXPECT_EQ(plans().find("forward", finding("direct")), "winograd");
}

TEST_F(PlanFiles, what_cannot_be_kept_goes_by_the_rules_and_says_so_once) {
  temporary_.write("cache", {});  // a file where the folder should be
  MeasuredPlans unwritable = plans();

  EXPECT_EQ(unwritable.find("forward", finding("winograd")), "");
  EXPECT_EQ(unwritable.find("backward", finding("winograd")), "");
  EXPECT_EQ(MeasuredPlans("", "a machine", {nullptr, [](const std::string&) {}})
                .find("forward", finding("winograd")),
            "");

  EXPECT_EQ(measurements_, 0);
  ASSERT_EQ(warnings_.size(), 1u);
  EXPECT_NE(warnings_[0].find("chosen by rules"), std::string::npos) << warnings_[0];
}

TEST_F(PlanFiles, what_was_measured_but_not_written_goes_by_the_rules) {
  MeasuredPlans measured = plans();
  fs::create_directories(measured.file());  // nothing replaces a folder

  EXPECT_EQ(measured.find("forward", finding("winograd")), "");

  ASSERT_FALSE(warnings_.empty());
  EXPECT_NE(warnings_.back().find("cannot be kept"), std::string::npos) << warnings_.back();
}

TEST_F(PlanFiles, a_failure_of_the_measurement_is_no_failure_of_the_file) {
  MeasuredPlans measured = plans();

  EXPECT_THROW(measured.find("forward", []() -> std::string { fail("out of memory"); }), Error);

  EXPECT_TRUE(warnings_.empty());
  EXPECT_EQ(measured.find("forward", finding("direct")), "direct");
}

TEST_F(PlanFiles, a_damaged_file_is_measured_anew) {
  MeasuredPlans measured = plans();
  measured.find("forward", finding("winograd"));
  for (const char* text :
       {"", "{", "[]", "{\"saddle_plans\": 2, \"machine\": \"a machine\"}",
        "{\"saddle_plans\": 1, \"machine\": 7, \"plans\": {}}",
        "{\"saddle_plans\": 1, \"machine\": \"a machine\", \"plans\": {\"a\": 1}}",
        "{\"saddle_plans\": 1, \"machine\": \"an older one\", \"plans\": {}}"}) {
    SCOPED_TRACE(text);
    write_file_atomically(measured.file(), std::string_view(text));
    warnings_.clear();

    EXPECT_EQ(plans().find("forward", finding("direct")), "direct");

    ASSERT_EQ(warnings_.size(), 1u);
    EXPECT_NE(warnings_[0].find("measured anew"), std::string::npos) << warnings_[0];
  }
}

TEST_F(PlanFiles, waits_for_another_that_measures) {
  fs::create_directories(folder_);
  std::string found;
  MeasuredPlans measured = plans();
  std::thread waiting;
  {
    const DirectoryLock lock(folder_, "is taken", Inherited::no);
    waiting = std::thread([&] { found = measured.find("forward", finding("direct")); });
    std::this_thread::sleep_for(std::chrono::milliseconds(30));
    write_plans(measured.file(), "a machine", {{"forward", "winograd"}});
  }
  waiting.join();

  EXPECT_EQ(found, "winograd");
  EXPECT_EQ(measurements_, 0);
}

TEST_F(PlanFiles, of_another_machine_are_refused) {
  const fs::path file = temporary_.path() / "plans.json";
  write_plans(file, "a machine", {{"forward", "winograd"}});
  std::string message;
  try {
    read_plans(file, "this machine", "Name others");
  } catch (const Error& error) {
    message = error.what();
  }

  EXPECT_EQ(message, file.string() +
                         ": holds the plans of a machine; this is this machine. "
                         "Name others");
}

}  // namespace
}  // namespace saddle
