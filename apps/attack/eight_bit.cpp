#include "apps/attack/eight_bit.h"

#include <algorithm>
#include <cmath>

namespace saddle {
namespace {

constexpr double kLevels = 255;

float level(double k) { return static_cast<float>(k) / 255.f; }  // as pixels are made of bytes

float nearest(float value) { return level(std::round(double{value} * kLevels)); }

// The nearest level that is not beyond `value`, seen from the clean one.
float towards(float clean, float value) {
  const double k = double{value} * kLevels, from = std::round(double{clean} * kLevels);
  constexpr double kSlack = 1e-4;  // a value on a level is not one below it by its own rounding
  return level(k > from ? std::max(from, std::floor(k + kSlack))
                        : std::min(from, std::ceil(k - kSlack)));
}

double norm_of(std::span<const float> clean, std::span<const float> image, Norm norm) {
  double sum = 0;
  for (std::size_t i = 0; i < clean.size(); ++i) {
    const double delta = double{image[i]} - clean[i];
    sum += norm == Norm::l1 ? std::fabs(delta) : delta * delta;
  }
  return norm == Norm::l1 ? sum : std::sqrt(sum);
}

void round_image(std::span<const float> clean, std::span<const float> adversarial,
                 const std::optional<Ball>& ball, std::span<float> rounded) {
  for (std::size_t i = 0; i < clean.size(); ++i) {
    rounded[i] = nearest(adversarial[i]);
    constexpr double kRounding = 1e-6;  // of x + delta in float
    if (ball && ball->norm == Norm::linf &&
        std::fabs(double{rounded[i]} - clean[i]) > ball->eps + kRounding) {
      rounded[i] = towards(clean[i], adversarial[i]);
    }
  }
  if (!ball || ball->norm == Norm::linf) return;
  if (norm_of(clean, rounded, ball->norm) <= ball->eps) return;
  for (std::size_t i = 0; i < clean.size(); ++i) rounded[i] = towards(clean[i], adversarial[i]);
}

}  // namespace

std::vector<float> rounded_to_eight_bit(std::span<const float> clean,
                                        std::span<const float> adversarial, std::size_t image,
                                        const std::optional<Ball>& ball) {
  require(clean.size() == adversarial.size() && image > 0 && clean.size() % image == 0,
          "eight-bit: ", adversarial.size(), " adversarial values for ", clean.size(),
          " clean ones");
  std::vector<float> rounded(adversarial.size());
  for (std::size_t first = 0; first < clean.size(); first += image) {
    round_image(clean.subspan(first, image), adversarial.subspan(first, image), ball,
                std::span(rounded).subspan(first, image));
  }
  return rounded;
}

}  // namespace saddle
