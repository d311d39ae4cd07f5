// TextDraws: the random numbers of one search at one text, one after the other.
//
// They depend on (seed, purpose, number of the example) and on how many were drawn before, never on
// which other texts are attacked beside it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <span>

#include "kernels/philox.h"

namespace saddle {

class TextDraws {
 public:
  // Example numbers that are equal modulo 2^32 share their draws.
  TextDraws(std::uint64_t seed, Purpose purpose, std::int64_t example)
      : stream_{seed, purpose, 0}, example_(static_cast<std::uint32_t>(example)) {}

  // In [0, 1), a multiple of 2^-53.
  double uniform() {
    const Random4 bits = stream_.bits(example_, drawn_++);
    return (static_cast<double>(bits.v[0] >> 5) * 67108864. + static_cast<double>(bits.v[1] >> 6)) /
           9007199254740992.;
  }

  // In [0, n), n at least 1.
  std::size_t below(std::size_t n) {
    return static_cast<std::size_t>(uniform() * static_cast<double>(n));
  }

  // An index by weights that are not negative and not all 0; never one whose weight is 0.
  std::size_t choose(std::span<const double> weights) {
    const double aim = uniform() * std::accumulate(weights.begin(), weights.end(), 0.);
    double sum = 0;
    std::size_t last = 0;
    for (std::size_t i = 0; i < weights.size(); ++i) {
      sum += weights[i];
      if (weights[i] > 0) last = i;
      if (sum > aim) break;
    }
    return last;
  }

 private:
  Stream stream_;
  std::uint32_t example_, drawn_ = 0;
};

}  // namespace saddle
