// Images with other channels.
#include "kernels/channels.h"

#include <gtest/gtest.h>

#include <vector>

#include "tests/support/view.h"

namespace saddle {
namespace {

using testing_support::view;

template <class Kernel>
void for_all(const Kernel& kernel, std::int64_t rows, std::int64_t columns) {
  for (std::int64_t row = 0; row < rows; ++row) {
    for (std::int64_t column = 0; column < columns; ++column) kernel(row, column);
  }
}

TEST(channels, padding_puts_zeros_behind_the_channels_of_every_row) {
  const std::vector<float> x{1, 2, 3, 4, 5, 6};
  std::vector<float> y(8, 9.f);

  for_all(PadChannels<float>{view(x), view(y), 3, 4}, 2, 4);

  EXPECT_EQ(y, (std::vector<float>{1, 2, 3, 0, 4, 5, 6, 0}));
}

TEST(channels, padding_keeps_the_bits_of_bf16) {
  const std::vector<Bfloat16> x{Bfloat16(1.5f), Bfloat16(-0.f)};
  std::vector<Bfloat16> y(16, Bfloat16(9.f));

  for_all(PadChannels<Bfloat16>{view(x), view(y), 1, 8}, 2, 8);

  for (std::size_t i = 0; i < y.size(); ++i) {
    const std::uint16_t want = i == 0 ? x[0].bits : i == 8 ? x[1].bits : 0;
    EXPECT_EQ(y[i].bits, want) << "element " << i;
  }
}

TEST(channels, copying_takes_some_channels_of_every_row) {
  const std::vector<float> x{9, 1, 2, 9, 9, 3, 4, 9};
  std::vector<float> y(6, 0.f);

  for_all(CopyChannels<float>{view(x), view(y), 4, 1, 3, 1}, 2, 2);

  EXPECT_EQ(y, (std::vector<float>{0, 1, 2, 0, 3, 4}));
}

TEST(channels, copying_keeps_the_bits_of_bf16) {
  std::vector<Bfloat16> x(16, Bfloat16(9.f)), y(2, Bfloat16(9.f));
  x[0] = Bfloat16(-0.f);
  x[8] = Bfloat16(0x1p-130f);

  for_all(CopyChannels<Bfloat16>{view(x), view(y), 8, 0, 1, 0}, 2, 1);

  EXPECT_EQ(y[0].bits, x[0].bits);
  EXPECT_EQ(y[1].bits, x[8].bits);
}

TEST(channels, a_vector_is_spread_over_the_pixels_of_its_image_and_gathered_again) {
  const std::vector<float> x{1, 2, 3, 4};  // two images
  std::vector<float> y(2 * 2 * 3, 9.f), dx(4, 9.f);

  for_all(SpreadOverPixels<float>{view(x), view(y), 2, 2, 3, 1}, 4, 2);
  EXPECT_EQ(y, (std::vector<float>{9, 1, 2, 9, 1, 2, 9, 3, 4, 9, 3, 4}));

  for_all(SumOverPixels<float>{view(y), view(dx), 2, 2, 3, 1}, 2, 2);
  EXPECT_EQ(dx, (std::vector<float>{2, 4, 6, 8}));
}

}  // namespace
}  // namespace saddle
