// What tests of networks do with the files in tests/vectors.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "apps/common/checkpoint.h"

namespace saddle {

// ||got - want|| / ||want||, as make_vectors.py measures its own float32 runs. Element by element
// would be another matter for Adam, whose step keeps its size where a gradient vanishes and only
// rounding gives its sign.
inline double relative_error(const std::vector<float>& got, const std::vector<float>& want) {
  EXPECT_EQ(got.size(), want.size());
  double difference = 0, norm = 0;
  for (std::size_t i = 0; i < want.size(); ++i) {
    difference += (double{got[i]} - want[i]) * (double{got[i]} - want[i]);
    norm += double{want[i]} * want[i];
  }
  return std::sqrt(difference / (norm + 1e-60));
}

// [N, C, H, W] of a file -> NHWC on the device.
inline Tensor nhwc(Device& device, const SafetensorsFile& file, const std::string& name) {
  const Shape& s = file.tensor(name).shape;
  const std::vector<float> from = file.read_f32(name);
  std::vector<float> to(from.size());
  std::size_t i = 0;
  for (std::int64_t n = 0; n < s[0]; ++n)
    for (std::int64_t c = 0; c < s[1]; ++c)
      for (std::int64_t y = 0; y < s[2]; ++y)
        for (std::int64_t x = 0; x < s[3]; ++x)
          to[static_cast<std::size_t>(((n * s[2] + y) * s[3] + x) * s[1] + c)] = from[i++];
  return Tensor::from_host(device, {s[0], s[2], s[3], s[1]}, to);
}

}  // namespace saddle
