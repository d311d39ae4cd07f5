#include "core/host_convolution.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <tuple>
#include <utility>
#include <vector>

#include "core/convolution_check.h"
#include "core/cpu_isa.h"
#include "core/error.h"
#include "core/fastest.h"
#include "core/onednn.h"
#include "core/plans.h"
#include "core/recently_used.h"
#include "core/sparse_taps.h"
#include "core/thin_convolution.h"
#include "core/winograd.h"
#include "kernels/limits.h"

namespace saddle {
namespace {

using onednn::Direction;

constexpr const char *kWinograd = "winograd", *kThin = "thin", *kSparseTaps = "sparse taps";

// ---- the rules ----

// Whether one of ours can take the problem.
bool can_take(const std::string& name, Direction direction, const Convolution& shape) {
  if (name == kWinograd) return winograd::can_take(shape);
  if (name == kThin) return direction == Direction::backward_data && thin::applies(shape);
  return name == kSparseTaps && direction == Direction::backward_weights &&
         sparse_taps::applies(shape);
}

bool is_ours(const std::string& name) {
  return name == kWinograd || name == kThin || name == kSparseTaps;
}

// One of ours, or empty: oneDNN, by rules of its own.
std::string by_rule(Direction direction, const Convolution& shape) {
  if (winograd::applies(shape)) return kWinograd;
  for (const char* name : {kThin, kSparseTaps}) {
    if (can_take(name, direction, shape)) return name;
  }
  return "";
}

// ---- plans ----

// y, dx or dw by the implementation called `name`.
void run(const std::string& name, Direction direction, const Convolution& shape,
         const onednn::ConvolutionArguments& a, const Finish& finish = kUnfinished) {
  const auto result = [](const float* values) { return const_cast<float*>(values); };
  if (name == kThin) return thin::convolution_backward_data(shape, a.y, a.w, result(a.x));
  if (name == kSparseTaps)
    return sparse_taps::convolution_backward_weights(shape, a.x, a.y, result(a.w));
  if (name != kWinograd) return onednn::convolve(direction, shape, a, name);
  switch (direction) {
    case Direction::forward:
    case Direction::forward_add:
      return winograd::convolution_forward(shape, a.x, a.w, finish, result(a.y));
    case Direction::backward_data:
      return winograd::convolution_backward_data(shape, a.y, a.w, result(a.x));
    case Direction::backward_weights:
      return winograd::convolution_backward_weights(shape, a.x, a.y, result(a.w));
  }
}

// What is measured in the shape's place. Images above 16 pixels a side are rounded up to a multiple
// of 16 and, since larger ones are worked off piece by piece, to 64 at most; so many of them that a
// thread has some milliseconds of work, but at most 32.
Convolution measured_shape(Convolution shape) {
  constexpr std::int64_t kExact = 16, kLargest = 64, kImages = 32;
  constexpr std::int64_t kProducts = std::int64_t{1} << 29;  // a thread's
  const auto rounded = [&](std::int64_t extent) {
    if (extent <= kExact) return extent;
    return std::max(shape.reach(), std::min(kLargest, (extent + 15) / 16 * 16));
  };
  shape.height = rounded(shape.height);
  shape.width = rounded(shape.width);
  shape.batch = 1;
  const std::int64_t products = shape.output_count() * shape.weight_count() / shape.out_channels;
  shape.batch = std::clamp<std::int64_t>(kProducts * threads() / products, 1, kImages);
  return shape;
}

std::string problem_text(Direction direction, const Convolution& s) {
  const char* words = direction == Direction::backward_data      ? "gradient of images"
                      : direction == Direction::backward_weights ? "gradient of weights"
                                                                 : "forward";
  return text(words, " ", s.height, "x", s.width, ", ", s.in_channels, " > ", s.out_channels,
              ", kernel ", s.kernel, ", stride ", s.stride, ", padding ", s.padding, ", ",
              threads(), threads() == 1 ? " thread" : " threads");
}

// The name of the fastest implementation, the rule's first among equals.
std::string measured(Direction direction, const Convolution& shape) {
  std::vector<float> x(static_cast<std::size_t>(shape.input_count())),
      w(static_cast<std::size_t>(shape.weight_count())),
      y(static_cast<std::size_t>(shape.output_count()));
  std::uint32_t seed = 1;
  for (std::vector<float>* values : {&x, &w, &y}) fill_with_integers(*values, seed++);

  std::vector<std::string> names = onednn::implementations(direction, shape);
  for (const char* ours : {kWinograd, kThin}) {
    if (!can_take(ours, direction, shape)) continue;
    names.insert(by_rule(direction, shape) == ours ? names.begin() : names.end(), ours);
  }
  std::vector<Work> candidates;
  for (const std::string& name : names) {
    candidates.push_back([&, name] {
      run(name, direction, shape, {x.data(), w.data(), nullptr, y.data()});
    });
  }
  return names[fastest(candidates)];
}

// Taps that lie apart go by the rules: what they cost hangs on how many of them meet the padding,
// and so on the very size of the image.
std::string choose(Direction direction, const Convolution& shape) {
  std::string name;
  if (shape.dilation == 1) {
    const Convolution in_its_place = measured_shape(shape);
    name = planned(problem_text(direction, in_its_place),
                   [&] { return measured(direction, in_its_place); });
  }
  const bool possible = !is_ours(name) || can_take(name, direction, shape);
  return name.empty() || !possible ? by_rule(direction, shape) : name;
}

// Those of the problems met of late.
const std::string& implementation_of(Direction direction, const Convolution& shape) {
  using Chosen = RecentlyUsed<std::tuple<Direction, Convolution, int>, std::string>;
  static Chosen& chosen = *new Chosen(2000);
  static std::uint64_t chosen_at = plans_changed();
  if (std::exchange(chosen_at, plans_changed()) != chosen_at) chosen.clear();
  return chosen.get({direction, shape, threads()}, [&] { return choose(direction, shape); });
}

// y <- clip(y + bias) over rows of `channels`; the residual is there already.
void finish_rows(const Finish& finish, std::int64_t rows, std::int64_t channels, float* y) {
  const Limits limits{finish.low, finish.high};
  if (finish.bias == nullptr && limits.low == kNoLimits.low && limits.high == kNoLimits.high)
    return;
#pragma omp parallel for schedule(static)
  for (std::int64_t row = 0; row < rows; ++row) {
    float* values = y + row * channels;
    if (finish.bias != nullptr) {
      for (std::int64_t c = 0; c < channels; ++c) values[c] += finish.bias[c];
    }
    for (std::int64_t c = 0; c < channels; ++c) values[c] = limits(values[c]);
  }
}

}  // namespace

void convolution_forward(const Convolution& shape, const float* x, const float* w,
                         const Finish& finish, float* y) {
  const std::string& name = implementation_of(Direction::forward, shape);
  const Direction direction = finish.residual ? Direction::forward_add : Direction::forward;
  run(name, direction, shape, {x, w, finish.residual, y}, finish);
  if (name != kWinograd)
    finish_rows(finish, shape.output_count() / shape.out_channels, shape.out_channels, y);
}

void convolution_backward_data(const Convolution& shape, const float* dy, const float* w,
                               float* dx) {
  const Direction direction = Direction::backward_data;
  run(implementation_of(direction, shape), direction, shape, {dx, w, nullptr, dy});
}

void convolution_backward_weights(const Convolution& shape, const float* x, const float* dy,
                                  float* dw) {
  const Direction direction = Direction::backward_weights;
  run(implementation_of(direction, shape), direction, shape, {x, dw, nullptr, dy});
}

std::string host_machine() {
  return text(processor(), ", ", cpu_isa(), ", oneDNN ", onednn::version());
}

}  // namespace saddle
