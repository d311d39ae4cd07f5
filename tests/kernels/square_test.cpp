// The l2 proposal of Square against its formula in double.
#include "kernels/square.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "tests/support/expect_near.h"
#include "tests/support/random_values.h"
#include "tests/support/view.h"

namespace saddle {
namespace {

using namespace testing_support;
using Values = std::vector<double>;

constexpr std::int64_t kHeight = 7, kWidth = 6, kChannels = 2, kSide = 3, kPixels = 42;
constexpr double kEps = .5;

struct Draw {
  SquareWindow to, from;
  bool turned;
  double sign[kChannels];
};

std::size_t at(std::int64_t pixel, std::int64_t channel) {
  return static_cast<std::size_t>(pixel * kChannels + channel);
}

// The perturbation after the exchange of windows, before it is scaled to the sphere.
Values moved_mass(Values delta, const Draw& draw, const std::vector<float>& eta) {
  double squares = 0;
  for (double value : delta) squares += value * value;
  const double spare = std::max(kEps * kEps - squares, 0.) / kChannels;
  for (std::int64_t c = 0; c < kChannels; ++c) {
    double of_to = 0, of_both = 0, of_u = 0;
    for (std::int64_t p = 0; p < kPixels; ++p) {
      const double mass = delta[at(p, c)] * delta[at(p, c)];
      const bool in_to = draw.to.contains(p / kWidth, p % kWidth);
      of_to += in_to ? mass : 0;
      of_both += in_to || draw.from.contains(p / kWidth, p % kWidth) ? mass : 0;
    }
    Values u(kPixels, 0.);
    for (std::int64_t y = 0; y < kSide; ++y) {
      for (std::int64_t x = 0; x < kSide; ++x) {
        const std::int64_t p = (draw.to.top + y) * kWidth + draw.to.left + x;
        const float pattern =
            eta[static_cast<std::size_t>(draw.turned ? x * kSide + y : y * kSide + x)];
        u[static_cast<std::size_t>(p)] =
            pattern * draw.sign[c] + delta[at(p, c)] / (1e-12 + std::sqrt(of_to));
        of_u += u[static_cast<std::size_t>(p)] * u[static_cast<std::size_t>(p)];
      }
    }
    for (std::int64_t p = 0; p < kPixels; ++p) {
      if (draw.from.contains(p / kWidth, p % kWidth)) delta[at(p, c)] = 0;
    }
    for (std::int64_t p = 0; p < kPixels; ++p) {
      if (!draw.to.contains(p / kWidth, p % kWidth)) continue;
      delta[at(p, c)] =
          u[static_cast<std::size_t>(p)] / (1e-12 + std::sqrt(of_u)) * std::sqrt(spare + of_both);
    }
  }
  return delta;
}

// Over several queries, so that windows overlap by every amount.
TEST(square_move_mass, exchanges_mass_so_that_the_perturbation_fills_the_ball) {
  const std::vector<float> eta = random_values(kSide * kSide, 1);
  const std::vector<float> x(kPixels * kChannels, .5f), margin = {1};
  std::vector<float> best = random_values(kPixels * kChannels, 2, .48f, .52f);
  const std::vector<std::int32_t> example = {7}, attempt = {2}, sides(60, kSide), begins(60, 0);
  int overlapping = 0;
  for (std::int32_t query = 1; query <= 60; ++query) {
    const std::vector<std::int32_t> queries = {query};
    std::vector<float> proposal(x.size());
    const SquareDraws draws{view(example), view(attempt), 9};
    const SquareWindows windows{view(sides), 60, 0};
    const SquareImages image{kHeight, kWidth, kChannels};
    SquareMoveMass{view(x),
                   view(best),
                   view(margin),
                   view(queries),
                   view(proposal),
                   view(eta),
                   view(begins),
                   draws,
                   windows,
                   image,
                   {static_cast<float>(kEps), 2}}
        .reference(0);

    const Random4 corners = draws.bits(Purpose::square_window, 0, query - 1);
    Draw draw{windows.first(corners, image, query - 1),
              windows.second(corners, image, query - 1),
              (draws.bits(Purpose::square_sign, 0, (query - 1) * kChannels).v[1] & 1u) != 0,
              {}};
    for (std::int64_t c = 0; c < kChannels; ++c) {
      draw.sign[c] = draws.sign(Purpose::square_sign, 0, (query - 1) * kChannels + c);
    }
    overlapping += std::abs(draw.to.top - draw.from.top) < kSide &&
                           std::abs(draw.to.left - draw.from.left) < kSide
                       ? 1
                       : 0;
    Values delta;
    for (std::size_t i = 0; i < x.size(); ++i) delta.push_back(double{best[i]} - x[i]);
    const Values want = moved_mass(delta, draw, eta);
    double squares = 0;
    for (double value : want) squares += value * value;
    expect_near(std::sqrt(squares), kEps, 1e-6, "norm before scaling");
    for (std::size_t i = 0; i < x.size(); ++i) {
      expect_near(proposal[i], .5 + want[i], 1e-5,
                  "query " + std::to_string(query) + ", element " + std::to_string(i));
    }
    best = proposal;
  }
  EXPECT_GT(overlapping, 0);
  EXPECT_LT(overlapping, 60);
}

TEST(square_project, on_the_l1_ball_is_idempotent_and_shrinks_all_free_elements_alike) {
  const std::vector<float> x = random_values(33, 3, 0.f, 1.f), v = random_values(33, 4);
  std::vector<float> once = v;
  square_project(HostTeam<256>{33}, SquareBall{2.f, 1}, Array<const float>(view(x)), view(once), 0);

  double l1 = 0, theta = -1;
  std::vector<float> twice;
  for (std::size_t i = 0; i < 33; ++i) {
    const double delta = double{once[i]} - x[i];
    l1 += std::abs(delta);
    twice.push_back(once[i] - x[i]);
    const double room = v[i] > 0 ? 1 - x[i] : x[i];
    if (std::abs(delta) > 1e-6 && std::abs(delta) < room - 1e-6) {
      const double shrunk = std::abs(double{v[i]}) - std::abs(delta);
      if (theta < 0) theta = shrunk;
      expect_near(shrunk, theta, 1e-6, "theta of element " + std::to_string(i));
    }
  }
  EXPECT_GT(theta, 0);
  expect_near(l1, 2, 2e-5, "l1 norm");
  square_project(HostTeam<256>{33}, SquareBall{2.f, 1}, Array<const float>(view(x)), view(twice),
                 0);
  for (std::size_t i = 0; i < 33; ++i) expect_near(twice[i], once[i], 1e-5, "projected twice");
}

}  // namespace
}  // namespace saddle
