// Linear layers of the CPU: what is found out about an example must not hang on those beside it,
// nor on what else is asked for.
#include <gtest/gtest.h>

#include <tuple>
#include <vector>

#include "core/host_linear.h"
#include "core/ops.h"
#include "tests/support/functional.h"
#include "tests/support/random_values.h"
#include "tests/support/thread_count.h"

namespace saddle {
namespace {

using testing_support::functional;
using testing_support::random_values;

constexpr std::int64_t kRows = 205, kIn = 768, kHidden = 100, kOut = 30;

class HostLinear : public testing::Test {
 protected:
  const ThreadCount restored;
  const std::vector<float> x = random_values(kRows * kIn, 1), up = random_values(kHidden * kIn, 2),
                           up_bias = random_values(kHidden, 3),
                           down = random_values(kOut * kHidden, 4),
                           down_bias = random_values(kOut, 5), dy = random_values(kRows * kOut, 6);

  PerceptronShape of(std::int64_t rows) const {
    return {rows, kIn, kHidden, kOut, GeluForm::exact};
  }

  // What rows [first, first + rows) give: of a linear layer, of a perceptron, and dx of that.
  std::vector<float> of_rows(std::int64_t first, std::int64_t rows) const {
    const auto floats = [&](std::int64_t columns) {
      return std::vector<float>(static_cast<std::size_t>(rows * columns));
    };
    std::vector<float> linear = floats(kHidden), h = linear, y = floats(kOut), dx = floats(kIn);
    const float* from = x.data() + first * kIn;
    host_linear(rows, kIn, kHidden, from, {up.data(), up_bias.data()}, nullptr, linear.data());
    host_perceptron(of(rows), from, {up.data(), up_bias.data()}, {down.data(), down_bias.data()},
                    dy.data() + first * kOut, h.data(), y.data());
    host_perceptron_backward(of(rows), h.data(), dy.data() + first * kOut, up.data(), down.data(),
                             {dx.data(), nullptr, nullptr});
    // Row by row, so that parts compare as they stand.
    std::vector<float> found;
    for (std::int64_t row = 0; row < rows; ++row) {
      const auto append = [&](const std::vector<float>& values, std::int64_t columns) {
        const auto begin = values.begin() + row * columns;
        found.insert(found.end(), begin, begin + columns);
      };
      append(linear, kHidden);
      append(h, kHidden);
      append(y, kOut);
      append(dx, kIn);
    }
    return found;
  }
};

TEST_F(HostLinear, computes_each_row_alike_whatever_is_beside_it_on_any_number_of_threads) {
  set_threads(1);
  const std::vector<float> together = of_rows(0, kRows);
  const std::int64_t columns = std::ssize(together) / kRows;

  for (const auto& [first, rows, threads] :
       {std::tuple{0, 205, 2}, {0, 205, 3}, {204, 1, 2}, {47, 1, 1}, {40, 20, 2}, {3, 200, 5}}) {
    SCOPED_TRACE(text(rows, " rows from ", first, " on ", threads, " threads"));
    set_threads(threads);
    const std::vector<float> some = of_rows(first, rows);

    EXPECT_TRUE(std::equal(some.begin(), some.end(), together.begin() + first * columns));
  }
}

TEST_F(HostLinear, computes_no_rows) { EXPECT_TRUE(of_rows(0, 0).empty()); }

struct Wanted {
  bool x, up, down;
};

// The result, and the gradients that are wanted; empty: none.
std::vector<std::vector<float>> perceptron_with(const Wanted& wanted,
                                                Device& device = cpu_device()) {
  const auto var = [&](const Shape& shape, std::uint64_t seed, bool wants) {
    return Var(Tensor::from_host(device, shape, random_values(shape.count(), seed)),
               wants ? Gradient::wanted : Gradient::none);
  };
  const Var x = var({51, 7}, 1, wanted.x), up = var({9, 7}, 2, wanted.up),
            up_bias = var({9}, 3, wanted.up), down = var({5, 9}, 4, wanted.down),
            down_bias = var({5}, 5, wanted.down);
  Tape tape;
  const Var y = perceptron(tape, x, {up, up_bias}, {down, down_bias});
  if (wanted.x || wanted.up || wanted.down) {
    tape.backward(functional(tape, y, random_values(y.value().count(), 6)));
  }
  std::vector<std::vector<float>> found = {y.value().to_host<float>()};
  for (const Var& input : {x, up, up_bias, down, down_bias}) {
    found.push_back(input.gradient() ? input.gradient().to_host<float>() : std::vector<float>());
  }
  return found;
}

TEST(perceptron_op, computes_the_same_whatever_gradients_are_wanted) {
  const std::vector<std::vector<float>> all = perceptron_with({true, true, true});

  for (const Wanted& wanted : {Wanted{false, false, false},
                               {true, false, false},
                               {false, true, false},
                               {false, false, true},
                               {true, false, true}}) {
    const std::vector<std::vector<float>> some = perceptron_with(wanted);

    const bool wants[] = {true, wanted.x, wanted.up, wanted.up, wanted.down, wanted.down};
    for (std::size_t i = 0; i < all.size(); ++i) {
      EXPECT_EQ(some[i], wants[i] ? all[i] : std::vector<float>()) << i;
    }
  }
}

// There the steps stand one after another, as on a GPU.
TEST(perceptron_op, gives_the_bits_of_the_emulated_device) {
  const Wanted all{true, true, true};

  EXPECT_EQ(perceptron_with(all), perceptron_with(all, emulated_device()));
}

}  // namespace
}  // namespace saddle
