// The choice among candidates, with a clock that says what the test wants it to.
#include "core/fastest.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace saddle {
namespace {

// Candidates that take as long as they are told, run by run (the last entry for all further ones),
// by a clock that nothing else moves.
class Stopwatch {
 public:
  explicit Stopwatch(std::vector<std::vector<double>> seconds) : seconds_(std::move(seconds)) {
    for (std::size_t i = 0; i < seconds_.size(); ++i) {
      runs_.push_back(0);
      candidates_.push_back([this, i] {
        const std::size_t run = std::min<std::size_t>(runs_[i]++, seconds_[i].size() - 1);
        now_ += seconds_[i][run];
        order_ += static_cast<char>('a' + i);
      });
    }
  }

  std::size_t choose() {
    return fastest(candidates_, [this] { return now_; });
  }
  std::size_t runs(std::size_t candidate) const { return runs_[candidate]; }
  const std::string& order() const { return order_; }

 private:
  std::vector<std::vector<double>> seconds_;
  std::vector<std::size_t> runs_;
  std::vector<Work> candidates_;
  std::string order_;
  double now_ = 1000;
};

TEST(fastest, takes_the_candidate_of_the_least_time) {
  EXPECT_EQ(Stopwatch({{3}, {2}, {1}}).choose(), 2u);
  EXPECT_EQ(Stopwatch({{3}, {1}, {2}}).choose(), 1u);
  EXPECT_EQ(Stopwatch({{1}, {2}, {3}}).choose(), 0u);
}

TEST(fastest, keeps_the_first_unless_another_is_a_tenth_faster) {
  EXPECT_EQ(Stopwatch({{1.0}, {0.92}}).choose(), 0u);
  EXPECT_EQ(Stopwatch({{1.0}, {0.90}}).choose(), 1u);
}

TEST(fastest, is_not_deceived_by_a_slow_first_run_or_a_disturbed_round) {
  EXPECT_EQ(Stopwatch({{1}, {50, 0.5}}).choose(), 1u);          // makes its code when first called
  EXPECT_EQ(Stopwatch({{1, 1, 1, 9, 1}, {1.5}}).choose(), 0u);  // another program got in between
  EXPECT_EQ(Stopwatch({{1}, {1, 1.5, 1.5, 1.5, 0.8}}).choose(), 1u);
}

TEST(fastest, runs_by_turns_and_drops_what_takes_twice_as_long) {
  Stopwatch stopwatch({{1}, {1.5}, {2.5}});

  stopwatch.choose();

  EXPECT_EQ(stopwatch.order().substr(0, 10), "abcabcabab");
  EXPECT_EQ(stopwatch.runs(0), stopwatch.runs(1));
  EXPECT_EQ(stopwatch.runs(2), 2u);
}

TEST(fastest, does_not_run_a_single_candidate) {
  Stopwatch alone(std::vector<std::vector<double>>{{1}});

  EXPECT_EQ(alone.choose(), 0u);

  EXPECT_EQ(alone.runs(0), 0u);
}

}  // namespace
}  // namespace saddle
