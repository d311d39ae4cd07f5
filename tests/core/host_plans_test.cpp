// Which implementation takes a convolution of the CPU: the rules, plans, and what is measured.
#include "core/host_convolution.h"
#include "core/plans.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "core/convolution_check.h"
#include "core/onednn.h"
#include "tests/support/expect_near.h"
#include "tests/support/random_values.h"
#include "tests/support/thread_count.h"

namespace saddle {
namespace {

using onednn::Direction;
using testing_support::bits_of;
using testing_support::random_values;

// Small integers, whose sums are exact in f32 in any order; Winograd's transforms round.
struct Data {
  explicit Data(const Convolution& s)
      : shape(s),
        x(static_cast<std::size_t>(s.input_count())),
        w(static_cast<std::size_t>(s.weight_count())),
        y(static_cast<std::size_t>(s.output_count())) {
    std::uint32_t seed = 1;
    for (std::vector<float>* values : {&x, &w, &y}) fill_with_integers(*values, seed++);
  }
  std::vector<float> forward() const {
    std::vector<float> result(y.size());
    convolution_forward(shape, x.data(), w.data(), kUnfinished, result.data());
    return result;
  }
  std::vector<float> data_gradient() const {
    std::vector<float> result(x.size());
    convolution_backward_data(shape, y.data(), w.data(), result.data());
    return result;
  }
  std::vector<float> weight_gradient() const {
    std::vector<float> result(w.size());
    convolution_backward_weights(shape, x.data(), y.data(), result.data());
    return result;
  }
  bool are_right() const {
    return is_convolution(shape, x.data(), w.data(), nullptr, forward().data()) &&
           is_data_gradient(shape, y.data(), w.data(), data_gradient().data()) &&
           is_weight_gradient(shape, x.data(), y.data(), weight_gradient().data());
  }

  const Convolution shape;
  std::vector<float> x, w, y;
};

// Other tests go by the rules.
class HostPlans : public testing::Test {
 protected:
  ~HostPlans() override { use_plans({}); }

  // Notes which problems are asked for and answers `name`.
  FindPlan answering(const std::string& name) {
    return [this, name](const std::string& problem, const std::function<std::string()>&) {
      asked_.push_back(problem);
      return name;
    };
  }

  std::vector<std::string> asked_;
  const Convolution strided_ = {3, 28, 28, 16, 32, 3, 2, 1};
  const Convolution narrow_ = {2, 9, 7, 8, 16, 3, 1, 1};  // by rule too narrow for Winograd
};

TEST_F(HostPlans, a_problem_is_asked_for_once_whatever_the_number_of_images) {
  const ThreadCount restore;
  set_threads(1);
  use_plans({}, answering("some implementation"));
  Convolution more = strided_;
  more.batch = 5;
  Convolution about_as_large = strided_;
  about_as_large.height = 30;
  for (const Convolution& shape : {strided_, strided_, more, about_as_large}) Data(shape).forward();

  ASSERT_EQ(asked_.size(), 1u);
  EXPECT_EQ(asked_[0], "forward 32x32, 16 > 32, kernel 3, stride 2, padding 1, 1 thread");

  Data(strided_).data_gradient();
  Data(strided_).weight_gradient();
  set_threads(2);
  Data(strided_).forward();

  ASSERT_EQ(asked_.size(), 4u);
  EXPECT_TRUE(asked_[1].starts_with("gradient of images"));
  EXPECT_TRUE(asked_[2].starts_with("gradient of weights"));
  EXPECT_TRUE(asked_[3].ends_with("2 threads"));
}

TEST_F(HostPlans, small_images_are_told_apart_and_taps_far_apart_left_to_the_rules) {
  use_plans({}, answering(""));
  Data({2, 7, 8, 16, 16, 1, 1, 0}).forward();
  Data({2, 8, 8, 16, 16, 1, 1, 0}).forward();
  Data({2, 8, 8, 16, 16, 3, 1, 2, Precision::fp32, 2}).forward();

  ASSERT_EQ(asked_.size(), 2u);
  EXPECT_TRUE(asked_[0].starts_with("forward 7x8,"));
  EXPECT_TRUE(asked_[1].starts_with("forward 8x8,"));
}

TEST_F(HostPlans, a_plan_decides_and_is_remembered) {
  Data data(narrow_);
  data.x = random_values(narrow_.input_count(), 1);
  const std::vector<float> by_rule = data.forward();

  use_plans({}, answering("winograd"));
  const std::vector<float> by_plan = data.forward();
  const Plans found = plans_in_use();
  use_plans(found);

  EXPECT_NE(bits_of(by_plan), bits_of(by_rule)) << "the plan changed nothing";
  EXPECT_EQ(bits_of(data.forward()), bits_of(by_plan));
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found.begin()->second, "winograd");
  use_plans({});
  EXPECT_EQ(bits_of(data.forward()), bits_of(by_rule));
}

TEST_F(HostPlans, a_run_s_own_plans_go_before_others) {
  Data data(narrow_);
  data.x = random_values(narrow_.input_count(), 1);
  const std::vector<float> by_rule = data.forward();
  use_plans({}, answering("winograd"));
  const std::vector<float> by_plan = data.forward();
  const Plans own = plans_in_use();

  use_plans({}, answering("ref:any"));
  prefer_plans(own);

  EXPECT_EQ(bits_of(data.forward()), bits_of(by_plan));
  EXPECT_NE(bits_of(by_plan), bits_of(by_rule));
}

TEST_F(HostPlans, what_cannot_take_the_shape_gives_way_to_the_rules) {
  for (const char* name : {"winograd", "thin", "sparse taps", "no such implementation"}) {
    SCOPED_TRACE(name);
    use_plans({}, answering(name));
    EXPECT_TRUE(Data(strided_).are_right());
  }
}

// The measurement itself, on every kind of shape: it names one of the candidates, and that one is
// right.
TEST_F(HostPlans, what_is_measured_is_one_of_the_candidates_and_right) {
  for (const Convolution& shape :
       {strided_, narrow_, Convolution{2, 8, 8, 3, 16, 3, 1, 1},
        Convolution{2, 8, 8, 32, 64, 1, 2, 0}, Convolution{2, 8, 8, 8, 8, 1, 1, 0},
        Convolution{1, 20, 20, 3, 8, 7, 2, 3}}) {
    SCOPED_TRACE(testing::Message() << shape.in_channels << " > " << shape.out_channels);
    std::vector<std::string> names;
    use_plans({}, [&](const std::string&, const std::function<std::string()>& measure) {
      names.push_back(measure());
      return names.back();
    });

    const Data data(shape);
    data.forward();
    data.data_gradient();
    data.weight_gradient();
    // Winograd's transforms round, so that nothing of it is exact.
    EXPECT_TRUE(std::ranges::count(names, "winograd") > 0 || data.are_right());

    Convolution in_its_place = shape;  // as host_convolution.h says
    in_its_place.batch = 32;
    if (shape.height > 16) in_its_place.height = in_its_place.width = 32;
    ASSERT_EQ(names.size(), 3u);
    for (int i = 0; i < 3; ++i) {
      const Direction direction[] = {Direction::forward, Direction::backward_data,
                                     Direction::backward_weights};
      std::vector<std::string> candidates = onednn::implementations(direction[i], in_its_place);
      candidates.insert(candidates.end(), {"winograd", "thin"});
      EXPECT_EQ(std::ranges::count(candidates, names[static_cast<std::size_t>(i)]), 1);
    }
  }
}

TEST_F(HostPlans, every_implementation_that_may_be_named_is_right) {
  for (const Convolution& shape : {strided_, Convolution{2, 14, 14, 16, 32, 1, 2, 0}}) {
    for (const Direction direction :
         {Direction::forward, Direction::backward_data, Direction::backward_weights}) {
      const std::vector<std::string> names = onednn::implementations(direction, shape);
      EXPECT_FALSE(names.empty());
      for (const std::string& name : names) {
        SCOPED_TRACE(name);
        EXPECT_EQ(std::ranges::count(names, name), 1);
        use_plans({}, answering(name));
        EXPECT_TRUE(Data(shape).are_right());
      }
    }
  }
}

}  // namespace
}  // namespace saddle
