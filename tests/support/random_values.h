// Random vectors from a fixed seed, the same on every machine, made without the engine's own
// generator.
#pragma once

#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

namespace saddle::testing_support {

// `count` floats, uniform in [low, high).
inline std::vector<float> random_values(std::int64_t count, std::uint64_t seed, float low = -1.f,
                                        float high = 1.f) {
  std::mt19937_64 generator(
      seed);  // its numbers are fixed by the standard; those of distributions are not
  std::vector<float> values(static_cast<std::size_t>(count));
  for (float& value : values) {
    const double unit = static_cast<double>(generator() >> 11) * 0x1p-53;
    value = static_cast<float>(low + (double{high} - low) * unit);
  }
  return values;
}

// `count` integers, uniform in [0, below).
inline std::vector<std::int32_t> random_labels(std::int64_t count, std::uint64_t seed,
                                               std::int32_t below) {
  std::mt19937_64 generator(seed);
  std::vector<std::int32_t> labels(static_cast<std::size_t>(count));
  for (std::int32_t& label : labels) {
    label = static_cast<std::int32_t>(generator() % static_cast<std::uint64_t>(below));
  }
  return labels;
}

// The values as T holds them, float or Bfloat16.
template <class T>
std::vector<T> rounded_to(const std::vector<float>& values) {
  return {values.begin(), values.end()};
}

// float or Bfloat16, in double.
template <class T>
std::vector<double> to_double(const std::vector<T>& values) {
  std::vector<double> doubles;
  doubles.reserve(values.size());
  for (const T& value : values) doubles.push_back(static_cast<float>(value));
  return doubles;
}

}  // namespace saddle::testing_support
